"""Read noise from the residuals of straight lines through dark ramps.

A line per ramp and pixel takes off bias, kTC noise and dark current. Variances of all ramps are
averaged by their degrees of freedom. Ramps are cut at cosmic rays, which only step up; a pixel that
also steps down between two levels is telegraph noise, which is noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.ramps.ramps import GroupStack
from darkroom.nircam.ramps.robust import robust_upper_limit
from darkroom.nircam.superbias.noise import pair_noise

LEAST_GROUPS = 3
_SAMPLE_ROWS = 64


class Flag(IntFlag):
    """What is odd about a pixel's read noise."""

    NO_VALUE = 1
    NOISY = 2
    TELEGRAPH = 4
    FEW = 8
    REFERENCE_PIXEL = 16


MEANING = {
    Flag.NO_VALUE: "no ramp with 3 usable groups: NaN",
    Flag.NOISY: "read noise far above that of its amplifier and kind",
    Flag.TELEGRAPH: "steps up and down between two levels; cut at nothing",
    Flag.FEW: "fewer than 8 degrees of freedom: its error is more than a quarter",
    Flag.REFERENCE_PIXEL: "reference pixel",
}
_FEW = 8


@dataclass(frozen=True)
class Settings:
    """Choices of the line method.

    Attributes
    ----------
    pairs : str
        ``"independent"`` or ``"consecutive"`` pairs for the measured CDS noise.
    noisy_sigma : float
        Robust deviations above the median of its amplifier at which a pixel is NOISY.
    telegraph_gain : float
        Log-likelihood that two levels must gain over one.
    telegraph_steps : float
        Steps down expected at least.
    """

    pairs: str = "independent"
    noisy_sigma: float = 5.0
    telegraph_gain: float = 12.0
    telegraph_steps: float = 1.5


@dataclass
class ReadNoise:
    """Read noise of every pixel, images in the DMS frame.

    Attributes
    ----------
    single : (ny, nx) float32 array
        Noise of one read, DN; NaN without a value.
    error : (ny, nx) float32 array
        Its standard error, single / sqrt(2 nu).
    nu : (ny, nx) int32 array
        Degrees of freedom.
    pair : (ny, nx) float32 array
        Measured noise of the difference of two groups, DN.
    njumps : (ny, nx) int32 array
        Cosmic rays (steps up) found.
    telegraph : (ny, nx) float32 array
        Amplitude of telegraph noise where flagged, DN; else 0.
    dq : (ny, nx) int32 array
        Bits of `Flag`.
    ramp_single : (nramps, nkinds) float64 array
        Noise of one read of the quiet pixels, ramp by ramp and kind.
    ramp_nu : (nramps, nkinds) int64 array
        Degrees of freedom of these.
    """

    single: np.ndarray
    error: np.ndarray
    nu: np.ndarray
    pair: np.ndarray
    njumps: np.ndarray
    telegraph: np.ndarray
    dq: np.ndarray
    ramp_single: np.ndarray
    ramp_nu: np.ndarray


def kinds_of(classes):
    """Return the kind of every pixel, amplifier + noutputs × (reference pixel), (ny, nx) int32."""
    return (classes.amplifier + classes.noutputs * classes.reference).astype(np.int32)


def check_groups(ramps, least):
    """Refuse exposures with too few groups.

    Raises
    ------
    InputError
        Naming the first one.
    """
    for file in ramps.files:
        ngroups = file.sci.shape[1]
        if ngroups < least:
            raise InputError(
                file.path,
                f"{ngroups} group(s) per ramp, at least {least} are needed",
                "two are enough for method stack"
                if ngroups > 1
                else "the read noise is the scatter within a ramp",
            )


