"""Superbias of aligned ramps: every integration is a sample, and offsets of ramps are subtracted.

Sample = bias of the pixel + offset of the ramp, amplifier and column parity + kTC noise of the
pixel in this reset + read noise. After subtraction of the offsets the samples of a pixel differ by
noise only: their clipped mean is the superbias, and their scatter over sqrt(count) its error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.combine import Clip, clip_block
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError, InputError
from darkroom.gates.rows import RowSums, kinds, places
from darkroom.nircam.ramps.robust import robust_upper_limit
from darkroom.nircam.superbias.flags import Flag
from darkroom.nircam.superbias.offsets import (
    Offsets,
    OffsetSubtracted,
    initial_levels,
    sample_rows,
    solve_offsets,
)
from darkroom.threads import over_bands

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import SampleStack
    from darkroom.nircam.superbias.settings import SuperbiasSettings

MIN_RAMPS = 3
# A ramp is refused when its scatter about the common image exceeds the median of all ramps by more
# than this factor.
_MAX_RELATIVE_SCATTER = 2.5
_IMAGES = ("mean", "median", "std", "error", "low", "high")


@dataclass
class Superbias:
    """The superbias of aligned ramps, images in the DMS frame.

    Attributes
    ----------
    mean, median : (ny, nx) float32 arrays
        Clipped mean and median of the samples, DN; NaN without a usable sample.
    std : (ny, nx) float32 array
        Scatter of one sample in time (kTC and read noise), count - 1 in its denominator, DN.
    error : (ny, nx) float32 array
        Standard error of the mean, std / sqrt(count), DN; deviations over it follow Student's t
        with count - 1 degrees of freedom. The error that is common to a class is not included; it
        is ``offsets.level_error``.
    count, nclipped : (ny, nx) int16 arrays
        Number of samples used, and of samples rejected by the clip.
    trend, trend_t : (ny, nx) float32 arrays
        Slope in time, DN/day, and slope over its error (count - 2 degrees of freedom); NaN when
        times are unknown or all equal.
    slope : (ny, nx) float32 array or None
        Slope over the first groups, DN/s, when the sample is the intercept.
    dq : (ny, nx) int32 array
        Bits of `Flag`.
    offsets : Offsets
    sums : darkroom.gates.rows.RowSums
        Of the residuals of every ramp, for the table UNITS.
    floors : dict
        Typical scatter of ``"active"`` and ``"reference"`` pixels, DN.
    noisy_above : float
        Scatter above which active pixels are NOISY, DN: the median over the classes.
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
    sums: RowSums
    floors: dict[str, float] = field(default_factory=dict)
    noisy_above: float = np.nan


def make_superbias(
    stack: SampleStack,
    classes: Classes,
    times: np.ndarray,
    label: Callable[[int], str],
    settings: SuperbiasSettings,
    *,
    threads: int = 1,
    band_rows: int | None = None,
) -> Superbias:
    """Make the superbias of a stack of samples.

    Parameters
    ----------
    stack : GroupStack or InterceptStack
        One sample image per ramp, DN; NaN where unusable. Only an `InterceptStack` gives the
        slopes from which pixels are flagged HOT.
    classes : Classes
    times : (nframes,) float64 array
        Times of the ramps, days; NaN when unknown.
    label : callable
        ``label(ramp)`` returns the name of a ramp for messages.
    settings : SuperbiasSettings
        Of method ``aligned``. The scatter by which samples are rejected is 1.4826 MAD of the pixel,
        but at least the typical scatter of its kind (active or reference), since the MAD of few
        samples is often too small by chance.
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
        For a ramp that has no usable values, is saturated, or deviates from the others.
    """
    if stack.nframes < MIN_RAMPS:
        raise DarkroomError(
            f"only {stack.nframes} ramp(s), the first is {label(0)}: the scatter of a pixel needs "
            f"at least {MIN_RAMPS}; give more exposures or integrations"
        )
    levels = initial_levels(stack, classes, label, threads)
    floors = _typical_scatter(stack, classes, levels)
    offsets = solve_offsets(
        stack, classes, levels, floors["active"], threads=threads, band_rows=band_rows
    )
    _refuse_deviant_ramp(offsets, label)
    result = _empty_superbias(stack, offsets, floors, row_sums(classes, stack.nframes))
    centred = times - times.mean()
    aligned = OffsetSubtracted(stack, offsets.columns(classes))
    kinds = {"active": ~classes.reference, "reference": classes.reference}

    def work(rows):
        values = aligned.read(rows)
        for kind, where in kinds.items():
            clip = Clip("mad", settings.sigma, settings.max_clipping_iters, floors[kind])
            _combine_pixels(values, where[rows], clip, centred, result, rows)
        floor = np.where(classes.reference[rows], floors["reference"], floors["active"])
        scale = np.fmax(result.std[rows], floor.astype(np.float32))
        result.sums.add(rows, values, result.mean[rows], scale)
        if result.slope is not None:
            result.slope[rows] = stack.slopes(rows)

    over_bands(work, stack.shape[0], 16 * stack.shape[1] * stack.nframes, threads, band_rows)
    level = offsets.level.astype(np.float32)[classes.column]
    result.mean += level
    result.median += level
    _flag(result, classes, settings)
    return result


