"""Components of the scatter of a superbias: kTC noise of the reset, and read noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.ramps.robust import clipped_deviation, mad_deviation, median
from darkroom.nircam.superbias.offsets import sample_rows

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import SampleStack

# One in four of the sampled rows is enough for the read noise of an amplifier.
_ROW_STEP = 4


@dataclass(frozen=True)
class NoiseRow:
    """Noise of the active or the reference pixels of one amplifier, DN.

    Attributes
    ----------
    amplifier : int
    kind : str
        ``"active"`` or ``"reference"``.
    npixels : int
    scatter : float
        Typical standard deviation of one sample: kTC and read noise together.
    read : float
        Read noise of one sample, from differences of groups 0 and 1; NaN when unknown.
    ktc : float
        kTC noise, sqrt(scatter² - read²); 0 when the scatter is not larger, NaN when `read` is
        unknown.
    ktc_error : float
        Statistical error of `ktc`. It combines the error of the scatter, from the number of
        pixels, and that of the read noise, from its scatter over the ramps.
    """

    amplifier: int
    kind: str
    npixels: int
    scatter: float
    read: float
    ktc: float
    ktc_error: float


def split_noise(
    std: np.ndarray,
    count: np.ndarray,
    classes: Classes,
    read: np.ndarray,
    read_error: np.ndarray | None = None,
) -> list[NoiseRow]:
    """Split the scatter of samples into kTC and read noise, by amplifier and kind of pixel.

    Parameters
    ----------
    std : (ny, nx) float32 array
        Scatter of one sample, count - 1 in its denominator, DN.
    count : (ny, nx) int array
        Number of samples used.
    classes : Classes
    read : (noutputs, 2) array
        Read noise of a sample of active and of reference pixels, DN (see `pair_noise`).
    read_error : (noutputs, 2) array, optional
        Standard error of its square, DN²; by default the read noise is taken as exact.

    Returns
    -------
    list of NoiseRow

    Notes
    -----
    The typical variance is the median over pixels, divided by the ratio of median to mean of chi²
    with count - 1 degrees of freedom. The median is insensitive to a few very noisy pixels.

    1/f noise has few degrees of freedom: its variance within a frame changes from group to group
    by much more than that of independent noise of as many pixels. With variances v0 and v1 of two
    groups and their covariance c, it contributes v0 - ((v0 + v1) / 2 - c) = (v0 - v1) / 2 + c to
    ktc². This scatters as much as the contribution (v0 + v1) / 2 - c to the square of the read
    noise. The standard error over the ramps of the latter therefore serves for both.
    """
    if read_error is None:
        read_error = np.zeros_like(read)
    rows = []
    for amplifier in range(classes.noutputs):
        for kind, name in enumerate(("active", "reference")):
            where = (classes.reference == bool(kind)) & (classes.amplifier == amplifier)
            where &= (count > 1) & np.isfinite(std)
            npixels = int(where.sum())
            if not npixels:
                continue
            freedom = float(median(count[where])) - 1
            ratio = 2 * special.gammaincinv(freedom / 2, 0.5) / freedom
            variance = float(median(std[where].astype(np.float64) ** 2)) / ratio
            error2 = variance * _median_error(freedom) / np.sqrt(npixels)
            error2 = float(np.hypot(error2, read_error[amplifier, kind]))
            rows.append(
                _row(amplifier, name, npixels, variance, error2, float(read[amplifier, kind]))
            )
    return rows


def _median_error(freedom):
    """Return the relative error of the median of n chi² values, times sqrt(n)."""
    half = special.gammaincinv(freedom / 2, 0.5)  # half the median
    density = np.exp((freedom / 2 - 1) * np.log(half) - half - special.gammaln(freedom / 2)) / 2
    return 1 / (2 * density) / (2 * half)


def _row(amplifier, kind, npixels, variance, error2, read):
    ktc2 = variance - read**2
    if np.isnan(ktc2):
        ktc = error = np.nan
    else:
        ktc = float(np.sqrt(max(ktc2, 0.0)))
        error = float(error2 / 2 / max(ktc, np.sqrt(error2)))
    return NoiseRow(amplifier, kind, npixels, float(np.sqrt(variance)), read, ktc, error)


def pair_noise(early: SampleStack, late: SampleStack, classes: Classes) -> np.ndarray:
    """Measure the read noise from the difference of two groups.

    Parameters
    ----------
    early, late : GroupStack
        Two groups of the same ramps.
    classes : Classes

    Returns
    -------
    (noutputs, 2) array
        Noise of one read of active and of reference pixels, DN: square root of the mean variance
        over the ramps; NaN where there is none.
    """
    return np.sqrt(mean_variance(pair_variances(early, late, classes))[0])


def mean_variance(variances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean over ramps and its standard error.

    Parameters
    ----------
    variances : (nramps, noutputs, 2) array
        NaN where unknown.

    Returns
    -------
    mean, error : (noutputs, 2) arrays
        NaN without a valid ramp; the error is NaN also with a single one.
    """
    good = np.isfinite(variances)
    number = good.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(good, variances, 0.0).sum(axis=0) / number
        squares = np.where(good, (variances - mean) ** 2, 0.0).sum(axis=0)
        return mean, np.sqrt(squares / (number - 1) / number)


