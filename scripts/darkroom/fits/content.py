"""The content of a FITS product, independent of when it was written."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.fits.structure import CARD, padded, walk_hdus
from darkroom.fits.verify import primary_header

if TYPE_CHECKING:
    from darkroom.hints import StrPath

# The cards that state the time of writing, or depend on it.
_TIME_CARDS = (b"DATE    ", b"CHECKSUM")
_BLOCK = 1 << 20


def content_sha256(path: StrPath) -> str:
    """Return the SHA-256 of a FITS file's content: everything but its DATE and CHECKSUM cards.

    Two runs that make the same product write files of equal content, not of equal bytes.

    Parameters
    ----------
    path : path-like
        A FITS file that is not compressed.
    """
    path = Path(path)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for hdu in walk_hdus(path):
            for start in range(0, len(hdu.header), CARD):
                if hdu.header[start : start + 8] not in _TIME_CARDS:
                    digest.update(hdu.header[start : start + CARD])
            stream.seek(hdu.data_start)
            left = padded(hdu.data_bytes)
            while left:
                block = stream.read(min(left, _BLOCK))
                digest.update(block)
                left -= len(block)
    return digest.hexdigest()


def is_product(path: StrPath) -> bool:
    """Tell whether a file is a FITS file that darkroom wrote."""
    path = Path(path)
    with path.open("rb") as stream:
        if stream.read(6) != b"SIMPLE":
            return False
    try:
        creator = primary_header(path).get("CREATOR", "")
    except fits.VerifyError:
        return False
    return str(creator).startswith("darkroom ")
