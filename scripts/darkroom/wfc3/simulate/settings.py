"""Settings of the simulated WFC3/IR detector.

Rates are in e-/s at the centre of the band. Numbers of stars, blobs and cosmic rays are those of a
full frame; subarrays get the share of their area.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.simulate.declare import simulated
from darkroom.wfc3.simulate.names import (
    FILTERS,
    LEFTOVERS,
    LIGHTS,
    MOST_READS,
    SEQUENCES,
    SUBARRAYS,
)

_ABOVE = "the visit's"


@dataclass(frozen=True, kw_only=True)
class ExposureSettings:
    """One exposure."""

    light: str = simulated(
        "nominal",
        "Disturbance of the exposure: none (nominal), scattered light at its start or end, "
        "airglow, or a satellite trail. Or no light at all (none): a dark.",
        choices=LIGHTS,
    )
    dither: list[float] = simulated(
        [0.0, 0.0], "Offset of the pointing along x and y.", unit="X Y arcsec",
        schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    strength: float | None = simulated(
        None, "As below, of this exposure.", minimum=0, absent=_ABOVE
    )
    duration_s: float | None = simulated(
        None, "As below, of this exposure.", unit="s", above=0, absent=_ABOVE
    )
    side: str | None = simulated(
        None, "As below, of this exposure.", unit="left or right", absent=_ABOVE,
        schema={"enum": ["left", "right", None]},
    )  # fmt: skip
    airglow: float | None = simulated(None, "As below, of this exposure.", minimum=0, absent=_ABOVE)
    last_read: int | None = simulated(
        None,
        "Last read of an aborted exposure that was taken, counted from the zeroth, 0.",
        minimum=0,
        absent="all are taken",
    )
    after_last: str = simulated(
        "frozen",
        "What an aborted exposure has in the place of its later reads: copies of the last one, or "
        "zeros.",
        choices=LEFTOVERS,
    )
    offset: list[float] = simulated(
        [0.0, 0.0], "Error of the pointing along x and y, of which no header tells.",
        unit="X Y arcsec", schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    guiding_lost_s: float | None = simulated(
        None, "When the guide star is lost, after the zeroth read.", unit="s", minimum=0,
        absent="never",
    )  # fmt: skip
    drift: list[float] = simulated(
        [1.0, 0.6], "Drift along x and y from the loss of the guide star to the end.",
        unit="X Y arcsec", schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    expflag: str | None = simulated(
        None, "EXPFLAG of the header.",
        absent="NORMAL; INTERRUPTED for an aborted exposure, EXCESSIVE DOWNTIME for a lost star",
    )  # fmt: skip
    quality: str | None = simulated(
        None, "QUALITY of the header.", absent="blank; LOCKLOST for a lost guide star"
    )
    fgslock: str = simulated("FINE", "FGSLOCK of the header: the lock that was commanded.")


@dataclass(frozen=True, kw_only=True)
class Galaxy:
    """One big galaxy."""

    rate: float = simulated(1000.0, "Its rate.", unit="e-/s", minimum=0)
    radius: float = simulated(50.0, "Its radius.", unit="pixels", above=0)
    x: float = simulated(0.5, "Column of its centre.", unit="fraction of the side")
    y: float = simulated(0.5, "Row of its centre.", unit="fraction of the side")


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The simulated WFC3/IR detector and a visit with it."""

    seed: int = simulated(14037, "Seed of all random numbers.", minimum=0, absent="the archive's")
    visit: int = simulated(1, "Number of the visit.", minimum=1)
    subarray: str = simulated("FULLIMAG", "Subarray (SUBTYPE).", choices=tuple(SUBARRAYS))
    filter: str = simulated("F140W", "Filter.", choices=tuple(FILTERS))
    sampseq: str = simulated("SPARS100", "Sample sequence.", choices=SEQUENCES)
    nsamp: int = simulated(
        16, "Number of reads, including the zeroth.", minimum=1, maximum=MOST_READS
    )
    ra: float = simulated(177.4, "Right ascension of the target.", unit="degrees")
    dec: float = simulated(22.398, "Declination of the target.", unit="degrees")
    pa_v3: float = simulated(112.0, "Position angle of V3.", unit="degrees")
    start: str = simulated("2015-11-01T02:24:00", "Start of the first exposure.", unit="UTC")
    pause_s: float = simulated(300.0, "Pause between exposures.", unit="s", minimum=0)
    exposures: list[ExposureSettings] = simulated(
        [
            {"light": "start", "dither": [0.0, 0.0]},
            {"dither": [5.2, 0.3]},
            {"dither": [0.2, 5.4]},
            {"dither": [5.4, 5.6]},
        ],
        "The exposures of the visit.",
        group=ExposureSettings,
        absent="four, dithered; the first with scattered light",
    )
    zodiacal: float = simulated(0.9, "Zodiacal sky per pixel.", unit="e-/s", minimum=0)
    gradient: float = simulated(
        0.0,
        "Excess of the sky at the left edge over the right one, constant in time.",
        unit="fraction",
    )
    stars: int = simulated(300, "Number of stars.", minimum=0)
    star_rate: float = simulated(
        3.0,
        "Rate of the faintest star; the number of brighter stars falls as rate^-0.8.",
        unit="e-/s",
        above=0,
    )
    brightest: float = simulated(
        3000.0, "Rate of the brightest star possible.", unit="e-/s", above=0
    )
    galaxies: int = simulated(300, "Number of galaxies.", minimum=0)
    big_galaxy: Galaxy | None = simulated(None, "One big galaxy.", group=Galaxy, absent="none")
    psf_fwhm: float = simulated(1.15, "FWHM of the point spread function.", unit="pixels", above=0)
    strength: float = simulated(
        1.2,
        "Scattered light at its maximum in place and time.",
        unit="times the zodiacal light",
        minimum=0,
    )
    duration_s: float = simulated(
        450.0, "Time in which the scattered light fades to zero.", unit="s", above=0
    )
    side: str = simulated(
        "left", "Side on which the scattered light is brightest.", choices=("left", "right")
    )
    airglow: float = simulated(
        1.5, "Airglow at the start.", unit="times the zodiacal light", minimum=0
    )
    airglow_scale: float = simulated(
        0.25, "e-folding time of the airglow.", unit="fraction of the exposure", above=0
    )
    trail: float = simulated(3000.0, "Peak signal across a satellite trail.", unit="e-", minimum=0)
    cosmic_rays: float = simulated(11.0, "Cosmic-ray hits.", unit="per s", minimum=0)
    cosmic_ray_mean: float = simulated(
        1500.0, "Mean of the exponential distribution of their signal.", unit="e-", minimum=0
    )
    bias: float = simulated(11200.0, "Bias level.", unit="DN")
    bias_scatter: float = simulated(
        150.0, "Scatter of the bias from pixel to pixel.", unit="DN", minimum=0
    )
    bias_drift: float = simulated(
        8.0, "Drift of the bias from read to read, common to all pixels.", unit="DN", minimum=0
    )
    reset_noise: float = simulated(
        8.0, "Reset noise of each pixel, new in each exposure.", unit="DN", minimum=0
    )
    dark: float = simulated(0.048, "Dark current.", unit="e-/s", minimum=0)
    flat_scatter: float = simulated(0.015, "Scatter of the flat field.", minimum=0)
    saturation: float = simulated(
        32000.0, "Saturation level, where the non-linearity correction ends.", unit="DN", above=0
    )
    dead_fraction: float = simulated(
        1e-3, "Fraction of dead pixels.", unit="fraction", minimum=0, maximum=1
    )
    bad_zero_fraction: float = simulated(
        5e-4, "Fraction of pixels with a bad zeroth read.", unit="fraction", minimum=0, maximum=1
    )
    hot_fraction: float = simulated(
        4e-3, "Fraction of hot pixels.", unit="fraction", minimum=0, maximum=1
    )
    unstable_fraction: float = simulated(
        4e-3, "Fraction of unstable pixels.", unit="fraction", minimum=0, maximum=1
    )
    warm_fraction: float = simulated(
        0.0,
        "Fraction of warm pixels, which no table flags: 0.1 to 0.4 e-/s.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    dark_settling: float = simulated(
        0.0,
        "Charge beside the dark current that comes with an e-folding time of 60 s after the "
        "zeroth read, the same in all pixels and exposures.",
        unit="e-",
    )
    dark_level: float = simulated(
        0.0,
        "Scatter of the dark current's level from exposure to exposure, the same in all pixels.",
        unit="e-/s",
        minimum=0,
    )
    persistent_fraction: float = simulated(
        0.0,
        "Fraction of pixels, others in each exposure, in which charge of an earlier exposure comes "
        "out: 200 e- with an e-folding time of 200 s.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    blobs: int = simulated(40, "Number of blobs.", minimum=0)
    blob_radius: list[float] = simulated(
        [6.0, 14.0], "Radius of blobs.", unit="LOW HIGH pixels", minimum=0,
        schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    truth: bool = simulated(True, "Write the truth beside each exposure.")
