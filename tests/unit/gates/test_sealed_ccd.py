"""Sealed faults of CCD products, and false alarms of clean frames: small frames."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.dq import DQ
from darkroom.ccd.gating.gates import hot_pixels, of_frames
from darkroom.ccd.gating.harms import HARMS
from darkroom.ccd.stack.units import frame_statistics
from darkroom.gates.harms import of_product
from darkroom.gates.standard import set_gates, unit_gates, written_gates
from darkroom.gates.units import Units
from darkroom.gates.written import parts_of, slope_of, variance_slope
from sealed_faults import assert_found, assert_quiet

N, NY, NX, NOISE = 20, 64, 96, 10.6
READ = of_product(HARMS, "read_noise")
NAMES = [f"frame{k}" for k in range(N)]


def frames_of(rng, hot=0.0):
    """Return frames with a fixed pattern, wandering levels and noise of rows, ADU."""
    pattern = 16 * rng.standard_normal((NY, NX)) + hot * (rng.uniform(size=(NY, NX)) < 0.02)
    frames = pattern + rng.normal(0, 1.4, (N, 1, 1)) + rng.normal(0, 0.3, (N, NY, 1))
    scale = np.exp(0.15 * rng.standard_normal((NY, NX)))  # pixels differ in noise
    return (frames + NOISE * scale * rng.standard_normal((N, NY, NX))).astype(np.float32)


def faulty(frames, one):
    """Put a fault into the frames of an exposure."""
    unit, amplitude = one.unit, np.float32(one.amplitude)
    if one.fault == "light leak":
        frames[unit] += amplitude * np.linspace(-1, 1, NY, dtype=np.float32)[:, None]
    if one.fault == "one bad exposure":
        frames[unit] *= amplitude
    if one.fault == "wrong gain card":
        middle = np.median(frames[unit])
        frames[unit] = middle + amplitude * (frames[unit] - middle)
    if one.fault == "one noisy exposure":
        rng = np.random.default_rng([one.seed, 1])
        frames[unit] += amplitude * rng.normal(0, NOISE, (NY, NX)).astype(np.float32)
    if one.fault == "repeated exposure":
        frames[unit] = frames[(unit + 3) % N]
    if one.fault == "repeated at another level":
        frames[unit] = frames[(unit + 3) % N] + np.rint(amplitude)
    return frames[: N - int(amplitude)] if one.fault == "truncated set" else frames


def units_of(frames, mean):
    offsets = np.median(frames - mean, axis=(1, 2))
    values = frame_statistics(frames, mean, offsets, NOISE, slice(0, NX))
    n = len(frames)
    return Units(NAMES[:n], np.ones(n, int), np.arange(float(n)), np.full(n, np.nan), [0], values)


def written_as(image, one):
    return {
        "flip": image[:, ::-1],
        "wrong half": np.roll(image, NY // 2, axis=0),
        "swapped amplifier": np.roll(image, NX // 2, axis=1),
        "sqrt2": image * np.sqrt(2),
    }.get(one.fault, image)


def image_gates(one, hot=0.0, product="master_bias", tolerance=0.01):
    """Return the gates of a master bias, or of a dark rate, whose hot pixels are the pattern."""
    frames = faulty(frames_of(np.random.default_rng(one.seed), hot), one)
    mean = frames.mean(axis=0)
    units = units_of(frames, mean)
    written = written_as(mean, one)
    names, parts = parts_of(np.zeros(NX, int), NY)
    reach = {"reach": np.inf} if hot else {}
    slopes = np.array([[slope_of(frame[half].ravel(), written[half].ravel(), **reach)
                        for half, _ in parts] for frame in frames])  # fmt: skip
    gates = set_gates(units, NAMES) + unit_gates(units, of_frames(NOISE, "adu"))
    return gates + written_gates(
        slopes, names, of_product(HARMS, product)["written"], {}, tolerance=tolerance,
        measured="slope",
    )  # fmt: skip


def noise_gates(one):
    frames = faulty(frames_of(np.random.default_rng(one.seed)), one)
    n = len(frames)
    units = units_of(frames, frames.mean(axis=0))
    noise = written_as(frames.std(axis=0, ddof=1), one)
    names, parts = parts_of(np.zeros(NX, int), NY)
    deviation = frames - frames.mean(axis=0)
    square = deviation**2 * n / (n - 1)
    slopes = np.array([[variance_slope(frame[half].ravel(), noise[half].ravel() ** 2)
                        for half, _ in parts] for frame in square])  # fmt: skip
    chosen = [each for each in of_frames(NOISE, "adu") if each.family == "noise"]
    gates = set_gates(units, NAMES) + unit_gates(units, chosen)
    values = units.values["lnvar"] + np.log(n / (n - 1)) - 2 * np.log(np.median(noise))
    gates += written_gates(values, ["size"], READ["scale"], {}, tolerance=0.1, measured="size",
                           expected=0.0)  # fmt: skip
    return gates + written_gates(slopes, names, READ["written"], {}, tolerance=0.3,
                                 measured="slope")  # fmt: skip


def hot_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    hot = rng.uniform(size=(NY, NX)) < 0.01
    rate = rng.normal(0.1, 0.02, hot.shape) + 5 * hot
    flags = written_as(np.where(hot, int(DQ.HOT), 0).astype(np.int16), one)
    half = rng.uniform(2, 5, 60)
    second = half * np.exp(rng.normal(0, 0.03, 60))
    if one.fault == "warmer":
        second *= one.amplitude
    columns = [fits.Column(name, "D", array=values)
               for name, values in (("EARLY", half), ("LATE", second))]  # fmt: skip
    table = fits.BinTableHDU.from_columns(columns, name="HOTTEST")
    for name, hdus in (("hot.fits", [fits.ImageHDU(flags, name="DQ"), table]),
                       ("rate.fits", [fits.ImageHDU(rate, name="SCI")])):  # fmt: skip
        fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(folder / name, overwrite=True)
    return hot_pixels(folder / "hot.fits", folder / "rate.fits", {})


FILE = {"flip": (1, 1), "wrong half": (1, 1), "swapped amplifier": (1, 1)}
SET = {"repeated exposure": (1, 1), "repeated at another level": (-5, 5), "truncated set": (1, 4)}
CASES = {
    "master bias": (lambda one, _: image_gates(one), FILE | SET | {
        "sqrt2": (1, 1), "light leak": (3, 20), "one bad exposure": (1.3, 2),
        "wrong gain card": (1.3, 3),
    }),
    "dark rate": (lambda one, _: image_gates(one, 300.0, "dark_rate", 0.02), FILE | SET | {
        "sqrt2": (1, 1), "light leak": (3, 20), "one bad exposure": (1.3, 2),
        "wrong gain card": (1.3, 3),
    }),
    "read noise": (lambda one, _: noise_gates(one), FILE | SET | {
        "sqrt2": (1, 1), "wrong gain card": (1.3, 3), "one noisy exposure": (1, 3),
    }),
    "hot pixels": (hot_gates, FILE | {"warmer": (1.2, 2)}),
}  # fmt: skip


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_sealed_faults_are_found_in_50_of_50_draws(product, tmp_path):
    made, faults = CASES[product]
    assert_found(product, lambda one: made(one, tmp_path), faults, 20261201, units=N, amplifiers=1)


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(product, tmp_path):
    made, _ = CASES[product]
    assert_quiet(product, lambda one: made(one, tmp_path))
