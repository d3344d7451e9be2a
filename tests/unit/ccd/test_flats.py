"""Flats compared with each other: the odd one is named, and no other."""

import numpy as np
import pytest
from astropy.io import fits

import ccd_judged
from ccd_judged import refused, warned

SIZE, GAIN, NOISE = 64, 1.5, 8.0
TIMES = (1.0, 1.0, 2.0, 2.0, 4.0, 4.0, 8.0, 8.0)


def write(folder, name, values, exptime, kind, second, **cards):
    hdu = fits.PrimaryHDU(np.rint(values).clip(0, 65535).astype(np.uint16))
    hdu.header.update(
        {"INSTRUME": "Camera", "IMAGETYP": kind, "EXPTIME": exptime, "FILTER": "V",
         "DATE-OBS": f"2026-01-01T00:{second // 60:02d}:{second % 60:02d}.5"} | cards
    )  # fmt: skip
    hdu.writeto(folder / f"{name}.fits")


def light(rng, exptime, pattern, per_second=4000.0):
    return rng.poisson(per_second * exptime * pattern * GAIN) / GAIN


@pytest.fixture
def flats(tmp_path):
    """Give a function that writes bias frames and flats, and what is said of them."""
    rng = np.random.default_rng(5)
    x = np.linspace(-1, 1, SIZE)
    vignette = 1 - 0.2 * (x[:, None] ** 2 + x**2)

    def frame(counts):
        return 1000 + counts + rng.normal(0, NOISE, (SIZE, SIZE))

    def make(times=TIMES, spoil=None):
        for k in range(6):
            write(tmp_path, f"b{k}", frame(0), 0.0, "Bias", k)
        for k, time in enumerate(times):
            counts = light(rng, time, vignette)
            if spoil and spoil[0] == k:
                counts = spoil[1](counts, x)
            write(tmp_path, f"f{k}", frame(counts), time, "Flat", 60 + k)
        patterns = {"bias": ["b*.fits"], "flat": ["f*.fits"]}
        return ccd_judged.table(tmp_path, tmp_path / "raw", patterns)

    return make


@pytest.mark.parametrize("times", [TIMES, TIMES[:3], (0.05, 0.05, 0.2, 0.2, 8.0, 8.0)])
def test_flats_of_a_lamp_pass(flats, times):
    rows = flats(times)
    assert not refused(rows)
    assert not warned(rows)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda counts, x: 0 * counts * x, "holds no light: its level is"),
        (lambda counts, x: counts * (1 + 0.3 * x), "its illumination deviates by up to"),
        (lambda counts, x: counts * (x[:, None] < 0.2), "its illumination deviates by up to"),
        (lambda counts, x: 0 * counts * x + 70000, "it holds no image"),
    ],
    ids=["closed", "gradient", "incomplete", "saturated"],
)
def test_the_odd_flat_is_named_and_no_other(flats, spoil, words):
    rows = flats(spoil=(5, spoil))
    assert not refused(rows)
    said = warned(rows)
    assert list(said) == ["f5"]
    assert words in said["f5"]


def test_flats_of_two_filters_are_not_compared(flats, tmp_path):
    rng = np.random.default_rng(6)
    x = np.linspace(-1, 1, SIZE)
    for k in range(3):
        counts = light(rng, 2.0, 1 - 0.7 * np.abs(x))
        write(tmp_path, f"fr{k}", 1000 + counts, 2.0, "Flat", 200 + k, FILTER="R")
    assert not warned(flats())
