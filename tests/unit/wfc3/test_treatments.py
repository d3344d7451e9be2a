"""Which treatment an exposure gets: by its own verdict, or as asked."""

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.wfc3.pipeline import check_filters, check_item
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.settings import Wfc3Settings
from unit.wfc3.test_choose import FAINT, LIMB, MASK, QUIET, STREAK, TIMES, sky

STEPS = np.diff(TIMES)
GLOW = np.array([0.0] * 10 + [0.2, 0.3, 0.4, 0.5, 0.6])
STALE = dict.fromkeys((1, 2, 3, 4), "a copy of EXTVER 5")


def with_(differences, **changes):
    return type(differences)(**{**vars(differences), **changes})


@pytest.mark.parametrize("treatment", ["auto", "mask", "subtract"])
def test_intervals_without_light_are_bad(treatment):
    """The reads go on, with noise, but no more light arrives."""
    dark = QUIET.copy()
    dark[11:] = -0.002
    choice = choose(sky(dark, dark), Wfc3Settings(treatment=treatment))
    assert (choice.verdict, choice.reads, choice.kind) == ("chosen", (1, 2, 3, 4), "darker")
    assert choice.treatment == ("subtract" if treatment == "subtract" else "mask")
    assert choice.findings[4].startswith("level -0.002 instead of 0.900")


def test_a_darker_end_is_found():
    level = QUIET.copy()
    level[12:] = 0.3
    choice = choose(sky(level, level), MASK)
    assert (choice.verdict, choice.reads, choice.kind) == ("chosen", (1, 2, 3), "darker")


def test_fading_airglow_is_not_darker_at_its_end():
    level = 0.9 * (1 + 1.5 * np.exp(-np.arange(15) / 4))
    choice = choose(sky(level, level))
    assert (choice.treatment, choice.kind) == ("flatten", "airglow")


def test_reads_without_data_are_left_out_by_every_treatment():
    level = QUIET.copy()
    level[11:] = np.nan
    exposure = with_(sky(level, level), stale=STALE)
    for treatment in ("auto", "mask", "flatten", "mask_and_flatten"):
        choice = choose(exposure, Wfc3Settings(treatment=treatment))
        assert (choice.verdict, choice.reads, choice.kind) == ("chosen", (1, 2, 3, 4), "no data")
        assert choice.treatment == "mask"
    assert choose(exposure, Wfc3Settings(treatment="subtract")).reads == (1, 2, 3, 4)
    assert choose(exposure, Wfc3Settings(treatment="last_minus_first")).reads == (1, 2, 3, 4)


def test_a_read_without_data_in_the_middle_costs_no_exposure_time():
    choice = choose(with_(sky(QUIET, QUIET), stale={8: "filled, without data"}))
    assert (choice.treatment, choice.reads) == ("mask", (8,))
    choice = choose(
        with_(sky(QUIET, QUIET), stale={8: "filled"}), Wfc3Settings(treatment="subtract")
    )
    assert (choice.treatment, choice.reads) == ("mask", (8,))


def test_a_zeroth_read_without_data_is_said():
    choice = choose(with_(sky(QUIET, QUIET), stale={16: "filled, without data"}))
    assert (choice.verdict, choice.reads, choice.treatment) == ("undecidable", (), "none")
    assert "the zeroth read (EXTVER 16)" in choice.words


def test_a_slow_drift_of_left_over_right_is_found():
    ratio = np.linspace(1.39, 1.22, 15)
    choice = choose(sky(QUIET * ratio, QUIET))
    assert (choice.verdict, choice.treatment, choice.kind) == ("undecidable", "none", "drift")
    assert "left/right drifts from 1.38 to 1.22" in choice.words


def test_a_drift_that_noise_may_be_is_none():
    ratio = np.linspace(1.39, 1.22, 15)
    choice = choose(sky(QUIET * ratio, QUIET, QUIET, sigma=4.0, count=40_000))
    assert choice.verdict != "chosen"
    assert "drifts" not in choice.words


def test_each_exposure_of_a_visit_gets_the_treatment_of_its_verdict():
    glow = QUIET + GLOW
    assert choose(sky(LIMB, FAINT)).treatment == "mask"
    assert choose(sky(glow, glow)).treatment == "flatten"
    line = np.where(STREAK > 0.004, 0.005, 0.0)
    trail = with_(sky(QUIET, QUIET, bright=STREAK), line=line)
    assert (choose(trail).treatment, choose(trail).reads) == ("subtract", (8,))
    assert choose(sky(QUIET, QUIET)).treatment == "none"


