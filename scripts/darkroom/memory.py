"""Memory of large arrays: given back to the system when they are freed, or kept for the next."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_LARGE, _NEVER = 4 << 20, 1 << 30
# Bytes at the end of the heap that are kept. The C library's own 128 kB are less than a band of
# rows, whose memory the system would clear anew for each band.
_KEPT = 32 << 20


def give_back_large() -> None:
    """Give arrays of 4 MB and more back to the system as soon as they are freed, from now on.

    The C library keeps freed arrays of up to 32 MB for later, also between others that are in use.
    A program with many images of 17 MB held hundreds of MB of them. Without glibc nothing changes.
    """
    _set(_M_MMAP_THRESHOLD, _LARGE)
    _set(_M_TRIM_THRESHOLD, _KEPT)


@contextmanager
def kept_large() -> Iterator[None]:
    """Keep the memory of freed arrays for the next ones of their size; give it back at the end.

    For loops that make the same large arrays again and again: the system clears each page that it
    hands out, which took longer than the Fourier transform of a frame itself.
    """
    _set(_M_MMAP_THRESHOLD, _NEVER)
    _set(_M_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        give_back_large()
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def _set(parameter: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)
