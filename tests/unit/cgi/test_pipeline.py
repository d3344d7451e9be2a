"""What the CGI rules ask of a campaign: stacks, parts, darks."""

import pytest

import programs
from darkroom.cgi.geometry import SHIPPED
from darkroom.cgi.pipeline import CgiPipeline, gain_and_time
from darkroom.cgi.settings import FILES
from darkroom.errors import DarkroomError, InputError
from plans import a_plan

ROWS = [
    ("a", "dark", f"d{n}", {"em_gain": gain, "exptime_s": "100"})
    for n, gain in enumerate(("500", "500", "500", "30"))
]


def pipeline(folder, kind="local", **cgi):
    item = {"instrument": "cgi", "cgi": {"frames_per_part": 2} | cgi}
    return CgiPipeline(a_plan(folder, {"a": item}, ROWS, kind))


def test_stacks_are_cut_into_parts(tmp_path):
    cgi = pipeline(tmp_path)
    assert cgi.parts("a") == {
        "g500_t100": {"001": ["d0", "d1"], "002": ["d2"]},
        "g30_t100": {"001": ["d3"]},
    }
    assert cgi.part_statuses("a", "g500_t100", "002") == ["results/c/raw/a/d2.json"]
    assert cgi.part_statistics("a", "g30_t100") == ["results/c/a/stacks/g30_t100/001.fits"]
    assert len(cgi.part_statistics("a")) == 3


def test_prepared_frames_are_kept_on_request(tmp_path):
    assert pipeline(tmp_path).prepared_frames("a") == []
    kept = pipeline(tmp_path, keep_prepared=True).prepared_frames("a")
    assert kept[0] == "results/c/a/prepared/g500_t100/001"


def test_darks_are_named_by_gain_and_time(tmp_path):
    dark = {"gain": 500, "exptime": 100}
    cgi = pipeline(tmp_path, traditional=[dark], synthesized=[{"gain": 2.5, "exptime": 1}])
    assert [path.rpartition("/")[2] for path in cgi.darks("a")] == [
        "traditional_g500_t100.fits", "synthesized_g2.5_t1.fits",
    ]  # fmt: skip
    assert gain_and_time("g2.5_t1") == "--gain 2.5 --exptime 1"
    with pytest.raises(DarkroomError, match=r"no stack of EM gain 7 and 100 s .* there are g500"):
        pipeline(tmp_path, traditional=[dark | {"gain": 7}]).darks("a")


def test_products_of_simulated_items_have_their_truth(tmp_path):
    assert pipeline(tmp_path).truth_files("a") == {}
    simulated = pipeline(tmp_path, kind="simulated")
    assert simulated.truth_files("a")["comparison"] == "results/c/a/truth.json"
    assert "results/c/a/truth.fits" in simulated.products("a")


def test_options_are_the_settings_of_the_program(tmp_path):
    cgi = pipeline(tmp_path, waive=["unit", "bias"], region="full")
    assert cgi.options("a", "synthesize_dark") == (
        "--geometry sci --kgain 8.699999809265137 --region full --empty-pixels zero"
    )
    assert "--waive unit --waive bias" in cgi.options("a", "stack_statistics")


def test_files_that_settings_name_are_inputs(tmp_path, monkeypatch):
    """What a table, a gain or regions are replaced by changes products, whatever the name."""
    given = {"geometry": "my/small.json", "nonlinearity": "t.csv", "kgain": "k.fits",
             "bias_offset": "maps.fits"}  # fmt: skip
    monkeypatch.chdir(tmp_path)
    cgi = pipeline(tmp_path, pixels={"flat": "flat.fits"}, **given)
    with pytest.raises(InputError, match=r"my/small.json: no such .* a: cgi.geometry names"):
        cgi.files("a", "synthesize_dark")
    with pytest.raises(InputError, match=r"flat.fits: no such .* a: cgi.pixels.flat names"):
        cgi.pixel_files("a")
    (tmp_path / "my").mkdir()
    for name in ("flat.fits", *given.values()):
        (tmp_path / name).touch()
    for program in ("stack_statistics", "noise_maps", "photon_counted_dark", "state"):
        assert sorted(cgi.files("a", program).items()) == sorted(given.items())
    assert cgi.files("a", "synthesize_dark") == {"geometry": "my/small.json", "kgain": "k.fits"}
    assert cgi.pixel_files("a") == {"flat": "flat.fits"}
    assert cgi.judged("a")["noise_maps"]["geometry"] == "my/small.json"
    assert cgi.series_inputs("a", "noise_maps")["nonlinearity"] == "t.csv"
    for kgain in (8.7, "8.7"):
        none = pipeline(tmp_path, geometry="small", nonlinearity="corgidrp", kgain=kgain)
        assert none.files("a", "stack_statistics") == none.pixel_files("a") == {}
    assert FILES["geometry"] == tuple(SHIPPED)


def test_a_part_that_is_taken_along_is_made_of_its_frames_alone():
    words = ["--output", "out.fits", "--geometry", "g/my.json", "--kgain", "./k.fits"]
    words += [f"--batch-file={one}" for one in ("raw/d1.json", "g/my.json", "k.fits")]
    assert programs.load("cgi/stack_statistics").parse(words).files == ["raw/d1.json"]
