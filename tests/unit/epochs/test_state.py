"""States that merge: the laws to the bit, the clip exact, the product true within its error."""

from functools import reduce

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from darkroom.epochs import state as states

SHAPE = (24, 32)
SIGMA = np.array([12.0, 25.0])


def template(rng, truth, sigma=SIGMA, **limits):
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, SHAPE[1] // 2 :] = 1
    classes[0, :3] = states.NO_CLASS
    level = np.rint(truth + rng.normal(0, 3, SHAPE)).astype(np.int32)
    return states.Template(level, sigma, classes, classes != states.NO_CLASS, **limits)


@pytest.fixture(scope="module")
def series():
    """Forty units: noise, offsets of two classes, cosmic rays, a flagged sample here and there."""
    rng = np.random.default_rng(12)
    truth = rng.normal(9000, 300, SHAPE)
    form = template(rng, truth)
    made = []
    for k in range(40):
        frame = truth + rng.standard_normal(SHAPE) * form.spread(SIGMA)
        frame += form.spread(rng.normal(0, 40, 2))
        hit = rng.random(SHAPE) < 0.004
        frame[hit] += rng.exponential(500, hit.sum())
        bad = rng.random(SHAPE) < 0.01
        frame[1, 1] = np.nan
        made.append(states.of_unit(form, f"exposure{k:02d} 1", np.rint(frame), bad))
    return truth, form, made


def build(form, units):
    return reduce(states.merge, units, states.empty(form))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_any_order_of_adding_merging_and_removing_is_the_rebuild(series, data):
    _, form, units = series
    piles = [(states.empty(form), frozenset())]
    for _ in range(data.draw(st.integers(5, 25))):
        held = frozenset().union(*(names for _, names in piles))
        action = data.draw(st.sampled_from(["add", "merge", "remove", "new"]))
        at = data.draw(st.integers(0, len(piles) - 1))
        pile, names = piles[at]
        if action == "add" and len(held) < len(units):
            k = data.draw(st.sampled_from(sorted(set(range(len(units))) - held)))
            piles[at] = states.merge(pile, units[k]), names | {k}
        elif action == "remove" and names:
            k = data.draw(st.sampled_from(sorted(names)))
            piles[at] = states.remove(pile, units[k]), names - {k}
        elif action == "merge" and len(piles) > 1:
            other, more = piles.pop((at + 1) % len(piles))
            at = next(k for k, one in enumerate(piles) if one[1] == names and one[0] is pile)
            piles[at] = states.merge(other, pile), names | more
        else:
            piles.append((states.empty(form), frozenset()))
    for pile, names in piles:
        assert states.equal(pile, build(form, [units[k] for k in sorted(names, reverse=True)]))


def test_a_thousand_random_moves_equal_the_rebuild(series):
    _, form, units = series
    rng = np.random.default_rng(4)
    whole, inside = states.empty(form), set()
    for _ in range(1000):
        k = int(rng.integers(len(units)))
        whole = states.remove(whole, units[k]) if k in inside else states.merge(whole, units[k])
        inside ^= {k}
    assert states.equal(whole, build(form, [units[k] for k in inside]))


def clipped_anew(form, frames_states):
    """Clip every sample about the mean of those within the inner limit, one pixel at a time."""
    whole = build(form, frames_states)
    mean = np.full(SHAPE, np.nan)
    sigma = form.spread(form.sigma, np.inf)
    for y, x in np.ndindex(*SHAPE):
        samples = []
        for unit in frames_states:
            if unit.count[y, x]:
                samples.append((unit.total[y, x], True))
            row = unit.far[unit.far["pixel"] == y * SHAPE[1] + x]
            samples += [(int(row["residual"][0]), False)] if row.size else []
        core = [value for value, near in samples if near]
        if core:
            centre = sum(core) / len(core)
            limit = form.outer * sigma[y, x] * states.STEPS
            kept = [value for value, _ in samples if abs(value - centre) <= limit]
            mean[y, x] = form.level[y, x] + sum(kept) / len(kept) / states.STEPS
    return whole, mean


