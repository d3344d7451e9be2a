"""Masks of bad reads: their EXTVERs, and the flag (DQ 1024) by which CRCORR leaves them out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.fits.write import edited
from darkroom.wfc3.dq import BAD_DETECTOR, MASKED
from darkroom.wfc3.files.imsets import Imsets

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath

#: Pixels in which masked reads are left out: all, or those in which calwf3 leaves them out.
SCOPES = ("all", "calwf3")


def parse_reads(text: str) -> tuple[int, ...]:
    """Return the EXTVERs of a text like ``"11-15"`` or ``"1,2,3"``, sorted; "" means none.

    Raises
    ------
    DarkroomError
        When the text cannot be understood.
    """
    reads: set[int] = set()
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


def check_reads(reads: Iterable[int], nsamp: int, name: str = "the exposure") -> tuple[int, ...]:
    """Refuse masks that calwf3 would silently apply otherwise than asked.

    The zeroth read (EXTVER NSAMP) passes its flags on to every read; and when all reads after the
    zeroth are masked, CRCORR uses the masked ones after all.

    Parameters
    ----------
    reads : iterable of int
        EXTVERs to mask.
    nsamp : int
        Number of reads of the exposure, the zeroth included.
    name : str
        The exposure, for messages.

    Returns
    -------
    tuple of int
        The EXTVERs, sorted, each once.

    Raises
    ------
    DarkroomError
        For the zeroth read, a read that does not exist, or all reads after the zeroth.
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


def clear_mask(dq: np.ndarray, own: np.ndarray) -> None:
    """Clear the flag 1024 of masked reads in the flags of an FLT.

    calwf3 sets it in nearly every pixel when reads are masked, and AstroDrizzle would then drop the
    whole exposure. Pixels that had it before (a user's mask of persistence, say) keep it.

    Parameters
    ----------
    dq : (rows, columns) int16 array
        Flags of the FLT; changed.
    own : (rows, columns) bool array
        Pixels that had the flag before reads were masked.
    """
    dq[~own] &= np.int16(~MASKED)


def is_left_by_a_mask(dq: np.ndarray) -> bool:
    """Return whether most pixels of an FLT have the flag 1024: then masked reads have left it.

    For FLTs of unknown origin: of those that the pipeline makes, `clear_mask` has freed them.
    """
    return bool(np.count_nonzero(dq & MASKED) > dq.size / 2)


def flags_to_combine(sci: np.ndarray, dq: np.ndarray) -> np.ndarray:
    """Return the flags of an FLT by which AstroDrizzle shall choose pixels.

    Parameters
    ----------
    sci : (rows, columns) float array
        Its image.
    dq : (rows, columns) int16 array
        Its flags; not changed.

    Returns
    -------
    (rows, columns) int16 array
        Without the flag 1024 that masked reads have left, see `is_left_by_a_mask`. A pixel that is
        NaN or infinite, from such a value in a reference, has no flag in an FLT of calwf3; it would
        spread over its neighbours in the combined image. It gets 4 (bad detector pixel).
    """
    flags = dq & np.int16(~MASKED) if is_left_by_a_mask(dq) else dq.copy()
    flags[~np.isfinite(sci)] |= np.int16(BAD_DETECTOR)
    return flags


def mask_copy(raw: StrPath, target: StrPath, reads: Iterable[int]) -> None:
    """Write a copy of a RAW in which every pixel of some reads has the flag 1024 in DQ.

    Parameters
    ----------
    raw : path-like
        The RAW; never changed.
    target : path-like
        The copy; replaced when it exists.
    reads : iterable of int
        EXTVERs to mask.

    Raises
    ------
    DarkroomError
        See `check_reads`.

    Notes
    -----
    The DQ of a RAW is a constant plane, so that only its PIXVALUE changes. Where a read has a DQ
    image instead, PIXVALUE has no meaning, and the flag is set in the image.
    """
    with Imsets(raw) as imsets:
        nsamp = int(imsets.primary.get("NSAMP", 0))
        reads = check_reads(reads, nsamp, Path(raw).name)
        with written_atomically(target) as temporary:
            shutil.copyfile(imsets.plain, temporary)
            with edited(temporary) as hdus:
                for read in reads:
                    hdu = hdus["DQ", read]
                    if imsets.constant("DQ", read) is None:
                        hdu.data |= MASKED
                    else:
                        hdu.header["PIXVALUE"] |= MASKED


def _listed(numbers):
    return ", ".join(str(number) for number in numbers)
