"""The dark-rate product as a FITS file: writing and reading."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.cells import group_temperature
from darkroom.ccd.dq import DQ
from darkroom.ccd.products import hdus as products
from darkroom.ccd.rate.temperature import log_rate_slope
from darkroom.ccd.robust import finite_median, robust_mean

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.ccd.rate.cell_stacks import CellStacks
    from darkroom.ccd.rate.dark_rate import DarkRate
    from darkroom.ccd.rate.temperature import Regression
    from darkroom.hints import StrPath

BITS = (
    DQ.NONFINITE, DQ.SATURATED, DQ.NONLINEAR, DQ.DISCORDANT, DQ.CLIPPED, DQ.NO_ERROR,
)  # fmt: skip


def hdus(
    stacks: CellStacks, made: DarkRate, regressions: Sequence[Regression], gain: float | None
) -> list[fits.ImageHDU | fits.BinTableHDU]:
    """Return the HDUs of a dark-rate product after its primary one.

    Parameters
    ----------
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The frames.
    made : darkroom.ccd.rate.dark_rate.DarkRate
        Bias and dark rates fitted to them.
    regressions : sequence of darkroom.ccd.rate.temperature.Regression
        Level against time and temperature.
    gain : float or None
        e-/ADU that was applied.

    Returns
    -------
    list of HDU
    """
    bunit, per_second = products.unit(gain), products.unit(gain, per_second=True)
    lines = made.lines
    found = []
    for k, group in enumerate(stacks.groups):
        cards = _cards(stacks, made, k, group, per_second)
        found += [
            products.image("SCI", lines.rate[k], per_second, extver=k + 1, cards=cards),
            products.image("ERR", lines.rate_error[k], per_second, extver=k + 1),
            products.image("COUNT", lines.samples[k].astype(np.int16), "", extver=k + 1),
            products.image("DQ", made.dq[k], "", extver=k + 1),
            products.image("DOF", lines.freedom[k], "", extver=k + 1),
            products.image("COVAR", lines.covariance[k], f"{bunit}2/s", extver=k + 1),
        ]
    found += [
        products.image("BIAS", lines.bias, bunit),
        products.image("BIASERR", lines.bias_error, bunit),
        products.image("CHI2", lines.chi2, ""),
        products.dq_def(*BITS),
        products.table("OFFSETS", products.offsets_columns(stacks.cells, stacks.surveys, bunit)),
        products.units_table(stacks.cells, stacks.surveys, bunit),
        products.table("CELLS", _cells_columns(stacks, bunit)),
    ]
    if regressions:
        found.append(products.table("LEVELFIT", _regression_columns(regressions, bunit)))
    return found


def cards(stacks: CellStacks, gain: float | None) -> list[products.Card]:
    """Return the cards of the primary header, which apply to all groups."""
    levels = stacks.levels
    bunit = products.unit(gain)
    slope, error = log_rate_slope(
        [group_temperature(stacks.cells, group) for group in stacks.groups],
        levels.rate,
        levels.rate_covariance,
    )
    return [
        ("NGROUPS", len(stacks.groups), "temperature groups"),
        ("SATLEVEL", stacks.saturation, f"[{bunit}] saturated at and above"),
        ("FITCHI2", levels.chi2, "mean levels: squared residuals / errors"),
        ("FITDOF", levels.freedom, "mean levels: degrees of freedom left"),
        ("FITMISS", levels.misfit, "mean levels: residuals in units of errors"),
        ("DLNRDT", slope, "[1/Celsius] d ln(rate) / d temperature"),
        ("DLNRERR", error, "[1/Celsius] its error"),
        ("NDISCORD", int(stacks.discordant.sum()), "rows where frames disagree"),
    ]


def _cards(stacks, made, k, group, per_second):
    rate, error = made.lines.rate[k], made.lines.rate_error[k]
    levels = stacks.levels
    # Discordant rows are left out of the statistics.
    rate = np.where(stacks.discordant[:, None], np.nan, rate)
    finite = np.isfinite(rate)
    nframes = sum(
        len(cell.frames) for cell in stacks.cells if cell.role == "dark" and cell.group == group
    )
    return [
        ("TGROUP", group, "temperature group, 1 is the coldest"),
        ("CCD-TEMP", group_temperature(stacks.cells, group), "[Celsius] mean of the darks"),
        ("NDARKS", nframes, "darks of this group"),
        ("RATEMEAN", np.mean(rate[finite], dtype=float), f"[{per_second}] mean of the pixels"),
        ("RATEMED", finite_median(rate), f"[{per_second}] median"),
        ("RATELEV", robust_mean(rate), f"[{per_second}] mean without outliers"),
        ("RATEERR", finite_median(error), f"[{per_second}] median of ERR"),
        ("RATECM", levels.rate_error[k], f"[{per_second}] error common to all pixels"),
        ("RATECMNU", levels.rate_freedom[k], "degrees of freedom of RATECM"),
        ("RATESYS", levels.rate_error[k] * levels.misfit, f"[{per_second}] RATECM x FITMISS"),
    ]


def _cells_columns(stacks, bunit):
    cells, levels = stacks.cells, stacks.levels
    return {
        "ROLE": ([cell.role for cell in cells], ""),
        "EXPTIME": ([float(cell.exptime) for cell in cells], "s"),
        "TEMP": ([cell.temperature for cell in cells], "Celsius"),
        "TGROUP": ([cell.group for cell in cells], ""),
        "NFRAMES": ([len(cell.frames) for cell in cells], ""),
        "LEVEL": (levels.level.tolist(), bunit),
        "LEVELERR": (levels.error.tolist(), bunit),
        "RESIDUAL": (levels.residual.tolist(), bunit),
        "ABOVE": (levels.above_bias.tolist(), bunit),
        "ABOVEERR": (levels.above_error.tolist(), bunit),
        "NOISE": ([seen.noise for seen in stacks.surveys], bunit),
        "ROWNOISE": ([seen.row_noise for seen in stacks.surveys], bunit),
        "OFFRMS": (levels.offset_scatter.tolist(), bunit),
    }


def _regression_columns(regressions, bunit):
    return {
        "FRAMES": ([line.sample for line in regressions], ""),
        "NFRAMES": ([line.nframes for line in regressions], ""),
        "RATE": ([float(line.rate) for line in regressions], f"{bunit}/s"),
        "RATEERR": ([float(line.rate_error) for line in regressions], f"{bunit}/s"),
        "SLOPE": ([float(line.slope) for line in regressions], f"{bunit}/Celsius"),
        "SLOPEERR": ([float(line.slope_error) for line in regressions], f"{bunit}/Celsius"),
        "RMS": ([line.rms for line in regressions], bunit),
        "CORR": ([line.correlation for line in regressions], ""),
    }


@dataclass(frozen=True)
class Rate:
    """One temperature group of a dark-rate product, as read from its file.

    Attributes
    ----------
    rate, error, covariance, dq : (ny, nx) arrays
        Rate, its standard error, its covariance with the bias, flags.
    bias, bias_error : (ny, nx) arrays
        Level at zero exposure time.
    group : int
        Number of the temperature group.
    temperature : float or None
        Its mean temperature, degrees Celsius.
    common : float
        Error of the rate common to all pixels, scaled up by the misfit of the levels.
    """

    rate: np.ndarray
    error: np.ndarray
    covariance: np.ndarray
    dq: np.ndarray
    bias: np.ndarray
    bias_error: np.ndarray
    group: int
    temperature: float | None
    common: float


def read(path: StrPath, amplifier: int = 0) -> list[Rate]:
    """Read all temperature groups of a dark-rate product, of one amplifier."""
    bias, bias_error = (
        products.read_image(path, name, 1, amplifier)[0] for name in ("BIAS", "BIASERR")
    )
    found = []
    for k in products.versions(path, "SCI", amplifier):
        rate, header = products.read_image(path, "SCI", k, amplifier)
        error, covariance, dq = (
            products.read_image(path, name, k, amplifier)[0] for name in ("ERR", "COVAR", "DQ")
        )
        found.append(
            Rate(
                rate, error, covariance, dq, bias, bias_error,
                header["TGROUP"], header["CCD-TEMP"], products.number(header, "RATESYS"),
            )
        )  # fmt: skip
    return found


def best(rates: Sequence[Rate]) -> Rate:
    """Return the group whose rate has the smallest median error."""
    return min(rates, key=lambda rate: np.nan_to_num(finite_median(rate.error), nan=np.inf))
