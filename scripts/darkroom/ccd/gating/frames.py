"""The frames against the CCD products as they are written: slopes, levels and pixels."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.stack.units import frame_statistics
from darkroom.gates.written import parts_of, slope_of, variance_slope

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.ccd.stack.frames import Stack
    from darkroom.gates.units import Units

# Frames that are read, evenly spaced, and rows of each.
_FRAMES, _ROWS = 20, 512


def _which(stack: Stack) -> list[int]:
    """Return the numbers of the frames that are read."""
    count = min(stack.nframes, _FRAMES)
    return sorted(set(np.linspace(0, stack.nframes - 1, count).astype(int).tolist()))


def _sample(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows, and frames × rows × columns."""
    rows = np.arange(0, stack.shape[0], max(1, stack.shape[0] // _ROWS))
    which = _which(stack)
    values = np.stack([stack.read(slice(int(y), int(y) + 1))[which, 0] for y in rows], axis=1)
    return rows, values


def against_file(
    stack: Stack, names: Sequence[str], image: np.ndarray, units: Units | None, noise: float
) -> tuple[np.ndarray, tuple[Units, Units] | None]:
    """Return frames minus a file, and their statistics relative to it and as UNITS states them.

    Parameters
    ----------
    stack : Stack
    names : sequence of str
        Of its frames, as in UNITS.
    image : (ny, nx) array
        What each frame is but for its level and its noise.
    units : Units or None
        Of frames, relative to their mean.
    noise : float
        Standard deviation of a pixel in time.

    Returns
    -------
    residuals : (n, rows × nx) array
        Of some frames and rows, the level of each frame subtracted.
    found, stated : Units
        Level and gradients of these frames; None where UNITS is of others.
    """
    rows, values = _sample(stack)
    residuals = values - image[rows]
    known = np.isfinite(residuals).any()
    levels = np.nanmedian(residuals, axis=(1, 2)) if known else np.zeros(len(residuals))
    flat = (residuals - levels[:, None, None]).reshape(len(residuals), -1)
    if units is None or not known or list(units.exposure) != list(names):
        return flat, None
    which, columns = _which(stack), slice(0, stack.shape[1])
    shown = image[rows].astype(np.float32)
    found = frame_statistics(values.astype(np.float32), shown, levels, noise, columns)
    kept = ("active", "slow", "fast")
    return flat, (
        units.some(which, {name: found[name] for name in kept}),
        units.some(which, {name: units.values[name][which] for name in kept}),
    )


def fine_slope(stack: Stack, image: np.ndarray) -> tuple[float, float]:
    """Return the slope of frames on an image from pixel to pixel, and its error.

    Columns and rows differ more than pixels do, so that an image that was shifted along them has
    nearly their slope. The mean of frames holds a part of each: where pixels are alike but for
    their noise, the slope of a frame on the mean is 1 too.

    Parameters
    ----------
    stack : Stack
    image : (ny, nx) array
        The mean of its frames.
    """
    rows, values = _sample(stack)
    shown = _fine(image[rows])
    slopes = [slope_of(_fine(frame).ravel(), shown.ravel()) for frame in values]
    known = np.array([one for one in slopes if np.isfinite(one)])
    if len(known) < 2:
        return np.nan, np.nan
    return float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))


def _fine(image):
    """Return an image less the medians of its columns and rows; those of NaN alone stay NaN."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        image = image - np.nanmedian(image, axis=0, keepdims=True)
        return image - np.nanmedian(image, axis=1, keepdims=True)


def image_slopes(
    stack: Stack,
    image: np.ndarray,
    bias: np.ndarray | None = None,
    times: np.ndarray | None = None,
    reach: float | None = None,
) -> tuple[np.ndarray, list[str]]:
    """Return the slope of frames on an image, by halves of the rows.

    Parameters
    ----------
    stack : Stack
    image : (ny, nx) array
        The product.
    bias : (ny, nx) array, optional
        Subtracted from the frames.
    times : (n,) array, optional
        Exposure times, by which the frames are divided.
    reach : float, optional
        See `darkroom.gates.written.slope_of`.

    Returns
    -------
    slopes : (n, nparts) array
    names : list of str
    """
    rows, values = _sample(stack)
    names, parts = parts_of(np.zeros(stack.shape[1], int), len(rows))
    shown, base = image[rows], None if bias is None else bias[rows]
    keyword = {} if reach is None else {"reach": reach}
    slopes = np.full((len(values), len(parts)), np.nan)
    for i, frame in enumerate(values):
        frame = frame if base is None else frame - base
        frame = frame if times is None else frame / times[i]
        for k, (half, _) in enumerate(parts):
            slopes[i, k] = slope_of(frame[half].ravel(), shown[half].ravel(), **keyword)
    return slopes, names


def noise_slopes(stack: Stack, noise: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return the slope of squared deviations of frames on the squared noise of a file.

    Parameters
    ----------
    stack : Stack
    noise : (ny, nx) array
        Standard deviation of a pixel.

    Returns
    -------
    slopes : (n, nparts) array
    names : list of str
    """
    rows, values = _sample(stack)
    names, parts = parts_of(np.zeros(stack.shape[1], int), len(rows))
    variance = np.square(noise[rows], dtype=np.float64)
    n = len(values)
    deviation = values - values.mean(axis=0)
    deviation -= np.median(deviation, axis=(1, 2), keepdims=True)
    square = deviation**2 * (n / max(n - 1, 1))
    slopes = np.array(
        [
            [variance_slope(one[half].ravel(), variance[half].ravel()) for half, _ in parts]
            for one in square
        ]
    )
    return slopes, names
