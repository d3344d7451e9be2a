"""Frames of the simulated CCD camera: what one exposure adds to the camera, and its header."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.simulate.camera import AREA, amplifier_columns, complete, dark_factor, truth
from darkroom.simulate.settings import stream

if TYPE_CHECKING:
    from darkroom.ccd.simulate.exposures import Exposure


def frame(
    settings: Mapping[str, Any],
    exposure: Exposure,
    hidden: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Simulate one frame.

    Parameters
    ----------
    settings : dict
        Of `darkroom.ccd.simulate.settings.Simulation`; the others keep their defaults.
    exposure : Exposure
        One of `plan(settings)`.
    hidden : dict, optional
        `truth(settings)`, which is the same for all frames; computed when not given.

    Returns
    -------
    image : (ny, nx) uint16 array
        ADU, as the camera delivers it.
    cards : list of (keyword, value[, comment])
        The header cards that the camera writes.
    """
    full = complete(settings)
    hidden = truth(settings) if hidden is None else hidden
    shape, gain, name = tuple(full["shape"]), full["gain"], exposure.name
    time = exposure.exptime * dark_factor(settings, exposure.temperature)

    def poisson(component, adu):
        """Return counts drawn around a mean, both in ADU."""
        return stream(full, component, name).poisson(adu * gain) / gain

    image = hidden["bias"] + frame_offset(settings, exposure)
    noise = np.sqrt(hidden["read_noise"] ** 2 - 1 / 12)
    image += noise * stream(full, "read", name).standard_normal(shape)
    image += _rows(full, exposure)
    for number, columns in enumerate(amplifier_columns(full)):
        image[:, columns] += number * full["amplifier_step"] + _drift(full, exposure, number)
    image += poisson("dark", hidden["base_rate"] * time)
    for component in ("hot", "warm", "dramatic"):
        rate = hidden[f"{component}_rate"]
        image[rate > 0] += poisson(f"{component}_dark", rate[rate > 0] * time)
    up = stream(full, "telegraph", name).random(shape) < 0.5
    image += hidden["unstable_rate"] * time * up
    _add_cosmic_rays(full, exposure, image)
    if exposure.role == "science":
        image += poisson("sky", np.full(shape, full["sky_rate"] * exposure.exptime))
        image += poisson("starlight", _starlight(full, hidden["stars"]) * exposure.exptime)
    if exposure.role == "flat":
        image += _flat_light(full, exposure)
    image = np.clip(np.rint(image), 0, full["saturation"]).astype(np.uint16)
    return image, _cards(exposure)


def planes(
    settings: Mapping[str, Any],
    exposure: Exposure,
    hidden: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[np.ndarray], list[tuple[Any, ...]]]:
    """Simulate one frame as its amplifiers write it.

    Parameters
    ----------
    settings, exposure, hidden
        As of `frame`.

    Returns
    -------
    images : list of (ny, nx) uint16 arrays
        One for each amplifier, the overscan on its right.
    cards : list of (keyword, value[, comment])
        The header cards that the camera writes.
    """
    full = complete(settings)
    image, cards = frame(full, exposure, hidden)
    found = [image[:, columns] for columns in amplifier_columns(full)]
    if full["overscan"]:
        found = [
            np.hstack([part, _strip(full, exposure, number)]) for number, part in enumerate(found)
        ]
    return found, cards


def frame_offset(settings: Mapping[str, Any], exposure: Exposure) -> float:
    """Return the offset of an exposure in ADU, the same for all its pixels."""
    full = complete(settings)
    return full["offset_rms"] * stream(full, "offset", exposure.name).standard_normal()


def _strip(full, exposure, number):
    """Return the overscan columns of an amplifier: its level, drifts and read noise."""
    shape = full["shape"][0], full["overscan"]["columns"]
    level = full["level"] + number * full["amplifier_step"] + frame_offset(full, exposure)
    noise = stream(full, f"overscan_{number}", exposure.name).standard_normal(shape)
    strip = level + _drift(full, exposure, number) + _rows(full, exposure)
    strip = strip + full["read_noise"] * noise
    return np.clip(np.rint(strip), 0, full["saturation"]).astype(np.uint16)


