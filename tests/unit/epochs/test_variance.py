"""States of variances: the laws to the bit, the noise true within its error, files."""

from functools import reduce

import numpy as np
import pytest

from darkroom.epochs import laws, variance
from darkroom.epochs import state as states
from darkroom.epochs.state_file import load, save
from darkroom.errors import InputError

SHAPE = (20, 24)
CARDS = {"PRODUCT": ("readnoise", "product")}
GROUPS = 6


def template(sigma=(8.0, 11.0)):
    classes = np.zeros(SHAPE, np.uint8)
    classes[:, 12:] = 1
    classes[0, 0] = states.NO_CLASS
    whole = np.zeros(SHAPE, bool)
    whole[3, 3] = True
    return variance.VarianceTemplate(np.array(sigma), classes, whole, ("left", "right"), 2.0)


@pytest.fixture(scope="module")
def series():
    rng = np.random.default_rng(3)
    form = template()
    truth = np.where(form.classes == 1, 11.0, 8.0)
    made = []
    for k in range(40):
        dof = np.full(SHAPE, GROUPS - 2)
        dof[rng.random(SHAPE) < 0.02] = 0
        squares = truth**2 * rng.chisquare(np.maximum(dof, 1))
        squares[2, 2] = np.nan
        made.append(variance.of_unit(form, f"exposure{k:02d} 1", squares, dof, 60000 + k))
    return truth, form, made


def build(form, units):
    return reduce(laws.merge, units, variance.empty(form))


def test_a_thousand_random_moves_equal_the_rebuild(series):
    _, form, units = series
    rng = np.random.default_rng(4)
    whole, inside = variance.empty(form), set()
    for _ in range(1000):
        k = int(rng.integers(len(units)))
        whole = laws.remove(whole, units[k]) if k in inside else laws.merge(whole, units[k])
        inside ^= {k}
    assert laws.equal(whole, build(form, [units[k] for k in sorted(inside, reverse=True)]))


def test_merging_in_any_order_is_one_state(series):
    _, form, units = series
    one, two = build(form, units[:13]), build(form, units[13:])
    assert laws.equal(laws.merge(one, two), laws.merge(two, one))
    assert laws.equal(laws.merge(one, two), build(form, units[::-1]))
    assert laws.equal(laws.remove(laws.merge(one, two), two), one)


def test_the_noise_is_true_within_its_error(series):
    truth, form, units = series
    found = variance.product(build(form, units))
    assert np.isnan(found.noise[0, 0])
    assert np.isnan(found.noise[2, 2])
    pull = ((found.noise - 2 * truth) / found.error)[np.isfinite(found.noise)]
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size) + 0.05
    assert np.std(pull) == pytest.approx(1, abs=0.1)
    scatter = np.sqrt(build(form, units).spread.mean(axis=0))
    np.testing.assert_allclose(scatter, [8.0, 11.0], rtol=0.03)


def test_a_state_comes_back_to_the_bit_and_is_small(series, tmp_path):
    _, form, units = series
    whole = build(form, units)
    path = tmp_path / "state.fits"
    save(path, whole, CARDS, made_by="test", inputs=[])
    found, cards = load(path)
    assert laws.equal(found, whole)
    assert cards == {"PRODUCT": "readnoise"}
    pixels = whole.dof.nbytes + whole.total.nbytes + form.classes.nbytes + form.whole.nbytes
    assert pixels / whole.dof.size <= 14
    data = bytearray(path.read_bytes())
    data[2880 * 4 + 200] ^= 4
    path.write_bytes(data)
    with pytest.raises(InputError):
        load(path)


def test_states_of_two_laws_or_series_do_not_merge(series):
    _, form, units = series
    other = variance.of_unit(
        template((8.0, 12.0)), "x 1", np.ones(SHAPE), np.full(SHAPE, 4), 60000.0
    )
    with pytest.raises(ValueError, match="of two series"):
        laws.merge(units[0], other)
    with pytest.raises(ValueError, match="is in both states"):
        laws.merge(units[0], units[0])
    with pytest.raises(ValueError, match="is not in the state"):
        laws.remove(units[0], units[1])
    mean = states.empty(
        states.Template(
            np.zeros(SHAPE, np.int32), np.ones(2), form.classes, np.ones(SHAPE, bool), form.names
        )
    )
    with pytest.raises(ValueError, match="sums of different kinds"):
        laws.merge(units[0], mean)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"sigma": np.array([1.0, 0.0])}, "not a positive number"),
        ({"names": ("left", "left")}, "names of their own"),
        ({"whole": np.zeros((2, 2), bool)}, "different shapes"),
        ({"factor": 0.0}, "not a positive number"),
    ],
)
def test_templates_that_cannot_serve_are_refused(change, text):
    form = template()
    values = {name: getattr(form, name) for name in ("sigma", "classes", "whole", "names")}
    with pytest.raises(ValueError, match=text):
        variance.VarianceTemplate(**(values | change))


def test_units_that_cannot_be_added_are_refused():
    form, dof = template(), np.full(SHAPE, 4)
    with pytest.raises(ValueError, match="letters, digits"):
        variance.of_unit(form, "a\n", np.ones(SHAPE), dof)
    with pytest.raises(ValueError, match="the series has"):
        variance.of_unit(form, "a", np.ones((3, 3)), np.ones((3, 3), int))
    with pytest.raises(ValueError, match="no pixel of any class has data"):
        variance.of_unit(form, "a", np.ones(SHAPE), np.zeros(SHAPE, int))
    with pytest.raises(ValueError, match="too large"):
        variance.of_unit(form, "a", np.full(SHAPE, 1e14), dof)
