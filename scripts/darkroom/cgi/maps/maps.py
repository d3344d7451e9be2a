"""The noise maps: what every estimator hands over, and what is derived from the maps."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from darkroom.cgi.stacks.moments import Moments

#: Order of the planes.
MAPS = ("FPN", "CIC", "DC")
#: Planes of `NoiseMaps.covariance`: pairs of maps.
PAIRS = ((0, 1), (0, 2), (1, 2))


@dataclass
class BiasOffset:
    """Offset of the bias that the prescan tells, in DN.

    Attributes
    ----------
    value, error, low, up : float
        The offset, its error, and its bounds.
    measured : bool
        False when the stacks cannot tell it (it is 0 then).
    """

    value: float = 0.0
    error: float = 0.0
    low: float = 0.0
    up: float = 0.0
    measured: bool = False


@dataclass
class StackReport:
    """What the fit says of one stack.

    Attributes
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    mean_count : float
        Usable frames a pixel, mean over the full frame.
    used : bool
        False when it was left out of the fit.
    reason : str
        Why it was left out.
    level, offset, offset_error : float
        Mean of the bias region, its offset against the other stacks and the error of that, in
        e-; NaN when not measured.
    corrected : bool
        True when the offset was subtracted before the fit.
    noise : float
        Standard deviation of a sample in the imaging area, e-; NaN when not estimated.
    expected_noise : float
        What read noise and the charge of normal pixels make, e-; NaN when not known.
    residual, residual_error : float
        Mean over the imaging area of (mean frame - fit), and its error, e-.
    """

    stack: object
    mean_count: float = np.nan
    used: bool = True
    reason: str = ""
    level: float = np.nan
    offset: float = np.nan
    offset_error: float = np.nan
    corrected: bool = False
    noise: float = np.nan
    expected_noise: float = np.nan
    residual: float = np.nan
    residual_error: float = np.nan


@dataclass
class NoiseMaps:
    """Fixed pattern [e-], clock-induced charge [e-] and dark current [e-/s] of the full frame.

    Attributes
    ----------
    estimator : str
        ``pooled``, ``frames`` or ``peer-3.2``.
    data, err : (3, ny, nx) float arrays
        The maps and their standard errors, in the order of `MAPS`.
    dq : (ny, nx) uint16 array
        Not zero where the maps mean nothing.
    covariance : (3, ny, nx) float array or None
        Of two maps each, in the order of `PAIRS`; with the squares of `err` this is the full
        matrix. The peers' estimators have none.
    chi2 : (ny, nx) float array or None
        Chi-square of the fit.
    r2 : (ny, nx) float array
        Adjusted coefficient of determination.
    usable : (ny, nx) uint8 array
        Stacks with a usable sample.
    unreliable : (ny, nx) uint8 array
        Stacks that lack too many of their frames there.
    counts : (M, ny, nx) uint8 or int16 array or None
        Usable frames of each stack in the fit.
    bias : BiasOffset
    variances : (3,) float array
        Mean variance of the maps' errors over the imaging area.
    means : dict
        ``FPN_IMM``, ``CIC_IMM``, ``DC_IMM`` (means over the imaging area) and ``FPN_IMME``
        (median of the fixed pattern).
    read_noise, read_noise_error : float
        Read noise in e- and its error, NaN when it cannot be trusted.
    reports : list of StackReport
        One for every stack, used or not.
    warnings : list of str
    settings : dict
        Choices that shaped the maps.
    hot : (ny, nx) uint8 array or None
        Where the variance of a pixel of its own was used: 1 for CIC, 2 for dark current.
    """

    estimator: str
    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    r2: np.ndarray
    usable: np.ndarray
    unreliable: np.ndarray
    covariance: np.ndarray | None = None
    chi2: np.ndarray | None = None
    counts: np.ndarray | None = None
    bias: BiasOffset = field(default_factory=BiasOffset)
    variances: np.ndarray | None = None
    means: dict = field(default_factory=dict)
    read_noise: float = np.nan
    read_noise_error: float = np.nan
    reports: list[StackReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: dict = field(default_factory=dict)
    hot: np.ndarray | None = None

    @property
    def used(self):
        """Reports of the stacks in the fit."""
        return [report for report in self.reports if report.used]

    @property
    def nfiles(self):
        """Frames in the fit: the sum of mean usable frames a pixel, as corgidrp counts them."""
        return round(sum(report.mean_count for report in self.used))

    @property
    def signed(self):
        """True when negative charge stands for noise; the peers' estimators clip it."""
        return self.estimator == "pooled"


def clipped(maps):
    """Return maps with negative CIC and dark current set to 0, as corgidrp wants them.

    Such maps are biased: a mean over many pixels, or a synthesized dark, comes out too large.

    Parameters
    ----------
    maps : (3, ny, nx) array

    Returns
    -------
    (3, ny, nx) array
        A copy.
    """
    copy = np.array(maps)
    copy[1:][copy[1:] < 0] = 0
    return copy


class BandReader:
    """Reads the statistics of several stacks, the same rows of all at once.

    Parameters
    ----------
    sources : list of sources (`darkroom.cgi.stacks.sources`)
    nrows, nx : int
        Rows of a band at most, and columns.
    with_err : bool
    """

    def __init__(self, sources, nrows, nx, *, with_err=False):
        self._sources, self._nx = sources, nx
        self._room = Moments.zeros(len(sources) * nrows * nx, with_err=with_err)

    def read(self, rows):
        """Return the statistics of a band, (M, nrows, nx) arrays that the next call overwrites."""
        shape = (len(self._sources), rows.stop - rows.start, self._nx)
        band = self._room.rows(slice(0, shape[0] * shape[1] * shape[2])).reshaped(shape)
        for array in (band.count, band.total, band.m2, band.err2, band.seen):
            if array is not None:
                array[...] = 0
        for number, source in enumerate(self._sources):
            source.add_to(band.rows(number), rows)
        return band


def count_dtype(stacks):
    """Return the smallest type (as FITS has it) that counts the frames of all stacks."""
    return np.dtype(">i2" if max(stack.nframes for stack in stacks) > 255 else np.uint8)


def bands(ny, nrows):
    """Yield the bands of a frame of `ny` rows as slices of at most `nrows`."""
    for first in range(0, ny, nrows):
        yield slice(first, min(first + nrows, ny))
