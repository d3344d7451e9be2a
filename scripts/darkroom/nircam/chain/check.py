"""Refusals around the steps: exposures and references that they cannot correct, bit for bit."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.chain import flags as bits
from darkroom.nircam.detector.dq import Group

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.chain.ramp import CalibratedRamp

log = logging.getLogger(__name__)
# Fraction of pixels without a value in the first group above which an exposure is refused.
_MAX_UNUSABLE = 0.5
_ROWS = 256


def check_ramp(ramp: CalibratedRamp, path: StrPath) -> None:
    """Refuse an exposure whose ramps cannot be used.

    Parameters
    ----------
    ramp : CalibratedRamp
    path : path-like
        The raw exposure, named in messages.

    Raises
    ------
    InputError
        When the first group of every integration is lost, an integration has no usable values, or
        the step refpix corrects nothing.
    """
    nints, ngroups = ramp.sci.shape[:2]
    chain = ramp.chain
    lost = chain.lost
    if lost:
        log.warning(
            "%s: %d of %d groups have no data, or rows without: marked DO_NOT_USE",
            path, len(lost), nints * ngroups,
        )  # fmt: skip
    if "refpix" in chain.steps:
        _check_refpix(ramp, path)
    gone = [bool((i, 0) in lost and lost[i, 0].all()) for i in range(nints)]
    if all(gone):
        raise InputError(
            path, "the first group of every integration has no data (only zeros): lost packets",
            "leave this exposure out",
        )  # fmt: skip
    for integration in range(nints):
        share = _unusable(ramp, integration)
        if share > _MAX_UNUSABLE and not gone[integration]:
            raise InputError(
                path,
                f"integration {integration + 1}: {share:.0%} of its pixels have no usable value in "
                "the first group (NaN or saturated)",
                "leave this exposure out",
            )


def _unusable(ramp, integration):
    """Return the fraction of pixels without a value in the first group."""
    ny, nx = ramp.sci.shape[2:]
    count = 0
    for first in range(0, ny, _ROWS):
        nrows = min(_ROWS, ny - first)
        values, flags = ramp.chain.block(integration, 0, first, nrows)
        bad = ~np.isfinite(values) | (flags & (Group.DO_NOT_USE | Group.SATURATED) != 0)
        count += int(bad.sum())
    return count / (ny * nx)


def _check_refpix(ramp, path):
    """Refuse a reference-pixel correction that changed nothing, or made values NaN or infinite."""
    nints, ngroups, ny, _ = ramp.sci.shape
    lost, changed = 0, False
    for integration in range(nints):
        for group in range(ngroups):
            levels = ramp.chain.levels(integration, group)
            parts = [levels.column] + ([] if levels.side is None else [levels.side])
            finite = all(np.isfinite(part).all() for part in parts)
            if finite and (changed or not any(part.any() for part in parts)):
                continue
            for first in range(0, ny, _ROWS):
                nrows = min(_ROWS, ny - first)
                before, after = ramp.chain.around_refpix(integration, group, first, nrows)
                lost += int((np.isfinite(before) & ~np.isfinite(after)).sum())
                changed = changed or bool((before != after).any())
    if lost:
        raise InputError(
            path,
            f"the step refpix made {lost} values NaN or infinite: rows or columns without "
            "usable reference pixels",
            "leave this exposure out, or correct the mask",
        )
    if not changed:
        raise InputError(
            path,
            "the step refpix changed nothing: no usable reference pixels in this subarray, or all "
            "are flagged DO_NOT_USE",
            "leave refpix out of the item's steps, or correct the mask and superbias",
        )


def check_superbias(path: StrPath) -> None:
    """Refuse a superbias with pixels that are neither finite nor flagged DO_NOT_USE.

    The step would subtract 0 there without a warning, which leaves the full bias in these pixels.

    Raises
    ------
    InputError
        The message gives the number of such pixels.
    """
    with fits.open(path, memmap=False) as hdus:
        level = hdus["SCI"].data
        flags = bits.flags_of(hdus, level.shape)
        lost = ~np.isfinite(level) & ((flags & bits.DO_NOT_USE) == 0)
    if count := int(lost.sum()):
        raise InputError(
            path,
            f"{count} pixels of this superbias are not finite and not flagged DO_NOT_USE; the "
            "pipeline would subtract 0 from them",
        )
