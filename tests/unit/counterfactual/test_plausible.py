"""A new file is not called better than one in use that is damaged, or of another unit."""

import json

import numpy as np
import pytest

from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.plausible import doubt_of_image, doubt_of_noise
from darkroom.counterfactual.record import record
from darkroom.counterfactual.subtracted import Consumer, Exchange, compare, compare_noise
from darkroom.gates.gate import exact, write_gates
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.verdict import judge

SHAPE, NOISE = (48, 64), 10.0
RNG = np.random.default_rng(37)
TRUE = 1000 + 30 * RNG.standard_normal(SHAPE)
NEW = TRUE + RNG.normal(0, 2, SHAPE)
#: Files in use, and a word of what is said of them.
WRONG = {
    "electrons": (NEW * 1.8, "unit"),
    "variance": (NEW**2, "unit"),
    "zeros": (NEW * 0, "damaged"),
    "another level": (NEW * 0 + TRUE - 990, "level"),
    "nothing": (NEW * np.nan, "no value in 100 %"),
    "nothing in a fifth": (np.where(np.arange(64) < 13, np.nan, NEW), "no value in 20.3 %"),
    "another detector": (1000 + 60 * RNG.standard_normal(SHAPE), "detector"),
}
POOR = {
    "of two frames": TRUE + RNG.normal(0, 7, SHAPE),
    "of a night with another level": TRUE + RNG.normal(0, 7, SHAPE) + 60,
    "wrong by more than the noise of a frame": TRUE + RNG.normal(0, 20, SHAPE),
    "with hot pixels": np.where(RNG.random(SHAPE) < 0.05, 9000, TRUE),
    "the same": NEW.copy(),
}


def compared(old):
    frames = [TRUE + RNG.normal(0, NOISE, SHAPE) for _ in range(6)]
    consumer = Consumer("subtraction", "1", "adu")
    return compare([Exchange(one, NEW, old) for one in frames], classes_of(SHAPE), consumer)


def verdict(found, folder, current_bad=False):
    """Return the verdict on a product whose gates pass."""
    judged = folder / "judge"
    judged.mkdir(exist_ok=True)
    new, old = judged / "new.fits", judged / "old.fits"
    new.write_text("new")
    old.write_text("old")
    head = {"item": "a", "instrument": "ccd", "product": "bias", "file": "new.fits",
            "sha256": "0"}  # fmt: skip
    write_gates(judged / "gates_bias.json", head, [exact("x", "y", "it holds", "", "reason")])
    told = record("bias", (new, old), found, ["e1"], current_bad=current_bad)
    (judged / "counterfactual_bias.json").write_text(json.dumps(told))
    (one,) = judge([judged / "gates_bias.json"], JudgeSettings())
    return one


@pytest.mark.parametrize("kind", WRONG)
def test_a_file_in_use_that_is_damaged_or_of_another_unit_tells_nothing(kind, tmp_path):
    old, word = WRONG[kind]
    found = compared(old)
    assert word in found.doubt
    one = verdict(found, tmp_path)
    assert one["verdict"] == "cannot tell", one["verdict"]
    assert one["reason"] == found.doubt
    assert "deliver.bad" in one["next"]
    if found.score.verdict == "better":  # the campaign knows that it is bad
        assert verdict(found, tmp_path, current_bad=True)["verdict"] == "deliver"


@pytest.mark.parametrize("kind", POOR)
def test_a_file_in_use_that_is_merely_poor_is_compared(kind, tmp_path):
    found = compared(POOR[kind])
    assert found.doubt == ""
    expected = "cannot tell" if kind == "the same" else "deliver"
    assert verdict(found, tmp_path)["verdict"] == expected


def test_a_noise_in_another_unit_tells_nothing_but_one_of_single_reads_does():
    new = np.full(SHAPE, NOISE) * np.exp(0.1 * RNG.standard_normal(SHAPE))
    for factor in (1.8, 1 / 1.8, NOISE):
        assert "the noise of the file in use" in doubt_of_noise(new, new * factor)
    assert "no value in 100 %" in doubt_of_noise(new, new * 0)
    assert doubt_of_noise(new, new / np.sqrt(2)) == ""
    frames = [Exchange(RNG.normal(0, NOISE, SHAPE), new, new * 1.8) for _ in range(6)]
    assert compare_noise(frames, classes_of(SHAPE), Consumer("noise", "1", "adu")).doubt


def test_levels_near_zero_are_no_doubt():
    """A dark of a night that was colder, after the bias was taken off."""
    new, old = RNG.normal(0.1, 1, SHAPE), RNG.normal(-0.2, 1, SHAPE)
    assert doubt_of_image(new, old, NOISE) == ""
