"""Memory of large arrays, given back to the system when they are freed."""

from __future__ import annotations

import ctypes

_M_MMAP_THRESHOLD = -3
_LARGE = 4 << 20


def give_back_large() -> None:
    """Give arrays of 4 MB and more back to the system as soon as they are freed, from now on.

    The C library keeps freed arrays of up to 32 MB for later, also between others that are in use.
    A program with many images of 17 MB held hundreds of MB of them. Without glibc nothing changes.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGE)
