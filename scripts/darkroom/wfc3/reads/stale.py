"""Reads without data of their own: copies of an earlier read, or filled with one value.

An exposure that is aborted goes on being "read": the rest of its reads are copies of the last one,
or zero. Rows are compared bit for bit; read noise makes two rows of 64 pixels or more differ.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.wfc3.files.imsets import Imsets, required
from darkroom.wfc3.files.reads import ranges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath
    from darkroom.wfc3.files.reads import Cube

# A read with more than this fraction of its rows repeated or constant is stale.
_SHARE = 0.05
# A row is divided in so many parts, of this number of pixels or more, for a digest.
_PARTS, _PIECE = 8, 16


@dataclass(frozen=True)
class Rows:
    """Digests of rows of a read.

    Parameters
    ----------
    digests : tuple of int
        CRC-32 of each row.
    filled : tuple of bool
        Whether all pixels of the row have one value.
    piece : str
        CRC-32 of a part of one of the rows, another one in each read; empty when it is filled.
        A constant added to the pixels does not change it.
    """

    digests: tuple[int, ...]
    filled: tuple[bool, ...]
    piece: str


def sample_rows(imsets: Imsets, extver: int, count: int | None = None) -> Rows:
    """Return digests of rows of a read.

    Parameters
    ----------
    imsets : darkroom.wfc3.files.imsets.Imsets
        A RAW.
    extver : int
        The read.
    count : int, optional
        Number of rows, spread over the read; by default all.
    """
    digests, filled = [], []
    size = 2 if imsets.constant("SCI", extver) is None else 0
    rows = imsets.rows("SCI", extver, count)
    for row in rows:
        digests.append(zlib.crc32(row))
        filled.append(_is_filled(row, size))
    return Rows(tuple(digests), tuple(filled), _piece(rows, extver) if size else "")


def _piece(rows, extver):
    """Return the digest of a part of a row that differs from read to read."""
    values = np.frombuffer(rows[(5 * extver) % len(rows)], ">i2")
    width = max(values.size // _PARTS, min(values.size, _PIECE))
    first = (3 * extver) % _PARTS * (values.size - width) // (_PARTS - 1)
    part = values[first : first + width]
    if part.min() == part.max():
        return ""
    return f"{zlib.crc32(np.diff(part).astype('>i2').data):08x}"


def _is_filled(row, size):
    """Tell whether all pixels (of `size` bytes; 0 for a constant plane) of a row are the same."""
    return not size or row == row[:size] * (len(row) // size)


def stale_reads(rows: Sequence[Rows]) -> dict[int, str]:
    """Find the reads without data of their own.

    Parameters
    ----------
    rows : sequence of Rows
        Of every read, in time order.

    Returns
    -------
    dict
        ``{k: what}``, reads counted from 0 (the zeroth) in time order; `what` is "filled" or the
        EXTVER of the read that it repeats, as text.
    """
    found: dict[int, str] = {}
    nsamp = len(rows)
    for k, read in enumerate(rows):
        limit = _SHARE * len(read.digests)
        if sum(read.filled) > limit:
            found[k] = "filled"
            continue
        for earlier in range(k - 1, -1, -1):
            if earlier in found:
                continue
            pairs = zip(read.digests, rows[earlier].digests, strict=True)
            if sum(mine == theirs for mine, theirs in pairs) > limit:
                found[k] = str(nsamp - earlier)
                break
    return found


def without_data(raw: StrPath) -> tuple[dict[int, str], dict[int, tuple[int, ...]]]:
    """Find reads, and rows of the others, without data of their own, by all rows of a RAW.

    Returns
    -------
    stale : dict
        ``{EXTVER: why}`` of reads.
    lost : dict
        ``{EXTVER: rows}`` of reads that have data otherwise, rows counted from 0, border included.
    """
    with Imsets(raw) as imsets:
        nsamp = int(required(imsets, imsets.primary, "NSAMP"))
        rows = [sample_rows(imsets, extver) for extver in range(nsamp, 0, -1)]
    stale = stale_reads(rows)
    words = {
        nsamp - k: "filled, without data" if what == "filled" else f"a copy of EXTVER {what}"
        for k, what in stale.items()
    }
    return words, _lost_rows(rows, stale)


def _lost_rows(rows, stale):
    """Return the rows that are filled or repeat an earlier read: ``{EXTVER: rows}``."""
    seen: dict[tuple[int, int], int] = {}
    found: dict[int, tuple[int, ...]] = {}
    for k, read in enumerate(rows):
        if k in stale:
            continue
        mine = tuple(
            row
            for row, digest in enumerate(read.digests)
            if read.filled[row] or seen.setdefault((row, digest), k) != k
        )
        if mine:
            found[len(rows) - k] = mine
    return found


def lost_words(lost: Mapping[int, Sequence[int]]) -> list[str]:
    """Return a sentence about the rows found by `without_data`; none without any."""
    if not lost:
        return []
    count = len({row for rows in lost.values() for row in rows})
    return [
        f"{count} {'row' if count == 1 else 'rows'} of EXTVER {ranges(lost)} "
        f"{'has' if count == 1 else 'have'} one value or repeat an earlier read: data were lost; "
        "their pixels are kept as calwf3 makes them"
    ]


def without_rows(cube: Cube, lost: Mapping[int, Sequence[int]]) -> Cube:
    """Return a cube with the rows found by `without_data` flagged: they are no sky."""
    if not lost:
        return cube
    flagged = cube.flagged.copy()
    flagged[sorted({row for rows in lost.values() for row in rows})] = True
    return replace(cube, flagged=flagged)


def stale_words(stale: Mapping[int, str], nsamp: int) -> list[str]:
    """Return a sentence about the reads found by `stale_reads`; none when all have data."""
    if not stale:
        return []
    filled = [nsamp - k for k, what in stale.items() if what == "filled"]
    copies = [nsamp - k for k, what in stale.items() if what != "filled"]
    parts = []
    if copies:
        parts.append(f"EXTVER {ranges(copies)} repeat an earlier read")
    if filled:
        parts.append(f"EXTVER {ranges(filled)} are filled with one value")
    return [
        f"{' and '.join(parts)}, as when an exposure is aborted; these reads are left out "
        "when it is calibrated again"
    ]
