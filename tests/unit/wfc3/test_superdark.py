"""WFC3/IR superdark: closure against the truth, and the file that calwf3 and the engine take."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.crds.cache import Cache
from darkroom.errors import DarkroomError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import PASSED, REFUSED, WARNED, Subject
from darkroom.report.item import read_item
from darkroom.wfc3.dq import BAD_ZEROTH_READ, HOT, SATURATED, UNSTABLE
from darkroom.wfc3.engine import engine
from darkroom.wfc3.gating.superdark import superdark as superdark_gates
from darkroom.wfc3.judging import checks
from darkroom.wfc3.superdark import run
from darkroom.wfc3.superdark.combine import Noise, combine, step_shares
from darkroom.wfc3.superdark.ramps import Dark, Reads, check_alike
from darkroom.wfc3.superdark.rules import coverage, rows_of, table
from darkroom.wfc3.superdark.settings import SuperdarkSettings
from loopback.crds import real_mappings
from wfc3_visits import Visit

TRAITS = {
    "dark_level": 0.007, "dark_settling": 15.0, "warm_fraction": 0.01, "hot_fraction": 0.01,
    "unstable_fraction": 0.01, "persistent_fraction": 0.003, "dead_fraction": 0.0,
}  # fmt: skip
ROOT = Path(__file__).parents[3]
# calwf3 of conda-forge is on PATH; one that is built from source is named by this variable.
CALWF3 = shutil.which("calwf3.e") or os.environ.get("DARKROOM_CALWF3")


def visit_of(folder, count, **settings):
    return Visit(folder, exposures=[{"light": "none"}] * count, **(TRAITS | settings))


def darks_of(visit):
    numbers = range(len(visit.exposures))
    return [Dark.read(visit.raw(number), visit.references) for number in numbers]


def combined(folder, count, **settings):
    """Return a superdark, its reads, and the true mean of its darks, DN."""
    visit = visit_of(folder, count, **settings)
    scratch = folder / "scratch"
    scratch.mkdir()
    reads = Reads(scratch, darks_of(visit))
    dark = combine(reads, reads.noise, reads.times, SuperdarkSettings())
    truths = [visit.truth(number) for number in range(count)]
    first, times = truths[0], reads.times[:, None, None]
    level = np.mean([truth["level"] for truth in truths])
    charge = (first["dark"] + level) * times + first["settling"][1:, None, None]
    return dark, reads, charge / first["gain"], truths


def pulls(dark, true, truths):
    good = (truths[0]["flags"] & (UNSTABLE | BAD_ZEROTH_READ)) == 0
    return ((dark.sci - true) / dark.err)[:, good]


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    return combined(tmp_path_factory.mktemp("ten"), 10)


@pytest.mark.parametrize("count", [3, 10, pytest.param(30, marks=pytest.mark.heavy)])
def test_errors_of_a_superdark_hold_in_every_read(tmp_path, count, request):
    made = request.getfixturevalue("ten") if count == 10 else combined(tmp_path, count)
    dark, _, true, truths = made
    found = pulls(dark, true, truths)
    assert abs(found.std() - 1) < 0.05
    # The common level, beyond what the pixels have of their own.
    assert np.abs(found.mean(axis=1)).max() < 0.15
    assert (np.abs(found) > 5).mean() < 2e-4


def test_the_error_of_the_level_holds(ten):
    dark, reads, _, truths = ten
    gain = float(np.mean(reads.noise.gain))
    levels = np.array([truth["level"] for truth in truths])
    measured = dark.levels.offset[:, -1] * gain / reads.times[-1]
    # Of 64 rows the 512 reference pixels (9.9 e-), twice, and the median of the pixels (20 e-).
    error = np.hypot(9.9 * (2 / 512) ** 0.5, 1.25 * 20 / 64) / reads.times[-1]
    assert np.abs(measured - (levels - levels.mean())).max() < 4 * error
    assert dark.levels.scatter[-1] * gain / reads.times[-1] == pytest.approx(
        levels.std(ddof=1), rel=0.1
    )
    assert dark.levels.error[-1] == pytest.approx(dark.levels.scatter[-1] / 10**0.5)


def test_without_alignment_the_errors_would_be_those_of_the_levels(ten):
    dark, _, _, _ = ten
    # 0.007 e-/s in 1403 s are 4.4 DN, the error of a pixel's mean is 3 DN.
    assert dark.levels.scatter[-1] > 3 * np.median(dark.err[-1]) / 10**0.5
    assert np.median(dark.factors) == pytest.approx(1, abs=0.05)


def test_hot_and_unstable_pixels_are_flagged_and_others_are_not(ten):
    dark, _, _, truths = ten
    rate, flags = truths[0]["dark"], truths[0]["flags"]
    unstable = (flags & UNSTABLE) != 0
    usual = (flags & (UNSTABLE | BAD_ZEROTH_READ)) == 0
    hot = (dark.dq[-1] & HOT) != 0
    assert hot[usual & (rate > 0.45)].all()
    assert not hot[usual & (rate < 0.4)].any()
    found = (dark.dq[-1] & UNSTABLE) != 0
    assert found[unstable].mean() > 0.8
    assert not found[usual].any()


def test_persistent_charge_is_not_in_the_superdark(ten):
    dark, _, true, truths = ten
    one = np.sum([truth["persistent"] for truth in truths], axis=0) == 1
    one &= (truths[0]["flags"] & (UNSTABLE | BAD_ZEROTH_READ)) == 0
    # 200 e- in one of ten darks is 20 e- in the mean, more than its error of 7 e-.
    pull = ((dark.sci[-1] - true[-1]) / dark.err[-1])[one]
    assert one.sum() > 50
    assert abs(pull.mean()) < 0.45


def test_warm_pixels_are_flagged_only_when_asked_for(tmp_path):
    visit = visit_of(tmp_path, 3, subarray="SQ64SUB", warm_fraction=0.05)
    darks = darks_of(visit)
    (tmp_path / "s").mkdir()
    reads = Reads(tmp_path / "s", darks)
    usual = combine(reads, reads.noise, reads.times, SuperdarkSettings())
    asked = combine(reads, reads.noise, reads.times, SuperdarkSettings(warm=0.15))
    assert not (usual.dq & 64).any()
    true = visit.truth(0)["dark"]
    assert ((asked.dq[-1] & 64) != 0)[(true > 0.25) & (true < 0.39)].mean() > 0.9


class Given:
    """Reads made by a test."""

    def __init__(self, cube):
        self.cube, self.shape = cube.astype(np.float32), cube.shape

    def rows(self, rows):
        return self.cube[:, :, rows]


def test_a_pixel_saturated_in_all_darks_goes_on_at_its_rate_and_is_flagged():
    times, shape = np.arange(1.0, 6), (8, 8)
    rng = np.random.default_rng(1)
    cube = times[:, None, None] * 10 + rng.normal(0, 1, (5, 5, *shape))
    cube[:, 3:, 2, 2] = np.nan
    noise = Noise(
        np.full(shape, 0.5, np.float32), np.ones(shape, np.float32), np.zeros(shape, np.int8)
    )
    dark = combine(Given(cube), noise, times, SuperdarkSettings())
    assert np.isfinite(dark.sci).all() and np.isfinite(dark.err).all()
    assert dark.sci[4, 2, 2] == pytest.approx(50, abs=3)
    assert ((dark.dq[:, 2, 2] & SATURATED) != 0).tolist() == [False] * 3 + [True] * 2
    assert not (dark.dq[:, 3, 3] & SATURATED).any()


def test_the_shares_of_a_step_are_those_of_its_contrast():
    shares = step_shares(4)
    # Step at read 3 of 4: mean of reads 3, 4 minus that of the zeroth and reads 1, 2.
    contrast = np.array([-1 / 3, -1 / 3, -1 / 3, 1 / 2, 1 / 2])
    expected = [contrast[m:].sum() ** 2 for m in range(1, 5)]
    assert shares[4, 3] == pytest.approx(expected)


# The files.


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    visit = visit_of(folder, 4)
    output = folder / "superdark.fits"
    command = [
        sys.executable, ROOT / "scripts/wfc3/superdark.py", "--references", visit.references,
        "--output", output, "--quantities", folder / "superdark.json",
        *(visit.raw(number) for number in range(4)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return folder, visit, output, done.stdout


def test_the_file_has_the_layout_of_the_dark_that_the_simulator_made(made):
    _, visit, output, printed = made
    assert re.match(r"superdark.fits: 4 darks of SPARS100 SQ64SUB, 0\.0\d+ \+- ", printed)
    with fits.open(output) as new, fits.open(visit.references / visit.names["DARKFILE"]) as old:
        assert [(h.name, h.ver, h.shape) for h in new] == [(h.name, h.ver, h.shape) for h in old]
        assert [h.header["BITPIX"] for h in new] == [h.header["BITPIX"] for h in old]
        for card in ("FILETYPE", "INSTRUME", "DETECTOR", "SAMP_SEQ", "SUBTYPE", "CCDGAIN",
                     "NUMEXPOS", "NEXTEND", *(f"EXPOS_{i}" for i in range(1, 17))):  # fmt: skip
            assert new[0].header[card] == old[0].header[card], card
        for card in ("LTV1", "LTV2", "LTM1_1"):
            assert new["SCI", 1].header[card] == old["SCI", 1].header[card]
        assert new["SCI", 1].header["SAMPTIME"] == new[0].header["EXPOS_1"]
        assert not new["SCI", 16].data.any() and not new["ERR", 16].data.any()
        assert not new["SCI", 1].data[:5].any()
        assert new[0].header["PEDIGREE"] == "INFLIGHT 01/11/2015 01/11/2015"
        assert new[0].header["USEAFTER"] == "May 14 2009 00:00:00"
        assert 0 < new[0].header["LEVELERR"] < new[0].header["LEVELSTD"]


def test_numbers_and_details_agree_with_the_file(made):
    folder, _, output, _ = made
    numbers = json.loads((folder / "superdark.json").read_text())
    assert numbers["darks"] == 4 and numbers["warnings"] == []
    assert set(numbers["compared"]["difference"]) == set("ABCD")
    assert numbers["compared"]["pull"] == pytest.approx(1, abs=0.1)
    with fits.open(folder / "superdark_details.fits") as details, fits.open(output) as product:
        assert details["RATE"].data.shape == (64, 64)
        assert len(details["LEVELS"].data) == 4
        assert details["READS"].data["LEVELSTD"][-1] == pytest.approx(product[0].header["LEVELSTD"])


def science(folder, made):
    """Return a RAW of the sky whose DARKFILE is the superdark, and the folder of references."""
    visit = Visit(folder, exposures=[{}], **TRAITS)
    raw = visit.raw(0)
    target = visit.references / "own_drk.fits"
    target.write_bytes(made[2].read_bytes())
    with fits.open(raw, mode="update") as hdus:
        hdus[0].header["DARKFILE"] = "iref$own_drk.fits"
    return raw, visit.references


def test_the_engine_takes_it_and_subtracts_it(made, tmp_path):
    raw, references = science(tmp_path, made)
    ramp = engine.load(raw, references)
    assert ramp.steps["DARKCORR"] == "PERFORM"
    assert ramp.references["DARKFILE"].label == "iref$own_drk.fits"
    with fits.open(made[2]) as hdus:
        inside = hdus["SCI", 1].data[5:-5, 5:-5][hdus["DQ", 1].data[5:-5, 5:-5] == 0]
    assert ramp.mean_darks[-1] == pytest.approx(inside.mean(), rel=1e-5)


@pytest.mark.skipif(CALWF3 is None, reason="calwf3 is not installed")
def test_calwf3_takes_it_and_both_give_the_same_bits(made, tmp_path):
    raw, references = science(tmp_path, made)
    environment = os.environ | {
        "PATH": f"{Path(CALWF3).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "scripts")
    }  # fmt: skip
    command = [
        ROOT / ".venvs/hst/bin/python", ROOT / "scripts/wfc3/calibrate.py", "--engine", "both",
        "--references", references, "--output-dir", tmp_path / "out", raw,
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    with fits.open(tmp_path / "out" / raw.name.replace("raw", "flt")) as hdus:
        assert hdus[0].header["DARKFILE"] == "iref$own_drk.fits"


# What is refused.


def test_darks_that_are_not_alike_are_refused(tmp_path):
    visit = visit_of(tmp_path, 3)
    darks = darks_of(visit)
    darks[2].primary["SAMP_SEQ"] = "SPARS50"
    with pytest.raises(DarkroomError, match=r"SAMP_SEQ is SPARS50, that of .* is SPARS100"):
        check_alike(darks)
    with pytest.raises(DarkroomError, match="2 darks are given; a superdark needs 3"):
        check_alike(darks[:2])
    with pytest.raises(DarkroomError, match="a superdark needs 3"):
        check_alike(darks[:1])
    with pytest.raises(DarkroomError, match="is the same exposure as"):
        check_alike([*darks[:2], darks[0]])


def test_a_date_that_is_none_is_refused_before_any_work(tmp_path):
    """It was a traceback, after the darks had been calibrated."""
    wrong = SuperdarkSettings(useafter="Jan 01 2016 00:00:00")
    with pytest.raises(DarkroomError, match="useafter 'Jan 01 2016 00:00:00' is no date of the"):
        run.make([], wrong, tmp_path / "x.fits", tmp_path / "y.fits")


def test_an_exposure_of_the_sky_is_refused(tmp_path):
    visit = Visit(tmp_path, exposures=[{}])
    with pytest.raises(DarkroomError, match="IMAGETYP is EXT, a superdark needs DARK"):
        Dark.read(visit.raw(0), visit.references)


def test_a_dark_with_another_level_is_named(tmp_path):
    visit = visit_of(tmp_path, 3, dark_level=0.05, seed=11)
    numbers = run.make(
        darks_of(visit), SuperdarkSettings(), tmp_path / "d.fits", tmp_path / "e.fits"
    )
    levels = np.array([visit.truth(number)["level"] for number in range(3)])
    odd = np.abs(levels - levels.mean()) > 0.03
    assert odd.any()
    for number, beyond in enumerate(odd):
        name = visit.exposures[number].file
        assert any(text.startswith(name) for text in numbers["warnings"]) == beyond


# In campaigns.


def test_figures_and_item_file_are_made(made, tmp_path):
    folder, _, output, _ = made
    rows = "samp_seq\tsubtype\tsuperdark\tin_use\tepochs\n"
    rows += "SPARS100\tSQ64SUB\tmade\told_drk.fits\t2\nSPARS25\tSQ64SUB\tlacking\tx_drk.fits\t1\n"
    (tmp_path / "set.tsv").write_text(rows)
    command = [
        sys.executable, ROOT / "scripts/wfc3/superdark_figures.py", output,
        "--details", folder / "superdark_details.fits",
        "--quantities", folder / "superdark.json", "--set", tmp_path / "set.tsv",
        "--truth", folder / "truth",
        "--figures", tmp_path / "figures", "--output", tmp_path / "item.json",
    ]  # fmt: skip
    subprocess.run(command, check=True, capture_output=True)
    item = read_item(tmp_path)
    assert item["summary"] == "Superdark of SPARS100 SQ64SUB from 4 darks."
    assert item["answers"][0]["answer"].startswith("old_drk.fits, for exposures from 2009")
    assert item["answers"][1]["answer"] == (
        "1 of 2 rows of the rules have a superdark here; lacking: 1."
    )
    (truth,) = [table for table in item["tables"] if table["title"] == "Against the truth"]
    # Within 3 sigma of the limit none is flagged.
    _, true, found, false = truth["rows"][0]
    assert true - 2 <= found <= true and false == 0
    assert len(item["figures"]) == 2


def test_the_rules_of_a_real_context_are_read(reference_data, tmp_path):
    cache = Cache(tmp_path, "hst")
    folder = cache.mapping("x").parent
    folder.mkdir(parents=True)
    for name, content in real_mappings(reference_data, "hst").items():
        if name.endswith("map"):
            (folder / name).write_bytes(content)
    rows = rows_of(cache, "hst_0729.pmap")
    found = coverage(rows, [("SPARS100", "FULLIMAG"), ("SPARS100", "SQ64SUB"), ("NEW", "SQ64SUB")])
    # 16 sample sequences in 5 sizes.
    assert (len(found.covered), len(found.lacking)) == (2, 78)
    assert found.new == [("NEW", "SQ64SUB")]
    (full,) = [row for row in found.covered if row.subtype == "FULLIMAG"]
    assert len(full.files) == 14
    assert full.chosen("1980-01-01 00:00:00") == ""
    text = table(found, {("SPARS100", "SQ64SUB"): ("mine", "2020-01-01T00:00:00"),
                         ("SPARS100", "FULLIMAG"): ("full", "2020-01-01T00:00:00"),
                         ("NEW", "SQ64SUB"): ("new", "2020-01-01T00:00:00")})  # fmt: skip
    lines = [line.split("\t") for line in text.splitlines()]
    assert len(lines) == 82
    assert sum(line[2] == "lacking" for line in lines) == 78
    assert ["NEW", "SQ64SUB", "new", "none", "0"] in lines


def test_rules_that_cannot_be_read_are_named(tmp_path):
    cache = Cache(tmp_path, "hst")
    cache.mapping("x").parent.mkdir(parents=True)
    contents = {
        "hst_0001.pmap": "selector = {'WFC3': 'hst_wfc3_0001.imap'}",
        "hst_wfc3_0001.imap": "selector = {'DARKFILE': 'hst_wfc3_darkfile_0001.rmap'}",
        "hst_wfc3_darkfile_0001.rmap": "header = {}\nselector = Match({})\n",
    }
    for name, text in contents.items():
        cache.mapping(name).write_text(text)
    with pytest.raises(DarkroomError, match="its rules are not readable"):
        rows_of(cache, "hst_0001.pmap")


def judgement(**changes):
    usual = {
        "imagetyp": "DARK", "lamp": "NONE", "filter": "BLANK", "exptime": 1402.9, "clock": [],
        "expflag": "NORMAL", "samp_seq": "SPARS100", "subtype": "FULLIMAG", "cards": [],
        "stale": [], "fill": [],
    }  # fmt: skip
    subjects = [
        Subject(
            f"d{n}",
            f"d{n}.fits",
            usual | {"pixels": str(n), "rootname": f"r{n}", "start": float(n)},
        )
        for n in range(5)
    ]
    subjects[4].values.update(changes)
    judgements = judge(subjects, checks({"product": "superdark"}))
    found = {one.verdict for one in judgements if one.exposure == "d4"}
    return next(verdict for verdict in (REFUSED, WARNED, PASSED) if verdict in found)


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, PASSED),
        ({"imagetyp": "EXT"}, REFUSED),
        ({"samp_seq": "SPARS25"}, REFUSED),
        ({"subtype": "SQ64SUB"}, REFUSED),
        ({"lamp": "TUNGSTEN"}, REFUSED),
        ({"filter": "F140W"}, WARNED),
        ({"stale": ["reads 9 to 15 are copies"]}, REFUSED),
    ],
)
def test_darks_are_judged_as_darks(changes, verdict):
    assert judgement(**changes) == verdict


# Gates.


def gates_of(made, expected=None, **changed):
    folder, _, output, _ = made
    details = folder / "superdark_details.fits"
    return {
        one.name: one
        for one in superdark_gates(
            changed.get("reference", output), changed.get("details", details), expected, {}
        )
    }


def test_gates_of_a_sound_superdark_pass(made):
    found = gates_of(made, [f"isim01a{letter}q" for letter in "abcd"])
    assert len([name for name in found if "dark current" in name or "noise of" in name]) >= 16
    for one in found.values():
        if one.kind == "exact":
            assert one.found is not None and one.found.d == 0, one.name


def test_a_dark_that_is_not_in_it_and_a_mirrored_file_are_seen(made, tmp_path):
    found = gates_of(made, ["isim01aaq", "isim01azq"])
    assert found["complete set"].found.d != 0
    with fits.open(made[2]) as hdus:
        hdus["SCI", 1].data = np.ascontiguousarray(hdus["SCI", 1].data[:, ::-1])
        hdus["SCI", 2].header["SAMPTIME"] += 1
        hdus["ERR", 3].data[:] = 0
        hdus.writeto(tmp_path / "odd.fits")
    found = gates_of(made, reference=tmp_path / "odd.fits")
    assert found["file as written"].found.d != 0
    assert found["times of the reads"].found.d != 0
    assert found["values and errors"].found.d != 0


def test_darks_given_twice_are_alike(tmp_path):
    visit = visit_of(tmp_path, 4)
    darks = darks_of(visit)
    (tmp_path / "s").mkdir()
    reads = Reads(tmp_path / "s", [*darks, darks[1]])
    dark = combine(reads, reads.noise, reads.times, SuperdarkSettings())
    assert dark.units["twin"][[1, 4]].min() > 0.9
    assert dark.units["twin"][[0, 2, 3]].max() < 0.3
