"""A stack whose imaging area disagrees with the others is named, and left out on request."""

import re

import numpy as np
import pytest

from cgi_stacks import case, sources, tiny_geometry, truth
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.maps.chosen import choose
from darkroom.cgi.maps.offsets import deviations
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.maps.residuals import LIMIT
from darkroom.cgi.simulate import exposures

WORDS = "off what the other stacks predict"


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


def named(fit):
    """Return the stacks that are said to disagree."""
    return [text.split(":")[0] for text in fit.warnings if WORDS in text]


def judged(found, geometry, **changes):
    options = {"check_thresholds": True, "correct_offsets": True, "exclude": False} | changes
    return choose(found, geometry, **options)


def test_the_shared_case(reference_data):
    geometry = read_geometry(reference_data / "peers" / "corgidrp" / "detector_regions.json")
    path = reference_data / "cases" / "cgi" / "light_leak.npz"
    if not path.exists():
        pytest.skip(f"{path.name} is not among the reference data")
    found, _ = case(path, geometry)
    assert named(fit_pooled(found, geometry)) == ["stack of EM gain 30 and 30 s"]
    fit = fit_pooled(found, geometry, bad_stacks="exclude")
    assert [report.stack.name for report in fit.reports if not report.used] == [
        "stack of EM gain 30 and 30 s"
    ]


@pytest.mark.parametrize("light", [8.0, -8.0])
@pytest.mark.parametrize("leaking", [(1.5, 2.0), (30.0, 2.0), (30.0, 30.0), (1.5, 100.0)])
def test_whichever_stack_leaks_it_is_named_and_no_other(geometry, leaking, light):
    rng = np.random.default_rng(21)
    maps, _ = truth(geometry, rng)
    found = sources(geometry, maps, 20, rng, leaking=leaking, light=light, row_noise=5.0)
    assert named(judged(found, geometry)) == [
        f"stack of EM gain {leaking[0]:g} and {leaking[1]:g} s"
    ]


def test_without_the_leaking_stack_the_maps_are_not_biased(geometry):
    rng = np.random.default_rng(22)
    maps, _ = truth(geometry, rng)
    found = sources(geometry, maps, 60, rng, leaking=(1.5, 30.0), light=12.0)
    with_it, without = (fit_pooled(found, geometry, bad_stacks=b) for b in ("warn", "exclude"))
    area = geometry.imaging
    number = with_it.data[0][area].size
    deviations = [
        (fit.data - maps)[0][area].mean() / (fit.err[0][area].mean() / np.sqrt(number))
        for fit in (with_it, without)
    ]
    assert deviations[0] > 4 > 3 > abs(deviations[1])
    (left_out,) = [report for report in without.reports if not report.used]
    assert left_out.reason in without.warnings
    value, error = map(float, re.search(r"is (\S+) \+- (\S+) e-", left_out.reason).groups())
    assert value == pytest.approx(12, abs=4 * error)
    assert left_out.reason.endswith("sigma); it is left out")
    assert without.settings["bad_stacks"] == "exclude"


def test_an_offset_that_the_prescan_shows_is_no_leak(geometry):
    rng = np.random.default_rng(23)
    maps, _ = truth(geometry, rng)
    options = {"odd": (1.5, 30.0), "offset": 20.0}
    found = sources(geometry, maps, 40, rng, **options)
    assert named(judged(found, geometry)) == []
    assert named(judged(found, geometry, correct_offsets=False)) == [
        "stack of EM gain 1.5 and 30 s"
    ]
    found = sources(geometry, maps, 40, rng, leaking=(30.0, 100.0), light=10.0, **options)
    assert named(judged(found, geometry)) == ["stack of EM gain 30 and 100 s"]
    found = sources(geometry, maps, 40, rng, leaking=(1.5, 30.0), light=15.0, **options)
    assert named(judged(found, geometry)) == ["stack of EM gain 1.5 and 30 s"]


@pytest.mark.parametrize("stacks", [slice(None), slice(3, 4)])
def test_a_masked_prescan_hides_no_leak(geometry, stacks):
    rng = np.random.default_rng(24)
    found = sources(geometry, truth(geometry, rng)[0], 20, rng, leaking=(30.0, 30.0), light=10.0)
    for source in found[stacks]:
        for plane in (source._moments.count, source._moments.total, source._moments.m2):
            plane[geometry.section("prescan")] = 0
    assert named(fit_pooled(found, geometry)) == ["stack of EM gain 30 and 30 s"]


