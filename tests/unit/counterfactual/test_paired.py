"""Shifts have the error that their scatter gives, and are zero where nothing changes."""

import numpy as np
import pytest

from darkroom.counterfactual.paired import (
    Shift,
    change_level,
    classes_of,
    flag_shifts,
    leave_one_out,
    shifts,
)


def test_leaving_out_one_gives_the_error_of_a_mean_and_of_a_ratio():
    values = np.array([1.0, 4.0, 2.0, 3.0, np.nan])
    mean, error, count = leave_one_out(values)
    assert (mean, count) == (2.5, 4)
    assert error == pytest.approx(values[:4].std(ddof=1) / 2)
    rng = np.random.default_rng(3)
    found = []
    for _ in range(2000):
        below = rng.uniform(50, 150, 12)
        above = 0.3 * below + rng.normal(0, 2, 12)
        found.append(leave_one_out(np.stack([above, below], axis=1))[:2])
    ratio, error = np.array(found).T
    assert ratio.mean() == pytest.approx(0.3, abs=1e-3)
    assert np.sqrt(np.mean(error**2)) == pytest.approx(ratio.std(), rel=0.08)
    assert leave_one_out(np.array([2.0]))[1] is None


def test_a_step_of_one_amplifier_stands_in_its_class_alone():
    reference = np.zeros((16, 32), bool)
    reference[:, :4] = reference[-4:] = True
    classes = classes_of((16, 32), reference, outputs=4)
    step = np.zeros((3, 16, 32))
    step[:, :, 8:16] = 5.0
    found = {one.kind: one for one in shifts(step, classes, "level", "DN", harm=10.0)}
    assert found["amplifier 2"].shift == 5.0
    assert found["amplifier 2"].error == 0.0
    assert found["amplifier 1"].shift == found["amplifier 3"].shift == 0.0
    assert found["reference pixels"].shift == pytest.approx(np.mean(step[0][reference]))
    assert found["odd - even columns"].shift == 0.0
    assert found["top - bottom"].shift == pytest.approx(0.0)
    assert change_level(found.values()) == "MODERATE"
    found = shifts(3 * step, classes, "level", "DN", harm=10.0)
    assert change_level(found) == "SEVERE"
    assert change_level(shifts(0 * step, classes, "level", "DN")) == "TRIVIAL"
    assert change_level([], flags_changed=2e-3, flags_harm=1e-3) == "SEVERE"


def test_flags_are_told_by_bit_class_and_sign():
    before, after = np.zeros((2, 3, 4, 4), np.uint8), np.zeros((2, 3, 4, 4), np.uint8)
    before[:, 0, 0, 0] = 4
    after[:, :, 1, 1] = 4
    after[1, 0, 2, 2] = 2
    bits, classes = {"jump": 4, "saturated": 2}, {"all": np.ones((4, 4), bool)}
    found = flag_shifts(before, after, bits, classes, "groups")
    told = {one.estimand: (one.shift, one.error) for one in found}
    assert told["groups: jump gained"] == (3.0, 0.0)
    assert told["groups: jump lost"] == (-1.0, 0.0)
    assert told["groups: saturated gained"] == (0.5, 0.5)
    assert flag_shifts(before, before, bits, classes, "groups") == []


def test_a_shift_within_its_scatter_is_no_change():
    one = Shift("rate", "all", 1.0, 0.5, "DN/s", 0.1, 4)
    assert not one.beyond_error
    assert not one.beyond_harm
    assert Shift("rate", "all", 5.0, 0.5, "DN/s", 0.1, 4).beyond_harm
    assert Shift("rate", "all", 1e-9, 0.0, "DN/s", None, 4).beyond_error
