"""What a FITS product holds, whenever it was written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from astropy.io import fits

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
    digest = hashlib.sha256()
    with fits.open(path, memmap=True) as hdus, Path(path).open("rb") as stream:
        for hdu in hdus:
            place = hdu.fileinfo()
            stream.seek(place["hdrLoc"])
            header = stream.read(place["datLoc"] - place["hdrLoc"])
            for start in range(0, len(header), 80):
                if header[start : start + 8] not in _OF_THE_TIME:
                    digest.update(header[start : start + 80])
            left = place["datSpan"]
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
    return str(fits.getheader(path).get("CREATOR", "")).startswith("darkroom ")
