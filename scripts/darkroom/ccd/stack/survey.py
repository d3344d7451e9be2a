"""One look at a stack of like frames: offsets, typical noise, rows that do not fit."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from darkroom.ccd.robust import robust_std
from darkroom.ccd.stack.noise import pooled

# Pixels per frame looked at; more would not make the offsets better than the rows allow.
_SAMPLE_PIXELS = 400_000
_BAND_BYTES = 32 << 20
# A row disagrees when it lies this many robust standard deviations off.
_ROW_LIMIT = 10.0
_OUTLIER = 5.0


@dataclass(frozen=True)
class Survey:
    """What one pass over a stack of like frames tells. Unit: that of the frames.

    Attributes
    ----------
    offsets : (n,) array
        Level of each frame against the stack; they sum to zero.
    errors : (n,) array
        Standard error of each offset, from the scatter between rows: noise common to a row is
        in it.
    means : (n,) array
        Plain mean of each frame, NaN left out.
    noise : float
        Standard deviation of a pixel in time, offsets removed, pooled over the pixels without
        those that are noisier than normal noise can be (NaN for one frame).
    row_noise : float
        Standard deviation of the noise common to a row, beyond what `noise` explains.
    discordant : (ny,) bool array
        Rows where frames disagree as no offset explains.
    row_deviation : (n,) array
        Largest deviation of a row of each frame, offset removed.
    row_level : (n,) array
        Median of each frame in the discordant rows (NaN: there are none).
    columns : slice
        Columns looked at, the same for all frames of one shape.
    sample, variance : (ny, m) float32 arrays
        Mean over the frames of these columns, and their variance in time, offsets removed.
    step : int
        Largest whole number of ADU that divides all values (1 where they are not whole).
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

    @property
    def scatter(self):
        """Standard deviation of the offsets (NaN for one frame)."""
        return float(np.std(self.offsets, ddof=1)) if len(self.offsets) > 1 else np.nan

    @property
    def common_error(self):
        """Standard error of the mean of the stack, common to all its pixels."""
        return self.scatter / np.sqrt(len(self.offsets))


def survey(stack):
    """Measure offsets and noise of a stack of like frames.

    The model is ``frame[i] = image + offset[i] + noise``. A free offset per frame is degenerate
    with the image, so the offsets are made to sum to zero; how far they scatter says how well
    the mean level of the image is known.

    Parameters
    ----------
    stack : darkroom.ccd.stack.frames.Stack
        The frames.

    Returns
    -------
    Survey
        Measured on every k-th column where the frames are large (k odd, so that the columns of
        a colour mosaic are all looked at).
    """
    columns, sample, means = _read_sample(stack)
    mean = _nan_mean(sample)
    difference = sample - mean
    offsets, errors = np.zeros(stack.nframes), np.full(stack.nframes, np.nan)
    rows = np.zeros((stack.nframes, stack.shape[0]))
    for i, values in enumerate(difference):
        offsets[i], errors[i] = _frame_offset(values)
        rows[i] = _nan_median(values.T) - offsets[i]
    offsets -= offsets.mean()
    # Against the middle frame: a row that is wrong in one frame pulls the mean of all.
    rows -= np.median(rows, axis=0)
    if stack.nframes == 1:
        return Survey(
            offsets, np.zeros(1), means, np.nan, np.nan, np.zeros(stack.shape[0], bool),
            np.zeros(1), np.full(1, np.nan), columns, sample[0], np.full_like(sample[0], np.nan),
            _step(sample[0] / stack.gain),
        )  # fmt: skip
    variance = _variance(sample - offsets[:, None, None].astype(np.float32))
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
        row_noise=_row_noise(difference, noise),
        discordant=discordant,
        row_deviation=np.abs(rows).max(axis=1),
        row_level=row_level,
        columns=columns,
        sample=mean,
        variance=variance.astype(np.float32),
        step=_step(sample[0] / stack.gain),
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
        some = values[:, :, columns]
        sample[:, rows] = np.where(np.isfinite(some), some, np.float32(np.nan))
        # Row sums first: the result then does not depend on the height of the bands.
        for row in np.moveaxis(values, 1, 0):
            finite = np.isfinite(row)
            sums += np.where(finite, row, 0).sum(axis=1, dtype=np.float64)
            counts += finite.sum(axis=1)
    return columns, sample, sums / np.maximum(counts, 1)


def _frame_offset(difference):
    """Return the mean of a frame's difference from the reference, and its standard error.

    Pixels beyond 5 robust standard deviations are left out: stars, hits, rows that disagree.
    """
    centre = np.nanmedian(difference)
    scale = robust_std(difference) or np.nanstd(difference)
    with np.errstate(invalid="ignore"):
        kept = np.abs(difference - centre) <= _OUTLIER * scale
    counts = kept.sum(axis=1)
    sums = np.where(kept, difference, 0).sum(axis=1, dtype=np.float64)
    mean = sums.sum() / counts.sum()
    deviation = sums - mean * counts
    error = np.sqrt((deviation**2).sum()) / counts.sum()
    return mean, error * np.sqrt(len(counts) / max(len(counts) - 1, 1))


def _nan_mean(sample):
    """Mean over the frames, NaN left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # pixels without a finite sample
        return np.nanmean(sample, axis=0, dtype=np.float64).astype(np.float32)


def _variance(sample):
    """Variance of each pixel in time, n - 1 in the denominator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.nanvar(sample, axis=0, ddof=1, dtype=np.float64)


def _row_noise(difference, noise):
    """Return the standard deviation of what the pixels of a row of a frame have in common."""
    nframes, _, width = difference.shape
    rows = np.stack([_trimmed_rows(values) for values in difference])
    rows -= np.median(rows, axis=1, keepdims=True)
    variance = robust_std(rows) ** 2 * nframes / (nframes - 1)
    return float(np.sqrt(max(variance - noise**2 / width, 0.0)))


def _trimmed_rows(values):
    """Return the mean of each row, without what lies beyond 5 robust standard deviations."""
    centre = _nan_median(values.T)[:, None]
    scale = robust_std(values - centre) or np.nanstd(values)
    with np.errstate(invalid="ignore"):
        kept = np.abs(values - centre) <= _OUTLIER * scale
    return np.where(kept, values, 0).sum(axis=1, dtype=float) / np.maximum(kept.sum(axis=1), 1)


def _nan_median(values):
    """Median over the first axis; numpy's nanmedian is slow, so only where it is needed."""
    if np.isfinite(values).all():
        return np.median(values, axis=0)
    return np.nanmedian(values, axis=0)


def _step(values):
    """Return the largest whole number that divides all values; 1 for values not whole."""
    values = values[np.isfinite(values)]
    whole = np.rint(values).astype(np.int64)
    # A gain multiplied in and divided out again leaves the rounding of float32.
    if values.size == 0 or not np.allclose(values, whole, rtol=1e-6, atol=0):
        return 1
    return max(int(np.gcd.reduce(whole.ravel())), 1)
