"""Dark subtraction of a science frame: choice of the dark, uncertainty, background quality."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.background import Gradient, gradient
from darkroom.ccd.cells import SAME_EXPTIME, STEP_C, is_regulated
from darkroom.ccd.dq import DQ
from darkroom.ccd.robust import clipped_std, finite_median
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.ccd.products.dark_rate import Rate
    from darkroom.ccd.products.master import MasterImage
    from darkroom.fits.describe import Frame

# The residual of hot pixels is measured on about this many, evenly chosen: enough for a median.
_RESIDUALS = 5000


@dataclass(frozen=True)
class Dark:
    """The dark to subtract, in the unit of the products.

    Attributes
    ----------
    image, error : (ny, nx) arrays
        Bias and dark counts, and their standard error.
    noise : (ny, nx) array
        Standard deviation of a single dark of that exposure time: read noise and shot noise of the
        dark counts.
    dq : (ny, nx) int32 array
        Flags of the dark.
    common : float
        Standard error common to all pixels.
    how : str
        ``matched`` (a master of that exposure time) or ``scaled`` (bias + rate · time).
    group : int
        Temperature group of the dark.
    temperature : float or None
        Mean temperature of that group, degrees Celsius.
    """

    image: np.ndarray
    error: np.ndarray
    noise: np.ndarray
    dq: np.ndarray
    common: float
    how: str
    group: int
    temperature: float | None


def choose(
    frame: Frame, masters: Sequence[MasterImage], rates: Sequence[Rate], tolerance: float
) -> Dark:
    """Choose the dark for a science frame.

    Parameters
    ----------
    frame : darkroom.fits.describe.Frame
        The science frame.
    masters : sequence of MasterImage
        From `darkroom.ccd.products.master.read`.
    rates : sequence of Rate
        From `darkroom.ccd.products.dark_rate.read`; may be empty.
    tolerance : float
        Largest difference from the mean temperature of the dark's group, degrees Celsius.

    Returns
    -------
    Dark
        A master dark of the same exposure time and a matching temperature; else bias + rate ·
        time of a matching temperature.

    Raises
    ------
    InputError
        When no dark matches in temperature, or exposure times differ and there is no rate.
    """
    usable = [m for m in masters if _matches(frame, m.temperature, tolerance)]
    if not usable and not any(_matches(frame, r.temperature, tolerance) for r in rates):
        found = ", ".join(sorted({f"{m.temperature:.2f} C" for m in masters}))
        raise InputError(
            frame.path,
            f"taken at {frame.temperature:.2f} C, the darks at {found}; they may differ by "
            f"{tolerance:g} C",
            "take darks at its temperature or widen the temperature tolerance",
        )
    same = [m for m in usable if abs(m.exptime - frame.exptime) <= SAME_EXPTIME * m.exptime]
    if same:
        master = min(same, key=lambda m: _distance(frame, m.temperature))
        return Dark(
            master.image, master.error, master.error * np.sqrt(master.count), master.dq,
            master.common, "matched", master.group, master.temperature,
        )  # fmt: skip
    near = [r for r in rates if _matches(frame, r.temperature, tolerance)]
    if not near:
        times = ", ".join(f"{m.exptime:g} s" for m in usable)
        raise InputError(
            frame.path,
            f"exposed for {frame.exptime:g} s, the darks at its temperature for {times}, and there "
            "is no dark rate to scale them with",
            "take darks of its exposure time, or darks of two and make their rate",
        )
    rate = min(near, key=lambda r: _distance(frame, r.temperature))
    closest = min(usable or masters, key=lambda m: abs(m.exptime - frame.exptime))
    return _scaled(rate, frame.exptime, closest.error * np.sqrt(closest.count))


def _scaled(rate, time, noise):
    variance = rate.bias_error**2.0 + time**2 * rate.error**2.0 + 2 * time * rate.covariance
    return Dark(
        image=rate.bias + time * rate.rate,
        error=np.sqrt(np.maximum(variance, 0)),
        noise=noise,
        dq=rate.dq,
        common=time * rate.common,
        how="scaled",
        group=rate.group,
        temperature=rate.temperature,
    )


def _matches(frame, temperature, tolerance):
    """Return whether a temperature is within the tolerance; an unknown one is accepted."""
    if frame.temperature is None or temperature is None:
        return True
    if is_regulated(frame):  # readings differ from what is kept by steps of the thermometer
        return abs(frame.set_temperature - temperature) <= max(tolerance, STEP_C)
    return abs(frame.temperature - temperature) <= tolerance + 1e-9


def _distance(frame, temperature):
    if frame.temperature is None or temperature is None:
        return 0.0
    return abs(frame.temperature - temperature)


@dataclass(frozen=True)
class Subtracted:
    """A dark-subtracted science frame.

    Attributes
    ----------
    image, error : (ny, nx) float32 arrays
        Science minus dark, and its standard error.
    dq : (ny, nx) int32 array
        Bits of `darkroom.ccd.dq.DQ`.
    photon_noise : bool
        Whether `error` includes the photon noise of sky and sources, which needs the gain.
    """

    image: np.ndarray
    error: np.ndarray
    dq: np.ndarray
    photon_noise: bool


def subtract(
    science: np.ndarray,
    dark: Dark,
    *,
    level: float,
    saturated: np.ndarray | None = None,
    flags: np.ndarray | None = None,
    read_noise: float,
    zero: np.ndarray | None = None,
    gain: float = 1.0,
) -> Subtracted:
    """Subtract a dark from a science frame.

    Parameters
    ----------
    science : (ny, nx) array
        The frame, in the unit of the dark.
    dark : Dark
        From `choose`.
    level : float
        Saturation level, in the same unit.
    saturated : (ny, nx) bool array, optional
        Saturated samples; by default those at or above `level`.
    flags : (ny, nx) int array, optional
        DQ of the hot-pixel product.
    read_noise : float
        Standard deviation of a sample of a bias frame.
    zero : (ny, nx) array, optional
        Bias in the unit of the frame. With it the variance of a sample is its shot noise plus the
        read noise; without it (no gain) it is that of a dark frame.
    gain : float
        Electrons in that unit: 1 for a frame in electrons, e-/ADU for one in ADU.

    Returns
    -------
    Subtracted
        NaN where the frame or the dark is NaN.

    Raises
    ------
    ValueError
        When most of the frame is saturated.
    """
    if saturated is None:
        saturated = science >= level
    if saturated.mean() > 0.5:
        msg = (
            f"{100 * saturated.mean():.0f} % of its pixels are saturated (at or above {level:g}); "
            "there is nothing to calibrate"
        )
        raise ValueError(msg)
    dq = dark.dq | (0 if flags is None else flags)
    dq = np.where(saturated, dq | DQ.SATURATED, dq)
    if zero is None:
        typical = finite_median(dark.noise)
        own = ((dq & (DQ.HOT | DQ.UNSTABLE)) > 0) & np.isfinite(dark.noise)
        variance = np.where(own, dark.noise, np.fmax(typical, read_noise)) ** 2
    else:
        variance = read_noise**2 + np.maximum(np.nan_to_num(science - zero), 0) / gain
    image = science - dark.image
    error = np.sqrt(variance + np.nan_to_num(dark.error) ** 2)
    error[~np.isfinite(dark.error)] = np.nan
    dq = np.where(np.isfinite(image), dq, dq | DQ.NONFINITE)
    return Subtracted(
        image.astype(np.float32), error.astype(np.float32), dq.astype(np.int32), zero is not None
    )


@dataclass(frozen=True)
class Quality:
    """Flatness of a frame's background.

    Attributes
    ----------
    background, spread : float
        Median and clipped standard deviation of the good pixels, gradients included.
    fine : float
        Pixel-to-pixel noise: clipped standard deviation of differences of neighbours, over √2.
    hot : float
        Robust standard deviation of hot pixels about their neighbours; NaN without any.
    gradient : Gradient
        Large-scale structure.
    """

    background: float
    spread: float
    fine: float
    hot: float
    gradient: Gradient


def quality(image: np.ndarray, good: np.ndarray, hot: np.ndarray) -> Quality:
    """Measure the background of a frame; robust statistics leave out sources.

    Parameters
    ----------
    image : (ny, nx) array
        The frame, before or after subtraction.
    good : (ny, nx) bool array
        Pixels without flags.
    hot : (ny, nx) bool array
        Hot pixels.

    Returns
    -------
    Quality
    """
    pairs, some = good[:, 1:] & good[:, :-1], image[good]
    return Quality(
        background=finite_median(some),
        spread=clipped_std(some),
        fine=clipped_std((image[:, 1:] - image[:, :-1])[pairs]) / np.sqrt(2),
        hot=_residual(image, hot),
        gradient=gradient(image, good),
    )


def _residual(image, chosen):
    """Return the robust standard deviation of chosen pixels about their neighbours' median."""
    places = np.argwhere(chosen)
    y, x = places[:: max(1, len(places) // _RESIDUALS)].T
    # Of each the square of 5 x 5 pixels around it, NaN where it is chosen or outside.
    squares = np.full((len(y), 25), np.nan, image.dtype)
    around = np.zeros(squares.shape, bool)
    for k, (down, right) in enumerate(np.ndindex(5, 5)):
        row, column = y + down - 2, x + right - 2
        inside = (row >= 0) & (row < image.shape[0]) & (column >= 0) & (column < image.shape[1])
        row, column = np.where(inside, row, 0), np.where(inside, column, 0)
        around[:, k] = inside & ~chosen[row, column]
        squares[:, k] = np.where(around[:, k], image[row, column], np.nan)
    squares.sort(axis=1)  # NaN last
    number, each = (~np.isnan(squares)).sum(axis=1), np.arange(len(y))
    low, high = (squares[each, np.maximum(k, 0)] for k in ((number - 1) // 2, number // 2))
    median = np.where(number % 2 == 1, high, (low + high) / 2)
    usable = around.any(axis=1) & np.isfinite(image[y, x])
    distances = (image[y, x] - median)[usable]
    return float(1.4826 * np.median(np.abs(distances))) if distances.size else np.nan
