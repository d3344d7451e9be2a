"""VAR_RNOISE against what the noise spectrum predicts of the rates of darks."""

import numpy as np
import pytest
from scipy import fft

from darkroom.nircam.counterfactual import closure as closing
from darkroom.nircam.counterfactual.closure import Ramp, closure, predicted_scatter
from darkroom.nircam.counterfactual.consumer import Fitted
from darkroom.nircam.counterfactual.results import Pair
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.spectrum.model import FittedModel, Layout
from darkroom.nircam.spectrum.numbers import model_spectra

READOUT = readout("NRCALONG", "SUB64P")
LAYOUT = Layout(1, excess=False)
GAIN = 2.0


def law(white=3e-3, own=0.05, index=1.0, error=1e-3):
    values = np.array([np.log(white), np.log(own), index, np.log(1e-9), 1.0])
    return FittedModel(LAYOUT, values, error**2 * np.eye(5), 1.0)


def rates(fit, ramp, number, rng):
    """Return rates of ramps of noise of a law, less the level of each frame: (number, ticks)."""
    frames = ramp.ngroups * ramp.frames
    count = frames * READOUT.ticks
    length = fft.next_fast_len(2 * count, real=True)
    frequency = fft.rfftfreq(length, PIXEL_TIME)
    frequency[[0, -1]] = frequency[[1, -2]]
    parts = model_spectra(fit, frequency, 0.5 / PIXEL_TIME)
    power = (parts["white"] + parts["own"])[0] * length / PIXEL_TIME / 4
    place = np.arange(ramp.ngroups) - (ramp.ngroups - 1) / 2
    kept, found = closing.PATTERNS[ramp.pattern][0], []
    for _ in range(number):
        wave = rng.standard_normal(frequency.size) + 1j * rng.standard_normal(frequency.size)
        series = fft.irfft(wave * np.sqrt(power), length)[:count]
        groups = series.reshape(ramp.ngroups, ramp.frames, -1)[:, :kept].mean(axis=1)
        groups -= groups.mean(axis=1, keepdims=True)
        found.append(place @ groups / (place**2).sum() / (ramp.frames * READOUT.frame_time))
    return np.array(found)


@pytest.mark.parametrize("ramp", [Ramp("RAPID", 8, GAIN), Ramp("BRIGHT2", 5, GAIN)])
@pytest.mark.parametrize(("own", "index"), [(1e-9, 1.0), (0.05, 1.0), (0.2, 1.2)])
def test_rates_scatter_as_the_spectrum_says(ramp, own, index):
    fit = law(own=own, index=index)
    variance, error = predicted_scatter(fit, READOUT, ramp)
    found = rates(fit, ramp, 24, np.random.default_rng(5)).var(axis=1)
    assert found.mean() == pytest.approx(variance[0], abs=4 * found.std() / np.sqrt(24))
    assert 0 < error[0] < 0.01 * variance[0]


def darks(fit, ramp, quoted, count=6, level=0.0):
    """Return darks of two integrations, whose files quote the root of some variances."""
    rng, pairs = np.random.default_rng(8), []
    shape = (64, READOUT.ticks // 64)
    for k in range(count):
        rate = rates(fit, ramp, 2, rng)[:, : shape[0] * shape[1]].reshape(2, *shape)
        if level:
            duration = (ramp.ngroups - 1) * ramp.frames * READOUT.frame_time
            share = 1.2 * level / GAIN / duration * (ramp.ngroups**2 + 1)
            share /= ramp.ngroups * (ramp.ngroups + 1)
            rate += level + np.sqrt(share) * rng.standard_normal(rate.shape)
        flags = np.zeros((2, 3, *shape), np.uint8)
        both = [
            Fitted(rate, rate, np.full(rate.shape, one**2), flags, flags[0, 0]) for one in quoted
        ]
        pairs.append(Pair(f"e{k}", (rate, rate), tuple(both)))
    return pairs, {"all pixels": np.ones(shape, bool)}


@pytest.mark.parametrize("level", [0.0, 50.0])
def test_a_map_of_another_size_is_told_by_its_factor(level):
    fit, ramp = law(), Ramp("RAPID", 8, GAIN)
    right = float(np.sqrt(predicted_scatter(fit, READOUT, ramp)[0][0]))
    pairs, classes = darks(fit, ramp, (1.2 * right, right), level=level)
    (scatter, new, old), sentence = closure(pairs, classes, fit, READOUT, ramp)
    assert abs(scatter.shift) <= 3 * scatter.error
    assert scatter.error < 0.02
    assert new.shift == pytest.approx(0.2, abs=1e-6)
    assert old.shift == pytest.approx(0.0, abs=1e-6)
    assert "as expected" in sentence
    assert "+20.0 % from that prediction with the candidate" in sentence


def test_rates_that_scatter_more_than_predicted_are_said():
    fit, ramp = law(), Ramp("RAPID", 8, GAIN)
    pairs, classes = darks(law(white=5e-3), ramp, (1.0, 1.0))
    (scatter, *_), sentence = closure(pairs, classes, fit, READOUT, ramp)
    assert scatter.shift > 10 * scatter.error
    assert "beyond three errors" in sentence


def test_darks_of_one_integration_say_so():
    fit, ramp = law(), Ramp("RAPID", 8, GAIN)
    pairs, classes = darks(fit, ramp, (1.0, 1.0), count=2)
    alone = [
        Pair(one.name, one.first, tuple(
            Fitted(f.rate[:1], f.error[:1], f.var_rnoise[:1], f.flags[:1], f.pixel_flags)
            for f in one.fitted
        ))
        for one in pairs
    ]  # fmt: skip
    rows, sentence = closure(alone, classes, fit, READOUT, ramp)
    assert not rows
    assert "one integration" in sentence
