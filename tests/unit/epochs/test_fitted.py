"""Numbers that several units tell together: the fit is right, its error true, and it merges."""

from functools import reduce

import numpy as np
import pytest

from darkroom.epochs import fitted, laws, table
from darkroom.epochs.folder import epochs_of
from darkroom.epochs.merging import write_product
from darkroom.epochs.state_file import save
from darkroom.epochs.trends import judge, series_of
from darkroom.errors import InputError

FORM = table.TableTemplate(
    ("gain", "bend"),
    ("e-/ADU", ""),
    rows={fitted.LEVEL: 1, fitted.SIGMA: 1},
    constants={fitted.INVERSE: np.array([1.0, 0.0])},
)
SIGNAL = np.repeat([2e3, 1e4, 2e4, 3e4], 3)
GAIN, BEND = 2.5, -1e-6


def state(rng, day=0.0, gain=GAIN, scale=1.0):
    """State of twelve pairs of flats; `scale` is the true error over the one that is expected."""
    units = []
    for k, signal in enumerate(SIGNAL):
        sigma = 0.003 * signal / GAIN
        level = signal / gain + BEND * signal**2 + scale * sigma * rng.standard_normal()
        rows = {fitted.LEVEL: level, fitted.SIGMA: sigma}
        row = np.array([signal, signal**2])
        name = f"{day:05.0f} {k:02d}"
        units.append(table.of_unit(FORM, name, row, 60000 + day + k / 100, rows=rows))
    return reduce(laws.merge, units, table.empty(FORM))


@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_the_fit_is_right_and_its_error_that_of_the_scatter(scale):
    """Two thousand fits: the scatter of their pulls is known to 0.016."""
    rng = np.random.default_rng(3)
    found = [table.product(state(rng, scale=scale)) for _ in range(2000)]
    mean = np.array([one.mean for one in found])
    error = np.array([one.error for one in found])
    spread = mean.std(axis=0, ddof=1)
    assert (np.abs(mean.mean(axis=0) - [GAIN, BEND]) < 4 * spread / np.sqrt(2000)).all()
    np.testing.assert_allclose(np.sqrt(np.mean(error**2, axis=0)), spread, rtol=0.1)


def test_values_of_the_units_have_the_weighted_fit_as_their_mean():
    made = state(np.random.default_rng(5))
    values = fitted.of_units(made, np.arange(12))
    weight = 1 / made.rows[fitted.SIGMA][:, 0]
    design = made.values * weight[:, None]
    expected = np.linalg.lstsq(design, made.rows[fitted.LEVEL][:, 0] * weight, rcond=None)[0]
    np.testing.assert_allclose(values.mean(axis=0), [1 / expected[0], expected[1]], rtol=1e-9)


def test_a_step_of_the_gain_is_found_and_nothing_else_is_said():
    rng = np.random.default_rng(7)
    epochs = [
        epochs_of(f"{k}", state(rng, 60.0 * k, GAIN if k < 7 else 1.01 * GAIN), "", 10)[0]
        for k in range(12)
    ]
    gain, bend = judge(series_of(epochs), 0.01)
    assert (gain.changed, bend.changed) == (True, False)
    assert gain.word == "step"
    assert [one.first for one in gain.partition.changes] == [7]
    assert abs(gain.scan.size - 0.01 * GAIN) < 3 * gain.scan.error


def test_false_steps_of_fitted_numbers_are_as_rare_as_asked():
    """Six hundred series of twelve epochs: at 1 % six are expected, and 13 have a chance of 1 %."""
    rng = np.random.default_rng(11)
    alarms = 0
    for _ in range(300):
        epochs = [epochs_of(f"{k}", state(rng, 60.0 * k), "", 10)[0] for k in range(12)]
        alarms += sum(one.p <= 0.01 for one in judge(series_of(epochs), 0.01))
    assert alarms <= 13


def test_an_epoch_of_a_state_is_fitted_by_its_own_units():
    rng = np.random.default_rng(2)
    one, two = state(rng, 0.0), state(rng, 60.0, 1.1 * GAIN)
    parts = epochs_of("both", laws.merge(two, one), "", 10)
    assert [part.name for part in parts] == ["both 1", "both 2"]
    for part, alone in zip(parts, (one, two), strict=True):
        expected = laws.quantities(alone, "")
        for k in range(2):
            np.testing.assert_array_equal(part.quantities[k].values, expected[k].values)


def test_numbers_that_the_units_do_not_tell_are_missing(tmp_path):
    whole = state(np.random.default_rng(2))
    # Three pairs of one signal, two pairs, three pairs of two signals: the last leaves a scatter.
    for which, told in (([0, 1, 2], False), ([0, 3], False), ([0, 3, 4], True)):
        values = fitted.of_units(whole, np.array(which))
        assert np.isfinite(values).all() == told
        assert np.isnan(values).all() != told
    part = table.of_unit(FORM, "x", np.array([1e3, 1e6]), 6e4, rows={"LEVEL": 1.0, "SIGMA": 1.0})
    save(tmp_path / "x.fits", part, {}, made_by="test", inputs=[])
    with pytest.raises(InputError, match="1 units do not tell any of gain, bend"):
        write_product(part, {}, [tmp_path / "x.fits"], tmp_path / "y.fits")


def test_one_amplifier_without_light_does_not_touch_the_other():
    """Its gain is missing, the other's is that of a state without it, with the same error."""
    form = table.TableTemplate(
        ("gain of A", "gain of B"), ("e-/ADU",) * 2, rows={fitted.LEVEL: 1, fitted.SIGMA: 1},
        constants={fitted.INVERSE: np.ones(2)},
    )  # fmt: skip

    def made(rng, lit, only=None):
        whole = table.empty(form)
        for k, signal in enumerate(SIGNAL):
            sigma = 0.003 * signal / GAIN
            level = signal / GAIN + sigma * rng.standard_normal()
            for column, name in enumerate("AB"):
                if only not in (None, name):
                    continue
                dark = name == "B" and k >= lit
                row = np.zeros(2)
                row[column] = 0 if dark else signal
                rows = {
                    fitted.LEVEL: np.nan if dark else level,
                    fitted.SIGMA: np.nan if dark else sigma,
                }
                unit = table.of_unit(form, f"{k:02d} {name}", row, 6e4 + k / 100, rows=rows)
                whole = laws.merge(whole, unit)
        return whole

    # No light, and light in one pair: of neither the gain is known with an error.
    for lit in (0, 1):
        found = table.product(made(np.random.default_rng(3), lit))
        alone = table.product(made(np.random.default_rng(3), lit, "A"))
        assert found.mean[0] == pytest.approx(alone.mean[0], rel=1e-12)
        assert found.error[0] == pytest.approx(alone.error[0], rel=0.06)
        assert np.isnan([found.mean[1], found.error[1]]).all()
    found = table.product(made(np.random.default_rng(3), 4))
    assert np.isfinite(found.error).all()
