"""What a noise spectrum is made of: sums over the frames of dark ramps, and rows of each ramp."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.memory import kept_large
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum.bins import Grid
from darkroom.nircam.spectrum.cross import NO_SUMS, CrossSpectra
from darkroom.nircam.spectrum.ramp import MIN_NOISE, MIN_USABLE, fit_ramp
from darkroom.nircam.spectrum.source import bands, check_groups

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Protocol

    from darkroom.nircam.spectrum.ramp import RampFit
    from darkroom.nircam.spectrum.source import RampSource

    class FrameSums(Protocol):
        """Further sums over the frames that are read, as `darkroom.nircam.refpix.levels` has."""

        watched: tuple[np.ndarray, np.ndarray]

        def begin(self, fitted: RampFit) -> None:
            """Begin a ramp."""

        def sums(self, group: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
            """Return where residuals of rows of a group are summed, by row and by column."""

        def end(self) -> None:
            """End the ramp."""

        def finish(self) -> object:
            """End the sums over all ramps."""


log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class MeasuredFrames:
    """What frames a noise spectrum is of; n amplifiers.

    Attributes
    ----------
    amplifiers : list of int
        Amplifiers measured, counted from 0.
    grid : darkroom.nircam.spectrum.bins.Grid
        Bins of the spectrum.
    nframes : int
        Frames averaged in a group; the spectra are those of single frames.
    kept : (n,) array
        Fraction of the clock ticks, weighted with the squared taper, whose samples were used.
    pedestals : list of (ngroups, n) arrays
        Level of every frame of each ramp above that of its first, DN.
    """

    amplifiers: list[int]
    grid: Grid
    nframes: int
    kept: np.ndarray
    pedestals: list[np.ndarray]


@dataclass(kw_only=True)
class SpectrumSums(MeasuredFrames):
    """Sums over ramps that their noise spectrum is made of; n amplifiers, m bins.

    Attributes
    ----------
    ticks : int
        Clock ticks of a frame.
    pairs : list of (int, int)
        Positions in `amplifiers`, first not above second.
    frequency : (nfrequencies,) array
        Multiples of 1 / (frame time), Hz.
    spectra : (npairs, nfrequencies) complex64 array
        Corrected for gaps, one-sided, DN²/Hz.
    valid : (ticks,) array
        Fraction of the pairs of samples at each lag that gaps leave, first amplifier.
    variance : (n,) array
        Mean square of the residuals, weighted with the squared taper, DN².
    parts : list of (npairs, m) complex128 arrays
        Of each ramp, the binned spectra before the correction for gaps.
    weights : (nramps, n) array
        Of each ramp, the sum over ticks of (taper × mask)², times its degrees of freedom.
    weak, weak_error : (nramps, n) arrays
        Of each ramp, results of `darkroom.nircam.spectrum.weak.weak_noise`, DN².
    dofs : (nramps,) array
        Degrees of freedom of each ramp.
    """

    ticks: int
    pairs: list[tuple[int, int]]
    frequency: np.ndarray
    spectra: np.ndarray
    valid: np.ndarray
    variance: np.ndarray
    parts: list[np.ndarray]
    weights: np.ndarray
    weak: np.ndarray
    weak_error: np.ndarray
    dofs: np.ndarray

    @property
    def dof(self) -> float:
        """Sum of the degrees of freedom of the ramps."""
        return float(sum(self.dofs))


def gather(
    source: RampSource,
    threads: int = 1,
    amplifiers: Sequence[int] | None = None,
    further: FrameSums | None = None,
) -> SpectrumSums:
    """Read dark ramps, and sum what their noise spectrum is made of.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.source.RampSource
        Dark ramps of one detector.
    threads : int
        Threads of the Fourier transforms.
    amplifiers : sequence of int, optional
        Amplifiers that must be measurable; by default those that are in the first ramp.
    further : FrameSums, optional
        Further sums over the same frames; nothing is added to them where an amplifier cannot be
        measured.

    Returns
    -------
    SpectrumSums

    Raises
    ------
    DarkroomError
        When a ramp has fewer than 3 groups, or an amplifier cannot be measured.
    """
    check_groups(source)
    readout = source.readout
    grid = Grid.from_times(readout.frame_time, PIXEL_TIME)
    first = None
    if amplifiers is None:
        amplifiers, first = _working(source, further)
    if len(amplifiers) < readout.noutputs:
        further = None
    sums = CrossSpectra(readout, amplifiers, threads)
    pedestals, weak, errors, dofs, parts, weights = [], [], [], [], [], []
    before, places = np.zeros(()), grid.places(sums.padded_frequency)
    for ramp in range(source.nramps):
        with kept_large():
            fitted = first or _fit_further(source, ramp, amplifiers, further)
            weak.append(fitted.weak[amplifiers])
            errors.append(fitted.weak_error[amplifiers])
            dofs.append(fitted.dof)
            source.forget()  # flags: the second time nobody asks for them
            pedestals.append(_add_ramp(source, ramp, fitted, sums, further))
            fitted = first = None  # their images are large
        total = sums.means(places)
        parts.append(total - before)
        weights.append(sums.weight.copy())
        before = total
    del places
    source.forget()
    if further is not None:
        further.finish()
    _check_kept(sums, readout)
    frequency, spectra = sums.corrected()
    spectra *= source.nframes
    return SpectrumSums(
        amplifiers=list(amplifiers),
        grid=grid,
        nframes=source.nframes,
        ticks=sums.ticks,
        pairs=sums.pairs,
        frequency=frequency,
        spectra=spectra,
        valid=sums.valid_fraction(),
        kept=sums.kept,
        variance=source.nframes * sums.variance / sums.weight,
        parts=parts,
        weights=np.diff(weights, axis=0, prepend=0),
        weak=np.array(weak),
        weak_error=np.array(errors),
        dofs=np.array(dofs),
        pedestals=pedestals,
    )


def _working(source, further):
    """Return the amplifiers whose noise can be measured, and the `RampFit` of the first ramp."""
    fitted = fit_ramp(source, 0, further and further.watched)
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


def _fit_further(source, ramp, amplifiers, further):
    """Return the `RampFit` of a further ramp; the same amplifiers must be measurable in it."""
    fitted = fit_ramp(source, ramp, further and further.watched)
    for amplifier, why in _failed(source.readout, fitted).items():
        if amplifier in amplifiers:
            other = f"in {source.label(0)}" if ramp else "in the ramps before"
            raise DarkroomError(
                f"{source.label(ramp)}: amplifier {amplifier} works {other}, but "
                f"here {why}; leave this exposure out"
            )
    return fitted


def _add_ramp(source, ramp, fitted, sums, further):
    """Add the frames of a ramp; return their levels, (ngroups, namplifiers), DN."""
    ngroups = source.ngroups(ramp)
    sums.begin(fitted.good, fitted.dof)
    if further is not None:
        further.begin(fitted)
    levels = fitted.offsets[:, sums.amplifiers].copy()
    for group in range(ngroups):
        levels[group] += sums.add(_frame(source, ramp, fitted, group, further))
    if further is not None:
        further.end()
    return levels


def _frame(source, ramp, fitted, group, further):
    """Yield rows of a group and the line through them, for `CrossSpectra.add`."""
    for rows in bands(source.readout.ny):
        values = source.read(ramp, group, rows, flagged=False)
        sums = NO_SUMS if further is None else further.sums(group, rows)
        yield rows, values, fitted.line(group, rows), sums


def _check_kept(sums, readout):
    """Refuse an amplifier of which too few samples are usable."""
    for amplifier, kept in zip(sums.amplifiers, sums.kept, strict=True):
        if kept < MIN_USABLE:
            raise DarkroomError(
                f"amplifier {amplifier} of {readout.detector}: {100 * kept:.0f} % of its samples "
                f"are usable, at least {100 * MIN_USABLE:.0f} % are needed; leave out the "
                "exposures with most flags"
            )
