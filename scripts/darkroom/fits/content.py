"""What a FITS product holds, whenever it was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from astropy.io import fits

from darkroom.fits.structure import CARD, padded, units
from darkroom.fits.verify import primary_header

# The cards that tell the time of writing, or follow from it.
_OF_THE_TIME = (b"DATE    ", b"CHECKSUM")
_BLOCK = 1 << 20


def content_sha256(path):
    """Return the SHA-256 of a FITS file's content: all but its DATE and CHECKSUM cards.

    Two runs that make the same product give files of equal content, not of equal bytes.

    Parameters
    ----------
    path : path-like
        A FITS file that is not compressed.
    """
    path = Path(path)
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for unit in units(path):
            for start in range(0, len(unit.header), CARD):
                if unit.header[start : start + 8] not in _OF_THE_TIME:
                    digest.update(unit.header[start : start + CARD])
            stream.seek(unit.data_start)
            left = padded(unit.data_bytes)
            while left:
                block = stream.read(min(left, _BLOCK))
                digest.update(block)
                left -= len(block)
    return digest.hexdigest()


def is_product(path):
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