def false_alarms(geometry, number, **changes):
    rng, alarms = np.random.default_rng(25), 0
    for k in range(number):
        maps, _ = truth(geometry, rng, hot_fraction=0.01 * (k % 3))
        found = sources(
            geometry, maps, (4, 8, 20)[k % 3], rng, masked=0.03, row_noise=8.9, **changes
        )
        alarms += bool(named(judged(found, geometry)))
    return alarms


def test_good_sets_are_not_warned_of(geometry):
    assert false_alarms(geometry, 30) == 0


@pytest.mark.heavy
def test_of_two_hundred_good_sets_at_most_two_are_warned_of(geometry):
    assert false_alarms(geometry, 200) <= 2


def test_the_simulated_camera_can_leak():
    settings = {
        "geometry": "small", "frames": 1,
        "leaking_stack": {"gain": 30.0, "exptime": 2.0, "light": 50.0},
    }  # fmt: skip
    leaking = next(e for e in exposures.plan(settings) if (e.gain, e.exptime) == (30.0, 2.0))
    with_it, without = (
        exposures.frame(changed, leaking)[0]
        for changed in (settings, {**settings, "leaking_stack": None})
    )
    difference = with_it - without
    assert difference[2:100, 110:210].mean() == pytest.approx(50, abs=0.1)
    assert (difference[:, :100] == 0).all()


def test_a_leak_that_widens_the_scatter_of_few_stacks_is_not_hidden_by_it():
    """Of eight stacks one leaks: it draws the predictions of the other seven along."""
    gain = np.array([1.5, 30.0, 500.0, 5000.0] * 2)
    matrix = np.column_stack([np.ones(8), gain, gain * np.repeat([2.0, 100.0], 4)])
    rng, found = np.random.default_rng(31), []
    for _ in range(50):
        error = np.array([0.3, 0.3, 0.6, 5.0, 0.3, 0.3, 1.5, 20.0])
        level = matrix @ [5.0, 0.01, 0.001] + error * rng.standard_normal(8)
        level[5] += 12.0
        with_it, without = (
            deviations(matrix, level, error, LIMIT, scale_without=each) for each in (False, True)
        )
        found.append([with_it[2].any(), without[2][5], without[2].sum() == 1])
        offset, offset_error = without[0][5], without[1][5]
        assert abs(offset - 12.0) < 5 * offset_error
    hidden, seen, alone = np.mean(found, axis=0)
    assert hidden < 0.5
    assert seen == 1
    assert alone > 0.9


def test_of_eight_good_stacks_none_is_said_to_leak():
    """The scatter without the worst stack is smaller: false alarms stay below one in a hundred."""
    gain = np.array([1.5, 30.0, 500.0, 5000.0] * 2)
    matrix = np.column_stack([np.ones(8), gain, gain * np.repeat([2.0, 100.0], 4)])
    rng, alarms = np.random.default_rng(32), 0
    error = np.array([0.3, 0.3, 0.6, 5.0, 0.3, 0.3, 1.5, 20.0])
    for _ in range(1000):
        level = matrix @ [5.0, 0.01, 0.001] + error * rng.standard_normal(8)
        alarms += deviations(matrix, level, error, LIMIT, scale_without=True)[2].any()
    assert alarms < 10


def test_too_few_stacks_to_tell_a_leak_are_said(geometry):
    rng = np.random.default_rng(33)
    maps, _ = truth(geometry, rng)
    said = "6 stacks: whether one of them has a light leak or an offset cannot be tested"
    for exptimes, expected in (((2.0, 100.0), 0), ((2.0,), 1)):
        gains = (1.5, 30.0, 500.0, 5000.0)
        found = sources(geometry, maps, 10, rng, gains=gains, exptimes=exptimes)
        if expected:
            found += sources(geometry, maps, 10, rng, gains=(1.5, 500.0), exptimes=(30.0,))
        fit = fit_pooled(found, geometry)
        assert sum(text.startswith(said) for text in fit.warnings) == expected
