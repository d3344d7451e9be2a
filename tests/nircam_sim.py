"""Small simulated NIRCam exposures for tests: everything off, then what a test needs on."""

from darkroom.nircam.simulate.ramp import make_ramp
from darkroom.nircam.simulate.values import complete

#: A detector that shows one level and nothing else.
STILL = {
    "detector": "NRCA1",
    "rows": 64,
    "nints": 1,
    "ngroups": 4,
    "bias_level": 5000.0,
    "bias_scatter": 0.0,
    "amplifier_offset": 0.0,
    "even_odd": [0.0, 0.0],
    "ktc": 0.0,
    "ramp_offset_rms": 0.0,
    "amplifier_ramp_rms": 0.0,
    "parity_ramp_rms": 0.0,
    "pedestal_rms": 0.0,
    "amplifier_pedestal_rms": 0.0,
    "gain": 2.0,
    "dark": 0.0,
    "hot_fraction": 0.0,
    "cosmic_rays": 0.0,
    "rtn_fraction": 0.0,
    "white": 0.0,
    "noise_sampling": "off",
}


def ramp(name="x", **settings):
    """Return groups and truth of one exposure of the still detector with settings on top."""
    return make_ramp(complete(STILL | settings), name)
