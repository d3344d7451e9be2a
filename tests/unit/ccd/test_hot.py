"""Hot, unstable, dead and saturated pixels."""

import numpy as np
import pytest

from ccd_frames import Simulated, facts, rate_of
from darkroom.ccd.cells import Cell
from darkroom.ccd.dq import DQ
from darkroom.ccd.products.dark_rate import Rate
from darkroom.ccd.rate import hot_pixels as hot
from darkroom.errors import DarkroomError

SETTINGS = {
    "shape": [60, 90],
    "hot_fraction": 0.0,
    "warm_fraction": 0.0,
    "unstable_fraction": 0.0,
    "dramatic": None,
    "cosmic_rays": 0.0,
    "targets": [],
    "darks": [{"count": 12, "exptime": 10.0, "temperatures": [-5.0]}],
    "bias": {"count": 10, "temperatures": [-5.0]},
}


def search(changes=lambda _: None, settings=SETTINGS, **keywords):
    made = Simulated(settings)
    changes(made.images)
    return find(made.stacks(), **keywords)


def find(stacks, **keywords):
    return hot.find(stacks, rate_of(stacks), **keywords)


def darks(images):
    return sorted(name for name in images if name.startswith("dark"))


def flagged(found, bit):
    return np.argwhere(found.dq & bit).tolist()


def test_clean_frames_have_no_odd_pixels():
    found = search()
    assert not found.dq.any()


def test_a_steady_bright_pixel_is_hot_and_a_faint_one_is_not():
    def light(images):
        for name in darks(images):
            images[name][10, 20] += 100
            images[name][30, 40] += 3

    found = search(light)
    assert flagged(found, DQ.HOT) == [[10, 20]]
    assert found.excess[10, 20] == pytest.approx(100 / 9.96, abs=4 * found.sigma)
    assert found.threshold == pytest.approx(5 * found.sigma)


def test_a_pixel_bright_in_half_of_the_darks_is_unstable_and_not_hot():
    def light(images):
        for name in darks(images)[::2]:
            images[name][10, 20] += 150

    found = search(light)
    assert flagged(found, DQ.HOT) == []
    assert flagged(found, DQ.UNSTABLE) == [[10, 20]]


def test_one_hit_is_no_habit_and_two_are():
    def hits(images):
        images[darks(images)[3]][10, 20] += 400
        for name in darks(images)[4:6]:
            images[name][30, 40] += 400

    assert flagged(search(hits), DQ.UNSTABLE) == [[30, 40]]


def test_a_pixel_restless_in_the_biases_alone_is_unstable():
    def shake(images):
        for k, name in enumerate(sorted(n for n in images if n.startswith("bias"))):
            images[name][10, 20] += 120 * (k % 2)

    assert flagged(search(shake), DQ.UNSTABLE) == [[10, 20]]


def test_shot_noise_of_hot_pixels_is_not_called_unstable():
    """Hundreds of hot pixels: their noise tells how noise grows with counts, without a gain."""
    found = search(settings=SETTINGS | {"hot_fraction": 0.03, "gain": 1.0})
    assert (found.dq & DQ.HOT > 0).sum() == round(0.03 * 5400)
    assert (found.dq & DQ.UNSTABLE > 0).sum() <= 1
    assert found.curves[-1].slope == pytest.approx(1.0, rel=0.3)


def test_rates_that_drift_together_are_not_called_unstable():
    """The temperature of a cell falls by half a degree: every hot pixel drifts, in proportion."""
    drifting = {"count": 12, "exptime": 10.0, "temperatures": np.linspace(-4.5, -5, 12).tolist()}
    settings = SETTINGS | {"hot_fraction": 0.03, "darks": [drifting]}
    made = Simulated(settings)
    found = find(made.stacks(tolerance=1.0))
    hot_ones = found.dq & DQ.HOT > 0
    assert hot_ones.sum() == round(0.03 * 5400)
    assert (found.dq & DQ.UNSTABLE > 0).sum() <= 0.05 * hot_ones.sum()


