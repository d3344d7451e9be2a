"""Which reads are chosen: scattered light, airglow, static gradients, and what must not happen."""

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.wfc3.pipeline import check_item, reads_of
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.reads.diagnose import Differences, RegionStatistics
from darkroom.wfc3.settings import Wfc3Settings

TIMES = np.array([0.0, 2.932, *(2.932 + 100.0 * np.arange(1, 15))])
QUIET = np.full(15, 0.9)
MASK = Wfc3Settings(treatment="mask")
LIMB = 0.9 + np.array([0.7, 0.6, 0.45, 0.3, 0.15] + [0.0] * 10)
FAINT = 0.9 + np.array([0.1, 0.08, 0.06, 0.04, 0.02] + [0.0] * 10)


def sky(left, right, full=None, *, times=TIMES, sigma=0.28, count=160_000, bright=None):
    """The sky of an exposure: medians of the regions, errors of a full frame."""
    steps = np.diff(times)

    def region(median, pixels):
        scatter = sigma * 100.0 / steps
        return RegionStatistics(
            np.asarray(median, float), scatter, scatter, np.full(steps.size, pixels)
        )

    full = (np.asarray(left) + np.asarray(right)) / 2 if full is None else full
    return Differences(
        "icqtbbbxq", "ELECTRONS/S", "instantaneous", "mask", times, region(full, 900_000),
        region(left, count), region(right, count),
        steps * 2e-5 if bright is None else np.asarray(bright, float),
    )  # fmt: skip


def test_light_at_the_start_is_found_with_the_short_first_interval():
    choice = choose(sky(LIMB, FAINT))
    assert (choice.verdict, choice.reads, choice.kind) == (
        "chosen", (11, 12, 13, 14, 15), "scattered light",
    )  # fmt: skip
    assert "EXTVER 11-15" in choice.words


def test_light_at_the_end_is_found():
    assert choose(sky(LIMB[::-1], FAINT[::-1])).reads == (1, 2, 3, 4, 5)


def test_light_from_the_right_is_found_as_well():
    assert choose(sky(FAINT, LIMB)).reads == (11, 12, 13, 14, 15)


def test_a_line_that_brightens_the_whole_field_is_airglow():
    level = 0.9 + np.array([1.0, 0.8, 0.5, 0.3] + [0.0] * 11)
    choice = choose(sky(level, level), MASK)
    assert (choice.reads, choice.kind) == ((12, 13, 14, 15), "airglow")


@pytest.mark.parametrize("ratio", [1.0, 1.05, 1.3, 0.8])
def test_a_static_gradient_is_left_alone_whatever_its_size(ratio):
    choice = choose(sky(QUIET * ratio, QUIET))
    assert (choice.verdict, choice.reads) == ("quiet", ())
    assert choice.quiet_ratio == pytest.approx(ratio)


def test_light_on_top_of_a_static_gradient_is_found():
    assert choose(sky(LIMB + 0.3, FAINT)).reads == (11, 12, 13, 14, 15)


def test_the_notebooks_cut_takes_a_short_interval_of_noise_and_ours_does_not():
    left = QUIET.copy()
    left[0] = 1.06  # 2.9 s: its median is uncertain by as much
    quiet = sky(left, QUIET)
    assert choose(quiet, Wfc3Settings(choose="notebook")).reads == (15,)
    assert choose(quiet).reads == ()


def test_a_change_below_the_limits_is_no_bad_read():
    level = QUIET * (1 + 0.08 * np.sin(np.arange(15)))
    assert choose(sky(level, QUIET)).verdict == "quiet"


def test_a_change_that_is_not_significant_is_no_bad_read():
    left = QUIET.copy()
    left[5] = 1.05
    noisy = sky(left, QUIET, QUIET, sigma=5.0, count=40_000)
    assert choose(noisy, Wfc3Settings(nsigma=5.0)).verdict == "quiet"


def test_where_no_interval_is_long_enough_nothing_is_chosen_and_why_is_said():
    rapid = sky(LIMB, FAINT, times=np.arange(16) * 2.932)
    choice = choose(rapid)
    assert (choice.verdict, choice.reads) == ("undecidable", ())
    assert "the longest step between reads is 2.93 s, 3 s are needed" in choice.words


def test_where_the_sky_is_lost_in_noise_nothing_is_chosen_and_why_is_said():
    choice = choose(sky(LIMB, FAINT, sigma=60.0))
    assert choice.verdict == "undecidable"
    assert "the sky can be measured in 0 of 15 intervals, 3 are needed" in choice.words


def test_more_than_half_of_an_exposure_is_never_taken():
    level = 0.9 * np.exp(-np.arange(15) / 8.0) + 0.9
    choice = choose(sky(level, level), MASK)
    assert (choice.verdict, choice.reads) == ("undecidable", ())
    assert "flatten" in choice.words
    assert choice.findings


