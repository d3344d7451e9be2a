"""Settings of the simulated coronagraph camera. Charges are in electrons unless said otherwise."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED
from darkroom.simulate.declare import simulated


@dataclass(frozen=True, kw_only=True)
class Stack:
    """Frames of one EM gain and exposure time."""

    gain: float = simulated(REQUIRED, "EM gain.", minimum=1)
    exptime: float = simulated(REQUIRED, "Exposure time.", unit="s", minimum=0)
    frames: int = simulated(REQUIRED, "Number of frames.", minimum=1)
    photon_counting: bool = simulated(
        False, "Mark its frames as taken for photon counting (card ISPC)."
    )


@dataclass(frozen=True, kw_only=True)
class OddStack:
    """An anomalous stack: its frames have an offset and a different read noise."""

    gain: float = simulated(REQUIRED, "EM gain of the stack.", minimum=1)
    exptime: float = simulated(REQUIRED, "Exposure time of the stack.", unit="s", minimum=0)
    offset: float = simulated(REQUIRED, "Offset of its frames.", unit="e-")
    noise: float = simulated(REQUIRED, "Factor that multiplies its read noise.", above=0)


@dataclass(frozen=True, kw_only=True)
class LeakingStack:
    """A stack with a light leak, which the prescan does not see."""

    gain: float = simulated(REQUIRED, "EM gain of the stack.", minimum=1)
    exptime: float = simulated(REQUIRED, "Exposure time of the stack.", unit="s", minimum=0)
    light: float = simulated(
        REQUIRED, "Light in the imaging area of each frame, after the EM register.", unit="e-"
    )


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The simulated coronagraph camera (EXCAM)."""

    seed: int = simulated(604, "Seed of all random numbers.", minimum=0, absent="the archive's")
    level: str = simulated(
        "L2a", "Calibrated frames (L2a) or raw ones (L1).", choices=("L2a", "L1")
    )
    geometry: str = simulated(
        "sci",
        "Detector regions: sci (1200 x 2200), small (120 x 220) or a JSON file.",
        unit="sci, small or file",
    )
    gains: list[float] = simulated(
        [1.5, 30.0, 500.0, 5000.0],
        "EM gains; a stack is made at every gain and exposure time, unless stacks are listed.",
        minimum=1,
    )
    exptimes: list[float] = simulated([2.0, 30.0, 100.0], "Exposure times.", unit="s", minimum=0)
    frames: int = simulated(8, "Number of frames of each stack.", minimum=1)
    stacks: list[Stack] | None = simulated(
        None, "List of stacks, instead of gains, exptimes and frames.", group=Stack, absent="none"
    )
    maps: str = simulated(
        "synthetic",
        "True maps: synthetic; corgidrp for the maps of that package, where it is installed; or a "
        "folder with fpn.fits, cic.fits and dark.fits of the image area.",
        unit="synthetic, corgidrp or folder",
    )
    fpn_mean: float = simulated(4.9, "Mean of the fixed pattern.", unit="e-")
    fpn_spread: float = simulated(69.0, "Scatter of the fixed pattern.", unit="e-", minimum=0)
    cic: float = simulated(0.0088, "Mean of the clock-induced charge.", unit="e-", minimum=0)
    cic_spread: float = simulated(
        0.0018, "Scatter of the clock-induced charge.", unit="e-", minimum=0
    )
    dark: float = simulated(0.001, "Mean of the dark current.", unit="e-/s", minimum=0)
    dark_spread: float = simulated(0.00016, "Scatter of the dark current.", unit="e-/s", minimum=0)
    hot_fraction: float = simulated(
        1e-3,
        "Fraction of pixels with hot dark current in the imaging area.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    hot_dark: list[float] = simulated(
        [0.01, 1.0], "Dark current of hot pixels, log-uniform.", unit="LOW HIGH e-/s", minimum=0,
        schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    hot_cic_fraction: float = simulated(
        3e-4,
        "Fraction of pixels that are hot in clock-induced charge in the imaging area.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    hot_cic: list[float] = simulated(
        [0.3, 2.0], "Clock-induced charge of such pixels, log-uniform.", unit="LOW HIGH e-",
        minimum=0, schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    partial_cic: float = simulated(
        0.0,
        "Clock-induced charge of a pixel that arises inside the EM register.",
        unit="e-",
        minimum=0,
    )
    read_noise: float = simulated(100.0, "Read noise.", unit="e-", minimum=0)
    row_noise: float = simulated(
        8.9, "Error of the bias of a row, common to its pixels, rms.", unit="e-", minimum=0
    )
    kgain: float = simulated(8.7, "Conversion gain.", unit="e-/DN", above=0)
    full_well_image: float = simulated(90000.0, "Full well of a pixel.", unit="e-", above=0)
    full_well_register: float = simulated(
        105000.0, "Full well of the EM register.", unit="e-", above=0
    )
    bad_fraction: float = simulated(
        1e-4,
        "Fraction of dead pixels, flagged in every frame.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    cosmic_rays: float = simulated(
        0.25,
        "Cosmic-ray hits in the imaging area (13 micron pixels); about 5 in orbit.",
        unit="per cm² and s",
        minimum=0,
    )
    cosmic_charge: list[float] = simulated(
        [1e4, 1e5], "Charge of a cosmic-ray hit, log-uniform.", unit="LOW HIGH e-", minimum=0,
        schema={"minItems": 2, "maxItems": 2},
    )  # fmt: skip
    cosmic_spread: float = simulated(
        0.0,
        "Radius (σ) of the charge cloud of a cosmic-ray hit, perhaps 0.5 in orbit; with 0 a hit "
        "has one to three pixels of a row and no wings.",
        unit="pixels",
        minimum=0,
    )
    cosmic_threshold: float = simulated(
        0.0,
        "Calibrated frames: flag pixels with more charge of a cosmic ray than this after the EM "
        "register, and 0.04 EM gains pixels after each, but neither wings nor the ends of tails; "
        "0 flags all pixels with such charge.",
        unit="e-",
        minimum=0,
    )
    temperature: float = simulated(-85.0, "Temperature of the detector.", unit="°C")
    odd_stack: OddStack | None = simulated(
        None, "One anomalous stack.", group=OddStack, absent="none"
    )
    leaking_stack: LeakingStack | None = simulated(
        None, "One stack with a light leak.", group=LeakingStack, absent="none"
    )
    bias: float = simulated(1000.0, "Raw frames: bias level.", unit="DN")
    bias_drift: float = simulated(5.0, "Raw frames: drift of the bias over the rows.", unit="DN")
    bias_rows: float = simulated(
        2.0, "Raw frames: scatter of the bias from row to row.", unit="DN", minimum=0
    )
    nonlinearity: str = simulated(
        "none", "Raw frames: non-linearity table.", unit="none, corgidrp or file"
    )
