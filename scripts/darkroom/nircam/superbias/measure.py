"""Superbias of aligned ramps: every integration counts, offsets of ramps are solved out.

Sample of a ramp = bias of the pixel + offset of ramp, amplifier and column parity + kTC noise of
the pixel and the reset + read noise. With the offsets known, the samples of a pixel differ by
noise alone: their clipped mean is the superbias, and their scatter over sqrt(count) its error.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy import special

from darkroom.combine import Clip, clip_block
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.ramps.robust import robust_upper_limit
from darkroom.nircam.superbias.flags import Flag
from darkroom.nircam.superbias.offsets import (
    Aligned,
    Offsets,
    first_levels,
    sample_rows,
    solve_offsets,
)
from darkroom.threads import over_bands

LEAST_RAMPS = 3
# Scatter about the common image, in units of the other ramps', above which one is refused.
_STRANGE = 2.5
_IMAGES = ("mean", "median", "std", "error", "low", "high")


@dataclass(frozen=True)
class Settings:
    """Choices of the aligned superbias.

    Attributes
    ----------
    nsigma : float
        Samples farther than so many deviations from the pixel's median are rejected. The
        deviation is 1.4826 MAD of the pixel, at least the typical scatter of its kind (active
        or reference): the MAD of few samples is often far too small by chance.
    iterations : int
        Rounds of rejection.
    noisy_sigma : float
        Pixels whose scatter is so many robust deviations above the median of their class
        are NOISY.
    drift_p : float
        Two-sided probability below which a pixel's slope in time is DRIFT.
    hot_sigma : float
        Robust deviations above the median slope at which a pixel is HOT.
    """

    nsigma: float = 4.0
    iterations: int = 3
    noisy_sigma: float = 5.0
    drift_p: float = 1e-5
    hot_sigma: float = 5.0


@dataclass
class Superbias:
    """The superbias of aligned ramps, images in the DMS frame.

    Attributes
    ----------
    mean, median : (ny, nx) float32 arrays
        DN; NaN where no sample is left.
    std : (ny, nx) float32 array
        Scatter of one sample in time (kTC and read noise), count - 1 in its denominator, DN.
    error : (ny, nx) float32 array
        Standard error of the mean, std / sqrt(count), DN: Student's t with count - 1 degrees of
        freedom. Errors that whole classes share are in ``offsets.level_error``.
    count, nclipped : (ny, nx) int16 arrays
        Samples used, samples rejected by the clip.
    trend, trend_t : (ny, nx) float32 arrays
        Slope in time, DN/day, and slope over its error (count - 2 degrees of freedom); NaN when
        times are unknown or all the same.
    slope : (ny, nx) float32 array or None
        DN/s over the first groups, when the sample is the intercept.
    dq : (ny, nx) int32 array
        Bits of `Flag`.
    offsets : Offsets
    floors : dict
        Typical scatter of ``"active"`` and ``"reference"`` pixels, DN.
    noisy_above : float
        Scatter at which active pixels are NOISY, DN: the median of that of the classes.
    """

    mean: np.ndarray
    median: np.ndarray
    std: np.ndarray
    error: np.ndarray
    count: np.ndarray
    nclipped: np.ndarray
    trend: np.ndarray
    trend_t: np.ndarray
    slope: np.ndarray | None
    dq: np.ndarray
    offsets: Offsets
    floors: dict = field(default_factory=dict)
    noisy_above: float = np.nan


def make_superbias(stack, classes, times, label, settings, *, threads=1, band_rows=None):
    """Make the superbias of a stack of samples.

    Parameters
    ----------
    stack : object with nframes, shape, read(rows), read_frame(frame, first, values)
        One sample image per ramp, DN; NaN where it cannot be used. With ``slopes(rows)``, (ny,
        nx) mean slopes, pixels can be HOT.
    classes : Classes
    times : (nframes,) float64 array
        Days; NaN when unknown.
    label : callable
        ``label(ramp)`` names a ramp in messages.
    settings : Settings
    threads : int
        Bands or frames worked on at once.
    band_rows : int, optional
        Rows of a band; the result does not depend on it.

    Returns
    -------
    Superbias

    Raises
    ------
    DarkroomError
        For fewer than 3 ramps.
    InputError
        For a ramp without usable values, saturated, or unlike the others.
    """
    if stack.nframes < LEAST_RAMPS:
        raise DarkroomError(
            f"{stack.nframes} ramp(s), {label(0)} the first: the scatter of a pixel needs at least "
            f"{LEAST_RAMPS}; give more exposures or integrations"
        )
    levels = first_levels(stack, classes, label, threads)
    floors = _typical_scatter(stack, classes, levels)
    offsets = solve_offsets(
        stack, classes, levels, floors["active"], threads=threads, band_rows=band_rows
    )
    _refuse_strange(offsets, label)
    result = _room(stack, offsets, floors)
    centred = times - times.mean()
    aligned = Aligned(stack, offsets.columns(classes))
    kinds = {"active": ~classes.reference, "reference": classes.reference}

    def work(rows):
        values = aligned.read(rows)
        for kind, where in kinds.items():
            clip = Clip("mad", settings.nsigma, settings.iterations, floors[kind])
            _reduce(values, where[rows], clip, centred, result, rows)
        if result.slope is not None:
            result.slope[rows] = stack.slopes(rows)

    over_bands(work, stack.shape[0], 16 * stack.shape[1] * stack.nframes, threads, band_rows)
    level = offsets.level.astype(np.float32)[classes.column]
    result.mean += level
    result.median += level
    _flag(result, classes, settings)
    return result


def _refuse_strange(offsets, label):
    """Refuse a ramp that does not show the image of the others, e.g. one of another level."""
    usual = np.median(offsets.error, axis=0)
    known = np.isfinite(usual) & (usual > 0)
    if not known.any():
        return
    times = np.median(offsets.error[:, known] / usual[known], axis=1)
    worst = int(np.argmax(times))
    if times[worst] > _STRANGE:
        path, _, integration = label(worst).partition(" integration ")
        raise InputError(
            path,
            f"integration {integration}: its pixels scatter about the image of all ramps "
            f"{times[worst]:.2g} times as much as those of the others",
            "this is no dark like the others: leave it out",
        )


def _typical_scatter(stack, classes, levels):
    """Return the median over a sample of rows of the pixels' scatter, by kind."""
    ny, _ = stack.shape
    levels = levels.astype(np.float32)[:, None, classes.column]
    found = {"active": [], "reference": []}
    for row in range(0, ny, sample_rows(ny)):
        rows = slice(row, row + 1)
        scatter = clip_block((stack.read(rows) - levels)[:, 0], Clip("none"), ("std",)).std
        found["active"].append(scatter[classes.usable[row]])
        found["reference"].append(scatter[classes.reference[row]])
    # The median of chi with n - 1 degrees of freedom over sqrt(n - 1).
    factor = np.sqrt(2 * special.gammaincinv((stack.nframes - 1) / 2, 0.5) / (stack.nframes - 1))
    typical = {}
    for kind, parts in found.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        typical[kind] = float(np.median(values) / factor) if values.size else 0.0
    return typical


