"""What every module of the kernel shares: clip methods, lanes of a block, how helpers compile."""

from __future__ import annotations

from numba import njit

#: Clip methods: none, by the standard deviation, by the median absolute deviation.
NONE, SIGMA, MAD = 0, 1, 2
#: Neighbouring pixels that are handled together.
LANES = 128
#: Standard deviation of a normal distribution per MAD, to the digits of astropy.stats.mad_std.
MAD_TO_STD = 1.482602218505602

#: Decorator of every compiled function but the one that is called from Python: without what Python
#: or C would call, a function compiles in half the time.
helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
