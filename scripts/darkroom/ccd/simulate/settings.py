"""Settings of the simulated CCD camera.

The defaults are the camera of the published CCD notebook (an SBIG ST-402). Lengths are fractions of
the frame, so that a small frame has the same statistics as a large one.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkroom.campaign.settings import REQUIRED
from darkroom.simulate.declare import simulated

WARM, COLD = -4.817803680962, -5.23215684599
_COLD_DARKS = (1, 2, 4, 5, 14, 15, 16, 17, 21, 22, 29)


@dataclass(frozen=True, kw_only=True)
class Dramatic:
    """One very hot pixel."""

    y: float = simulated(0.6049, "Row.", unit="fraction of the frame")
    x: float = simulated(0.8216, "Column.", unit="fraction of the frame")
    rate: float = simulated(1500.0, "Its dark rate.", unit="ADU/s")
    bias: float = simulated(800.0, "Excess of its bias level.", unit="ADU")
    noise: float = simulated(30.0, "Its read noise.", unit="ADU")


@dataclass(frozen=True, kw_only=True)
class BiasSeries:
    """A series of bias frames."""

    count: int = simulated(10, "Number of frames.", minimum=0)
    exptime: float = simulated(0.04, "Exposure time.", unit="s", minimum=0)
    temperatures: list[float] = simulated(
        [WARM], "CCD temperatures, taken in turn.", unit="°C", schema={"minItems": 1}
    )


@dataclass(frozen=True, kw_only=True)
class DarkSeries:
    """A series of darks of one exposure time."""

    count: int = simulated(REQUIRED, "Number of frames.", minimum=0)
    exptime: float = simulated(REQUIRED, "Exposure time.", unit="s", minimum=0)
    temperatures: list[float] = simulated(
        [WARM], "CCD temperatures, taken in turn.", unit="°C", schema={"minItems": 1}
    )


@dataclass(frozen=True, kw_only=True)
class FlatSeries:
    """A series of flats of one exposure time."""

    count: int = simulated(2, "Number of frames.", minimum=0)
    exptime: float = simulated(REQUIRED, "Exposure time.", unit="s", minimum=0)
    temperature: float = simulated(WARM, "CCD temperature.", unit="°C")


@dataclass(frozen=True, kw_only=True)
class Overscan:
    """Columns that are read without pixels behind them, right of each amplifier."""

    columns: int = simulated(32, "Their number.", unit="pixels", minimum=1)
    drift: float = simulated(
        0.0, "Drift of the level along the rows of a frame, rms.", unit="ADU", minimum=0
    )


@dataclass(frozen=True, kw_only=True)
class Target:
    """An image of the sky."""

    exptime: float = simulated(REQUIRED, "Exposure time.", unit="s", minimum=0)
    temperature: float = simulated(WARM, "CCD temperature.", unit="°C")


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The simulated CCD camera."""

    seed: int = simulated(402, "Seed of all random numbers.", minimum=0, absent="the archive's")
    shape: list[int] = simulated([510, 765], "Rows and columns.", unit="NY NX", minimum=1, length=2)
    night: int = simulated(
        0,
        "Number of a night of the same camera: it is in the names of the frames, and their noise "
        "is another; 0: not numbered.",
        minimum=0,
    )
    start: str = simulated("2020-01-16T01:50:00", "Start of the first exposure.", unit="UTC")
    level: float = simulated(1061.2, "Bias level.", unit="ADU")
    gradient: float = simulated(
        61.5,
        "Excess of the bias at the left edge, which decays exponentially to the right.",
        unit="ADU",
    )
    gradient_scale: float = simulated(
        0.3223, "Scale length of that decay.", unit="fraction of the width", above=0
    )
    fixed_pattern: float = simulated(
        2.0, "Scatter of the bias from pixel to pixel.", unit="ADU", minimum=0
    )
    read_noise: float = simulated(10.79, "Read noise.", unit="ADU", minimum=0)
    read_noise_spread: float = simulated(
        0.02, "Scatter of the read noise between pixels.", unit="fraction", minimum=0
    )
    offset_rms: float = simulated(
        1.0, "Offset common to all pixels of a frame, rms.", unit="ADU", minimum=0
    )
    row_noise: float = simulated(
        0.0, "Offset common to the pixels of a row of a frame, rms.", unit="ADU", minimum=0
    )
    gain: float = simulated(5.8, "Gain.", unit="e-/ADU", above=0)
    saturation: float = simulated(65535, "Saturation level.", unit="ADU", above=0)
    dark_rate: float = simulated(
        1.375, "Dark rate of a normal pixel at dark_reference.", unit="ADU/s", minimum=0
    )
    dark_spread: float = simulated(
        0.03, "Scatter of the rate between normal pixels.", unit="fraction", minimum=0
    )
    dark_reference: float = simulated(-4.975, "Temperature of dark_rate.", unit="°C")
    dark_doubling: float = simulated(
        6.0, "Temperature rise that doubles the dark rate.", unit="°C", above=0
    )
    dark_gradient: float = simulated(
        0.0, "Excess of the dark rate at the left edge over the right one.", unit="ADU/s"
    )
    hot_fraction: float = simulated(
        5e-5,
        "Fraction of hot pixels: 20 to 200 ADU/s, stable.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    warm_fraction: float = simulated(
        1e-3, "Fraction of warm pixels: 1 to 15 ADU/s.", unit="fraction", minimum=0, maximum=1
    )
    unstable_fraction: float = simulated(
        1e-4,
        "Fraction of unstable pixels: their rate jumps by 10 to 40 ADU/s.",
        unit="fraction",
        minimum=0,
        maximum=1,
    )
    weak_columns: int = simulated(
        0, "Number of columns whose pixels all have an excess of dark rate.", minimum=0
    )
    weak_rows: int = simulated(0, "Number of such rows.", minimum=0)
    weak_rate: float = simulated(0.3, "That excess.", unit="ADU/s")
    dramatic: Dramatic | None = simulated(
        Dramatic(), "One very hot pixel; null: none.", group=Dramatic, absent="as below"
    )
    cosmic_rays: float = simulated(
        0.01, "Cosmic-ray hits per second, in a frame of the default size.", minimum=0
    )
    bias: BiasSeries | None = simulated(
        BiasSeries(), "Bias frames; null: none.", group=BiasSeries, absent="as below"
    )
    darks: list[DarkSeries] = simulated(
        [
            {
                "count": 29,
                "exptime": 10.0,
                "temperatures": [COLD if i in _COLD_DARKS else WARM for i in range(1, 30)],
            }
        ],
        "Series of darks.",
        group=DarkSeries,
        absent="29 of 10 s at two temperatures",
    )
    targets: list[Target] = simulated(
        [{"exptime": 10.0, "temperature": WARM}],
        "Images of the sky.",
        group=Target,
        absent="one of 10 s",
    )
    flats: list[FlatSeries] = simulated([], "Series of flats.", group=FlatSeries, absent="none")
    flat_rate: float = simulated(1000.0, "Light of the flats.", unit="ADU/s", minimum=0)
    flat_drift: float = simulated(
        0.01, "Scatter of that light between flats, rms.", unit="fraction", minimum=0
    )
    prnu: float = simulated(
        0.01, "Scatter of the pixels' response to light, rms.", unit="fraction", minimum=0
    )
    full_well: float | None = simulated(
        None, "Largest charge of a pixel.", unit="e-", above=0, absent="no limit"
    )
    nonlinearity: float = simulated(
        0.0, "Loss of signal at 65535 ADU; it grows with the square.", unit="fraction", minimum=0
    )
    overscan: Overscan | None = simulated(
        None, "Overscan columns; null: none.", group=Overscan, absent="none"
    )
    amplifiers: int = simulated(
        1, "Amplifiers, side by side, each written to an extension of its own.", minimum=1
    )
    amplifier_step: float = simulated(
        500.0, "Difference of the bias level between neighbouring amplifiers.", unit="ADU"
    )
    sky_rate: float = simulated(12.0, "Sky background.", unit="ADU/s", minimum=0)
    stars: int = simulated(120, "Number of stars, in a frame of the default size.", minimum=0)
    star_fwhm: float = simulated(3.0, "FWHM of a star.", unit="pixels", above=0)
