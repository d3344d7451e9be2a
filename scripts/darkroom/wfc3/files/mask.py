"""Bad reads: which ones, and the mark (DQ 1024) that makes CRCORR leave them out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.wfc3.dq import MASKED
from darkroom.wfc3.files.imsets import Imsets

SCOPES = ("all", "calwf3")


def parse_reads(text):
    """Turn ``"11-15"`` or ``"1,2,3"`` (EXTVERs) into a sorted tuple of int; "" means none."""
    reads = set()
    for part in filter(None, (item.strip() for item in text.split(","))):
        match = re.fullmatch(r"(\d+)(?:\s*-\s*(\d+))?", part)
        if match is None:
            raise DarkroomError(
                f"reads {text!r}: {part!r} is neither an EXTVER nor a range like 11-15"
            )
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise DarkroomError(f"reads {text!r}: the range {part} runs backwards")
        reads |= set(range(first, last + 1))
    return tuple(sorted(reads))


def check_reads(reads, nsamp, name="the exposure"):
    """Refuse masks that calwf3 would quietly turn into something else.

    The zeroth read (EXTVER NSAMP) passes its flags on to every read; without any read but the
    zeroth CRCORR falls back on the masked ones.

    Parameters
    ----------
    reads : iterable of int
        EXTVERs.
    nsamp : int
        Number of reads of the exposure, the zeroth included.
    name : str
        The exposure, for messages.

    Returns
    -------
    tuple of int
        The EXTVERs, sorted.
    """
    reads = tuple(sorted(set(reads)))
    outside = [read for read in reads if not 1 <= read <= nsamp]
    if outside:
        raise DarkroomError(
            f"{name}: cannot mask EXTVER {_listed(outside)}, its reads are EXTVER 1 to {nsamp}"
        )
    if nsamp in reads:
        raise DarkroomError(
            f"{name}: EXTVER {nsamp} is the zeroth read, which all others are measured from; "
            "it cannot be masked"
        )
    if len(reads) == nsamp - 1:
        raise DarkroomError(
            f"{name}: all {nsamp - 1} reads after the zeroth are masked, nothing is left to fit"
        )
    return reads


def mask_copy(raw, target, reads):
    """Write a copy of a RAW in which the DQ of some reads is 1024 in every pixel.

    Parameters
    ----------
    raw : path-like
        The RAW; never changed.
    target : path-like
        The copy.
    reads : iterable of int
        EXTVERs.

    Notes
    -----
    The DQ of a RAW is a constant plane: 20 bytes of its header change (PIXVALUE). Where a read has
    a DQ image of its own, PIXVALUE would not be looked at, so there the image gets the flag.
    """
    with Imsets(raw) as imsets:
        nsamp = int(imsets.primary.get("NSAMP", 0))
        reads = check_reads(reads, nsamp, Path(raw).name)
        with written_atomically(target) as temporary:
            shutil.copyfile(imsets.plain, temporary)
            with fits.open(temporary, mode="update", memmap=False) as hdus:
                for read in reads:
                    hdu = hdus["DQ", read]
                    if imsets.constant("DQ", read) is None:
                        hdu.data |= MASKED
                    else:
                        hdu.header["PIXVALUE"] |= MASKED


def _listed(numbers):
    return ", ".join(str(number) for number in numbers)
