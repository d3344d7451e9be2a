"""Settings of the simulated NIRCam detectors, in DN unless a unit is given."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED
from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import DETECTORS
from darkroom.simulate.declare import simulated

_OWN = "measured value of the detector"
_TWO = {"minItems": 2, "maxItems": 2}


@dataclass(frozen=True, kw_only=True)
class CommonNoise:
    """1/f noise common to the amplifiers: amplitude (f/Hz)^-index + excess (f/Hz)^-1/(1+(f/knee)²).

    One-sided power spectral density.
    """

    amplitude: float = simulated(0.24, "Amplitude at 1 Hz.", unit="DN²/Hz", minimum=0)
    index: float = simulated(1.0, "Index of the power law.")
    excess: float = simulated(3.0, "Low-frequency excess.", unit="DN²/Hz", minimum=0)
    knee_hz: float = simulated(
        2.0, "Frequency above which the excess decreases.", unit="Hz", above=0
    )


@dataclass(frozen=True, kw_only=True)
class AmplifierNoise:
    """1/f noise of each amplifier, one-sided power spectral density."""

    amplitude: float = simulated(0.07, "Amplitude at 1 Hz.", unit="DN²/Hz", minimum=0)
    index: float = simulated(1.0, "Index of the power law.")


@dataclass(frozen=True, kw_only=True)
class AlternatingNoise:
    """Alternating-column noise: a power law mirrored at half the pixel rate."""

    amplitude: float = simulated(0.03, "Amplitude at 1 Hz.", unit="DN²/Hz", minimum=0)
    index: float = simulated(1.0, "Index of the power law.")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A sine wave common to the amplifiers, of random phase."""

    hz: float = simulated(REQUIRED, "Frequency.", unit="Hz", above=0)
    rms: float = simulated(REQUIRED, "Amplitude, rms.", unit="DN", minimum=0)


@dataclass(frozen=True, kw_only=True)
class EpoxyVoid:
    """A disc of pixels with more white noise."""

    y: float = simulated(REQUIRED, "Row of its centre.", unit="pixels")
    x: float = simulated(REQUIRED, "Column of its centre.", unit="pixels")
    radius: float = simulated(REQUIRED, "Radius.", unit="pixels", above=0)
    white: float = simulated(REQUIRED, "Factor that multiplies its white noise.", above=0)


