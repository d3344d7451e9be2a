"""The content of a FITS product, independent of when it was written."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.fits.structure import CARD, walk_hdus
from darkroom.integrity import digests

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# The cards that state the time of writing, or depend on it.
_TIME_CARDS = (b"DATE    ", b"CHECKSUM")
_CREATOR, _OURS = b"CREATOR = ", b"'darkroom "


def content_sha256(path: StrPath) -> str:
    """Return the SHA-256 of a FITS file's content: everything but its DATE and CHECKSUM cards.

    Two runs that make the same product write files of equal content, not of equal bytes.

    Parameters
    ----------
    path : path-like
        A FITS file that is not compressed.

    Raises
    ------
    InputError
        As by `darkroom.fits.structure.walk_hdus`.
    """
    return both_sha256(path)[1]


def both_sha256(path: StrPath) -> tuple[str, str]:
    """Return the SHA-256 of a FITS file's bytes, and `content_sha256`, from one reading."""
    content = hashlib.sha256()
    # Where the next card that is left out begins; the last is behind the end of any file.
    cards = iter([*_time_cards(Path(path)), sys.maxsize])
    card, position = next(cards), 0

    def take(block: memoryview) -> None:
        """Add a block to the content, but for the bytes of the cards that are left out."""
        nonlocal card, position
        begin, end = position, position + len(block)
        while card < end:
            content.update(block[begin - position : max(card, begin) - position])
            begin = min(card + CARD, end)
            if card + CARD > end:
                break  # the next block begins with the rest of it
            card = next(cards)
        content.update(block[begin - position :])
        position = end

    before = digests.signature(path)
    sha256 = digests.read_sha256(path, take)
    if digests.signature(path) == before:
        digests.remember(path, sha256)
    return sha256, content.hexdigest()


def _time_cards(path: Path) -> list[int]:
    """Return the first byte of each card that states the time of writing, or depends on it."""
    return [
        hdu.data_start - len(hdu.header) + start
        for hdu in walk_hdus(path)
        for start in range(0, len(hdu.header), CARD)
        if hdu.header[start : start + 8] in _TIME_CARDS
    ]


def is_product(path: StrPath) -> bool:
    """Tell whether a file is a FITS file that darkroom wrote.

    Raises
    ------
    InputError
        As by `darkroom.fits.structure.walk_hdus`, for every HDU.
    """
    path = Path(path)
    with path.open("rb") as stream:
        if stream.read(6) != b"SIMPLE":
            return False
    # Card by card, without astropy: a program that only copies a file does not load it.
    header, *_ = [hdu.header for hdu in walk_hdus(path)]
    for start in range(0, len(header), CARD):
        if header.startswith(_CREATOR, start):
            value = header[start + len(_CREATOR) : start + CARD]
            return value.lstrip().startswith(_OURS)
    return False
