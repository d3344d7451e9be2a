"""The bad-pixel mask in the forms that other programs read: 0/1 FITS, DS9 regions, IRAF's list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Runs of flagged pixels in a column or row count as one defect from this length on …
LONG = 16
#: … when this share of their pixels is flagged, …
FILLED = 0.5
#: … and no gap is longer than this.
GAP = 4


@dataclass(frozen=True)
class Defect:
    """A rectangle of bad pixels; rows and columns counted from 0, both ends within.

    Parameters
    ----------
    y1, y2, x1, x2 : int
        First and last row, first and last column.
    kind : {"column", "row", "pixel"}
        A bad column, a bad row, or single pixels of a row.
    """

    y1: int
    y2: int
    x1: int
    x2: int
    kind: str


def defects(bad: np.ndarray) -> list[Defect]:
    """Sort bad pixels into defects.

    Parameters
    ----------
    bad : (ny, nx) bool array

    Returns
    -------
    list of Defect
        Bad columns first: runs of at least `LONG` rows in which at least the share `FILLED` is bad
        and no gap is longer than `GAP`; neighbouring ones of the same rows are one. Then bad rows
        of what is left, alike. Then what is still left, as runs along the rows.
    """
    left = np.array(bad, bool)
    found = [Defect(*ends, "column") for ends in _long_runs(left)]
    found += [Defect(*ends[2:], *ends[:2], "row") for ends in _long_runs(left.T)]
    for y in np.flatnonzero(left.any(axis=1)):
        columns = np.flatnonzero(left[y])
        for run in np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1):
            found.append(Defect(int(y), int(y), int(run[0]), int(run[-1]), "pixel"))
    return found


def _long_runs(left):
    """Return first and last row, first and last column of bad columns; clear them in `left`."""
    runs, found = [], []
    for x in np.flatnonzero(left.sum(axis=0) >= FILLED * LONG):
        rows = np.flatnonzero(left[:, x])
        for run in np.split(rows, np.flatnonzero(np.diff(rows) > GAP + 1) + 1):
            length = run[-1] - run[0] + 1
            if length >= LONG and len(run) >= FILLED * length:
                runs.append((int(run[0]), int(run[-1]), int(x)))
                left[run[0] : run[-1] + 1, x] = False
    for y1, y2, x in sorted(runs):
        if found and (found[-1][:2], found[-1][3] + 1) == ((y1, y2), x):
            found[-1] = (y1, y2, found[-1][2], x)
        else:
            found.append((y1, y2, x, x))
    return found


def mask_of(bad: np.ndarray, found: list[Defect]) -> np.ndarray:
    """Return the mask as uint8, 1 for bad: the pixels, and the gaps of bad columns and rows."""
    mask = np.asarray(bad, bool).astype(np.uint8)
    for one in found:
        if one.kind != "pixel":
            mask[one.y1 : one.y2 + 1, one.x1 : one.x2 + 1] = 1
    return mask


def regions(found: list[Defect], name: str = "") -> str:
    """Return DS9 regions in image coordinates: pixel 1 is the first, its centre is 1.0."""
    lines = ["# Region file format: DS9 version 4.1", "global color=red", "image"]
    for one in found:
        x, y = (one.x1 + one.x2) / 2 + 1, (one.y1 + one.y2) / 2 + 1
        width, height = one.x2 - one.x1 + 1, one.y2 - one.y1 + 1
        tags = f" tag={{{one.kind}}}" + (f" tag={{{name}}}" if name else "")
        lines.append(f"box({x:g},{y:g},{width},{height},0) #{tags}")
    return "\n".join(lines) + "\n"


def columns_list(found: list[Defect]) -> str:
    """Return the list that IRAF's fixpix and text2mask take: x1 x2 y1 y2, counted from 1."""
    return "".join(f"{d.x1 + 1} {d.x2 + 1} {d.y1 + 1} {d.y2 + 1}\n" for d in found)
