"""Noise spectra of NIRCam's amplifiers from dark ramps: common noise and noise of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum import bins
from darkroom.nircam.spectrum.cross import gap_leakage
from darkroom.nircam.spectrum.fit import Fit, fit
from darkroom.nircam.spectrum.gather import MeasuredFrames, gather
from darkroom.nircam.spectrum.split import split, to_matrix
from darkroom.nircam.spectrum.weak import mean_weak_noise

if TYPE_CHECKING:
    from darkroom.nircam.spectrum.gather import FrameSums, SpectrumSums
    from darkroom.nircam.spectrum.source import RampSource

# With at least so many integrations, errors of the bins come from the scatter between them.
_ENOUGH = 4


@dataclass(kw_only=True)
class Spectrum(MeasuredFrames):
    """A measured noise spectrum; n amplifiers, m bins.

    Attributes
    ----------
    frequency : (m,) array
        Effective frequency of each bin, Hz: where a 1/f law has the mean of the bin.
    counts : (m,) array
        Number of values of the grid of 1/T in each bin.
    n_independent : (m,) array
        Equivalent number of independent values in each bin.
    matrix : (m, n, n) complex128 array
        Cross spectra, one-sided, DN²/Hz; NaN in a bin of lines only.
    matrix_error : (m, n) array
        Errors of the auto spectra, DN²/Hz.
    common, common_error : (m,) arrays
        Common noise for a gain of 1, without a model, and its error, DN²/Hz.
    own, own_error : (m, n) arrays
        Noise of each amplifier, without a model, and its error, DN²/Hz.
    lines : list of darkroom.nircam.spectrum.bins.Line
        Spectral lines found; they are left out of the bins.
    fit : darkroom.nircam.spectrum.fit.Fit
        Fitted model, without the white noise of `weak`.
    weak, weak_error : (n,) arrays
        Mean square noise that telegraph pixels and cosmic rays too weak to be detected add to a
        read, and its error, DN². It is white, and contained in all spectra.
    parseval : (n,) array
        Integral of the spectrum over the variance of the same residuals, minus 1.
    dof : float
        Sum of the degrees of freedom of the integrations.
    by_ramp : (nramps, m, n, n) complex128 array
        Cross spectra of each ramp, not corrected for gaps, one-sided, DN²/Hz.
    """

    frequency: np.ndarray
    counts: np.ndarray
    n_independent: np.ndarray
    matrix: np.ndarray
    matrix_error: np.ndarray
    common: np.ndarray
    own: np.ndarray
    common_error: np.ndarray
    own_error: np.ndarray
    lines: list[bins.Line]
    fit: Fit
    weak: np.ndarray
    weak_error: np.ndarray
    parseval: np.ndarray
    dof: float
    by_ramp: np.ndarray


def measure(source: RampSource, threads: int = 1, further: FrameSums | None = None) -> Spectrum:
    """Measure the noise spectrum of dark ramps.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        Dark ramps of one detector.
    threads : int
        Threads of the Fourier transforms.
    further : FrameSums, optional
        Further sums over the same frames.

    Returns
    -------
    Spectrum

    Raises
    ------
    DarkroomError
        When a ramp has fewer than 3 groups, no amplifier can be measured, or the fit fails.
    """
    return spectrum_of(gather(source, threads, further=further))


def spectrum_of(sums: SpectrumSums) -> Spectrum:
    """Return the noise spectrum that sums over ramps make: lines, bins, fit and errors.

    Parameters
    ----------
    sums : darkroom.nircam.spectrum.gather.SpectrumSums

    Returns
    -------
    Spectrum

    Raises
    ------
    DarkroomError
        When the fit fails.
    """
    grid, pairs, n = sums.grid, sums.pairs, len(sums.amplifiers)
    frequency, spectra = sums.frequency, sums.spectra
    search = bins.LineSearch(frequency, spectra, pairs, grid, sums.dof)
    leakage = gap_leakage(search.clean, sums.valid, sums.ticks)
    lines, used = search.find(leakage)
    means, counts = grid.means(frequency, spectra, used)
    matrix = to_matrix(means, pairs, n)
    n_independent, alone = (
        np.nan_to_num(
            bins.independent_values(counts, sums.dof, float(sums.kept.mean()), together)
            / grid.means(frequency, leakage**2, used)[0]
        )
        for together in (True, False)
    )
    centre = effective_frequency(frequency, used, grid)
    model = fit(centre, np.nan_to_num(matrix), n_independent, grid)
    expected = model.expected(centre, grid)
    gains = model.layout.gains(model.values)
    common, own, _ = split(matrix, gains, expected)
    errors = _errors(sums.parts, matrix, pairs, gains, expected, alone)
    weak, weak_error = (
        sums.nframes * values for values in mean_weak_noise(sums.weak, sums.weak_error, sums.dofs)
    )
    return Spectrum(
        amplifiers=sums.amplifiers,
        grid=grid,
        frequency=centre,
        counts=counts,
        n_independent=n_independent,
        matrix=matrix,
        matrix_error=errors[0],
        common=common,
        own=own,
        common_error=errors[1],
        own_error=errors[2],
        lines=lines,
        fit=model.without_white(weak / grid.half_rate, weak_error / grid.half_rate),
        weak=weak,
        weak_error=weak_error,
        pedestals=sums.pedestals,
        parseval=_parseval(sums),
        kept=sums.kept,
        dof=sums.dof,
        nframes=sums.nframes,
        by_ramp=_by_ramp(sums),
    )


def effective_frequency(frequency: np.ndarray, used: np.ndarray, grid: bins.Grid) -> np.ndarray:
    """Return where a 1/f law, in the upper half its mirror image, has the mean of the bin, Hz.

    Parameters
    ----------
    frequency : (n,) array
        Hz.
    used : (n,) bool array
        Values that count.
    grid : darkroom.nircam.spectrum.bins.Grid

    Returns
    -------
    (nbins,) float64 array
    """
    with np.errstate(divide="ignore"):
        near_zero = 1 / grid.means(frequency, 1 / frequency, used)[0]
        from_half = 1 / grid.means(frequency, 1 / (grid.half_rate - frequency), used)[0]
    centre = np.sqrt(grid.edges[:-1] * grid.edges[1:])
    lower = centre < grid.half_rate / 2
    found = np.where(lower, near_zero, grid.half_rate - from_half)
    return np.where(np.isfinite(found), found, centre)


def _parseval(sums):
    """Return the integral of each auto spectrum over the variance of its residuals, minus 1."""
    found = []
    own = [k for k, (a, b) in enumerate(sums.pairs) if a == b]
    for place, k in enumerate(own):
        power = sums.spectra[k].real.sum(dtype=np.float64) - sums.spectra[k, 0].real / 2
        if sums.ticks % 2 == 0:
            power -= sums.spectra[k, -1].real / 2
        found.append(power / sums.grid.frame_time / sums.variance[place] - 1)
    return np.array(found)


def _by_ramp(sums):
    """Return the cross spectra of each ramp, from its sums of squared tapers."""
    weights = sums.weights
    scale = 2 * PIXEL_TIME * sums.nframes
    scale = scale / np.sqrt(weights[:, :, None] * weights[:, None, :])
    matrices = [to_matrix(part, sums.pairs, weights.shape[1]) for part in sums.parts]
    return scale[:, None] * np.stack(matrices)


def _errors(parts, matrix, pairs, gains, expected, n_independent):
    """Return the errors of the auto spectra, of the common part and of the own parts, DN²/Hz.

    With enough integrations, from a jackknife over them (of the sums before the correction for
    gaps, which is the same for all); else from the number of independent values in a bin.
    """
    n = len(gains)
    own = np.diagonal(matrix, 0, 1, 2).real
    count = len(parts)
    if count < _ENOUGH:
        common, _, errors = split(matrix, gains, expected)
        with np.errstate(divide="ignore", invalid="ignore"):
            own_error = own / np.sqrt(n_independent)[:, None]
            errors = errors / np.sqrt(n_independent)[:, None]
            # Common noise above the model has a proportionally larger scatter.
            strong = np.maximum(common / (expected[:, 0, 0] / gains[0] ** 2), 1.0)
        return own_error, errors[:, 0] * np.where(np.isfinite(strong), strong, 1), errors[:, 1:]
    total = sum(parts)
    jackknife = [to_matrix((total - part) * count / (count - 1), pairs, n) for part in parts]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (own.sum(axis=1) / np.trace(to_matrix(total, pairs, n), 0, 1, 2).real)[:, None]
        autos = [np.diagonal(m, 0, 1, 2).real * scale for m in jackknife]
        splits = [split(m * scale[:, :, None], gains, expected) for m in jackknife]
    groups = (autos, [s[0] for s in splits], [s[1] for s in splits])
    return tuple(np.sqrt(count - 1) * np.std(values, axis=0) for values in groups)
