"""Noise spectra of NIRCam's amplifiers from dark ramps: common noise and noise of each."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.memory import kept_large
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum import bins
from darkroom.nircam.spectrum.cross import CrossSpectra
from darkroom.nircam.spectrum.fit import Fit, fit
from darkroom.nircam.spectrum.ramp import MIN_NOISE, MIN_USABLE, bands, check_groups, fit_ramp
from darkroom.nircam.spectrum.split import split, to_matrix
from darkroom.nircam.spectrum.weak import mean_weak_noise

if TYPE_CHECKING:
    from darkroom.nircam.spectrum.ramp import RampSource

log = logging.getLogger(__name__)
# With at least so many integrations, errors of the bins come from the scatter between them.
_ENOUGH = 4


@dataclass
class Spectrum:
    """A measured noise spectrum; n amplifiers, m bins.

    Attributes
    ----------
    amplifiers : list of int
        Amplifiers measured, counted from 0.
    grid : darkroom.nircam.spectrum.bins.Grid
        Bins of the spectrum.
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
    pedestals : list of (ngroups, n) arrays
        Level of every frame of each ramp above that of its first, DN.
    parseval : (n,) array
        Integral of the spectrum over the variance of the same residuals, minus 1.
    kept : (n,) array
        Fraction of the clock ticks, weighted with the squared taper, whose samples were used.
    dof : float
        Sum of the degrees of freedom of the integrations.
    nframes : int
        Frames averaged in a group; the spectra are those of single frames.
    by_ramp : (nramps, m, n, n) complex128 array
        Cross spectra of each ramp, not corrected for gaps, one-sided, DN²/Hz.
    """

    amplifiers: list[int]
    grid: bins.Grid
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
    pedestals: list[np.ndarray]
    parseval: np.ndarray
    kept: np.ndarray
    dof: float
    nframes: int
    by_ramp: np.ndarray


def measure(source: RampSource, threads: int = 1) -> Spectrum:
    """Measure the noise spectrum of dark ramps.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource
        Dark ramps of one detector.
    threads : int
        Threads of the Fourier transforms.

    Returns
    -------
    Spectrum

    Raises
    ------
    DarkroomError
        When a ramp has fewer than 3 groups, no amplifier can be measured, or the fit fails.
    """
    check_groups(source)
    readout = source.readout
    grid = bins.Grid.from_times(readout.frame_time, PIXEL_TIME)
    amplifiers, first = _working(source)
    sums = CrossSpectra(readout, amplifiers, threads)
    pedestals, weak_of_ramps, parts, weights = [], [], [], []
    before, places = np.zeros(()), grid.places(sums.padded_frequency)
    for ramp in range(source.nramps):
        with kept_large():
            fitted = first if ramp == 0 else _fit_further(source, ramp, amplifiers)
            weak = fitted.weak[amplifiers], fitted.weak_error[amplifiers]
            weak_of_ramps.append((*weak, fitted.dof))
            pedestals.append(_add_ramp(source, ramp, fitted, sums))
            fitted = first = None  # their images are large
        total = sums.means(places)
        parts.append(total - before)
        weights.append(sums.weight.copy())
        before = total
    del places
    source.forget()
    _check_kept(sums, readout)
    frequency, spectra = sums.corrected()
    spectra *= source.nframes
    pairs, n = sums.pairs, len(amplifiers)
    search = bins.LineSearch(frequency, spectra, pairs, grid, sums.dof)
    leakage = sums.gap_leakage(search.clean)
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
    centre = _effective_frequency(frequency, used, grid)
    model = fit(centre, np.nan_to_num(matrix), n_independent, grid)
    expected = model.expected(centre, grid)
    gains = model.layout.gains(model.values)
    common, own, _ = split(matrix, gains, expected)
    errors = _errors(parts, matrix, pairs, gains, expected, alone)
    weak, weak_error = (
        source.nframes * values for values in mean_weak_noise(*zip(*weak_of_ramps, strict=True))
    )
    return Spectrum(
        amplifiers=amplifiers,
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
        pedestals=pedestals,
        parseval=_parseval(spectra, sums, grid, source.nframes),
        kept=sums.kept,
        dof=sums.dof,
        nframes=source.nframes,
        by_ramp=_by_ramp(parts, np.diff(weights, axis=0, prepend=0), pairs, source.nframes),
    )


def _working(source):
    """Return the amplifiers whose noise can be measured, and the `RampFit` of the first ramp."""
    fitted = fit_ramp(source, 0)
    failed = _failed(source.readout, fitted)
    for amplifier, why in failed.items():
        log.warning("amplifier %d left out: %s", amplifier, why)
    working = [a for a in range(source.readout.noutputs) if a not in failed]
    if not working:
        raise DarkroomError(
            f"{source.label(0)}: no amplifier can be measured: each has less than "
            f"{100 * MIN_USABLE:.0f} % usable pixels, or noise below {MIN_NOISE} DN"
        )
    return working, fitted


def _failed(readout, fitted):
    """Return why amplifiers cannot be measured in a ramp: {amplifier: reason}."""
    share = fitted.good.reshape(readout.ny, readout.noutputs, -1).mean(axis=(0, 2))
    return {
        a: f"{100 * share[a]:.0f} % of its pixels are usable, their noise is {noise:.3g} DN"
        for a, noise in enumerate(fitted.noise)
        if share[a] < MIN_USABLE or not noise > MIN_NOISE
    }


def _fit_further(source, ramp, amplifiers):
    """Return the `RampFit` of a further ramp; the same amplifiers must be measurable in it."""
    fitted = fit_ramp(source, ramp)
    for amplifier, why in _failed(source.readout, fitted).items():
        if amplifier in amplifiers:
            raise DarkroomError(
                f"{source.label(ramp)}: amplifier {amplifier} works in {source.label(0)}, but "
                f"here {why}; leave this exposure out"
            )
    return fitted


def _add_ramp(source, ramp, fitted, sums):
    """Add the frames of a ramp; return their levels, (ngroups, namplifiers), DN."""
    ngroups = source.ngroups(ramp)
    sums.begin(fitted.good, fitted.dof)
    levels = fitted.offsets[:, sums.amplifiers].copy()
    for group in range(ngroups):
        levels[group] += sums.add(_frame(source, ramp, fitted, group))
    return levels


def _frame(source, ramp, fitted, group):
    """Yield rows of a group and the line through them, for `CrossSpectra.add`."""
    for rows in bands(source.readout.ny):
        values = source.read(ramp, group, rows, flagged=False)
        yield rows, values, fitted.line(group, rows)


def _check_kept(sums, readout):
    """Refuse an amplifier of which too few samples are usable."""
    for amplifier, kept in zip(sums.amplifiers, sums.kept, strict=True):
        if kept < MIN_USABLE:
            raise DarkroomError(
                f"amplifier {amplifier} of {readout.detector}: {100 * kept:.0f} % of its samples "
                f"are usable, at least {100 * MIN_USABLE:.0f} % are needed; leave out the "
                "exposures with most flags"
            )


def _effective_frequency(frequency, used, grid):
    """Return where a 1/f law, in the upper half its mirror image, has the mean of the bin, Hz."""
    with np.errstate(divide="ignore"):
        near_zero = 1 / grid.means(frequency, 1 / frequency, used)[0]
        from_half = 1 / grid.means(frequency, 1 / (grid.half_rate - frequency), used)[0]
    centre = np.sqrt(grid.edges[:-1] * grid.edges[1:])
    lower = centre < grid.half_rate / 2
    found = np.where(lower, near_zero, grid.half_rate - from_half)
    return np.where(np.isfinite(found), found, centre)


def _parseval(spectra, sums, grid, nframes):
    """Return the integral of each auto spectrum over the variance of its residuals, minus 1."""
    found = []
    own = [k for k, (a, b) in enumerate(sums.pairs) if a == b]
    variance = nframes * sums.variance / sums.weight
    for place, k in enumerate(own):
        power = spectra[k].real.sum(dtype=np.float64) - spectra[k, 0].real / 2
        if sums.ticks % 2 == 0:
            power -= spectra[k, -1].real / 2
        found.append(power / grid.frame_time / variance[place] - 1)
    return np.array(found)


def _by_ramp(parts, weights, pairs, nframes):
    """Return the cross spectra of each ramp; `weights` are its sums of squared tapers."""
    scale = 2 * PIXEL_TIME * nframes / np.sqrt(weights[:, :, None] * weights[:, None, :])
    matrices = [to_matrix(part, pairs, weights.shape[1]) for part in parts]
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
