"""What two or three frames tell is said with the doubt that it has."""

import numpy as np
import pytest
from scipy import stats

from darkroom.ccd.figures.item import _bias_level, _common
from darkroom.ccd.previous import Change
from darkroom.ccd.stack.frames import Cube, Stack
from darkroom.ccd.stack.survey import survey

NOISE, SHAPE = 8.0, (32, 32)


def surveyed(rng, count, drift):
    offsets = drift * rng.standard_normal(count)
    frames = 1000 + offsets[:, None, None] + NOISE * rng.standard_normal((count, *SHAPE))
    return survey(Stack(Cube(frames.astype(np.float32)))), frames.mean() - 1000


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.heavy), 5])
def test_few_frames_are_right_through_students_t(count):
    """The level of 600 stacks is off as Student's t says, 5 % beyond 95 %; less near the floor."""
    rng = np.random.default_rng(count)
    limit = stats.t.ppf(0.975, count - 1)
    allowed = 3 * np.sqrt(0.05 * 0.95 / 600)
    for drift in (50.0, 1.0, 0.0):
        off = [
            abs(level) / seen.common_error
            for seen, level in (surveyed(rng, count, drift) for _ in range(600))
        ]
        share = np.mean(np.array(off) > limit)
        assert share < 0.05 + allowed
        if drift == 50:
            assert share > 0.05 - allowed


def test_offsets_that_are_equal_by_chance_do_not_make_the_level_certain():
    rng = np.random.default_rng(3)
    true = NOISE / np.sqrt(2 * SHAPE[0] * SHAPE[1])
    errors = [surveyed(rng, 2, 0.0)[0].common_error for _ in range(200)]
    # The noise itself is measured, by 32 rows.
    assert min(errors) > 0.5 * true
    frames = np.full((2, *SHAPE), 1000.0)
    frames += np.array([1, -1])[:, None, None] * NOISE * rng.standard_normal(SHAPE)
    frames -= frames.mean(axis=(1, 2), keepdims=True) - 1000  # no offset at all
    assert survey(Stack(Cube(frames.astype(np.float32)))).common_error > 0.5 * true


def test_the_report_says_how_sure_the_common_error_is():
    level = _bias_level({"CMERR": 0.5, "NFRAMES": 2, "MEAN": 1000.0}, "ADU")
    assert level["note"] == (
        "mean of 2 frames; ± is common to all pixels, of 1 degree of freedom: 95 % of such values "
        "are within 6.4 of the true one"
    )
    assert "10 degrees of freedom: 95 % of such values are within 1.1 " in _common(0.5, 10)
    assert _common(float("nan"), 0) == "single frames do not tell the error that all pixels share"


def test_a_change_between_two_nights_of_two_frames_is_judged_by_student():
    change = Change("bias level", "ADU", 1000.0, 1006.0, 1.0, 0, 4096, (None, None), 2.0)
    assert not change.is_significant
    assert Change(*(getattr(change, n) for n in ("quantity", "unit", "before", "now", "error",
                    "beyond", "pixels", "temperatures"))).is_significant  # fmt: skip