def measure(blocks, classes, settings, *, threads=1):
    """Measure the read noise of every pixel.

    Parameters
    ----------
    blocks : RampBlocks
    classes : Classes
    settings : Settings
    threads : int

    Returns
    -------
    ReadNoise

    Raises
    ------
    InputError
        When an exposure has fewer than 3 groups.
    """
    ramps = blocks.ramps
    check_groups(ramps, LEAST_GROUPS)
    kind = kinds_of(classes)
    step_noise = _step_noise(blocks, classes)
    candidate = _candidates(blocks, kind, step_noise, settings)
    result = _room(ramps.shape)
    nkinds = len(step_noise)

    def work(values, rows, columns):
        found = _Sums(values.shape[1], len(ramps.ramps), nkinds)
        place = np.ascontiguousarray(kind[rows, columns]).ravel()
        found.collect(values, blocks.starts, place, step_noise, candidate, settings)
        _store(result, found, rows, columns, settings)
        return found.ramp_squares, found.ramp_nu

    parts = blocks.over(work, threads)
    squares, nu = (sum(part[k] for part in parts) for k in (0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        result.ramp_single, result.ramp_nu = np.sqrt(squares / nu), nu
    _flag(result, classes, kind, settings)
    return result


def _step_noise(blocks, classes):
    """Return the typical noise of a difference of groups 0 and 1, by kind, DN."""
    stacks = (GroupStack(blocks.ramps, group, flags=blocks.flags) for group in (0, 1))
    noise = np.sqrt(2) * pair_noise(*stacks, classes)
    # A kind that is not there (no reference pixels in a subarray) is asked for by no pixel.
    return np.nan_to_num(noise.T.ravel(), nan=0.0)


class _Sums:
    """What `residuals` collects for one block."""

    def __init__(self, npixels, nramps, nkinds):
        self.total, self.raw, self.pairs = (np.empty(npixels) for _ in range(3))
        self.nu, self.raw_nu, self.pairs_nu, self.njumps = (
            np.empty(npixels, np.int32) for _ in range(4)
        )
        self.gain, self.amplitude, self.downs = (np.empty(npixels, np.float32) for _ in range(3))
        self.ramp_squares = np.zeros((nramps, nkinds))
        self.ramp_nu = np.zeros((nramps, nkinds), np.int64)

    def collect(self, values, starts, kind, step_noise, candidate, settings):
        stride = 2 if settings.pairs == "independent" else 1
        load_kernel("darkroom.nircam.readnoise.kernel").residuals(
            values, starts, kind, step_noise, candidate, stride,
            self.total, self.nu, self.raw, self.raw_nu, self.pairs, self.pairs_nu, self.njumps,
            self.gain, self.amplitude, self.downs, self.ramp_squares, self.ramp_nu,
        )  # fmt: skip


def _candidates(blocks, kind, step_noise, settings):
    """Return the noise from which on a pixel is tested for telegraph noise, by kind, DN."""
    ny, nx = blocks.ramps.shape
    never = np.full(len(step_noise), np.inf)
    found = [[] for _ in step_noise]

    def work(values, rows, columns):
        sums = _Sums(values.shape[1], len(blocks.ramps.ramps), len(step_noise))
        place = np.ascontiguousarray(kind[rows, columns]).ravel()
        sums.collect(values, blocks.starts, place, step_noise, never, settings)
        with np.errstate(invalid="ignore", divide="ignore"):
            noise = np.sqrt(sums.raw / sums.raw_nu)
        for k, values in enumerate(found):
            here = noise[place == k]
            values.append(here[np.isfinite(here)])

    every = max(1, ny // _SAMPLE_ROWS)
    blocks.over(work, layout=[(slice(y, y + 1), slice(0, nx)) for y in range(0, ny, every)])
    limits = []
    for values in map(np.concatenate, found):
        limits.append(robust_upper_limit(values, settings.noisy_sigma) if values.size else np.inf)
    return np.array(limits)


def _room(shape):
    images = [np.empty(shape, np.float32) for _ in range(4)]
    single, error, pair, telegraph = images
    nu, njumps = np.empty(shape, np.int32), np.empty(shape, np.int32)
    dq = np.zeros(shape, np.int32)
    return ReadNoise(single, error, nu, pair, njumps, telegraph, dq, None, None)


def _store(result, found, rows, columns, settings):
    """Turn the sums of a block into the images."""
    shape = result.single[rows, columns].shape
    telegraph = (found.gain > settings.telegraph_gain) & (found.downs >= settings.telegraph_steps)
    total = np.where(telegraph, found.raw, found.total)
    nu = np.where(telegraph, found.raw_nu, found.nu)
    with np.errstate(invalid="ignore", divide="ignore"):
        single = np.sqrt(total / nu)
        images = {
            "single": single,
            "error": single / np.sqrt(2 * nu),
            "nu": nu,
            "pair": np.sqrt(found.pairs / found.pairs_nu),
            "njumps": found.njumps,
            "telegraph": np.where(telegraph, found.amplitude, 0.0),
            "dq": np.where(telegraph, Flag.TELEGRAPH, 0),
        }
    for name, values in images.items():
        getattr(result, name)[rows, columns] = values.reshape(shape)


def _flag(result, classes, kind, settings):
    dq = result.dq
    dq[classes.reference] |= Flag.REFERENCE_PIXEL
    dq[~np.isfinite(result.single)] |= Flag.NO_VALUE
    dq[result.nu < _FEW] |= Flag.FEW
    for k in range(2 * classes.noutputs):
        where = kind == k
        values = result.single[where]
        good = values[np.isfinite(values)]
        if good.size:
            with np.errstate(invalid="ignore"):
                noisy = values > robust_upper_limit(good, settings.noisy_sigma)
            dq[where] |= np.where(noisy, Flag.NOISY, 0)
