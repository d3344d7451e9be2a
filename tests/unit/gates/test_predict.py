"""The scatter that a noise spectrum predicts, against ramps simulated with that spectrum."""

import numpy as np
import pytest
from scipy import fft

from darkroom.gates.budget import threshold
from darkroom.gates.statistic import mean_of
from darkroom.nircam.detector.readout import ORIENTATION, PIXEL_TIME, Readout
from darkroom.nircam.gating.gates import SUPERBIAS
from darkroom.nircam.gating.predict import TRUST, believed, scatter, weights
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.spectrum.model import FittedModel, Layout, common_spectrum, own_spectrum

# Noise of a pixel in group 0: kTC and read noise; of a reference pixel, the white noise of a read.
KTC, READ = 20.6, 4.7


def readout_of(ny):
    return Readout("NRCA1", "FULL" if ny == 2048 else f"SUBGRISM{ny}", *ORIENTATION["NRCA1"], 1, 1,
                   2048, ny, 4)  # fmt: skip


def noise_of(readout):
    """Return the noise of active and of reference pixels, which have no kTC noise."""
    return np.repeat([[KTC], [READ]], readout.noutputs, axis=1)


def law(noutputs):
    """The law of the specification: common 0.24 and 3.2 excess, own 0.07 DN²/Hz at 1 Hz."""
    layout = Layout(noutputs, excess=True)
    values = dict.fromkeys(layout.names, 0.0)
    values |= {"common": np.log(0.24 / 30), "common_index": 1.0, "excess": np.log(3.2),
               "excess_knee": np.log(2.0)}  # fmt: skip
    for a in range(noutputs):
        values |= {f"white_{a}": np.log(1e-12), f"own_{a}": np.log(0.07 / 100),
                   f"own_index_{a}": 1.0, f"alternating_{a}": np.log(1e-12),
                   f"alternating_index_{a}": 1.0}  # fmt: skip
    numbers = np.array([values[name] for name in layout.names])
    return FittedModel(layout, numbers, np.zeros((len(numbers),) * 2), 4.0)


def drawn(rng, model, readout, n):
    """Return the clock series of n frames: (n, noutputs, ticks), DN."""
    length = fft.next_fast_len(8 * readout.ticks, real=True)
    frequency = fft.rfftfreq(length, PIXEL_TIME)
    frequency[0] = frequency[1]
    half = 0.5 / PIXEL_TIME
    spectra = [common_spectrum(frequency, model.layout, model.values)[0]]
    for a in range(readout.noutputs):
        start = model.layout.names.index(f"white_{a}")
        parts = own_spectrum(np.minimum(frequency, half * (1 - 1e-9)), half,
                             model.values[start : start + 5])  # fmt: skip
        spectra.append(parts[1] + parts[2] + parts[4])
    found = np.empty((n, readout.noutputs, readout.ticks))
    for k in range(n):
        series = []
        for spectrum in spectra:
            wave = fft.rfft(rng.standard_normal(length)) * np.sqrt(spectrum / 2 / PIXEL_TIME)
            wave[0] = 0
            series.append(fft.irfft(wave, length)[: readout.ticks])
        found[k] = np.array(series[1:]) + series[0]
    return found


@pytest.mark.heavy
def test_the_predicted_scatter_is_that_of_simulated_ramps():
    readout = readout_of(64)
    classes, model = Classes.of_layout(readout), law(readout.noutputs)
    expected = scatter(model, readout, classes, noise_of(readout))
    rng = np.random.default_rng(4)
    series = drawn(rng, model, readout, 120)
    values = {name: np.empty((120, readout.noutputs)) for name in expected}
    for a in range(readout.noutputs):
        for name, image in weights(classes, a).items():
            clock = readout.to_clock(readout.flip(image))[a]
            scale = np.where(classes.reference, READ, KTC)
            pixels = np.sqrt(((scale * image) ** 2).sum()) * rng.standard_normal(120)
            values[name][:, a] = series[:, a] @ clock + pixels
    for name, found in values.items():
        ratio = np.sqrt((found.var(axis=0, ddof=1) / expected[name] ** 2).mean())
        print(name, "found over predicted", round(float(ratio), 3), expected[name].round(3))
        # 120 ramps of four amplifiers, of which the common noise counts once: 6.5 %.
        assert ratio == pytest.approx(1, abs=0.15)
    agreed = [believed({k: v[i : i + 10] for k, v in values.items()}, expected)
              for i in range(0, 120, 10)]  # fmt: skip
    assert np.mean(np.array(agreed) < 0.001) <= 0.1
    wrong = {name: 0.5 * one for name, one in expected.items()}
    assert all(believed({k: v[i : i + 10] for k, v in values.items()}, wrong) < 0.001
               for i in range(0, 120, 10))  # fmt: skip


@pytest.mark.heavy
def test_with_a_prediction_ten_ramps_show_what_the_specification_says():
    """Section 8: amplifier step, slow gradient, parity, fast gradient in 95 %, 10 ramps."""
    readout = readout_of(2048)
    classes = Classes.of_layout(readout)
    expected = scatter(law(4), readout, classes, noise_of(readout))
    rng, chance, n = np.random.default_rng(5), 0.001 / 200, 10
    limits = {"level": 7.0, "slow": 7.0, "parity": 0.4, "fast": 0.1}
    for name, limit in limits.items():
        s0 = float(expected[name][1])
        seen, own = 0, 0
        for _ in range(400):
            values = limit + s0 * rng.standard_normal(n)
            one, alone = mean_of(values, predicted=s0, weight=TRUST), mean_of(values)
            seen += abs(one.t) > threshold(chance, one.dof)
            own += abs(alone.t) > threshold(chance, alone.dof)
        print(name, "s0", round(s0, 4), "DN; seen at", limit, "DN:", seen / 4, "%, without:",
              own / 4, "%")  # fmt: skip
        assert seen >= 0.95 * 400
    assert {one.family for one in SUPERBIAS} >= set(limits)
