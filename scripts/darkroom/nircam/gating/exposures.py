"""Slopes of the exposures on the files as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates.written import parts_of, slope_of, variance_slope
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.ramps.classes import Classes

if TYPE_CHECKING:
    from darkroom.nircam.ramps.ramps import RampSet

# Ramps that are read, evenly spaced, and rows of each.
_RAMPS, _ROWS = 12, 512
_MAD = 1.4826
# Pixels of a dark that are hot, in deviations above the usual one, and the fewest for a slope.
_HOT, _FEWEST = 8.0, 12


def chosen(ramps: RampSet) -> tuple[list[int], np.ndarray]:
    """Return the ramps that are read, evenly spaced, and the rows of each."""
    count = len(ramps.ramps)
    which = sorted(set(np.linspace(0, count - 1, min(count, _RAMPS)).astype(int).tolist()))
    rows = np.arange(0, ramps.shape[0], max(1, ramps.shape[0] // _ROWS))
    return which, rows


def read_rows(ramps: RampSet, ramp: int, group: int, rows: np.ndarray) -> np.ndarray:
    """Return rows of a group of a ramp, DN: (rows, nx) float32; NaN where unusable."""
    file, integration = ramps.ramps[ramp]
    values = np.empty((len(rows), ramps.shape[1]), np.float32)
    for line, row in zip(values, rows, strict=True):
        ramps.files[file].read(integration, group, int(row), line[None], 0)
    return values


def superbias_slopes(image: np.ndarray, ramps: RampSet) -> tuple[np.ndarray, list[str]]:
    """Return the slope of group 0 of ramps on a superbias, and the names of the parts.

    Parameters
    ----------
    image : (ny, nx) array
        SCI of the reference file, DN.
    ramps : RampSet

    Returns
    -------
    slopes : (nramps, nparts) array
    names : list of str
    """
    classes = Classes.from_ramps(ramps)
    which, rows = chosen(ramps)
    names, parts = parts_of(classes.amplifier, len(rows))
    usable, image = classes.usable[rows], image[rows]
    groups = np.broadcast_to(classes.column % 2, image.shape)
    slopes = np.full((len(which), len(parts)), np.nan)
    for i, ramp in enumerate(which):
        values = read_rows(ramps, ramp, 0, rows)
        for k, (half, columns) in enumerate(parts):
            good = usable[half][:, columns]
            slopes[i, k] = slope_of(
                values[half][:, columns][good],
                image[half][:, columns][good],
                groups[half][:, columns][good],
            )
    return slopes, names


def rate_slopes(step: np.ndarray, ramps: RampSet) -> tuple[np.ndarray, list[str]]:
    """Return the slope of ramps on a dark, by the pixels that are hot in it.

    Parameters
    ----------
    step : (ny, nx) array
        What the dark adds from group to group, DN.
    ramps : RampSet
        Less the superbias, as the dark was made of them.

    Returns
    -------
    slopes : (nramps, nparts) array
        NaN where a part has too few hot pixels.
    names : list of str
    """
    classes = Classes.from_ramps(ramps)
    which, rows = chosen(ramps)
    names, parts = parts_of(classes.amplifier, len(rows))
    usable, image = classes.usable[rows], step[rows]
    slopes = np.full((len(which), len(parts)), np.nan)
    for i, ramp in enumerate(which):
        last = ramps.files[ramps.ramps[ramp][0]].sci.shape[1] - 1
        found = (read_rows(ramps, ramp, last, rows) - read_rows(ramps, ramp, 0, rows)) / last
        for k, (half, columns) in enumerate(parts):
            good = usable[half][:, columns]
            values, shown = found[half][:, columns][good], image[half][:, columns][good]
            slopes[i, k] = _of_hot(values, shown)
    return slopes, names


def _of_hot(values, shown):
    """Return the slope of values on an image, each hot pixel with one vote."""
    middle = np.nanmedian(shown)
    spread = _MAD * np.nanmedian(np.abs(shown - middle))
    hot = np.isfinite(values) & (shown - middle > _HOT * spread)
    if hot.sum() < _FEWEST:
        return np.nan
    # A cosmic ray or a pixel beyond saturation would be all that counts in a sum of squares.
    base = np.nanmedian(values)
    return float(np.median((values[hot] - base) / (shown[hot] - middle)))


def noise_slopes(cds: np.ndarray, ramps: RampSet) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return how differences of groups agree with a read noise, in pattern and in size.

    Parameters
    ----------
    cds : (ny, nx) array
        SCI of the reference file: noise of the difference of two frames, DN.
    ramps : RampSet

    Returns
    -------
    slopes : (nramps, nparts) array
        Slope of squared differences on the squared noise; 1 when the map belongs to the pixels.
    ratios : (nramps, nparts) array
        ln of the variance of the differences over that of the file.
    names : list of str
    """
    classes = Classes.from_ramps(ramps)
    frames = frames_per_group(ramps)
    which, rows = chosen(ramps)
    names, parts = parts_of(classes.amplifier, len(rows))
    usable, variance = classes.usable[rows], np.square(cds[rows], dtype=np.float64)
    slopes, ratios = np.full((2, len(which), len(parts)), np.nan)
    for i, ramp in enumerate(which):
        found = [
            _agreement(difference, frames, usable, variance, parts)
            for difference in _differences(ramps, ramp, rows)
        ]
        slopes[i], ratios[i] = np.mean(found, axis=0)
    return slopes, ratios, names


def _differences(ramps, ramp, rows):
    """Yield differences of two groups: the first, the middle and the last one of a ramp."""
    last = ramps.files[ramps.ramps[ramp][0]].sci.shape[1] - 2
    for group in sorted({0, last // 2, last}):
        yield read_rows(ramps, ramp, group + 1, rows) - read_rows(ramps, ramp, group, rows)


def _agreement(difference, frames, usable, variance, parts):
    """Return slope and ln of the ratio of the variances of a difference, by part."""
    found = np.full((2, len(parts)), np.nan)
    for k, (half, columns) in enumerate(parts):
        good = usable[half][:, columns]
        part, expected = difference[half][:, columns][good], variance[half][:, columns][good]
        if not np.isfinite(part).any():
            continue
        # Dark current and drift; 1/f noise is part of what the file states.
        square = frames * (part - np.nanmedian(part)) ** 2
        found[0, k] = variance_slope(square, expected)
        with np.errstate(invalid="ignore", divide="ignore"):
            pull = np.sqrt(square / expected)
        pull = pull[np.isfinite(pull)]
        if pull.size:
            found[1, k] = 2 * np.log(_MAD * np.median(pull))
    return found