def test_certified_pixels_are_those_of_clipping_every_sample(series):
    _, form, units = series
    whole, mean = clipped_anew(form, units)
    found = states.product(whole)
    assert found.certified.mean() > 0.98
    np.testing.assert_allclose(found.mean[found.certified], mean[found.certified], rtol=1e-14)


def test_a_moved_pixel_loses_its_certificate_and_is_named(series):
    """A pixel two sigma from its template: sums may hold samples that must be clipped."""
    _, form, units = series
    level = form.level.copy()
    level[5, 5] -= 24
    moved = states.Template(level, form.sigma, form.classes, form.anchor)
    rng = np.random.default_rng(1)
    made = [
        states.of_unit(
            moved, f"unit{k}", form.level + rng.normal(0, 12, SHAPE), np.zeros(SHAPE, bool)
        )
        for k in range(20)
    ]
    assert not states.product(build(moved, made)).certified[5, 5]
    assert states.product(build(form, units)).certified[5, 5]


def test_the_product_is_true_within_its_error():
    pulls = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        truth = rng.normal(9000, 300, SHAPE)
        form = template(rng, truth)
        made = []
        for k in range(16):
            frame = truth + rng.standard_normal(SHAPE) * form.spread(SIGMA)
            hit = rng.random(SHAPE) < 0.003
            frame[hit] += 300 + rng.exponential(500, hit.sum())
            made.append(states.of_unit(form, f"unit{k:02d}", frame, np.zeros(SHAPE, bool)))
        found = states.product(build(form, made))
        difference = found.mean - truth
        # Levels are the template's own: its mean difference from the truth is not the product's.
        for k in range(2):
            where = (form.classes == k) & found.certified
            pull = (difference[where] - np.median(difference[where])) / found.error[where]
            pulls.append(1.4826 * np.median(np.abs(pull)))
    # The scatter of 16 samples gives Student's law of 15 degrees: its MAD is 1.027.
    assert np.mean(pulls) / 1.027 == pytest.approx(1, abs=0.03)


def test_withdrawn_units_must_be_those_that_were_added(series):
    _, form, units = series
    whole = build(form, units[:5])
    with pytest.raises(ValueError, match="exposure07 1 is not in the state"):
        states.remove(whole, units[7])
    with pytest.raises(ValueError, match="exposure02 1 is in both states"):
        states.merge(whole, units[2])
    other = states.of_unit(form, "exposure02 1", form.level + 7.0, np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="exposure02 1 has other samples"):
        states.remove(whole, other)


def test_states_of_two_series_do_not_merge(series):
    _, form, units = series
    other = states.Template(form.level + 1, form.sigma, form.classes, form.anchor)
    unit = states.of_unit(other, "x", form.level.astype(float), np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="two series"):
        states.merge(units[0], unit)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sigma": np.array([12.0, 0.0])}, "not a positive number"),
        ({"sigma": np.array([12.0, 2e4])}, "too large"),
        ({"inner": 4.0}, "inner limit"),
        ({"anchor": np.zeros(SHAPE, bool)}, "no anchor"),
        ({"level": np.zeros((2, 2), np.int32)}, "different shapes"),
    ],
)
def test_templates_that_cannot_serve_are_refused(series, change, text):
    form = series[1]
    values = {name: getattr(form, name) for name in ("level", "sigma", "classes", "anchor")}
    with pytest.raises(ValueError, match=text):
        states.Template(**(values | {"outer": 4.0} | change))


def test_frames_of_another_shape_or_without_anchor_are_refused(series):
    form = series[1]
    with pytest.raises(ValueError, match=r"\(2, 2\) pixels"):
        states.of_unit(form, "x", np.zeros((2, 2)), np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match="no good pixel"):
        states.of_unit(form, "x", np.full(SHAPE, np.nan), np.zeros(SHAPE, bool))
    with pytest.raises(ValueError, match="the name of a unit"):
        states.of_unit(form, "é", form.level.astype(float), np.zeros(SHAPE, bool))


def test_a_state_is_small(series):
    _, form, units = series
    whole = build(form, units)
    sums = whole.count.itemsize + whole.total.itemsize + whole.squares.itemsize
    assert sums <= 20
    assert whole.far.nbytes / whole.count.size / len(units) < 0.12