def _room(stack, offsets, floors):
    def image(dtype=np.float32):
        return np.empty(stack.shape, dtype)

    return Superbias(
        mean=image(),
        median=image(),
        std=image(),
        error=image(),
        count=image(np.int16),
        nclipped=image(np.int16),
        trend=image(),
        trend_t=image(),
        slope=image() if hasattr(stack, "slopes") else None,
        dq=np.zeros(stack.shape, np.int32),
        offsets=offsets,
        floors=floors,
    )


def _reduce(values, where, clip, times, result, rows):
    """Clip, average and fit in time the pixels `where` of a band."""
    chosen = np.flatnonzero(where)
    if not chosen.size:
        return
    flat = values.reshape(len(values), -1)
    block = flat if chosen.size == flat.shape[1] else np.take(flat, chosen, axis=1)
    found = clip_block(block, clip, _IMAGES)
    slope, tvalue = np.full((2, chosen.size), np.nan, np.float32)
    if np.isfinite(times).all():
        load_kernel("darkroom.nircam.superbias.kernel").trends(
            block, found.low, found.high, times, found.mean, found.std,
            found.count, slope, tvalue,
        )  # fmt: skip
    for name in ("mean", "median", "std", "error", "count", "nclipped"):
        getattr(result, name)[rows].reshape(-1)[chosen] = getattr(found, name)
    result.trend[rows].reshape(-1)[chosen] = slope
    result.trend_t[rows].reshape(-1)[chosen] = tvalue


def _flag(result, classes, settings):
    """Set the bits of the DQ image."""
    dq = result.dq
    dq[classes.reference] |= Flag.REFERENCE_PIXEL
    dq[result.count < LEAST_RAMPS] |= Flag.FEW
    noisy, result.noisy_above = _above_class(result.std, classes, settings.noisy_sigma)
    dq[noisy] |= Flag.NOISY
    # Degrees of freedom differ from pixel to pixel: one limit for each.
    freedom = np.arange(result.count.max() + 1.0) - 2
    limit = -special.stdtrit(freedom, settings.drift_p / 2)
    with np.errstate(invalid="ignore"):
        dq[np.abs(result.trend_t) > limit[result.count]] |= Flag.DRIFT
    if result.slope is not None:
        hot, _ = _above_class(result.slope, classes, settings.hot_sigma)
        dq[hot & ~classes.reference] |= Flag.HOT
    dq[~np.isfinite(result.mean) | (dq & Flag.NOISY > 0)] |= Flag.DO_NOT_USE
    bad = Flag.DO_NOT_USE | Flag.FEW | Flag.NOISY | Flag.DRIFT
    dq[dq & bad > 0] |= Flag.UNRELIABLE_BIAS


def _above_class(image, classes, nsigma):
    """Find pixels far above the median of their class, active and reference pixels apart.

    Returns their mask, and the median limit of the active pixels' classes.
    """
    above, limits = np.zeros(image.shape, bool), []
    for k in range(len(classes)):
        columns = classes.column == k
        for kind in (classes.reference, ~classes.reference):
            where = kind & columns
            values = image[where]
            limit = robust_upper_limit(values[np.isfinite(values)], nsigma)
            with np.errstate(invalid="ignore"):
                above[where] = values > limit
        limits.append(limit)
    return above, float(np.median(limits))
