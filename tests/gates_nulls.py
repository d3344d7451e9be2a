"""Ramps in which nothing is wrong, with the noise of real electronics, and faults put into them."""

from __future__ import annotations

import numpy as np

from darkroom.gates.rows import RowSums, kinds, places, statistics
from darkroom.gates.units import Units, columns

NY, NX, AMPLIFIERS, REFERENCE = 48, 64, 2, 4
AMPLIFIER = np.repeat(np.arange(AMPLIFIERS), NX // AMPLIFIERS)
PARITY = np.arange(NX) % 2


def reference_pixels():
    found = np.zeros((NY, NX), bool)
    found[:REFERENCE] = found[-REFERENCE:] = True
    return found


def slow_noise(rng, n, amplitude, samples, index=1.0):
    """Return n series with a power law 1/f^index, amplitude at one sample's frequency."""
    frequency = np.fft.rfftfreq(samples)
    frequency[0] = frequency[1]
    spectrum = amplitude * (frequency / frequency[-1]) ** (-index / 2)
    white = rng.standard_normal((n, samples))
    return np.fft.irfft(np.fft.rfft(white) * spectrum, samples)


def ramps(rng, n=10, *, common=1.2, own=0.7, ktc=20.0, pedestal=30.0, amplifier=10.0):
    """Return n frames: 1/f noise that amplifiers share and their own, kTC and read noise, DN."""
    width = NX // AMPLIFIERS
    # The clock runs on between frames: a long series, of which each frame is a part.
    samples = NY * width
    shared = slow_noise(rng, n, common, 4 * samples)[:, :samples]
    frames = np.empty((n, NY, NX))
    for k in range(AMPLIFIERS):
        series = shared + slow_noise(rng, n, own, 4 * samples)[:, :samples]
        frames[:, :, k == AMPLIFIER] = series.reshape(n, NY, width)
        frames[:, :, k == AMPLIFIER] += amplifier * rng.standard_normal((n, 1, 1))
    frames += pedestal * rng.standard_normal((n, 1, 1))
    noise = ktc * rng.standard_normal((n, NY, NX))
    noise[:, reference_pixels()] *= 0.3
    return (frames + noise).astype(np.float32)


def units_of(frames, product=None):
    """Return the statistics of frames as the products make them."""
    n = len(frames)
    reference = reference_pixels()
    offsets = np.stack(
        [
            np.median(frames[:, :, (a == AMPLIFIER) & (p == PARITY)][:, REFERENCE:-REFERENCE],
                      axis=(1, 2))
            for a in range(AMPLIFIERS)
            for p in (0, 1)
        ],
        axis=1,
    )  # fmt: skip
    offsets -= offsets.mean(axis=0)
    aligned = frames - offsets[:, 2 * AMPLIFIER + PARITY][:, None].astype(np.float32)
    mean = aligned.mean(axis=0)
    sums = RowSums(
        n, kinds(AMPLIFIER, PARITY, reference, ~reference), places(AMPLIFIER), AMPLIFIERS
    )
    scale = np.full((NY, NX), aligned.std(axis=0).mean(), np.float32)
    shown = mean - np.float32(np.median(mean)) if product is None else product
    sums.add(slice(0, NY), aligned, mean, scale, shown.astype(np.float32))
    values = columns(statistics(sums, offsets))
    return Units(
        [f"exposure {k}" for k in range(n)],
        np.ones(n, int),
        np.arange(float(n)),
        np.full(n, np.nan),
        list(range(AMPLIFIERS)),
        values,
    )