def test_a_mask_takes_nothing_from_the_middle_but_subtraction_does():
    left = QUIET.copy()
    left[[6, 7]] = 1.4
    exposure = sky(left, QUIET)
    masked = choose(exposure, MASK)
    assert (masked.verdict, masked.reads) == ("undecidable", ())
    assert "in the middle (EXTVER 8-9)" in masked.words
    assert choose(exposure, Wfc3Settings(treatment="subtract")).reads == (8, 9)


def test_a_quiet_interval_between_two_bad_ones_goes_with_them():
    left = LIMB.copy()
    left[2] = 0.9
    assert choose(sky(left, QUIET)).reads == (11, 12, 13, 14, 15)


STREAK = np.diff(TIMES) * 2e-5
STREAK[7] += 0.005


def test_a_trail_is_found_by_its_bright_pixels_and_subtracted():
    choice = choose(sky(QUIET, QUIET, bright=STREAK), Wfc3Settings(treatment="subtract"))
    assert (choice.verdict, choice.reads, choice.kind) == ("chosen", (8,), "trail")
    assert choice.findings[8] == "0.70% of the pixels bright instead of 0.20%"


@pytest.mark.parametrize("treatment", ["mask", "flatten"])
def test_a_trail_is_reported_where_it_is_not_subtracted(treatment):
    choice = choose(sky(QUIET, QUIET, bright=STREAK), Wfc3Settings(treatment=treatment))
    assert (choice.verdict, choice.reads, choice.kind) == ("undecidable", (), "trail")
    assert "like a satellite's trail, in EXTVER 8" in choice.words


def test_a_mask_takes_the_light_and_leaves_the_trail_in():
    choice = choose(sky(LIMB, FAINT, bright=STREAK))
    assert (choice.reads, choice.kind) == ((11, 12, 13, 14, 15), "scattered light")
    assert choice.words.endswith("left in, since mask cannot remove it: EXTVER 8")


def test_more_cosmic_rays_in_a_longer_interval_are_no_trail():
    times = np.array([0, 2.9, 5.9, 8.8, 24.0, 49.0, 99.0, 199.0, 299.0, 399.0, 499.0])
    quiet = np.full(10, 0.9)
    assert choose(sky(quiet, quiet, times=times)).verdict == "quiet"


def test_given_reads_override_the_choice_and_none_may_be_given():
    exposure = sky(LIMB, FAINT)
    assert choose(exposure, given=(1, 2)).reads == (1, 2)
    assert choose(exposure, given=()).reads == ()
    assert choose(exposure, Wfc3Settings(choose="none")).reads == ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ((16,), "EXTVER 16 is the zeroth read"),
        (tuple(range(1, 16)), "all 15 reads after the zeroth are masked"),
        ((17,), "cannot mask EXTVER 17, its reads are EXTVER 1 to 16"),
    ],
)
def test_given_reads_that_cannot_be_left_out_are_refused(given, words):
    with pytest.raises(DarkroomError, match=words):
        choose(sky(LIMB, FAINT), given=given)


def test_the_notebooks_cut_never_takes_all_reads():
    choice = choose(sky(QUIET * 1.2, QUIET), Wfc3Settings(choose="notebook"))
    assert (choice.verdict, choice.reads) == ("undecidable", ())


def test_given_reads_and_flatten_contradict_each_other():
    with pytest.raises(DarkroomError, match="reads are given, but flatten removes none"):
        choose(sky(LIMB, FAINT), Wfc3Settings(treatment="flatten"), given=(1,))


SETTINGS = {"engine": "builtin", "treatment": "mask", "mask_scope": "all", "reads": {}}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"engine": "calwf3"}, "item limb: engine calwf3 cannot leave masked reads out for every"),
        ({"engine": "calwf3", "treatment": "flatten"}, "engine calwf3 cannot flatten"),
        ({"reads": {"icqtbbbxx": "1"}}, "reads names exposure 'icqtbbbxx', which is not in its"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(change, words):
    with pytest.raises(DarkroomError, match=words):
        check_item("limb", SETTINGS | change, ["icqtbbbxq"])


@pytest.mark.parametrize(("given", "text"), [([11, 12], "11,12"), ("11-15", "11-15"), ([], "")])
def test_reads_of_a_campaign_become_text(given, text):
    assert reads_of({"reads": {"a": given}}, "a") == text
    assert reads_of({"reads": {"a": given}}, "b") is None


@pytest.mark.parametrize("number", [4, 6, 14])
def test_noise_alone_is_chosen_in_fewer_than_one_of_a_hundred_exposures(number):
    """Ratios left/right with errors of 0.05, at which four sigma is just an excess that matters."""
    rng, times, chosen = np.random.default_rng(40 + number), 10.0 * np.arange(number + 1), 0
    for _ in range(300):
        left, right = 1.5 + rng.normal(0, 0.055, (2, number))
        found = sky(left, right, times=times, sigma=0.21, count=2300)
        chosen += choose(found).verdict == "chosen"
    assert chosen <= 3
