"""Loading the compiled loops of the CGI road, safely while other jobs do the same."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from darkroom.combine.compiled import cache_lock


@cache
def kernel(name):
    """Return a module of compiled loops, compiled or loaded under the lock of numba's cache.

    Parameters
    ----------
    name : str
        Its name within this package, e.g. ``"moments_kernel"``. Its functions have explicit
        signatures: they are compiled when it is imported, and never outside the lock.
    """
    with cache_lock():
        return import_module(f"darkroom.cgi.{name}")