def _rows(full, exposure):
    """Return the offset common to the pixels of each row: (ny, 1), ADU."""
    rows = stream(full, "row", exposure.name).standard_normal((full["shape"][0], 1))
    return full["row_noise"] * rows


def _drift(full, exposure, number):
    """Return the drift of an amplifier's level along the rows of a frame: (ny, 1), ADU."""
    ny = full["shape"][0]
    if not full["overscan"] or not full["overscan"]["drift"]:
        return np.zeros((ny, 1))
    slope, wave, phase = stream(full, f"drift_{number}", exposure.name).standard_normal(3)
    x = np.linspace(-1, 1, ny)[:, None]
    shape = slope * np.sqrt(3) * x + wave * np.sqrt(2) * np.sin(2 * np.pi * (x + phase))
    return full["overscan"]["drift"] / np.sqrt(2) * shape


def _flat_light(full, exposure):
    """Return the signal of a flat, ADU: response, shot noise, full well, non-linearity."""
    shape = tuple(full["shape"])
    response = 1 + full["prnu"] * stream(full, "prnu").standard_normal(shape)
    lamp = 1 + full["flat_drift"] * stream(full, "lamp", exposure.name).standard_normal()
    mean = full["flat_rate"] * exposure.exptime * lamp * np.maximum(response, 0) * full["gain"]
    charge = stream(full, "flat", exposure.name).poisson(mean).astype(float)
    if full["full_well"]:
        charge = np.minimum(charge, full["full_well"])
    signal = charge / full["gain"]
    return signal * (1 - full["nonlinearity"] * signal / 65535)


def _add_cosmic_rays(full, exposure, image):
    """Add cosmic rays of one to three pixels in a row, with a mean charge of 300 ADU."""
    rng = stream(full, "cosmic", exposure.name)
    ny, nx = image.shape
    hits = rng.poisson(full["cosmic_rays"] * exposure.exptime * image.size / AREA)
    for _ in range(hits):
        y, x, length = rng.integers(ny), rng.integers(nx), rng.integers(1, 4)
        image[y, x : x + length] += rng.exponential(300.0)


def _starlight(full, stars):
    """Return the rate of the stars' light, ADU/s: Gaussian profiles sampled at pixel centres."""
    ny, nx = full["shape"]
    image = np.zeros((ny, nx))
    sigma = full["star_fwhm"] / 2.3548
    reach = int(np.ceil(6 * sigma))
    for x, y, rate in stars:
        rows = slice(max(int(y) - reach, 0), min(int(y) + reach + 1, ny))
        columns = slice(max(int(x) - reach, 0), min(int(x) + reach + 1, nx))
        dy = np.arange(rows.start, rows.stop)[:, None] - y
        dx = np.arange(columns.start, columns.stop) - x
        profile = np.exp(-(dx**2 + dy**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        image[rows, columns] += rate * profile
    return image


def _cards(exposure):
    return [
        ("OBJECT", ""),
        ("TELESCOP", "Unknown Telescope"),
        ("INSTRUME", "SBIG ST-402"),
        ("DATE-OBS", exposure.facts["date_obs"], "GMT START OF EXPOSURE"),
        ("EXPTIME", exposure.exptime, "EXPOSURE IN SECONDS"),
        ("CCD-TEMP", exposure.temperature, "CCD TEMP IN DEGREES C"),
        ("XPIXSZ", 9.0, "PIXEL WIDTH IN MICRONS"),
        ("YPIXSZ", 9.0, "PIXEL HEIGHT IN MICRONS"),
        ("XBINNING", 1, "HORIZONTAL BINNING FACTOR"),
        ("YBINNING", 1, "VERTICAL BINNING FACTOR"),
        ("XORGSUBF", 0, "SUB_FRAME ORIGIN X POS"),
        ("YORGSUBF", 0, "SUB_FRAME ORIGIN Y POS"),
    ]
