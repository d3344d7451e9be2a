"""Products of cameras with several amplifiers: one part for each, in one file.

The HDUs of an amplifier carry its number and name (cards AMPLIF, AMPNAME) and follow those of the
one before; EXTVER counts on. A product of one image has no such cards.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.ccd.dq import UNUSABLE
from darkroom.ccd.overscan.amplifiers import Amplifier, amplifiers
from darkroom.errors import InputError
from darkroom.fits.structure import check_structure

if TYPE_CHECKING:
    from darkroom.hints import StrPath

log = logging.getLogger(__name__)

NUMBER, NAME = "AMPLIF", "AMPNAME"
# Cards that say where an amplifier lies on the detector, copied from the input.
_PLACE = ("CCDSEC", "DETSEC")
# Cards of an extension that mean nothing in a primary header.
_STRUCTURE = ("XTENSION", "PCOUNT", "GCOUNT", "NAXIS1", "NAXIS2", "EXTNAME", "EXTVER", "BUNIT")
# Cards of a primary header that all amplifiers share.
_SHARED = (
    "SIMPLE", "BITPIX", "NAXIS", "EXTEND", "INSTRUME", "BINNING", "GAIN", "CREATOR", "MADEBY",
    "NINPUTS", "CFGHASH", "DATE",
)  # fmt: skip
_COMMENTARY = ("HISTORY", "COMMENT", "")


def by_amplifier(
    arguments: argparse.Namespace, path: StrPath, make: Callable[[argparse.Namespace], list[Any]]
) -> list[Any]:
    """Make a product for each amplifier of the frames, and join the parts.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line.
    path : path-like
        The first frame: the others need as many images.
    make : callable
        Returns the HDUs of one amplifier, given by `for_amplifier`.

    Returns
    -------
    list of HDU
        For one image those that `make` returned, unaltered; then what `conventional` adds.
    """
    return _joined(arguments, amplifiers(path), make)


def by_part(
    arguments: argparse.Namespace, path: StrPath, make: Callable[[argparse.Namespace], list[Any]]
) -> list[Any]:
    """Make a product for each amplifier of another product, and join the parts.

    For a product without frames of its own; see `by_amplifier`.
    """
    found = []
    for number in range(part_count(path)):
        with opened_part(path, number) as hdus:
            header = hdus[0].header.copy()
        found.append(Amplifier(None, str(header.get(NAME, number + 1)), header, (0, 0)))
    return _joined(arguments, found, make)


def _joined(arguments, found, make):
    parts = []
    for number in range(max(len(found), 1)):
        if len(found) > 1:
            log.info("amplifier %d of %d: %s", number + 1, len(found), found[number].name)
        parts.append(make(for_amplifier(arguments, number)))
    joined = parts[0] if len(parts) == 1 else join(parts, found)
    return [*joined, *conventional(joined)]


def for_amplifier(arguments: argparse.Namespace, number: int) -> argparse.Namespace:
    """Return a copy of a command line with the attribute ``amplifier``, counted from 0.

    A copy, because what is read from the frames (the gain of a header card) is put into it.
    """
    return argparse.Namespace(**(vars(arguments) | {"amplifier": number}))


def conventional(hdus: Sequence[Any]) -> list[fits.ImageHDU]:
    """Return UNCERT and MASK for every SCI, as astropy's CCDData reads them.

    Parameters
    ----------
    hdus : sequence of HDU
        A product. UNCERT is ERR with the card UTYPE, MASK is 1 where DQ flags a pixel that is not
        to be used. A product of flags alone (DQ without SCI) has a MASK only.

    Returns
    -------
    list of astropy.io.fits.ImageHDU
        To be added at the end; EXTVER and amplifier are those of the image.
    """
    named = {(hdu.name, hdu.ver): hdu for hdu in hdus[1:]}
    images = [key for key in named if key[0] == "SCI"]
    images = images or [key for key in named if key[0] == "DQ"]
    added = []
    for _, version in images:
        pieces = []
        if error := named.get(("ERR", version)):
            pieces.append((fits.ImageHDU(error.data, name="UNCERT", ver=version), error))
            pieces[-1][0].header["UTYPE"] = ("std", "StdDevUncertainty of astropy: ERR")
        if flags := named.get(("DQ", version)):
            mask = ((flags.data & int(UNUSABLE)) > 0).astype(np.uint8)
            pieces.append((fits.ImageHDU(mask, name="MASK", ver=version), flags))
        for hdu, source in pieces:
            for key in ("BUNIT", NUMBER, NAME):
                if key in source.header:
                    hdu.header[key] = source.header[key]
            added.append(hdu)
    return added


def join(parts: Sequence[list[Any]], found: Sequence[Amplifier]) -> list[Any]:
    """Join the products of several amplifiers into one list of HDUs.

    Parameters
    ----------
    parts : sequence of list of HDU
        One product for each; all have the same extensions.
    found : sequence of Amplifier
        The amplifiers.

    Returns
    -------
    list of HDU
        The primary header keeps the cards that all parts share. The others stand in the first
        extension of their amplifier.
    """
    primary = parts[0][0]
    gains = {part[0].header.get("GAIN") for part in parts}
    shared = [key for key in _SHARED if key != "GAIN" or len(gains) == 1]
    own = [key for key in primary.header if key not in _COMMENTARY and key not in shared]
    own += [key for part in parts for key in part[0].header if key not in primary.header]
    joined, seen = [primary], {}
    for number, (part, amplifier) in enumerate(zip(parts, found, strict=True), 1):
        before = dict(seen)
        for hdu in part[1:]:
            hdu.ver = before.get(hdu.name, 0) + hdu.ver
            seen[hdu.name] = max(seen.get(hdu.name, 0), hdu.ver)
            hdu.header[NUMBER] = (number, "number of the amplifier")
            hdu.header[NAME] = (amplifier.name, "extension of the frames")
        first = part[1].header
        for key in dict.fromkeys(own):
            if key in part[0].header:
                first[key] = (part[0].header[key], part[0].header.comments[key])
        for key in _PLACE:
            if key in amplifier.header:
                first[key] = amplifier.header[key]
        joined += part[1:]
        if number > 1:
            for record in history(part[0].header, "warning: "):
                primary.header.add_history(f"warning: {amplifier.name}: {record}")
    for key in dict.fromkeys(own):
        primary.header.remove(key, ignore_missing=True)
    primary.header["NAMPS"] = (len(parts), "amplifiers: cards AMPLIF of the extensions")
    return joined


_HISTORY_KINDS = ("setting ", "input ", "version ", "recovered: ", "warning: ")
_HISTORY_WIDTH = 72


def history(header: fits.Header, kind: str) -> list[str]:
    """Return the records of one kind in a HISTORY, e.g. ``"warning: "``.

    A record longer than a card is continued on the next ones, cut every 72 characters.
    """
    records: list[str] = []
    for line in map(str, header.get("HISTORY", [])):
        if line.startswith(_HISTORY_KINDS) or not records:
            records.append(line)
        else:
            # Trailing blanks of a card are lost in the file; the fixed length restores them.
            full = -(-len(records[-1]) // _HISTORY_WIDTH) * _HISTORY_WIDTH
            records[-1] = records[-1].ljust(full) + line
    return [record.removeprefix(kind) for record in records if record.startswith(kind)]


@contextmanager
def opened_part(path: StrPath, amplifier: int = 0) -> Iterator[fits.HDUList]:
    """Open the part of a product that belongs to one amplifier.

    Parameters
    ----------
    path : path-like
        The product.
    amplifier : int
        Its number, from 0.

    Yields
    ------
    astropy.io.fits.HDUList
        As of a product of one image: EXTVER counts from 1, the cards of the amplifier stand in the
        primary header too. A product without amplifiers is its own part.

    Raises
    ------
    InputError
        When the product is missing or damaged, or has no such amplifier.
    """
    _require_whole(path)
    with fits.open(path, memmap=False) as hdus:
        count = hdus[0].header.get("NAMPS", 1)
        if amplifier >= count:
            raise InputError(path, f"holds {count} amplifiers, {amplifier + 1} are needed")
        if count == 1:
            yield hdus
            return
        part = [hdus[0]]
        part += [hdu for hdu in hdus[1:] if hdu.header.get(NUMBER) == amplifier + 1]
        lowest: dict[str, int] = {}
        for hdu in part[1:]:
            lowest.setdefault(hdu.name, hdu.ver)
            hdu.ver -= lowest[hdu.name] - 1
        for card in part[1].header.cards:
            if card.keyword not in hdus[0].header and card.keyword not in _STRUCTURE:
                hdus[0].header[card.keyword] = (card.value, card.comment)
        yield fits.HDUList(part)


def part_count(path: StrPath) -> int:
    """Return the number of amplifiers of a product; 1 for one image.

    Raises
    ------
    InputError
        When the product is missing or damaged.
    """
    _require_whole(path)
    return int(fits.getheader(path).get("NAMPS", 1))


def _require_whole(path: StrPath) -> None:
    """Refuse a product that is missing, cut off, or no FITS file."""
    if not Path(path).is_file():
        raise InputError(path, "no such file", "make it first")
    try:
        check_structure(Path(path))
    except InputError as error:
        raise InputError(path, f"cannot be used: {error.fault}", "make it again") from None
