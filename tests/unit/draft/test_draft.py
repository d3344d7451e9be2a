"""A folder's files recognised, sorted into items, and written as a campaign that can be opened."""

import gzip
import subprocess
import sys
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive import local
from darkroom.campaign.campaign import open_campaign
from darkroom.draft.items import repeated
from darkroom.draft.patterns import patterns
from darkroom.drafts import default_name, draft, write_draft
from darkroom.errors import DarkroomError

ROOT = Path(__file__).resolve().parents[3]


def frame(path, shape=(8, 9), **cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(np.zeros(shape, np.uint16))
    hdu.header.update({card.replace("_", "-"): value for card, value in cards.items()})
    hdu.writeto(path)
    return path


@pytest.fixture
def night(tmp_path):
    """Two cameras, one of two binnings, a flat, a lamp, a stray file, one that is no FITS."""
    folder = tmp_path / "Night 1"
    for i in (1, 2, 10):
        frame(folder / f"b-{i}.fits", INSTRUME="SBIG", IMAGETYP="Bias Frame", EXPTIME=0.0)
        frame(folder / f"d-{i}.fits", INSTRUME="SBIG", IMAGETYP="DARK", EXPTIME=60.0,
              DATE_OBS=f"2026-01-01T00:0{i % 10}:00")  # fmt: skip
        frame(folder / "zwo" / f"dark_{i}.fit", (4, 5), INSTRUME="ZWO", EXPTIME=3.0)
        frame(folder / "zwo" / f"zero_{i}.fit", (4, 5), INSTRUME="ZWO", EXPTIME=0.001)
    frame(folder / "flat.fits", INSTRUME="SBIG", IMAGETYP="Flat Field", EXPTIME=2.0)
    frame(folder / "arc.fits", INSTRUME="SBIG", IMAGETYP="Comp Lamp", EXPTIME=2.0)
    frame(folder / "d-11.fits", INSTRUME="SBIG", IMAGETYP="Dark", EXPTIME=60.0, XBINNING=2)
    frame(folder / "what.fits", INSTRUME="SBIG", IMAGETYP="Tricolor", EXPTIME=60.0)
    again = folder / "again.fits.gz"
    again.write_bytes(gzip.compress((folder / "d-1.fits").read_bytes()))
    (folder / "notes.fits").write_text("no FITS file")
    (folder / ".hidden.fits").write_text("")
    return folder


def test_one_item_for_each_set_up_and_every_file_is_accounted_for(night):
    found = draft(night)
    assert {item.name for item in found.items} == {"sbig_1x1", "zwo", "sbig_2x1"}
    (sbig,) = [item for item in found.items if item.name == "sbig_1x1"]
    assert [len(sbig.of(role)) for role in ("bias", "dark", "flat")] == [3, 4, 1]
    assert "bias     3 of 0 s" in found.text
    assert "not used: arc.fits: is a lamp frame" in found.text
    assert "not used: what.fits: IMAGETYP is 'Tricolor', which is not known" in found.text
    assert "note: d-1.fits has the time of again.fits.gz" in found.text
    assert "taken as bias from its name" in found.text
    assert "notes.fits: " in found.text[found.text.index("not readable:") :]
    assert "1 of 60 s" in found.text
    assert ".hidden" not in found.text
    total = sum(len(item.files) for item in found.items) + len(found.unread)
    assert total == len([p for p in night.rglob("*.fit*") if not p.name.startswith(".")])


def test_the_campaign_is_valid_and_its_patterns_find_exactly_the_files(night, tmp_path):
    found = draft(night)
    path = tmp_path / "campaigns" / "night.yaml"
    assert write_draft(found, path)
    campaign = open_campaign(path, ROOT)
    assert sorted(campaign.items) == ["sbig_1x1", "sbig_2x1", "zwo"]
    exposures = local.find(campaign.archive, campaign.items)
    made = {(row.item, row.role, row.uri.removeprefix("local:")) for row in exposures}
    wanted = {
        (item.name, file.role, file.path.relative_to(night).as_posix())
        for item in found.items
        if item.name in campaign.items
        for file in item.files
        if file.role
    }
    assert made == wanted


def test_a_file_of_the_person_is_never_replaced(night, tmp_path):
    path = tmp_path / "night.yaml"
    assert write_draft(draft(night), path)
    edited = path.read_text() + "# mine\n"
    path.write_text(edited)
    assert not write_draft(draft(night), path)
    assert path.read_text() == edited
    path.write_text("title: another\n")
    with pytest.raises(DarkroomError, match="exists and is not of this folder; it is kept"):
        write_draft(draft(night), path)
    assert path.read_text() == "title: another\n"


def test_a_folder_without_exposures_says_so(tmp_path):
    with pytest.raises(DarkroomError, match="no FITS file in it"):
        draft(tmp_path)
    (tmp_path / "a$HOME").mkdir()
    with pytest.raises(DarkroomError, match="for the beginning of a variable; rename the folder"):
        draft(tmp_path / "a$HOME")
    with pytest.raises(DarkroomError, match="there is no folder"):
        draft(tmp_path / "absent")
    frame(tmp_path / "what.fits", INSTRUME="X", IMAGETYP="Tricolor", EXPTIME=1.0)
    with pytest.raises(DarkroomError, match="no product can be made of these files"):
        write_draft(draft(tmp_path), tmp_path / "x.yaml")
    assert not (tmp_path / "x.yaml").exists()


def test_space_instruments_are_recognised_with_their_kind_and_state(tmp_path):
    def ramp(name, **cards):
        primary = fits.PrimaryHDU()
        primary.header.update({"INSTRUME": "NIRCAM", "DETECTOR": "NRCA1", "SUBARRAY": "SUB64P",
                               "READPATT": "RAPID", "EXP_TYPE": "NRC_DARK"} | cards)  # fmt: skip
        sci = fits.ImageHDU(np.zeros((1, 2, 4, 4), np.uint16), name="SCI")
        fits.HDUList([primary, sci]).writeto(tmp_path / name)

    ramp("a_uncal.fits")
    ramp("b_uncal.fits", EXP_TYPE="NRC_IMAGE")
    ramp("c_ramp.fits", S_SUPERB="COMPLETE")
    wfc3 = fits.PrimaryHDU()
    wfc3.header.update({"INSTRUME": "WFC3", "DETECTOR": "IR", "ROOTNAME": "icqtbbbxq",
                        "FILTER": "F140W", "IMAGETYP": "EXT", "FLATCORR": "PERFORM"})  # fmt: skip
    wfc3.writeto(tmp_path / "icqtbbbxq_raw.fits")
    for number, (gain, time) in enumerate([(1, 2), (1, 100), (30, 2.0000004), (30, 100)]):
        cgi_frame(tmp_path / f"cgi_{number}_l1_.fits", level="L1", gain=gain, time=time)
    found = draft(tmp_path)
    items = {item.instrument: item for item in found.items}
    assert [file.role for file in items["nircam"].files] == ["dark", "", ""]
    assert "EXP_TYPE is NRC_IMAGE, darks are needed" in found.text
    assert "was processed already (S_SUPERB COMPLETE)" in found.text
    assert items["wfc3"].setup["visit"] == "icqtbb"
    assert items["cgi"].files[2].exptime == 2.0
    path = tmp_path / "all.yaml"
    write_draft(found, path)
    campaign = open_campaign(path, ROOT)
    assert {item["instrument"] for item in campaign.items.values()} == {"nircam", "wfc3", "cgi"}
    assert set(campaign.settings["crds"]) == {"jwst", "hst"}


def cgi_frame(path, shape=(4, 4), level="L2A", gain=30.0, time=2.0, **cards):
    """Write a frame of the coronagraph that has a header and no more."""
    image = fits.ImageHDU(np.zeros(shape, np.uint16))
    image.header.update({"EMGAIN_C": gain, "EXPTIME": time, "DATALVL": level, **cards})
    head = fits.PrimaryHDU()
    head.header["INSTRUME"] = "CGI"
    fits.HDUList([head, image]).writeto(path)


def test_stacks_in_which_photons_are_counted_are_named_in_the_draft(tmp_path):
    for gain in (1.5, 30.0):
        for time in (2.0, 100.0):
            cgi_frame(tmp_path / f"{gain}_{time}.fits", gain=gain, time=time, ISPC=0)
    for number in range(3):
        # The clock's last digits differ; it is one stack.
        counted = tmp_path / f"pc{number}.fits"
        cgi_frame(counted, gain=5000.0, time=4.0 + number * 1e-4, ISPC=1)
    write_draft(draft(tmp_path), tmp_path / "cgi.yaml")
    (item,) = open_campaign(tmp_path / "cgi.yaml", ROOT).items.values()
    assert [(one["gain"], one["exptime"]) for one in item["cgi"]["photon_counted"]] == [(5000, 4)]


@pytest.mark.parametrize("stacks", [[(30.0, 2.0)], [(30.0, t) for t in (1.0, 2.0, 3.0, 4.0)], []])
def test_too_few_stacks_for_noise_maps_are_told_by_the_draft(tmp_path, stacks):
    for gain, time in stacks:
        cgi_frame(tmp_path / f"{gain}_{time}.fits", gain=gain, time=time)
    cgi_frame(tmp_path / "pc.fits", gain=5000.0, time=4.0, ISPC=True)
    found = draft(tmp_path)
    assert f"two of each; it has {len(stacks)} (EM gains" in found.text
    assert not found.yaml


@pytest.mark.parametrize(
    ("shape", "level", "settings"),
    [
        ((1200, 2200), "L2A", ("sci", None)),
        ((120, 220), "L2A", ("small", None)),
        ((120, 220), "L1", ("small", "none")),
        ((64, 64), "L2A", ("sci", None)),
    ],
)
def test_the_geometry_of_cgi_frames_is_found_by_their_shape(tmp_path, shape, level, settings):
    for gain in (1.5, 30.0):
        for time in (2.0, 100.0):
            cgi_frame(tmp_path / f"{gain}_{time}.fits", shape, level, gain, time)
    found = draft(tmp_path)
    write_draft(found, tmp_path / "cgi.yaml")
    (item,) = open_campaign(tmp_path / "cgi.yaml", ROOT).items.values()
    assert (item["cgi"]["geometry"], item["cgi"]["nonlinearity"]) == settings
    assert ("regions of a frame of 64x64" in found.text) == (shape == (64, 64))
    assert ("a table of the non-linearity" in found.text) == (level == "L1")


@pytest.mark.parametrize(
    ("wanted", "others", "found"),
    [
        (["a1.fits", "a2.fits"], ["b1.fits"], ["a*.fits"]),
        (["f001.fits", "f002.fits", "f010.fits"], [], ["f*.fits"]),
        (["f1.fits", "f2.fits"], ["f3.fits"], ["f1.fits", "f2.fits"]),
        (["x/f1.fits", "y/f1.fits"], [], ["x/f1.fits", "y/f1.fits"]),
        (["odd[1].fits", "odd[2].fits"], ["odd[3].fits"], ["odd[[]1].fits", "odd[[]2].fits"]),
        (["one.fits"], ["oneone.fits"], ["one.fits"]),
    ],
)
def test_patterns_match_what_is_wanted_and_nothing_else(wanted, others, found):
    made = patterns(wanted, others)
    assert made == found
    assert all(any(fnmatchcase(name, one) for one in made) for name in wanted)
    assert not any(fnmatchcase(name, one) for one in made for name in others)


def test_patterns_hold_on_names_of_any_kind():
    rng = np.random.default_rng(3)
    for _ in range(300):
        names = {"".join(rng.choice(list("ab01[*.")) for _ in range(5)) + ".fits" for _ in range(9)}
        chosen = sorted(names)[: rng.integers(1, len(names))]
        others = sorted(names - set(chosen))
        made = patterns(chosen, others)
        assert all(any(fnmatchcase(name, one) for one in made) for name in chosen), (chosen, made)
        assert not any(fnmatchcase(name, one) for one in made for name in others)


def test_short_frames_within_a_second_are_not_taken_for_one(night):
    frame(night / "b-20.fits", INSTRUME="SBIG", IMAGETYP="bias", EXPTIME=0.0,
          DATE_OBS="2026-01-01T00:00:00")  # fmt: skip
    frame(night / "b-21.fits", INSTRUME="SBIG", IMAGETYP="bias", EXPTIME=0.0,
          DATE_OBS="2026-01-01T00:00:00")  # fmt: skip
    pairs = [pair for item in draft(night).items for pair in repeated(item.files)]
    assert [tuple(file.path.name for file in pair) for pair in pairs] == [
        ("again.fits.gz", "d-1.fits")
    ]


def test_the_program_prints_the_table_and_what_names_the_campaign(night, tmp_path):
    command = [sys.executable, str(ROOT / "scripts/archive/draft.py"), str(night)]
    output = ["--output", str(tmp_path / "n.yaml")]
    run = subprocess.run([*command, *output, "--name-only"], capture_output=True, text=True)
    assert run.stdout.splitlines() == [str(tmp_path / "n.yaml")]
    assert "sbig_1x1: camera SBIG" in run.stderr
    # One among the campaigns of the workflow is named as the person who knows them would.
    assert open_campaign(run.stdout.strip(), ROOT).items
    run = subprocess.run([*command, *output], capture_output=True, text=True)
    assert "kept: the campaign of this folder that was there" in run.stdout
    assert default_name(night) == "night_1"


def test_no_name_of_a_file_writes_a_key_of_the_campaign(tmp_path):
    """A line end in a name ended the comment that named it: the rest was YAML."""
    folder = tmp_path / "n"
    for number, name in enumerate(["bias_1", "bias_2\ndeliver: {person: x}\n#", "x\nitems: 1"]):
        frame(folder / f"{name}.fits", EXPTIME=0.0 if number < 2 else 5.0)
    found = draft(folder)
    assert "\ndeliver" not in found.text
    assert r"bias_2\ndeliver" in found.text
    path = tmp_path / "n.yaml"
    assert write_draft(found, path)
    keys = {line.partition(":")[0] for line in path.read_text().splitlines() if line[:1].isalpha()}
    assert keys == {"title", "archive", "on_bad_exposure", "items"}
