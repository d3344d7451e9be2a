"""Survey of a stack: offsets of the frames, typical noise, rows where the frames disagree."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom import order
from darkroom.ccd.robust import robust_std
from darkroom.ccd.stack.noise import pooled
from darkroom.ccd.stack.units import frame_statistics

if TYPE_CHECKING:
    from collections.abc import Hashable

    from darkroom.ccd.stack.frames import Stack

# Pixels used of a frame. More would not improve the offsets, which noise common to rows limits.
_SAMPLE_PIXELS = 400_000
# Read and added up at a time: what the processor's cache holds.
_BAND_BYTES = 4 << 20
_BAND_ROWS = 16
# A row is discordant when it deviates by this many robust standard deviations.
_ROW_LIMIT = 10.0
# Pixels beyond this many robust standard deviations are left out of means.
_OUTLIER = 5.0
# Surveys that are kept, of 3 MB each: the cells of a few amplifiers.
_KEPT = 16
_known: dict[tuple[Hashable, ...], Survey] = {}


@dataclass(frozen=True)
class Survey:
    """Offsets and noise of a stack, in the unit of the frames.

    Attributes
    ----------
    offsets : (n,) array
        Level of each frame relative to the mean of the stack; they sum to zero.
    errors : (n,) array
        Standard error of each offset, from the scatter between rows, so noise common to a row is
        included.
    means : (n,) array
        Plain mean of each frame, without NaN.
    noise : float
        Standard deviation of a pixel in time, offsets removed, pooled over the pixels without
        those too noisy for normal noise; NaN for one frame.
    row_noise : float
        Standard deviation of the noise common to a row, beyond what `noise` explains.
    discordant : (ny,) bool array
        Rows where frames differ by more than their offsets.
    row_deviation : (n,) array
        Largest deviation of a row of each frame, offset removed.
    row_level : (n,) array
        Median of each frame in the discordant rows; NaN without any.
    columns : slice
        Columns used, the same for all frames of one shape.
    sample, variance : (ny, m) float32 arrays
        Mean over the frames in these columns, and variance in time, offsets removed.
    step : int
        Largest whole number of ADU that divides all values (1 where they are not whole).
    units : dict of (n, 1) arrays
        Statistics of the frames (`darkroom.gates.rows`), for the table UNITS.
    """

    offsets: np.ndarray
    errors: np.ndarray
    means: np.ndarray
    noise: float
    row_noise: float
    discordant: np.ndarray
    row_deviation: np.ndarray
    row_level: np.ndarray
    columns: slice
    sample: np.ndarray
    variance: np.ndarray
    step: int
    units: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def scatter(self) -> float:
        """Standard deviation of the offsets (NaN for one frame)."""
        return float(np.std(self.offsets, ddof=1)) if len(self.offsets) > 1 else np.nan

    @property
    def least_scatter(self) -> float:
        """Scatter of the offsets that the noise of the pixels alone makes (0 for one frame)."""
        n = len(self.offsets)
        return float(np.sqrt(np.square(self.errors).sum() / (n - 1))) if n > 1 else 0.0

    @property
    def common_error(self) -> float:
        """Standard error of the mean of the stack, common to all its pixels.

        Offsets of few frames may be equal by chance: it is never less than what the noise of the
        pixels makes. It has as many degrees of freedom as there are frames, less one.
        """
        return max(self.scatter, self.least_scatter) / np.sqrt(len(self.offsets))


def survey(stack: Stack) -> Survey:
    """Measure offsets and noise of a stack of frames; once in a program that needs it again.

    The model is ``frame[i] = image + offset[i] + noise``. Free offsets are degenerate with the
    level of the image, so they are made to sum to zero; their scatter gives the error of that
    level.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        The frames.

    Returns
    -------
    Survey
        Measured on every k-th column of large frames; k is odd, so that both columns of a colour
        mosaic are sampled.
    """
    if stack.identity is None:
        return _survey(stack)
    if stack.identity not in _known:
        if len(_known) == _KEPT:
            del _known[next(iter(_known))]
        _known[stack.identity] = _survey(stack)
    return _known[stack.identity]


def _survey(stack: Stack) -> Survey:
    columns, sample, means = _read_sample(stack)
    written = stack.written(columns)
    step = _step(sample[0] / stack.gain if written is None else written)
    mean = _nan_mean(sample)
    difference = sample - mean
    offsets, errors = np.zeros(stack.nframes), np.full(stack.nframes, np.nan)
    medians = np.zeros((stack.nframes, stack.shape[0]), np.float32)
    for i, values in enumerate(difference):
        offsets[i], errors[i] = _frame_offset(values)
        medians[i] = order.row_medians(values)
    rows = medians - offsets[:, None]
    offsets -= offsets.mean()
    # Relative to the median frame: a row that is wrong in one frame shifts the mean of all.
    rows -= np.median(rows, axis=0)
    rows[np.isnan(rows)] = 0.0  # rows without a finite sample deviate from nothing
    if stack.nframes == 1:
        return Survey(
            offsets, np.zeros(1), means, np.nan, np.nan, np.zeros(stack.shape[0], bool),
            np.zeros(1), np.full(1, np.nan), columns, sample[0], np.full_like(sample[0], np.nan),
            step,
        )  # fmt: skip
    variance = _variance(sample, offsets)
    noise = pooled(np.sqrt(variance), np.isfinite(sample).sum(axis=0)).std
    scale = max(robust_std(rows), noise / np.sqrt(sample.shape[2]))
    discordant = (np.abs(rows) > _ROW_LIMIT * scale).any(axis=0)
    row_level = np.full(stack.nframes, np.nan)
    if discordant.any():
        row_level = np.nanmedian(sample[:, discordant], axis=(1, 2))
    return Survey(
        offsets=offsets,
        errors=errors,
        means=means,
        noise=noise,
        row_noise=_row_noise(difference, medians, noise),
        discordant=discordant,
        row_deviation=np.abs(rows).max(axis=1),
        row_level=row_level,
        columns=columns,
        sample=mean,
        variance=variance.astype(np.float32),
        units=frame_statistics(sample, mean, offsets, noise, columns),
        step=step,
    )


def _read_sample(stack):
    """Read every k-th column of all frames, and the mean of each frame, band by band."""
    ny, nx = stack.shape
    step = max(1, -(-ny * nx // _SAMPLE_PIXELS))
    step += step % 2 == 0
    columns = slice(min(step // 2, nx - 1), None, step)
    sample = np.empty((stack.nframes, ny, len(range(nx)[columns])), np.float32)
    sums, counts = np.zeros((2, stack.nframes))
    band = max(1, _BAND_BYTES // (4 * stack.nframes * nx))
    for first in range(0, ny, band):
        rows = slice(first, min(first + band, ny))
        values = stack.read(rows)
        # Summed row by row, so that the result does not depend on the height of the bands.
        of_rows = values.sum(axis=2, dtype=np.float64).T
        sample[:, rows] = values[:, :, columns]
        if np.isfinite(of_rows).all():
            counts += values[0].size
        else:
            finite = np.isfinite(values)
            counts += finite.sum(axis=(1, 2))
            some = sample[:, rows]
            some[~np.isfinite(some)] = np.nan
            of_rows = np.where(finite, values, np.float32(0)).sum(axis=2, dtype=np.float64).T
        for row in of_rows:
            sums += row
    return columns, sample, sums / np.maximum(counts, 1)


def _frame_offset(difference):
    """Return the mean of a frame's difference from the reference, and its standard error.

    Pixels beyond 5 robust standard deviations (stars, cosmic rays, discordant rows) are left out.
    """
    centre = order.median(difference)
    scale = float(1.4826 * order.median_distance(difference, centre)) or np.nanstd(difference)
    with np.errstate(invalid="ignore"):
        kept = np.abs(difference - centre) <= _OUTLIER * scale
    counts = kept.sum(axis=1)
    sums = np.where(kept, difference, 0).sum(axis=1, dtype=np.float64)
    mean = sums.sum() / counts.sum()
    deviation = sums - mean * counts
    error = np.sqrt((deviation**2).sum()) / counts.sum()
    return mean, error * np.sqrt(len(counts) / max(len(counts) - 1, 1))


def _nan_mean(sample):
    """Return the mean over the frames, without NaN."""
    mean = np.empty(sample.shape[1:], np.float32)
    for rows, values in _bands(sample):
        if np.isfinite(values).all():
            mean[rows] = values.sum(axis=0, dtype=np.float64) / len(values)
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # pixels without a finite sample
            mean[rows] = np.nanmean(values, axis=0, dtype=np.float64)
    return mean


def _variance(sample, offsets):
    """Return the variance of each pixel in time, offsets removed, n - 1 in the denominator."""
    shifts, variance = offsets[:, None, None].astype(np.float32), np.empty(sample.shape[1:])
    for rows, values in _bands(sample):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # pixels of at most one finite sample
            variance[rows] = np.nanvar(values - shifts, axis=0, ddof=1, dtype=np.float64)
    return variance


def _bands(sample):
    """Yield bands of rows that the processor's cache holds: the slice, and the values."""
    for first in range(0, sample.shape[1], _BAND_ROWS):
        rows = slice(first, first + _BAND_ROWS)
        yield rows, sample[:, rows]