def test_light_of_the_limb_and_airglow_are_masked_and_flattened_together():
    choice = choose(sky(LIMB + GLOW, FAINT + GLOW))
    assert (choice.treatment, choice.reads) == ("mask_and_flatten", (11, 12, 13, 14, 15))
    assert "the sky of EXTVER 1-5 is levelled" in choice.words


def test_light_that_differs_between_the_sides_is_not_flattened():
    """Less than the limit on the ratio, but half of the extra light is on one side."""
    left, right = QUIET.copy(), QUIET.copy()
    left[:4] += 0.16
    right[:4] += 0.08
    assert choose(sky(left, right)).treatment == "mask"


def test_light_in_the_middle_is_subtracted():
    left = QUIET.copy()
    left[[6, 7]] = 1.4
    choice = choose(sky(left, QUIET))
    assert (choice.treatment, choice.reads) == ("subtract", (8, 9))


def test_many_cosmic_rays_are_no_trail_and_take_no_time():
    bright = STEPS * 2e-5
    bright[4:12] += 0.01
    exposure = with_(sky(QUIET, QUIET, bright=bright), line=np.zeros(15))
    for treatment in ("auto", "subtract"):
        choice = choose(exposure, Wfc3Settings(treatment=treatment))
        assert (choice.verdict, choice.kind, choice.reads) == ("quiet", "cosmic rays", ())
        assert choice.treatment == "none"
        assert "South Atlantic Anomaly" in choice.words
        assert 5 in choice.findings


def test_bright_pixels_in_every_interval_are_said_to_move_or_to_be_rays():
    exposure = with_(sky(QUIET, QUIET, bright=STEPS * 5e-4), line=STEPS * 5e-4)
    choice = choose(exposure)
    assert (choice.kind, choice.treatment) == ("cosmic rays", "none")


def test_lines_in_many_intervals_are_no_trail():
    bright = STEPS * 2e-5
    bright[3:7] += 0.01
    choice = choose(with_(sky(QUIET, QUIET, bright=bright), line=bright))
    assert (choice.kind, choice.treatment) == ("cosmic rays", "none")


def test_last_minus_first_is_made_on_any_verdict():
    rule = Wfc3Settings(treatment="last_minus_first")
    assert choose(sky(QUIET, QUIET), rule).treatment == "last_minus_first"
    choice = choose(sky(LIMB, FAINT), rule)
    assert (choice.verdict, choice.treatment) == ("undecidable", "last_minus_first")


def test_given_reads_are_masked_at_the_ends_and_subtracted_in_the_middle():
    exposure = sky(QUIET, QUIET)
    assert choose(exposure, given=(11, 12, 13, 14, 15)).treatment == "mask"
    assert choose(exposure, given=(1, 2, 15)).treatment == "mask"
    assert choose(exposure, given=(8,)).treatment == "subtract"
    assert choose(exposure, given=()).treatment == "none"


SETTINGS = {"engine": "builtin", "treatment": "auto", "mask_scope": "all", "reads": {}}


def test_a_treatment_of_an_exposure_that_does_not_exist_is_refused():
    with pytest.raises(DarkroomError, match="treatments names exposure 'x', which is not in its"):
        check_item("limb", SETTINGS | {"treatments": {"x": "mask"}}, ["icqtbbbxq"])
    changed = {"treatments": {"a": "flatten"}, "engine": "calwf3", "mask_scope": "calwf3"}
    with pytest.raises(DarkroomError, match="engine calwf3 cannot flatten"):
        check_item("limb", SETTINGS | changed, ["a"])


def test_an_item_of_several_filters_is_refused_by_the_plan_and_a_stray_is_judged_later():
    two = {"a": "F140W", "b": "F160W", "c": "", "d": "F140W"}
    with pytest.raises(DarkroomError, match=r"2 of 3 exposures have filter F140W.*\(b F160W\)"):
        check_filters("field", two, exclude=False)
    check_filters("field", two, exclude=True)
    stray = {str(n): "F140W" for n in range(19)} | {"x": "F160W"}
    check_filters("field", stray, exclude=False)
    with pytest.raises(DarkroomError, match="make an item for each"):
        check_filters("field", {"a": "F140W", "b": "F160W"}, exclude=True)
