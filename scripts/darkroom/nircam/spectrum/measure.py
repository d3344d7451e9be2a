"""Noise spectrum of NIRCam's amplifiers from dark ramps: common noise and their own."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum import bins
from darkroom.nircam.spectrum.cross import CrossSpectra
from darkroom.nircam.spectrum.fit import Fit, fit
from darkroom.nircam.spectrum.ramp import LEAST_KEPT, LEAST_NOISE, check_groups, fit_lines
from darkroom.nircam.spectrum.split import split, to_matrix
from darkroom.nircam.spectrum.weak import mean_weak_noise

log = logging.getLogger(__name__)
# Integrations from which their own scatter gives the errors of the bins.
_ENOUGH = 4


@dataclass
class Spectrum:
    """A measured noise spectrum; n amplifiers, m bins.

    Attributes
    ----------
    amplifiers : list of int
        Those that work, from 0.
    grid : darkroom.nircam.spectrum.bins.Grid
    frequency : (m,) array
        Hz; where a law as 1/f has the mean of its bin.
    counts, worth : (m,) array
        Values of the grid of 1/T in a bin; independent values it is worth.
    matrix : (m, n, n) complex128 array
        Cross spectra, one-sided, DN²/Hz; NaN in a bin of lines only.
    matrix_error : (m, n) array
        Errors of the auto spectra.
    common, own, common_error, own_error : arrays
        Split without a model: (m,) for a gain of 1 and (m, n), DN²/Hz.
    lines : list of darkroom.nircam.spectrum.bins.Line
    fit : darkroom.nircam.spectrum.fit.Fit
        White noise without that of `weak`.
    weak, weak_error : (n,) arrays
        Mean square noise that telegraph pixels and cosmic rays too weak to be found add to a read;
        it is white and in all spectra, DN².
    pedestals : list of (ngroups, n) arrays
        Level of every frame of each ramp above its first, DN.
    parseval : (n,) array
        Integral of the spectrum over the variance of the same residuals, minus 1.
    kept : (n,) array
        Share of the clock's ticks, weighted with the taper, whose samples were used.
    dof : float
        Degrees of freedom of all integrations.
    nframes : int
        Frames averaged in a group; the spectra are those of single frames.
    """

    amplifiers: list
    grid: bins.Grid
    frequency: np.ndarray
    counts: np.ndarray
    worth: np.ndarray
    matrix: np.ndarray
    matrix_error: np.ndarray
    common: np.ndarray
    own: np.ndarray
    common_error: np.ndarray
    own_error: np.ndarray
    lines: list
    fit: Fit
    weak: np.ndarray
    weak_error: np.ndarray
    pedestals: list
    parseval: np.ndarray
    kept: np.ndarray
    dof: float
    nframes: int


def measure(source, threads=1):
    """Measure the noise spectrum of dark ramps.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource
    threads : int
        Of the Fourier transforms.

    Returns
    -------
    Spectrum

    Raises
    ------
    DarkroomError
        When a ramp has fewer than 3 groups, or no amplifier works.
    """
    check_groups(source)
    readout = source.readout
    grid = bins.Grid.from_times(readout.frame_time, PIXEL_TIME)
    amplifiers, lines = _working(source)
    sums = CrossSpectra(readout, amplifiers, threads)
    pedestals, weak, parts, before = [], [], [], 0
    for ramp in range(source.nramps):
        fitted = lines if ramp == 0 else _lines(source, ramp, amplifiers)
        weak.append((fitted.weak[amplifiers], fitted.weak_error[amplifiers], fitted.dof))
        lines = None
        pedestals.append(_add_ramp(source, ramp, fitted, sums))
        total = grid.means(sums.padded_frequency, sums.power)[0]
        parts.append(total - before)
        before = total
    _check_kept(sums, readout)
    frequency, spectra = sums.corrected()
    spectra *= source.nframes
    pairs, n = sums.pairs, len(amplifiers)
    search = bins.LineSearch(frequency, spectra, pairs, grid, sums.dof)
    blur = sums.blur(search.clean)
    found, taken = search.find(blur)
    means, counts = grid.means(frequency, spectra, taken)
    matrix = to_matrix(means, pairs, n)
    worth, alone = (
        np.nan_to_num(
            bins.independent_values(counts, sums.dof, float(sums.kept.mean()), together)
            / grid.means(frequency, blur**2, taken)[0]
        )
        for together in (True, False)
    )
    centre = _effective_frequency(frequency, taken, grid)
    fitted = fit(centre, np.nan_to_num(matrix), worth, grid)
    expected = fitted.expected(centre, grid)
    gains = fitted.layout.gains(fitted.values)
    common, own, _ = split(matrix, gains, expected)
    errors = _errors(parts, matrix, pairs, gains, expected, alone)
    weak = [source.nframes * values for values in mean_weak_noise(*zip(*weak, strict=True))]
    fitted = fitted.without_white(*(values / grid.half_rate for values in weak))
    return Spectrum(
        amplifiers, grid, centre, counts, worth, matrix, *errors[:1], common, own, *errors[1:],
        found, fitted, *weak, pedestals, _parseval(spectra, sums, grid, source.nframes), sums.kept,
        sums.dof, source.nframes,
    )  # fmt: skip


def _working(source):
    """Return the amplifiers with noise to measure, and the lines through the first ramp."""
    lines = fit_lines(source, 0)
    failed = _failed(source.readout, lines)
    for amplifier, why in failed.items():
        log.warning("amplifier %d left out: %s", amplifier, why)
    working = [a for a in range(source.readout.noutputs) if a not in failed]
    if not working:
        raise DarkroomError(
            f"{source.label(0)}: no amplifier can be measured: each has less than "
            f"{100 * LEAST_KEPT:.0f} % of its pixels to trust, or noise below {LEAST_NOISE} DN"
        )
    return working, lines


def _failed(readout, lines):
    """Return what is wrong with amplifiers that a ramp tells nothing about: {amplifier: words}."""
    share = lines.good.reshape(readout.ny, readout.noutputs, -1).mean(axis=(0, 2))
    return {
        a: f"{100 * share[a]:.0f} % of its pixels can be used, their noise is {noise:.3g} DN"
        for a, noise in enumerate(lines.noise)
        if share[a] < LEAST_KEPT or not noise > LEAST_NOISE
    }


def _lines(source, ramp, amplifiers):
    """Return the lines through a further ramp, in which the amplifiers must work, too."""
    lines = fit_lines(source, ramp)
    for amplifier, why in _failed(source.readout, lines).items():
        if amplifier in amplifiers:
            raise DarkroomError(
                f"{source.label(ramp)}: amplifier {amplifier} works in {source.label(0)}, but "
                f"here {why}; leave this exposure out"
            )
    return lines


def _add_ramp(source, ramp, lines, sums):
    """Add the frames of a ramp; return their levels (ngroups, namplifiers)."""
    ngroups = source.ngroups(ramp)
    sums.begin(lines.good, lines.dof)
    levels = lines.offsets[:, sums.amplifiers].copy()
    for group in range(ngroups):
        levels[group] += sums.add(lines.residual(source.read(ramp, group), group))
    return levels


def _check_kept(sums, readout):
    for amplifier, kept in zip(sums.amplifiers, sums.kept, strict=True):
        if kept < LEAST_KEPT:
            raise DarkroomError(
                f"amplifier {amplifier} of {readout.detector}: {100 * kept:.0f} % of its clock has "
                f"samples to use, at least {100 * LEAST_KEPT:.0f} % are needed; leave out the "
                "exposures with most flags"
            )


def _effective_frequency(frequency, taken, grid):
    """Return where a law as 1/f, or its mirror image, has the mean of its bin."""
    with np.errstate(divide="ignore"):
        near_zero = 1 / grid.means(frequency, 1 / frequency, taken)[0]
        from_half = 1 / grid.means(frequency, 1 / (grid.half_rate - frequency), taken)[0]
    centre = np.sqrt(grid.edges[:-1] * grid.edges[1:])
    lower = centre < grid.half_rate / 2
    found = np.where(lower, near_zero, grid.half_rate - from_half)
    return np.where(np.isfinite(found), found, centre)


def _parseval(spectra, sums, grid, nframes):
    found = []
    own = [k for k, (a, b) in enumerate(sums.pairs) if a == b]
    variance = nframes * sums.variance / sums.weight
    for place, k in enumerate(own):
        power = spectra[k].real.sum(dtype=np.float64) - spectra[k, 0].real / 2
        if sums.ticks % 2 == 0:
            power -= spectra[k, -1].real / 2
        found.append(power / grid.frame_time / variance[place] - 1)
    return np.array(found)


def _errors(parts, matrix, pairs, gains, expected, worth):
    """Return errors of auto spectra, common and own part.

    With enough integrations from leaving out one at a time, as scatter of the sums before the gap
    correction, which changes all of them alike; else from what the bins are worth.
    """
    n = len(gains)
    own = np.diagonal(matrix, 0, 1, 2).real
    count = len(parts)
    if count < _ENOUGH:
        common, _, errors = split(matrix, gains, expected)
        with np.errstate(divide="ignore", invalid="ignore"):
            own_error = own / np.sqrt(worth)[:, None]
            errors = errors / np.sqrt(worth)[:, None]
            # Strong common noise beyond the model scatters by as much more.
            strong = np.maximum(common / (expected[:, 0, 0] / gains[0] ** 2), 1.0)
        return own_error, errors[:, 0] * np.where(np.isfinite(strong), strong, 1), errors[:, 1:]
    total = sum(parts)
    left = [to_matrix((total - part) * count / (count - 1), pairs, n) for part in parts]
    with np.errstate(invalid="ignore", divide="ignore"):
        scale = (own.sum(axis=1) / np.trace(to_matrix(total, pairs, n), 0, 1, 2).real)[:, None]
        autos = [np.diagonal(m, 0, 1, 2).real * scale for m in left]
        splits = [split(m * scale[:, :, None], gains, expected) for m in left]
    groups = (autos, [s[0] for s in splits], [s[1] for s in splits])
    return tuple(np.sqrt(count - 1) * np.std(values, axis=0) for values in groups)
