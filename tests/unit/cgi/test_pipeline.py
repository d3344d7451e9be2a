"""What the CGI rules ask of a campaign: stacks, parts, darks."""

import pytest

from darkroom.cgi.pipeline import CgiPipeline, gain_and_time
from darkroom.errors import DarkroomError
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
