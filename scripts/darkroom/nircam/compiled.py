"""Loading this road's compiled kernels (see `darkroom.combine.compiled` for why under a lock).

A function in them is written with its types, so that it is compiled when its module is imported,
and that happens here.
"""

from __future__ import annotations

from functools import cache

from darkroom.combine.compiled import cache_lock


@cache
def superbias_kernel():
    """Return the module `darkroom.nircam.superbias_kernel`, compiled or loaded from the cache."""
    with cache_lock():
        from darkroom.nircam import superbias_kernel as module
    return module


@cache
def readnoise_kernel():
    """Return the module `darkroom.nircam.readnoise_kernel`, compiled or loaded from the cache."""
    with cache_lock():
        from darkroom.nircam import readnoise_kernel as module
    return module