def pair_variances(early: SampleStack, late: SampleStack, classes: Classes) -> np.ndarray:
    """Measure the variance of one read in each ramp, from two groups, in a sample of rows.

    Parameters
    ----------
    early, late : GroupStack
        Two groups of the same ramps.
    classes : Classes

    Returns
    -------
    (nramps, noutputs, 2) array
        Variance of one read of active and of reference pixels, DN²: half the variance of the
        differences about the median of their ramp and class, without outliers; NaN where there
        are no differences.
    """
    ny, nx = early.shape
    rows = range(0, ny, _ROW_STEP * sample_rows(ny))
    found = np.full((early.nframes, classes.noutputs, 2), np.nan)
    for frame in range(early.nframes):
        difference = np.empty((len(rows), nx), np.float32)
        reference = np.empty((len(rows), nx), bool)
        for k, row in enumerate(rows):
            first, second = np.empty((2, 1, nx), np.float32)
            early.read_frame(frame, row, first)
            late.read_frame(frame, row, second)
            difference[k] = second[0] - first[0]
            reference[k] = classes.reference[row]
        found[frame] = _spread(difference, reference, classes)
    return found**2 / 2


def _spread(difference, reference, classes):
    """Return the scatter of a difference image about the class medians, by amplifier and kind."""
    spread = np.full((classes.noutputs, 2), np.nan)
    for amplifier in range(classes.noutputs):
        for kind in (0, 1):
            parts = []
            for parity in (0, 1):
                columns = classes.column == 2 * amplifier + parity
                values = difference[:, columns][reference[:, columns] == bool(kind)]
                values = values[np.isfinite(values)]
                if values.size > 1:
                    parts.append(values - median(values))
            if parts:
                spread[amplifier, kind] = clipped_deviation(np.concatenate(parts))
    return spread


def coupling(
    error: np.ndarray, mean: np.ndarray, classes: Classes, share: float
) -> tuple[float, float]:
    """Estimate the signal that enters a pixel from its neighbours' bias by IPC or crosstalk.

    Parameters
    ----------
    error, mean : (ny, nx) arrays
        Error of the superbias and the superbias itself, DN.
    classes : Classes
    share : float
        Fraction of the signal of a pixel that appears in each of its four neighbours.

    Returns
    -------
    before, after : float
        Typical signal (robust rms over pixels), DN: before the superbias is subtracted, and after
        it, when only the error of the superbias remains.
    """
    active = classes.usable & np.isfinite(mean) & np.isfinite(error)
    structure = np.where(active, mean, np.float32(np.nan))
    for k in range(len(classes)):
        columns = classes.column == k
        values = structure[:, columns]
        values = values[np.isfinite(values)]
        structure[:, columns] -= median(values) if values.size else np.float32(0)
    # A sample of rows is enough for a typical value.
    inner = np.arange(1, len(mean) - 1, sample_rows(len(mean)))
    around = structure[inner - 1, 1:-1] + structure[inner + 1, 1:-1] - 4 * structure[inner, 1:-1]
    around += structure[inner, :-2] + structure[inner, 2:]
    around = around[np.isfinite(around)]
    before = share * mad_deviation(around)
    # Independent errors: those of four neighbours, and four times that of the pixel itself.
    after = share * np.sqrt(4 + 16) * float(median(error[active]))
    return before, after
