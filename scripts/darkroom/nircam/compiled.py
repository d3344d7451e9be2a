"""Loading this road's compiled kernels (see `darkroom.combine.compiled` for why under a lock)."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from darkroom.combine.compiled import cache_lock


@cache
def kernel(name):
    """Return the module ``darkroom.nircam.<name>_kernel``, compiled or loaded from the cache.

    A function is written with its types, so that it is compiled when its module is imported, and
    that happens under the lock of the compiled code's folder.
    """
    with cache_lock():
        return import_module(f"darkroom.nircam.{name}_kernel")
