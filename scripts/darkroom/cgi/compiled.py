"""Loading the compiled loops of the CGI road, safely while other jobs do the same."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from darkroom.combine.compiled import cache_lock, collecting_nothing

if TYPE_CHECKING:  # so that they belong to the digest of every program that may load them
    from darkroom.cgi import (  # noqa: F401
        l1_best_kernel,
        l1_kernel,
        l1_peer_kernel,
        lsq_kernel,
        moments_kernel,
        pooled_kernel,
        rank_kernel,
    )


@cache
def kernel(name):
    """Return a module of compiled loops, compiled or loaded under the lock of numba's cache.

    Parameters
    ----------
    name : str
        Its name within this package, e.g. ``"moments_kernel"``. Its functions have explicit
        signatures: they are compiled when it is imported, and never outside the lock.
    """
    with cache_lock(), collecting_nothing():
        return import_module(f"darkroom.cgi.{name}")