#: Kinds of faults, as `darkroom.nircam.simulate.faults` makes them.
FAULT_KINDS = (
    *("not_dark", "aborted", "lost_group", "lost", "no_zeroframe", "clock", "other_corner"),
    *("averaged", "subtracted", "multistripe"),
)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A fault of one exposure, as real ones have."""

    exposure: int = simulated(REQUIRED, "Number of the exposure, from 1.", minimum=1)
    kind: str = simulated(
        REQUIRED,
        "Kind: light and another EXP_TYPE (not_dark); the last groups of the last integration, the "
        "first group, or all filled with 0 (aborted, lost_group, lost); ZEROFRAM without the "
        "extension (no_zeroframe); NOUTPUTS that is not that of TFRAME (clock); SUBSTRT1, NFRAMES, "
        "steps made before or stripes unlike the others (other_corner, averaged, subtracted, "
        "multistripe).",
        choices=FAULT_KINDS,
    )


@dataclass(frozen=True, kw_only=True)
class Change:
    """A change of the detector at an epoch."""

    epoch: int = simulated(REQUIRED, "First epoch after it, from 1.", minimum=1)
    amplifier: int = simulated(0, "Amplifier whose level changes, from 0.", minimum=0, maximum=3)
    level: float = simulated(0.0, "Step of the level of its active pixels.", unit="DN")
    drift: float = simulated(0.0, "Drift of that level from then on.", unit="DN/year")
    hot_size: int = simulated(
        0, "Side of a square of active pixels that become hot; 0: none.", unit="pixels", minimum=0
    )
    hot_x: int = simulated(0, "Column of its first pixel, from 0.", unit="pixels", minimum=0)
    hot_y: int = simulated(0, "Row of its first pixel, from 0.", unit="pixels", minimum=0)
    hot_rate: float = simulated(0.0, "Dark current that is added there.", unit="e-/s", minimum=0)


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The simulated NIRCam detectors."""

    seed: int = simulated(1062, "Seed of all random numbers.", minimum=0, absent="the archive's")
    detector: str = simulated("NRCA1", "Detector, as in the header.", choices=tuple(DETECTORS))
    subarray: str = simulated("FULL", "Subarray, as in the header.", unit="header value")
    rows: int = simulated(
        2048, "Number of rows of the detector; fewer are for tests only.", minimum=1
    )
    readpatt: str = simulated("RAPID", "Read pattern.", choices=tuple(PATTERNS))
    exposures: int = simulated(10, "Number of exposures.", minimum=1)
    nints: int = simulated(1, "Number of integrations of each exposure.", minimum=1)
    ngroups: int = simulated(10, "Number of groups of each integration.", minimum=1)
    segments: int = simulated(
        1, "Number of files into which the integrations of an exposure are divided.", minimum=1
    )
    int_times: str = simulated(
        "own",
        "Rows of INT_TIMES in a segment: its own, those of the whole exposure, or none.",
        choices=("own", "whole", "none"),
    )
    faults: list[Fault] = simulated([], "Exposures with a fault.", group=Fault, absent="none")
    start: str = simulated("2022-04-01T06:00:00", "Start of the first exposure.", unit="UTC")
    pause_s: float = simulated(600.0, "Pause between exposures.", unit="s", minimum=0)
    per_epoch: int = simulated(0, "Exposures of each epoch; 0: all follow each other.", minimum=0)
    epoch_days: float = simulated(
        60.0, "Time from the start of an epoch to that of the next.", unit="days", above=0
    )
    changes: list[Change] = simulated(
        [], "Changes of the detector between epochs.", group=Change, absent="none"
    )
    bias_level: float | None = simulated(
        None,
        "Bias level, to which offsets of amplifiers and of even and odd columns, and scatter, are "
        "added.",
        unit="DN",
        absent=_OWN,
    )
    bias_scatter: float = simulated(
        600.0, "Scatter of the bias from pixel to pixel.", unit="DN", minimum=0
    )
    amplifier_offset: float = simulated(
        2600.0, "Offsets of amplifiers, uniform within plus or minus this.", unit="DN", minimum=0
    )
    even_odd: list[float] = simulated(
        [100.0, 1100.0],
        "Absolute size of the offset between even and odd columns; the sign is random.",
        unit="LOW HIGH DN",
        schema=_TWO,
    )
    ktc: float | None = simulated(
        None, "kTC noise, new in each integration.", unit="DN", minimum=0, absent=_OWN
    )
    reference_ktc: float = simulated(
        0.1,
        "kTC noise of reference pixels (an assumption).",
        unit="fraction of the active ones'",
        minimum=0,
    )
    ramp_offset_rms: float | None = simulated(
        None, "Offset from ramp to ramp, rms.", unit="DN", minimum=0, absent=_OWN
    )
    amplifier_ramp_rms: float = simulated(
        8.0, "Offset of an amplifier from ramp to ramp, rms.", unit="DN", minimum=0
    )
    parity_ramp_rms: float = simulated(
        1.0, "Offset of even and odd columns from ramp to ramp, rms.", unit="DN", minimum=0
    )
    pedestal_rms: float | None = simulated(
        None, "Offset from frame to frame, rms.", unit="DN", minimum=0, absent=_OWN
    )
    amplifier_pedestal_rms: float | None = simulated(
        None, "Offset of an amplifier from frame to frame, rms.", unit="DN", minimum=0, absent=_OWN
    )
    gain: float | None = simulated(None, "Gain.", unit="e-/DN", above=0, absent=_OWN)
    dark: float | None = simulated(
        None, "Dark current of active pixels.", unit="e-/s", minimum=0, absent=_OWN
    )
    hot_fraction: float = simulated(
        1e-3, "Fraction of hot pixels.", unit="fraction", minimum=0, maximum=1
    )
    hot_rate: list[float] = simulated(
        [1.0, 30.0],
        "Dark rate of hot pixels, log-uniform.",
        unit="LOW HIGH DN/s",
        minimum=0,
        schema=_TWO,
    )
    warm_fraction: float = simulated(
        0.0, "Fraction of warm pixels.", unit="fraction", minimum=0, maximum=1
    )
    warm_rate: list[float] = simulated(
        [0.05, 0.5],
        "Dark current that is added in warm pixels, log-uniform.",
        unit="LOW HIGH e-/s",
        minimum=0,
        schema=_TWO,
    )
    unstable_fraction: float = simulated(
        0.0, "Fraction of unstable pixels.", unit="fraction", minimum=0, maximum=1
    )
    unstable_rate: list[float] = simulated(
        [0.2, 1.0],
        "Dark current that is added in unstable pixels in half of their integrations, at random; "
        "log-uniform.",
        unit="LOW HIGH e-/s",
        minimum=0,
        schema=_TWO,
    )
    settling: float = simulated(
        0.0,
        "By how much active pixels are lower right after each reset, decreasing exponentially.",
        unit="DN",
    )
    settling_s: float = simulated(40.0, "Time constant of that.", unit="s", above=0)
    first_integration: float = simulated(
        0.0,
        "Dark current that is added in the first integration of each exposure.",
        unit="e-/s",
        minimum=0,
    )
    cycle: list[float] = simulated(
        [],
        "Levels of active pixels by the number of the integration, again and again, as after "
        "fast resets of subarrays.",
        unit="DN",
        absent="none",
    )
    cosmic_rays: float = simulated(5e-3, "Cosmic-ray hits.", unit="per pixel and 100 s", minimum=0)
    cosmic_ray_mean: float = simulated(
        400.0, "Mean of the exponential distribution of their signal.", unit="DN", minimum=0
    )
    rtn_fraction: float = simulated(
        2e-3,
        "Fraction of pixels with random telegraph noise (two levels, symmetric).",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    rtn_amplitude: list[float] = simulated(
        [20.0, 100.0],
        "Difference of the two levels, log-uniform.",
        unit="LOW HIGH DN",
        minimum=0,
        schema=_TWO,
    )
    rtn_switch: float = simulated(
        0.2, "Probability of a transition between two frames.", minimum=0, maximum=1
    )
    white: float | None = simulated(
        None,
        "White noise of a read: one number, or one for each amplifier.",
        unit="DN",
        schema={
            "type": ["number", "array", "null"],
            "items": {"type": "number", "minimum": 0},
            "minItems": 1,
        },
        absent=_OWN,
    )
    reference_white: float = simulated(
        0.85, "White noise of reference pixels.", unit="fraction of the active ones'", minimum=0
    )
    noisy_reference_fraction: float = simulated(
        0.0,
        "Fraction of reference pixels with three times the noise.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    epoxy_void: EpoxyVoid | None = simulated(
        None, "Disc with more white noise.", group=EpoxyVoid, absent="none"
    )
    noise_sampling: str = simulated(
        "tick",
        "Sampling of the 1/f noise: every pixel (tick); one sample per row and amplifier, which is "
        "fast but has no noise above half the row rate (row); no 1/f noise (off).",
        choices=("tick", "row", "off"),
    )
    common: CommonNoise = simulated(
        CommonNoise(), "1/f noise common to the amplifiers.", group=CommonNoise,
        absent="as below, scaled to the detector",
    )  # fmt: skip
    amplifier: AmplifierNoise = simulated(
        AmplifierNoise(), "1/f noise of each amplifier.", group=AmplifierNoise, absent="as below"
    )
    alternating: AlternatingNoise = simulated(
        AlternatingNoise(), "Alternating-column noise.", group=AlternatingNoise, absent="as below"
    )
    coupling_spread: float = simulated(
        0.05,
        "Spread of the amplifiers' coupling to the common noise: 1 plus or minus this.",
        minimum=0,
    )
    lines: list[Line] = simulated(
        [], "Sine waves common to the amplifiers.", group=Line, absent="none"
    )
    reference_superbias_error: float = simulated(
        4.0, "Error of each pixel of the superbias in the simulated CRDS.", unit="DN", minimum=0
    )
    truth: bool = simulated(True, "Write the truth beside each exposure.")
