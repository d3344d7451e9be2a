"""Settings of the CCD pipeline."""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import section, setting
from darkroom.epochs.settings import EpochSettings

#: Pixel that is shown where none is chosen, row and column: the CCD notebook's.
USUAL_PIXEL = (100, 150)
#: Exposure times that differ by less than this fraction are taken as equal.
SAME_EXPTIME = 1e-3


@dataclass(frozen=True, kw_only=True)
class JudgeSettings:
    """How the frames are judged."""

    bias_exptime_s: float | None = setting(
        None,
        "Darks up to this exposure time may be used as bias frames.",
        unit="s",
        minimum=0,
        absent="none",
    )


@dataclass(frozen=True, kw_only=True)
class CcdSettings:
    """Settings of the CCD pipeline."""

    clip: str = setting(
        "mad",
        "Scatter used to reject outliers of a stack about the median: 1.4826 MAD, but at least "
        "the typical noise (mad); the standard deviation (sigma); or no rejection (none).",
        choices=("mad", "sigma", "none"),
    )
    nsigma: float = setting(
        5.0, "Rejection limit, in units of that scatter.", unit="sigma", above=0
    )
    iterations: int = setting(5, "Maximum number of rejection iterations.", minimum=1)
    temperature_tolerance_c: float = setting(
        0.2,
        "Largest temperature difference within a temperature group of frames; a dark rate that "
        "doubles in 6 °C changes by 2.3 % in 0.2 °C.",
        unit="°C",
        above=0,
    )
    gain_e_per_adu: float | str | None = setting(
        None,
        "Gain, or the header card that holds it (EGAIN); when given, products are in electrons.",
        unit="e-/ADU",
        above=0,
        absent="none, ADU",
    )
    saturation_adu: float = setting(
        65535.0,
        "Saturation level: a sample at or above it is saturated. For cameras whose values are "
        "multiples of a step, the highest multiple not above it is used.",
        unit="ADU",
        above=0,
    )
    overscan: str = setting(
        "row",
        "Level of the overscan that is subtracted: of each row (row), a polynomial along the rows "
        "(polynomial), one for each frame (constant), or nothing (none).",
        choices=("row", "polynomial", "constant", "none"),
    )
    overscan_degree: int = setting(3, "Degree of the polynomial.", minimum=0, maximum=20)
    overscan_section: str | None = setting(
        None,
        "Section of the overscan, [x1:x2,y1:y2] counted from 1.",
        absent="card BIASSEC",
    )
    trim_section: str | None = setting(
        None,
        "Section of the image, [x1:x2,y1:y2] counted from 1.",
        absent="card TRIMSEC or DATASEC",
    )
    judge: JudgeSettings = section(JudgeSettings, "How the frames are judged.")
    epochs: EpochSettings = section(
        EpochSettings, "Series of epochs; levels and tolerances in the unit of the products."
    )
    hot_nsigma: float = setting(
        5.0,
        "Threshold for hot pixels: excess of a stable dark rate over that of the surroundings, in "
        "robust standard deviations.",
        unit="sigma",
        above=0,
    )
    previous: str | None = setting(
        None,
        "Folder of the products of a previous night, which the report compares with.",
        absent="none",
    )
    display_range_adu: list[float] = setting(
        [-30.0, 50.0],
        "Display range of bias-subtracted images in the figures.",
        unit="LOW HIGH",
        length=2,
    )
    pixel: list[int] | None = setting(
        None,
        "Pixel whose time series is shown; row and column counted from 0.",
        unit="Y X",
        minimum=0,
        length=2,
        absent=f"{USUAL_PIXEL[0]}, {USUAL_PIXEL[1]}, or the middle of smaller frames",
    )


READOUT = ("overscan", "overscan_degree", "overscan_section", "trim_section")
STACKING = ("clip", "nsigma", "iterations", "saturation_adu", "gain_e_per_adu", *READOUT)
GROUPING = (*STACKING, "temperature_tolerance_c")
#: Settings of each program.
PROGRAMS = {
    "master_bias": STACKING,
    "read_noise": STACKING,
    "master_dark": GROUPING,
    "dark_rate": GROUPING,
    "hot_pixels": (*GROUPING, "hot_nsigma"),
    "subtract_dark": ("temperature_tolerance_c", "saturation_adu", "gain_e_per_adu", *READOUT),
    "quantities": (*GROUPING, "pixel"),
    "gain": ("saturation_adu", *READOUT),
    "figures": ("pixel", "display_range_adu", "previous", *READOUT),
}