def test_a_detector_that_cools_shows_in_halves_in_time_and_hardly_in_every_other_frame():
    drifting = {"count": 12, "exptime": 10.0, "temperatures": np.linspace(-4.5, -5, 12).tolist()}
    settings = SETTINGS | {"hot_fraction": 0.03, "darks": [drifting]}
    found = find(Simulated(settings).stacks(tolerance=1.0))
    assert len(found.hottest) == 50
    early, late = found.early_late
    odd, even = found.halves.reshape(2, -1)[:, found.hottest]
    # The rate doubles in 6 degrees: 3/11 of a degree between the halves in time, 1/22 otherwise.
    assert np.median(np.log(late / early)) == pytest.approx(-np.log(2) * 6 / 22 / 6, abs=0.004)
    assert np.median(np.log(even / odd)) == pytest.approx(-np.log(2) / 22 / 6, abs=0.004)
    assert np.allclose((early + late) / 2, found.excess.ravel()[found.hottest], rtol=0.02)


def test_frames_are_halved_by_their_times():
    frames = [facts(name, 10.0, -5.0, mjd=mjd) for name, mjd in (("c", 3.0), ("a", 1.0))]
    assert Cell("dark", 10.0, 1, -5.0, tuple(frames)).in_time().tolist() == [1, 0]
    frames.append(facts("b", 10.0, -5.0))
    assert Cell("dark", 10.0, 1, -5.0, tuple(frames)).in_time().tolist() == [0, 1, 2]


def test_a_silent_pixel_and_one_far_below_the_rest_are_low():
    def kill(images):
        for name, image in images.items():
            image[10, 20] = 1075
            if name.startswith("dark"):
                image[30, 40] -= 60

    assert flagged(search(kill), DQ.LOW) == [[10, 20], [30, 40]]


def test_saturated_pixels_are_flagged_and_have_no_rate():
    def fill(images):
        for name in darks(images):
            images[name][10, 20] = 65535

    found = search(fill)
    assert flagged(found, DQ.SATURATED) == [[10, 20]]
    assert flagged(found, DQ.NONFINITE) == [[10, 20]]


def test_a_pixel_saturated_at_the_longest_time_is_hot_by_the_others():
    times = [
        {"count": 6, "exptime": t, "temperatures": [-5.0]} for t in (2.0, 5.0, 100.0)
    ]  # fmt: skip
    dramatic = {"y": 0.5, "x": 0.5, "rate": 1500.0, "bias": 0.0, "noise": 0.0}
    made = Simulated(SETTINGS | {"darks": times, "dramatic": dramatic})
    found = find(made.stacks())
    assert found.dq[30, 45] & (DQ.HOT | DQ.SATURATED) == DQ.HOT | DQ.SATURATED
    assert found.excess[30, 45] == pytest.approx(1500, rel=0.01)


def test_rows_that_disagree_are_told_and_make_no_other_pixel_odd():
    """Not even beside them: the surroundings of a pixel are good rows. Every other dark lacks them,
    so that the halves differ most.
    """

    def damage(images):
        for name in darks(images)[::2]:
            images[name][150:] -= 500

    settings = SETTINGS | {"shape": [200, 100], "dark_rate": 50.0}
    found = search(damage, settings)
    assert np.unique(np.argwhere(found.dq & DQ.DISCORDANT)[:, 0]).tolist() == list(range(150, 200))
    assert np.unique(found.dq).tolist() == [0, int(DQ.DISCORDANT)]


def test_counts_out_of_proportion_to_time_are_nonlinear():
    times = [{"count": 8, "exptime": t, "temperatures": [-5.0]} for t in (2.0, 10.0, 20.0)]
    made = Simulated(SETTINGS | {"darks": times})
    for name in darks(made.images):
        made.images[name][10, 20] += {"dark_2s": 400, "dark_10": 450, "dark_20": 460}[name[:7]]
    assert flagged(find(made.stacks()), DQ.NONLINEAR) == [[10, 20]]


def test_flags_do_not_depend_on_bands_or_threads():
    made = Simulated(SETTINGS | {"hot_fraction": 0.01, "unstable_fraction": 0.01})
    one, other = (find(made.stacks(**how)) for how in ({}, {"band_rows": 7, "threads": 2}))
    assert np.array_equal(one.dq, other.dq)
    assert np.array_equal(one.excess, other.excess)


def test_a_rate_of_other_groups_is_refused():
    made = Simulated(SETTINGS)
    stacks = made.stacks()
    rate = rate_of(stacks)
    other = Rate(**(rate.__dict__ | {"temperature": -8.0}))
    with pytest.raises(DarkroomError, match=r"rate is at -8.000 C, that of"):
        hot.find(stacks, other)
    with pytest.raises(DarkroomError, match="to temperature group 3, these darks form 1 groups"):
        hot.find(stacks, Rate(**(rate.__dict__ | {"group": 3})))
