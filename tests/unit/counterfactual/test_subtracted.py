"""Files that are only subtracted: the shift is that of the file, the score finds the better."""

import json

import numpy as np
from astropy.io import fits

from ccd_frames import run_ccd
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.record import record
from darkroom.counterfactual.subtracted import compare

SHAPE = (64, 96)


def compared(candidate, current, frames):
    return compare(frames, (candidate, current), classes_of(SHAPE), "e", "dark_subtraction", "1")


def test_the_shift_is_that_of_the_file_whatever_the_frames_hold():
    rng = np.random.default_rng(4)
    current = rng.normal(10, 1, SHAPE)
    step = np.where(np.arange(96) % 2, 0.0, 0.5) + np.zeros(SHAPE)
    found = compared(current + step, current, rng.normal(500, 50, (3, *SHAPE)))
    told = {one.kind: (one.shift, one.error) for one in found.shifts}
    assert abs(told["all pixels"][0] + 0.25) < 1e-12
    assert abs(told["odd - even columns"][0] + 0.5) < 1e-12
    assert {error for _, error in told.values()} == {0.0}


def test_a_copy_changes_nothing_and_the_better_file_wins():
    rng = np.random.default_rng(5)
    truth = rng.normal(100, 5, SHAPE)
    frames = truth + rng.normal(0, 10, (8, *SHAPE))
    good, bad = truth + rng.normal(0, 1, SHAPE), truth + rng.normal(0, 4, SHAPE)
    better, worse, same = (
        compared(*pair, frames) for pair in ((good, bad), (bad, good), (bad, bad))
    )
    assert (better.score.verdict, worse.score.verdict) == ("better", "worse")
    assert abs(better.score.value - 15) < 5 * better.score.error
    assert same.copy_exact
    assert (same.score.value, same.score.verdict) == (0.0, "cannot tell")
    assert {one.shift for one in same.shifts} == {0.0}


def test_the_record_begins_with_the_copy(tmp_path):
    one, two = tmp_path / "one.fits", tmp_path / "two.fits"
    for path in (one, two):
        path.write_text(path.name)
    found = compared(np.ones(SHAPE), np.zeros(SHAPE), np.ones((3, *SHAPE)))
    made = record("dark", (one, two), found, ["a", "b", "c"])
    assert list(made)[:4] == ["format", "product", "candidate", "current"]
    assert made["rows"][0]["estimand"].startswith("copy")
    assert made["score"]["sentence"] == "It takes 1 ± 0 e² from the variance of each pixel"
    assert made["change_level"] == "MODERATE"


def test_master_biases_are_compared_on_frames_held_out(tmp_path):
    rng = np.random.default_rng(6)
    pattern = 1000 + rng.normal(0, 16, SHAPE)
    paths = []
    for number in range(28):
        hdu = fits.PrimaryHDU(np.rint(pattern + rng.normal(0, 10, SHAPE)).astype(np.uint16))
        hdu.header["EXPTIME"], hdu.header["IMAGETYP"] = 0.0, "Bias Frame"
        hdu.header["DATE-OBS"] = f"2020-01-01T00:{number:02d}:00"
        paths.append(tmp_path / f"bias_{number:02d}.fits")
        hdu.writeto(paths[-1])
    candidate, current = tmp_path / "new.fits", tmp_path / "old.fits"
    run_ccd("master_bias", "--output", candidate, *paths[:16])
    run_ccd("master_bias", "--output", current, *paths[16:20])
    output = tmp_path / "found.json"
    found = []
    for new, old in ((candidate, current), (current, candidate)):
        pair = ("--candidate", new, "--current", old)
        run_ccd("counterfactual", "--output", output, *pair, *paths[20:])
        found.append(json.loads(output.read_text()))
    assert [one["score"]["verdict"] for one in found] == ["better", "worse"]
    assert all(one["copy_exact"] for one in found)
    # 100 ADU² of a frame: a quarter of it minus a sixteenth.
    score = found[0]["score"]
    assert abs(score["value"] - 100 * (1 / 4 - 1 / 16)) < 5 * score["error"]
