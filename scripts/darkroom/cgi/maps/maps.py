"""The noise maps that every estimator returns, and what estimators share."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.stacks.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from darkroom.cgi.stacks.sources import Source
    from darkroom.cgi.stacks.stacks import Stack

#: Order of the maps.
MAPS = ("FPN", "CIC", "DC")
#: Pairs of maps whose covariances are the planes of `NoiseMaps.covariance`.
PAIRS = ((0, 1), (0, 2), (1, 2))


@dataclass
class BiasOffset:
    """Offset of the bias that the prescan measures [DN].

    Attributes
    ----------
    value, error, low, up : float
        The offset, its error, its lower and its upper bound.
    measured : bool
        False when the stacks cannot measure it; it is then 0.
    """

    value: float = 0.0
    error: float = 0.0
    low: float = 0.0
    up: float = 0.0
    measured: bool = False


@dataclass
class StackReport:
    """Results of the fit for one stack.

    Attributes
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    mean_count : float
        Usable frames per pixel, mean over the full frame.
    used : bool
        False when the stack was left out of the fit.
    reason : str
        Why it was left out.
    level, offset, offset_error : float
        Mean of the bias region, its offset from the other stacks, and the error of the offset
        [e-]; NaN when not measured.
    corrected : bool
        True when the offset was subtracted before the fit.
    noise : float
        Standard deviation of a sample in the imaging area [e-]; NaN when not estimated.
    expected_noise : float
        Noise expected from read noise and the charge of normal pixels [e-]; NaN when unknown.
    residual, residual_error : float
        Mean over the imaging area of (mean frame - fit), and its error [e-].
    residual_share : float
        Share of a level of this stack alone that is in the residual: the fit follows the rest.
    """

    stack: Stack
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
    residual_share: float = np.nan


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
        Not zero where the maps are not valid.
    covariance : (3, ny, nx) float array or None
        Covariances of the maps, in the order of `PAIRS`; with the squares of `err` they are the
        full covariance matrix. corgidrp's estimators have none.
    chi2 : (ny, nx) float array or None
        Chi-square of the fit.
    r2 : (ny, nx) float array
        Adjusted coefficient of determination.
    usable : (ny, nx) uint8 array
        Number of stacks with a usable sample.
    unreliable : (ny, nx) uint8 array
        Number of stacks that lack too many of their frames in a pixel.
    counts : (M, ny, nx) uint8 or int16 array or None
        Usable frames of each stack in the fit.
    bias : BiasOffset
    variances : (3,) float array
        Mean variance of the maps' errors over the imaging area.
    means : dict
        ``FPN_IMM``, ``CIC_IMM``, ``DC_IMM`` (means over the imaging area) and ``FPN_IMME``
        (median of the fixed pattern).
    read_noise, read_noise_error : float
        Read noise and its error [e-]; NaN when it cannot be measured.
    reports : list of StackReport
        One for every stack, used or not.
    warnings : list of str
    settings : dict
        Settings that the maps depend on.
    hot : (ny, nx) uint8 array or None
        Pixels fitted as hot (`darkroom.cgi.maps.hot`): 1 for CIC, 2 for dark current, 3 for both.
    hot_limits : tuple of float
        Excess of CIC [e-] and of dark current [e-/s] that makes a pixel hot; NaN when unknown.
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
    means: dict[str, float] = field(default_factory=dict)
    read_noise: float = np.nan
    read_noise_error: float = np.nan
    reports: list[StackReport] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, object] = field(default_factory=dict)
    hot: np.ndarray | None = None
    hot_limits: tuple[float, float] = (np.nan, np.nan)

    @property
    def used(self) -> list[StackReport]:
        """Reports of the stacks in the fit."""
        return [report for report in self.reports if report.used]

    @property
    def nfiles(self) -> int:
        """Frames in the fit as corgidrp counts them: the sum of mean usable frames per pixel."""
        return round(sum(report.mean_count for report in self.used))

    @property
    def signed(self) -> bool:
        """True when negative charge due to noise is kept; corgidrp's estimators clip it."""
        return self.estimator == "pooled"


def clipped(maps: np.ndarray) -> np.ndarray:
    """Return maps with negative CIC and dark current set to 0, as corgidrp requires.

    Such maps are biased: a mean over many pixels, or a synthesized dark, is too large.

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
    """Reader of the statistics of several stacks, the same band of rows of all of them.

    Parameters
    ----------
    sources : sequence of darkroom.cgi.stacks.sources.Source
    nrows, nx : int
        Largest number of rows of a band, and columns.
    with_err : bool
        True when the frames' errors are read.
    """

    def __init__(
        self, sources: Sequence[Source], nrows: int, nx: int, *, with_err: bool = False
    ) -> None:
        self._sources, self._nx = sources, nx
        self._workspace = Moments.zeros(len(sources) * nrows * nx, with_err=with_err)

    def read(self, rows: slice) -> Moments:
        """Return the statistics of a band, (M, nrows, nx) arrays that the next call overwrites."""
        shape = (len(self._sources), rows.stop - rows.start, self._nx)
        band = self._workspace.rows(slice(0, shape[0] * shape[1] * shape[2])).reshaped(shape)
        for array in (band.count, band.total, band.m2, band.err2, band.seen):
            if array is not None:
                array[...] = 0
        for number, source in enumerate(self._sources):
            source.add_to(band.rows(number), rows)
        return band


def count_dtype(stacks: Sequence[Stack]) -> np.dtype:
    """Return the smallest FITS type that holds the number of frames of every stack."""
    return np.dtype(">i2" if max(stack.nframes for stack in stacks) > 255 else np.uint8)


def bands(ny: int, nrows: int) -> Iterator[slice]:
    """Yield the bands of a frame of `ny` rows as slices of at most `nrows`."""
    for first in range(0, ny, nrows):
        yield slice(first, min(first + nrows, ny))
