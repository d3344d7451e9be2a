"""Loading the compiled steps, safely while other jobs do the same."""

from __future__ import annotations

from functools import cache
from types import SimpleNamespace

from darkroom.combine.compiled import cache_lock


@cache
def kernels():
    """Return the compiled functions by name, compiled or loaded under the cache's lock."""
    with cache_lock():
        from darkroom.wfc3 import kernel, output_kernel, ramp_kernel
    return SimpleNamespace(
        zeroth_signal=kernel.zeroth_signal,
        calibrate_rows=kernel.calibrate_rows,
        fit_rows=ramp_kernel.fit_rows,
        flat_field=output_kernel.flat_field,
        mean_unflagged=output_kernel.mean_unflagged,
        good_statistics=output_kernel.good_statistics,
    )
