"""The CCD notebook's quantities, by its definitions and by darkroom's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import distributions
from darkroom.ccd.robust import finite_median, plain_median
from darkroom.combine.bias import c4

if TYPE_CHECKING:
    from darkroom.ccd.background import Gradient
    from darkroom.ccd.stack.noise import PooledVariance


@dataclass(frozen=True)
class Quantity:
    """One quantity by two definitions.

    Attributes
    ----------
    name : str
        Short name.
    notebook : float or None
        Value by the notebook's definition; None where it has none.
    value, uncertainty : float or None
        Value by darkroom's definition, and its standard error.
    unit : str
        Unit of all three.
    definition : str
        Both definitions: the notebook's; darkroom's.
    """

    name: str
    notebook: float | None
    value: float | None
    uncertainty: float | None
    unit: str
    definition: str


@dataclass(frozen=True)
class NotebookStack:
    """Stack statistics by the notebook's definition: no rejection, no offsets, no correction.

    Attributes
    ----------
    mean, std : (ny, nx) float32 arrays
        Mean, and standard deviation with n - 1 in its denominator.
    first : (ny, nx) float32 array
        The first frame.
    nframes : int
        Number of frames.
    exptime : float
        Their exposure time, seconds.
    """

    mean: np.ndarray
    std: np.ndarray
    first: np.ndarray
    nframes: int
    exptime: float


@dataclass(frozen=True)
class CameraNumbers:
    """Results of darkroom's products for the same frames.

    Attributes
    ----------
    bias, bias_error, bias_std, bias_std_error : (ny, nx) arrays
        Master bias and its error; corrected read noise and its error.
    bias_common : float
        Error of the bias common to all pixels.
    read_noise, read_noise_error : float
        Read noise pooled over the pixels, and its error.
    bias_variance, dark_variance : PooledVariance
        Variance of a sample of a bias frame, and of a dark of the notebook's exposure time: normal
        pixels, frame offsets removed, within temperature groups.
    rate, rate_error : float
        Mean dark rate of the temperature group with the smallest error, and its error (common-mode
        error and mean of the pixels' own).
    mixed, mixed_error : float
        Mean dark rate of the notebook's darks, each with the rate of its temperature group, and
        its error: to be compared with the notebook's mean over all temperatures.
    first, first_error : float
        Mean dark rate of the temperature group of the first of these darks, and its error.
    rates : list of (int, float or None, float, float)
        Number, temperature, mean rate and error of every group.
    bias_gradient, dark_gradient : Gradient
        Large-scale structure of the bias, and of the dark counts at the notebook's exposure time.
    """

    bias: np.ndarray
    bias_error: np.ndarray
    bias_std: np.ndarray
    bias_std_error: np.ndarray
    bias_common: float
    read_noise: float
    read_noise_error: float
    bias_variance: PooledVariance
    dark_variance: PooledVariance
    rate: float
    rate_error: float
    mixed: float
    mixed_error: float
    first: float
    first_error: float
    rates: list[tuple[int, float | None, float, float]]
    bias_gradient: Gradient
    dark_gradient: Gradient


def table(
    bias: NotebookStack,
    dark: NotebookStack,
    ours: CameraNumbers,
    pixel: tuple[int, int],
    unit: str,
) -> list[Quantity]:
    """Return the table of the bias and dark quantities.

    Parameters
    ----------
    bias, dark : NotebookStack
        The bias frames; the darks of one exposure time, all temperatures.
    ours : CameraNumbers
        Results of darkroom's products.
    pixel : (y, x)
        Pixel whose time series is described, from 0.
    unit : str
        ``adu`` or ``electron``.

    Returns
    -------
    list of Quantity
        In the order of the notebook.
    """
    return [
        *_bias_rows(bias, ours, pixel, unit),
        *_dark_rows(bias, dark, ours, unit),
        *_noise_rows(bias, dark, ours, unit),
        *_gradient_rows(ours, unit),
    ]


def _bias_rows(bias, ours, pixel, unit):
    brightest = int(np.nanargmax(bias.first))
    y, x = np.unravel_index(brightest, bias.first.shape)
    structure = float(np.nanstd(ours.bias, dtype=float))
    level, median = float(np.nanmean(ours.bias, dtype=float)), finite_median(ours.bias)
    factor = np.sqrt(distributions.chi2_median(bias.nframes - 1) / (bias.nframes - 1))
    middle = finite_median(ours.bias_std) * c4(bias.nframes) / factor
    here = f"pixel ({pixel[0]}, {pixel[1]})"
    return [
        Quantity("n_bias", bias.nframes, bias.nframes, None, "", "bias frames"),
        Quantity("bias_exptime", bias.exptime, bias.exptime, None, "s", "exposure time of a bias"),
        Quantity(
            "brightest_bias_value", float(bias.first[y, x]), float(ours.bias[y, x]),
            _float(ours.bias_error[y, x]), unit,
            "largest value of the first bias frame; the same pixel of the master bias",
        ),
        Quantity(
            "brightest_bias_index", brightest, None, None, "",
            f"index of that pixel in the flattened image: y, x = {y}, {x}, counted from 0",
        ),
        Quantity(
            "bias_spatial_std", float(bias.first.std(dtype=float)), structure, None, unit,
            "standard deviation over the first bias frame, read noise and structure together "
            "(n in the denominator); of the master bias: the structure",
        ),
        Quantity(
            "bias_pixel_mean", float(bias.mean[pixel]), float(ours.bias[pixel]),
            _float(ours.bias_error[pixel]), unit,
            f"mean of {here} over the bias frames; the same, clipped",
        ),
        Quantity(
            "bias_pixel_std", float(bias.std[pixel]), float(ours.bias_std[pixel]),
            _float(ours.bias_std_error[pixel]), unit,
            f"standard deviation (n - 1) of {here} over the bias frames; offsets removed, bias of "
            "few samples corrected",
        ),
        Quantity(
            "brightest_bias_pixel_std", float(bias.std[y, x]), float(ours.bias_std[y, x]),
            _float(ours.bias_std_error[y, x]), unit, "the same for the brightest bias pixel",
        ),
        Quantity(
            "mean_read_noise", float(bias.std.mean(dtype=float)), ours.read_noise,
            ours.read_noise_error, unit,
            "mean of the std image of the bias frames; square root of the mean variance without "
            "noisy pixels, offsets removed",
        ),
        Quantity(
            "median_read_noise", plain_median(bias.std), middle,
            1.2533 * ours.read_noise_error, unit,
            "median of the std image; that of the corrected image, without the bias of few samples",
        ),
        Quantity(
            "mean_bias", float(bias.mean.mean(dtype=float)), level, ours.bias_common, unit,
            "mean of the mean image; of the master bias, its error from the scatter of the offsets",
        ),
        Quantity(
            "median_bias", plain_median(bias.mean), median, ours.bias_common, unit,
            "median of the mean image; of the master bias",
        ),
    ]  # fmt: skip


def _dark_rows(bias, dark, ours, unit):
    time = dark.exptime
    level = float(bias.mean.mean(dtype=float))
    first = float(dark.first.mean(dtype=float))
    one = dark.first - bias.mean
    current = float(dark.mean.mean(dtype=float)) - level
    longer = time - bias.exptime
    counts, counts_error = ours.mixed * longer, ours.mixed_error * time
    of_first, of_first_error = ours.first * longer, ours.first_error * time
    above = "darkroom: rate x (exposure time - that of the bias frames)"
    rows = [
        Quantity("n_dark", dark.nframes, dark.nframes, None, "", f"darks of {time:g} s"),
        Quantity("dark_exptime", time, time, None, "s", "their exposure time"),
        Quantity(
            "dark_first_mean", first, None, None, unit, "mean of the first dark",
        ),
        Quantity(
            "dark_first_median", plain_median(dark.first), None, None, unit,
            "median of the first dark",
        ),
        Quantity(
            "dark_current_first", first - level, of_first, of_first_error, unit,
            f"mean of the first dark - mean bias; {above}",
        ),
        Quantity(
            "dark_rate_first", (first - level) / time, ours.first, ours.first_error, f"{unit}/s",
            "the same over the exposure time, ignoring that of the bias frames; fitted rate at its "
            "temperature",
        ),
        Quantity(
            "bias_subtracted_dark_mean", float(one.mean(dtype=float)), of_first, of_first_error,
            unit,
            f"mean of first dark - mean bias image; {above}",
        ),
        Quantity(
            "bias_subtracted_dark_median", plain_median(one), None, None, unit,
            "median of first dark - mean bias image",
        ),
        Quantity(
            "dark_current", current, counts, counts_error, unit,
            f"mean of the mean dark - mean bias, all darks of {time:g} s; {above}",
        ),
        Quantity(
            "dark_rate", current / time, ours.mixed, ours.mixed_error, f"{unit}/s",
            "the same over the exposure time; fitted over all exposure times with true time "
            "differences, mean of the temperature groups of these darks",
        ),
    ]  # fmt: skip
    rows += [_group_row(*group, unit) for group in ours.rates]
    return rows + (_pixel_rows(bias, one) if unit == "adu" else [])


def _group_row(number, temperature, rate, error, unit):
    where = "" if temperature is None else f" at {temperature:.2f} C"
    return Quantity(
        f"dark_rate_group_{number}", None, rate, error, f"{unit}/s",
        f"mean rate of temperature group {number}{where}; error common to all pixels",
    )  # fmt: skip


def _pixel_rows(bias, one):
    """Return the numbers of pixels above the notebook's limits, which are in ADU."""
    rows = [
        Quantity(
            f"dark_pixels_above_{limit}", int((one >= limit).sum()), None, None, "",
            f"pixels of first dark - mean bias at or above {limit} ADU",
        )
        for limit in (200, 8000)
    ]  # fmt: skip
    rows.append(
        Quantity(
            "bias_pixels_above_1800", int((bias.first >= 1800).sum()), None, None, "",
            "pixels of the first bias frame at or above 1800 ADU",
        )
    )  # fmt: skip
    return rows


def added_noise(bias: PooledVariance, dark: PooledVariance) -> tuple[float, float, float, float]:
    """Return the variance and noise that the dark current adds, with errors.

    Parameters
    ----------
    bias, dark : PooledVariance
        Variance of a sample of a bias frame and of a dark.

    Returns
    -------
    variance, variance_error, noise, noise_error : float
        The noise is NaN where the variance is not positive.
    """
    variance = dark.variance - bias.variance
    error = float(np.hypot(dark.variance_error, bias.variance_error))
    if not variance > 0:
        return variance, error, np.nan, np.nan
    noise = float(np.sqrt(variance))
    return variance, error, noise, error / (2 * noise)


def _noise_rows(bias, dark, ours, unit):
    naive = float(dark.std.mean(dtype=float)) ** 2 - float(bias.std.mean(dtype=float)) ** 2
    variance, variance_error, noise, noise_error = added_noise(
        ours.bias_variance, ours.dark_variance
    )
    held = ours.mixed * bias.exptime
    current = float(dark.mean.mean(dtype=float)) - float(bias.mean.mean(dtype=float))
    return [
        Quantity(
            "mean_dark_noise", float(dark.std.mean(dtype=float)), ours.dark_variance.std,
            ours.dark_variance.error, unit,
            "mean of the std image of the darks; square root of the mean variance without noisy "
            "pixels, offsets removed, within temperature groups",
        ),
        Quantity(
            "median_dark_noise", plain_median(dark.std), None, None, unit,
            "median of the std image of the darks",
        ),
        Quantity(
            "noise_added_by_dark", _root(naive), noise, noise_error, unit,
            "square root of (mean dark noise² - mean read noise²); the same from pooled "
            "variances, without the bias of few samples",
        ),
        Quantity(
            "variance_added_by_dark", naive, variance, variance_error, f"{unit}2",
            "mean dark noise² - mean read noise²; difference of pooled variances",
        ),
        Quantity(
            "dark_counts_in_bias", current / dark.exptime * bias.exptime, held,
            ours.mixed_error * bias.exptime, unit,
            "dark rate x exposure time of a bias frame",
        ),
    ]  # fmt: skip


def _gradient_rows(ours, unit):
    rows = []
    for name, words, shape in (
        ("bias", "master bias", ours.bias_gradient),
        ("dark", "dark counts at that exposure time", ours.dark_gradient),
    ):
        rows += [
            Quantity(
                f"{name}_gradient_x", None, shape.x, shape.x_error, unit,
                f"rise of a plane through the {words}, first to last column",
            ),
            Quantity(
                f"{name}_gradient_y", None, shape.y, shape.y_error, unit,
                f"rise of a plane through the {words}, first to last row",
            ),
            Quantity(
                f"{name}_left_minus_right", None, shape.left_right, shape.left_right_error, unit,
                f"left quarter minus right quarter of the {words}",
            ),
        ]  # fmt: skip
    return rows


def _root(value):
    return float(np.sqrt(value)) if value > 0 else np.nan


def _float(value):
    return float(value) if np.isfinite(value) else None
