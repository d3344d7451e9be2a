"""Numbers that the loops of the read noise share."""

from __future__ import annotations

from numba import njit

MAD_TO_STD = 1.482602218505602
#: Steps are inspected individually above LOOK standard deviations, and are jumps above JUMP.
LOOK, JUMP = 4.0, 5.0
SHORTEST = 3  # groups needed for a residual of a straight line
MANY_RAMPS = 5  # ramps needed for medians over ramps that are robust against one with a jump
#: Probabilities are scaled below it: a step makes them a thousandth at most.
SMALL = 1e-50
CHUNK = 256  # pixels whose sums fit into the cache of the processor

#: Compiled into the function that calls it.
helper = njit(nogil=True, error_model="numpy", no_cfunc_wrapper=True)