def _row_noise(difference, medians, noise):
    """Return the standard deviation of the noise common to the pixels of a row of a frame."""
    nframes, _, width = difference.shape
    rows = np.stack(
        [_trimmed_rows(*of_frame) for of_frame in zip(difference, medians, strict=True)]
    )
    rows -= np.median(rows, axis=1, keepdims=True)
    variance = robust_std(rows) ** 2 * nframes / (nframes - 1)
    return float(np.sqrt(max(variance - noise**2 / width, 0.0)))


def _trimmed_rows(values, medians):
    """Return the mean of each row without pixels beyond 5 robust standard deviations."""
    distance = values - medians[:, None]
    scale = robust_std(distance) or np.nanstd(values)
    with np.errstate(invalid="ignore"):
        kept = np.abs(distance) <= _OUTLIER * scale
    return np.where(kept, values, 0).sum(axis=1, dtype=float) / np.maximum(kept.sum(axis=1), 1)


def _step(values):
    """Return the largest whole number that divides all values; 1 where they are not whole."""
    values = values[np.isfinite(values)]
    whole = np.rint(values).astype(np.int64)
    # Multiplication by the gain and division by it leave rounding errors of float32.
    if values.size == 0 or not np.allclose(values, whole, rtol=1e-6, atol=0):
        return 1
    return max(int(np.gcd.reduce(whole.ravel())), 1)
