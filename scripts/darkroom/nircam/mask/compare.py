"""Comparison with a previous mask: which pixels are new, healed, or undecided."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.mask.classify import FLAGS, TESTED, Class

if TYPE_CHECKING:
    from darkroom.nircam.dark.measure import DarkRates

#: Distance from the limit at which a change is certain, standard errors.
CERTAIN = 5.0
#: Integrations without which nothing is healed.
_RAMPS = 3


class Change(IntEnum):
    """Values of the map of changes."""

    SAME = 0
    NEW = 1
    HEALED = 2
    UNDECIDED = 3


@dataclass(frozen=True)
class Updated:
    """A mask after comparison with the previous one.

    Attributes
    ----------
    bits : (ny, nx) uint32 array
    change : (ny, nx) int16 array
        Values of `Change`.
    carried : dict
        Pixels with each flag of the previous mask that darks cannot test, ``{name: count}``.
    rows : list of dict
        Old flag, new class, number of pixels, median rate.
    """

    bits: np.ndarray
    change: np.ndarray
    carried: dict[str, int]
    rows: list[dict]


def update(
    reasons: np.ndarray,
    bits: np.ndarray,
    old: np.ndarray,
    found: DarkRates,
    limits: tuple[float, float],
    *,
    keep: bool,
) -> Updated:
    """Bring a previous mask up to date.

    A pixel is new when it is bad now, was not before and, if its rate is what makes it bad, that is
    above the limit by five standard errors. It is healed when it was hot or warm, shows nothing now
    and its rate is as far below the limit. Others that differ are undecided, and stay in the mask.

    Parameters
    ----------
    reasons : (ny, nx) int32 array
        Bits of `Class`.
    bits : (ny, nx) uint32 array
        The mask that follows from them.
    old : (ny, nx) uint32 array
        The previous mask.
    found : DarkRates
    limits : (float, float)
        Rates above which pixels are hot and warm, e-/s.
    keep : bool
        Leave everything of the previous mask in.

    Returns
    -------
    Updated
    """
    tested = np.uint32(TESTED)
    seen = int(sum(int(kind) for kind in FLAGS if kind not in (Class.BAD_REF, Class.REFERENCE)))
    now, before = (reasons & seen) > 0, (old & tested) > 0
    limit = np.where((old & np.uint32(Pixel.HOT)) > 0, limits[0], limits[1])
    here = np.where((reasons & Class.HOT) > 0, limits[0], limits[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        above = (found.rate - here) / found.error > CERTAIN
        below = (limit - found.rate) / found.error > CERTAIN
    by_rate = (reasons & seen & ~int(Class.HOT | Class.WARM)) == 0
    new = now & ~before & (above | ~by_rate)
    only_rate = (old & tested & ~np.uint32(Pixel.HOT | Pixel.WARM)) == 0
    healed = before & ~now & below & only_rate & (found.nint >= _RAMPS)
    undecided = (now != before) & ~new & ~healed
    change = np.select([new, healed, undecided], [Change.NEW, Change.HEALED, Change.UNDECIDED], 0)
    kept = old.copy()
    # DO_NOT_USE of a healed pixel was for its rate, unless a flag that stays explains it.
    if not keep:
        gone = tested | np.uint32(Pixel.DO_NOT_USE)
        others = (old & ~gone) > 0
        kept[healed & ~others] = 0
        kept[healed & others] &= ~tested
        # What is tested and met is as it is now; what is undecided stays as it was.
        same = now & before
        kept[same] &= ~tested
    untested = (
        flag for flag in Pixel if not flag & (TESTED | Pixel.DO_NOT_USE | Pixel.REFERENCE_PIXEL)
    )
    counts = {str(flag.name): int(((old & np.uint32(flag)) > 0).sum()) for flag in untested}
    carried = {name: count for name, count in counts.items() if count}
    return Updated(bits | kept, change.astype(np.int16), carried, _table(old, reasons, found.rate))


def _table(old, reasons, rate):
    """Return counts and median rates by old flag and new class."""
    flags = {flag.name: (old & np.uint32(flag)) > 0 for flag in Pixel if flag & TESTED}
    flags["none"] = (old & np.uint32(TESTED)) == 0
    kinds = {kind.name: (reasons & kind) > 0 for kind in Class if kind is not Class.REFERENCE}
    kinds["none"] = reasons == 0
    rows = []
    for flag, before in flags.items():
        for kind, now in kinds.items():
            where = before & now
            count = int(where.sum())
            if count and not flag == kind == "none":
                values = rate[where & np.isfinite(rate)]
                middle = float(np.median(values)) if values.size else np.nan
                rows.append({"old": flag, "new": kind, "pixels": count, "rate": middle})
    return rows
