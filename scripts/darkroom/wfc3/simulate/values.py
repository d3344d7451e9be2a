"""Settings of the WFC3/IR simulator, its subarrays and sample sequences."""

from __future__ import annotations

import re

from darkroom.errors import DarkroomError
from darkroom.simulate.settings import check_choice, check_names

#: Pixels a side inside the border of 5, and seconds of a read, by SUBTYPE.
SUBARRAYS = {
    "FULLIMAG": (1014, 2.932),
    "SQ512SUB": (512, 0.853),
    "SQ256SUB": (256, 0.278),
    "SQ128SUB": (128, 0.113),
    "SQ64SUB": (64, 0.061),
}
BORDER = 5
FULL_SIDE = 1014
# Where the steps of STEPn begin: four reads as fast as can be, then doubling up to n.
_STEP_START = (24.23, 49.23, 99.23, 199.23, 399.23)
_SPARS, _STEP = (5, 10, 25, 50, 100, 200), (25, 50, 100, 200, 400)
#: Sample sequences by name.
SEQUENCES = ("RAPID", *(f"SPARS{n}" for n in _SPARS), *(f"STEP{n}" for n in _STEP))
MOST_READS = 16
#: What may happen to the light during an exposure.
LIGHTS = ("nominal", "start", "end", "airglow", "trail")
#: Pivot wavelength (A), inverse sensitivity (erg/cm2/A/e-) and width (A) of the filters, about.
FILTERS = {
    "F098M": (9864.1, 6.04e-20, 500.9),
    "F105W": (10551.0, 3.03e-20, 845.6),
    "F110W": (11534.0, 1.53e-20, 1428.5),
    "F125W": (12486.0, 2.25e-20, 866.3),
    "F140W": (13923.0, 1.47e-20, 1132.4),
    "F160W": (15370.0, 1.93e-20, 826.3),
}

#: Every setting with its default. Rates are e-/s at the centre of the band; counts of stars, blobs
#: and cosmic rays are of a full frame, smaller ones get their share.
DEFAULTS = {
    "seed": 14037,
    "visit": 1,
    "subarray": "FULLIMAG",
    "filter": "F140W",
    "sampseq": "SPARS100",
    "nsamp": 16,
    "ra": 177.4,  # of the target, degrees
    "dec": 22.398,
    "pa_v3": 112.0,  # degrees
    "start": "2015-11-01T02:24:00",
    "pause_s": 300.0,  # between exposures
    # One entry an exposure, see `EXPOSURE`.
    "exposures": [
        {"light": "start", "dither": [0.0, 0.0]},
        {"dither": [5.2, 0.3]},
        {"dither": [0.2, 5.4]},
        {"dither": [5.4, 5.6]},
    ],
    # The sky as it always is.
    "zodiacal": 0.9,  # e-/s a pixel
    "gradient": 0.0,  # the left edge is brighter than the right one by this fraction, always
    "stars": 300,
    "star_rate": 3.0,  # faintest, e-/s; numbers fall with rate^-0.8
    "brightest": 3000.0,  # no star is brighter, e-/s
    "galaxies": 300,
    "big_galaxy": None,  # {rate, radius, x, y}: e-/s, pixels, fractions of the side
    "psf_fwhm": 1.15,  # pixels
    # What comes and goes.
    "strength": 1.2,  # of the scattered light at its brightest place and time, in zodiacal units
    "duration_s": 450.0,  # it fades to nothing within this time
    "side": "left",  # where it is brightest
    "airglow": 1.5,  # at the start, in zodiacal units
    "airglow_scale": 0.25,  # it fades by e in this fraction of the exposure
    "trail": 3000.0,  # e- along the middle of a satellite's trail
    "cosmic_rays": 11.0,  # hits a second
    "cosmic_ray_mean": 1500.0,  # e-, exponential
    # The detector.
    "bias": 11200.0,  # DN
    "bias_scatter": 150.0,  # from pixel to pixel, DN
    "bias_drift": 8.0,  # common to all pixels, from read to read, DN
    "reset_noise": 8.0,  # of each pixel, from exposure to exposure, DN
    "dark": 0.048,  # e-/s
    "flat_scatter": 0.015,
    "saturation": 32000.0,  # DN, where the correction of non-linearity ends
    "dead_fraction": 1e-3,
    "bad_zero_fraction": 5e-4,
    "hot_fraction": 4e-3,
    "unstable_fraction": 4e-3,
    "blobs": 40,
    "blob_radius": [6.0, 14.0],  # pixels
    "truth": True,  # write what is hidden beside each exposure
}
#: What one exposure may have of its own; None: the value above.
EXPOSURE = {
    "light": "nominal",
    "dither": [0.0, 0.0],  # arcsec along x and y
    "strength": None,
    "duration_s": None,
    "side": None,
    "airglow": None,
}


def complete(settings):
    """Return `DEFAULTS` overlaid with `settings`, those of each exposure filled in.

    Raises
    ------
    DarkroomError
        For a setting that does not exist or a choice that is unknown.
    """
    check_names("WFC3", settings, DEFAULTS)
    full = DEFAULTS | settings
    for name, known in (("subarray", SUBARRAYS), ("filter", FILTERS), ("sampseq", SEQUENCES)):
        check_choice("WFC3", name, full[name], known)
    check_choice("WFC3", "side", full["side"], ("left", "right"))
    if not isinstance(full["nsamp"], int) or not 1 <= full["nsamp"] <= MOST_READS:
        raise DarkroomError(
            f"simulated WFC3: nsamp is {full['nsamp']!r}; there are 1 to {MOST_READS} reads"
        )
    exposures = []
    for given in full["exposures"]:
        check_names("WFC3", given, EXPOSURE, "exposures: ")
        one = EXPOSURE | given
        check_choice("WFC3", "exposures: light", one["light"], LIGHTS)
        for name in ("strength", "duration_s", "side", "airglow"):
            one[name] = full[name] if one[name] is None else one[name]
        exposures.append(one)
    full["exposures"] = exposures
    return full


def sample_times(sampseq: str, nsamp: int, subarray: str) -> list[float]:
    """Return the times of the reads, in time order.

    Parameters
    ----------
    sampseq : str
        One of `SEQUENCES`.
    nsamp : int
        Number of reads, the zeroth included.
    subarray : str
        One of `SUBARRAYS`.

    Returns
    -------
    list of float
        Seconds since the zeroth read. Those of the full frame are those of the Instrument Handbook;
        in a subarray the first read follows after the shorter time of its readout.
    """
    read = SUBARRAYS[subarray][1]
    kind, step = re.fullmatch(r"(RAPID|SPARS|STEP)(\d*)", sampseq).groups()
    if kind == "RAPID":
        times = [k * read for k in range(nsamp)]
    elif kind == "SPARS":
        times = [0.0] + [read + k * float(step) for k in range(nsamp - 1)]
    else:
        times = _step_times(read, float(step), nsamp)
    return [round(time, 6) for time in times[:nsamp]]


def _step_times(read, step, nsamp):
    times = [k * read for k in range(5)]
    gap = _STEP_START[1] - _STEP_START[0]
    times.append(_STEP_START[0])
    while len(times) < nsamp:
        times.append(times[-1] + min(gap, step))
        gap = min(2 * gap, step)
    return times
