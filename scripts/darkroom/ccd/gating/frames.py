"""Slopes of the frames on the CCD products as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates.written import parts_of, slope_of, variance_slope

if TYPE_CHECKING:
    from darkroom.ccd.stack.frames import Stack

# Frames that are read, evenly spaced, and rows of each.
_FRAMES, _ROWS = 20, 512


def _sample(stack: Stack) -> tuple[np.ndarray, np.ndarray]:
    """Return the numbers of the rows, and frames × rows × columns."""
    rows = np.arange(0, stack.shape[0], max(1, stack.shape[0] // _ROWS))
    count = min(stack.nframes, _FRAMES)
    which = sorted(set(np.linspace(0, stack.nframes - 1, count).astype(int).tolist()))
    values = np.stack([stack.read(slice(int(y), int(y) + 1))[which, 0] for y in rows], axis=1)
    return rows, values


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
