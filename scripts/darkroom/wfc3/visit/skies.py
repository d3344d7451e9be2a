"""Matching of skies by skypac, each pair of exposures measured once for both versions of a visit.

The sky in the part that two exposures have in common depends on their pixels, masks and pointings
alone, and exposures without bad reads are the same in both versions. It is kept in a folder, since
a worker process combines the other version. What is filled is drawn by arrays in place of a loop
over rows, and clipped medians are taken by compiled passes; all give what skypac gives, to the bit.
"""

from __future__ import annotations

import hashlib
import pickle
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import numpy as np

from darkroom.wfc3.visit.clipped import statistics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Kept:
    """Results that are computed once from the same content.

    Parameters
    ----------
    folder : path-like or None
        Where they are kept, private to this run; None keeps nothing.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder

    def get(self, parts: tuple[Any, ...], make: Callable[[], Any]) -> Any:
        """Return what was computed from these parts, else compute it.

        Parameters
        ----------
        parts : tuple
            All that determines the result: texts, numbers, arrays.
        make : callable
            Returns the result.
        """
        if self._folder is None:
            return make()
        path = self._folder / digest(*parts)
        if path.is_file():
            return pickle.loads(path.read_bytes())  # noqa: S301 (written below, in a private folder)
        result = make()
        path.write_bytes(pickle.dumps(result))
        return result


def digest(*parts: Any) -> str:
    """Return a digest of arrays, by type, shape and content, and of texts and numbers."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            total.update(f"{part.dtype.str}{part.shape}".encode())
            total.update(np.ascontiguousarray(part).data)
        else:
            total.update(f"{part!r}\n".encode())
    return total.hexdigest()


@contextmanager
def measured_once(kept: Kept) -> Iterator[None]:
    """Let skypac measure each pair of exposures once, fill polygons and take medians quickly.

    Parameters
    ----------
    kept : Kept
    """
    from stsci.skypac import region, skymatch, skystatistics

    measure = skymatch._calc_sky
    known: dict[int, tuple[Any, str]] = {}

    def _of(line: Any) -> str:
        # Kept with the object, whose id is then not given to another one.
        if id(line) not in known:
            known[id(line)] = line, digest(*(_content(one) for one in line.members))
        return known[id(line)][1]

    def _calc_sky(one: Any, other: Any, asked: Any) -> Any:
        settings = asked._fields, sorted(asked._kwargs.items())
        return kept.get(("sky", _of(one), _of(other), settings), lambda: measure(one, other, asked))

    with (
        patch.object(region.Polygon, "scan", fill),
        patch.object(skymatch, "_calc_sky", _calc_sky),
        patch.object(skystatistics, "ImageStats", statistics(skystatistics.ImageStats)),
    ):
        yield


def _content(member: Any) -> str:
    """Return a digest of all that the sky of an exposure is measured from."""
    corners = [polygon.points for polygon in member.polygon.iter_polygons_flat()]
    found = digest(
        np.asarray(member.image_data), member.mask_data, *corners, *_pointing(member.wcs),
        member.data2brightness_conv, member.skyuser_delta,
    )  # fmt: skip
    member.free_mask_data()
    return found


def _pointing(wcs: Any) -> list[Any]:
    """Return all that a WCS converts positions by, unrounded."""
    linear, sip = wcs.wcs, wcs.sip
    parts = [list(linear.ctype), linear.crpix, linear.crval, linear.get_pc(), linear.get_cdelt()]
    parts += [linear.lonpole, linear.latpole, linear.get_pv(), wcs.array_shape]
    if sip is not None:
        parts += [sip.a, sip.b, sip.ap, sip.bp, sip.crpix]
    for table in (wcs.cpdis1, wcs.cpdis2, wcs.det2im1, wcs.det2im2):
        if table is not None:
            parts += [table.data, table.crpix, table.crval, table.cdelt]
    return parts


def fill(polygon: Any, data: np.ndarray) -> np.ndarray:
    """Set the pixels inside of a polygon, as ``stsci.skypac.region.Polygon.scan`` does.

    Parameters
    ----------
    polygon : stsci.skypac.region.Polygon
    data : (ny, nx) array
        Changed: pixels inside have the value of the polygon.

    Returns
    -------
    (ny, nx) array
        `data`.
    """
    ny, nx = data.shape
    width = polygon._bbox[2]
    if width <= 0:
        return data
    last = polygon._scan_line_range[-1]
    rows = np.arange(polygon._scan_line_range[0], last + 1)
    # Columns where each edge meets each row; beyond all columns where it does not.
    none = np.iinfo(np.int64).max
    meets = [np.full(rows.size, none)]
    for edge in polygon.get_edges():
        (x0, y0), (x1, y1) = edge._start, edge._stop
        if y0 == y1:
            continue
        # An edge ends below its highest row, but at the last row of all.
        at = (rows >= edge._ymin) & ((rows < edge._ymax) | (rows == last) & (edge._ymax == last))
        where = width * (y0 - rows) / -((y1 - y0) * width) * (x1 - x0) + x0
        meets.append(np.where(at, np.ceil(where).astype(np.int64), none))
    columns = np.sort(meets, axis=0)
    for row, places in zip((rows + polygon._shifty).tolist(), columns.T.tolist(), strict=True):
        if not 0 <= row < ny:
            continue
        found = [place + polygon._shiftx for place in places if place != none]
        for start, end in zip(found[::2], found[1::2], strict=False):
            data[row][max(start, 0) : min(end, nx - 1) + 1] = polygon._rid
    return data
