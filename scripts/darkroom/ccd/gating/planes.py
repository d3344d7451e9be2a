"""Levels, pixels, errors and flags of the CCD products as they are written, against frames."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.dq import DQ
from darkroom.ccd.gating.frames import against_file, fine_slope
from darkroom.ccd.gating.gates import of_frames
from darkroom.ccd.products import hdus as products
from darkroom.gates import planes
from darkroom.gates import units as unit_tables
from darkroom.gates.standard import level_gates, with_harms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.ccd.stack.frames import Stack
    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

# A sample that is saturated is a value of sorts.
_NO_VALUE, _NO_ERROR = int(DQ.NONFINITE), int(DQ.NO_ERROR)


def flags(path: StrPath, name: str, extver: int = 1, amplifier: int = 0) -> Gate:
    """Return the gate of the flags of an image of a product.

    Parameters
    ----------
    path : path-like
        The product.
    name : str
        EXTNAME of its image.
    extver, amplifier : int
        As of `darkroom.ccd.products.hdus.read_image`.
    """
    value, error, dq = (
        products.read_image(path, one, extver, amplifier)[0] for one in (name, "ERR", "DQ")
    )
    return planes.flags(value, error, dq & _NO_VALUE > 0, dq & _NO_ERROR > 0)


def master_bias(
    path: StrPath, stack: Stack, names: Sequence[str], harms: Mapping[str, float], amplifier: int
) -> list[Gate]:
    """Return the gates of a master bias against the frames it was made of.

    Parameters
    ----------
    path : path-like
        The product.
    stack : Stack
        The frames.
    names : sequence of str
        Their names, as in the table UNITS.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    amplifier : int
        Part of the product.
    """
    image, header = products.read_image(path, "SCI", 1, amplifier)
    noise = products.number(header, "NOISE")
    units = unit_tables.read(path, extver=amplifier + 1)
    residuals, levels = against_file(stack, names, image, units, noise)
    gates = [flags(path, "SCI", 1, amplifier), planes.pixels(planes.share_unlike(residuals))]
    gates.append(planes.fine(*fine_slope(stack, image)))
    spread = residuals.std(axis=0, ddof=1) if len(residuals) > 1 else np.array([np.nan])
    known = spread[np.isfinite(spread)]
    expected = float(np.median(known)) / math.sqrt(stack.nframes) if known.size else math.nan
    gates.append(planes.errors(products.read_image(path, "ERR", 1, amplifier)[0], expected))
    if levels is not None:
        judged = [one for one in of_frames(noise, header.get("BUNIT", "adu"))
                  if one.family in ("level", "slow", "fast")]  # fmt: skip
        gates += level_gates(*levels, with_harms(judged, harms))
    return gates


def read_noise(path: StrPath, amplifier: int) -> list[Gate]:
    """Return the gates of the values and flags of a read noise; parameters as of `master_bias`."""
    noise, dq = (products.read_image(path, one, 1, amplifier)[0] for one in ("CORR", "DQ"))
    # A dead pixel has no noise, and is flagged for that.
    none = ~(noise > 0) & (dq & (_NO_VALUE | _NO_ERROR | int(DQ.LOW)) == 0)
    return [flags(path, "CORR", 1, amplifier), planes.above_zero(float(none.mean()))]


def dark_rate(
    path: StrPath, extver: int, stack: Stack, exptime: float, amplifier: int
) -> list[Gate]:
    """Return the gates of a dark rate against the darks of one exposure time.

    Parameters
    ----------
    path : path-like
        The product.
    extver : int
        Of the temperature group.
    stack : Stack
        The darks.
    exptime : float
        Their exposure time, s.
    amplifier : int
        Part of the product.
    """
    rate, _ = products.read_image(path, "SCI", extver, amplifier)
    bias, _ = products.read_image(path, "BIAS", 1, amplifier)
    residuals, _ = against_file(stack, [], bias + exptime * rate, None, 1.0)
    share = planes.share_unlike(residuals)
    return [flags(path, "SCI", extver, amplifier), planes.pixels(share)]