def _refuse_deviant_ramp(offsets, label):
    """Refuse a ramp whose pixels scatter far more about the common image than in other ramps."""
    usual = np.median(offsets.error, axis=0)
    known = np.isfinite(usual) & (usual > 0)
    if not known.any():
        return
    relative = np.median(offsets.error[:, known] / usual[known], axis=1)
    worst = int(np.argmax(relative))
    if relative[worst] > _MAX_RELATIVE_SCATTER:
        path, _, integration = label(worst).partition(" integration ")
        raise InputError(
            path,
            f"integration {integration}: its pixels scatter about the mean image of all ramps "
            f"{relative[worst]:.2g} times as much as in other ramps",
            "this exposure is not a dark like the others: leave it out",
        )


def _typical_scatter(stack, classes, levels):
    """Return the median scatter of pixels in a sample of rows, by kind, DN."""
    ny, _ = stack.shape
    levels = levels.astype(np.float32)[:, None, classes.column]
    found = {"active": [], "reference": []}
    for row in range(0, ny, sample_rows(ny)):
        rows = slice(row, row + 1)
        scatter = clip_block((stack.read(rows) - levels)[:, 0], Clip("none"), ("std",)).std
        found["active"].append(scatter[classes.usable[row]])
        found["reference"].append(scatter[classes.reference[row]])
    # Median of chi with n - 1 degrees of freedom, over sqrt(n - 1).
    factor = np.sqrt(2 * special.gammaincinv((stack.nframes - 1) / 2, 0.5) / (stack.nframes - 1))
    typical = {}
    for kind, parts in found.items():
        values = np.concatenate(parts)
        values = values[np.isfinite(values)]
        typical[kind] = float(np.median(values) / factor) if values.size else 0.0
    return typical


def row_sums(classes: Classes, nunits: int) -> RowSums:
    """Return empty sums for units of these classes of pixels."""
    parity = classes.column % 2
    kind = kinds(classes.amplifier, parity, classes.reference, classes.usable)
    return RowSums(nunits, kind, places(classes.amplifier), classes.noutputs)


def _empty_superbias(stack, offsets, floors, sums):
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
        sums=sums,
        floors=floors,
    )


def _combine_pixels(values, where, clip, times, result, rows):
    """Clip and average the samples of the pixels `where` of a band, and fit them against time."""
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
    dq[result.count < MIN_RAMPS] |= Flag.FEW
    noisy, result.noisy_above = _find_high(result.std, classes, settings.bad_sigma_threshold)
    dq[noisy] |= Flag.NOISY
    # The limit depends on the degrees of freedom, which differ from pixel to pixel.
    freedom = np.arange(result.count.max() + 1.0) - 2
    limit = -special.stdtrit(freedom, settings.drift_p / 2)
    with np.errstate(invalid="ignore"):
        dq[np.abs(result.trend_t) > limit[result.count]] |= Flag.DRIFT
    if result.slope is not None:
        hot, _ = _find_high(result.slope, classes, settings.hot_sigma)
        dq[hot & ~classes.reference] |= Flag.HOT
    dq[~np.isfinite(result.mean) | (dq & Flag.NOISY > 0)] |= Flag.DO_NOT_USE
    bad = Flag.DO_NOT_USE | Flag.FEW | Flag.NOISY | Flag.DRIFT
    dq[dq & bad > 0] |= Flag.UNRELIABLE_BIAS


def _find_high(image, classes, nsigma):
    """Find pixels far above the median of their class, separately for reference pixels.

    Returns their mask, and the median over the classes of the limit for active pixels.
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
