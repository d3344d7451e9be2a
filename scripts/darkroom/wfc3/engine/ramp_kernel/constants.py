"""What every module of the kernel shares: flags, limits of CRCORR, how helpers compile.

Every number that enters the arithmetic is a float32, as C's `float` in calwf3.
"""

from __future__ import annotations

import numpy as np
from numba import njit

#: Neighbouring pixels of a row that are handled together.
LANES = 64
#: Cosmic rays in one pixel at which calwf3 takes it for unstable.
MOST_COSMIC_RAYS = 4
#: Height of a spike above both its neighbours, sigma.
SPIKE_SIGMA = np.float32(6.0)
#: Signal-to-noise ratios above which an interval is fitted with the next power of weights.
POWER_STEPS = (np.float32(5), np.float32(10), np.float32(20), np.float32(50), np.float32(100))

#: Flags of the DQ arrays. CURVED is set in the IMA where UNSTABLE is set in the FLT.
SATURATED, MASKED, ZEROTH_SIGNAL = 256, 1024, 2048
COSMIC_RAY, CURVED, UNSTABLE = 8192, 16384, 32
#: Bits of `darkroom.wfc3.engine.ramp.Reduced.events`.
EVENT_COSMIC_RAY, EVENT_SPIKE, EVENT_UNSTABLE = 1, 2, 4

ZERO, ONE = np.float32(0.0), np.float32(1.0)
#: Error of a slope without a sample of positive weight.
NO_ERROR = np.float32(1e9)

#: Decorator of every compiled function but the one that is called from Python: without what Python
#: or C would call, a function compiles in half the time.
helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
