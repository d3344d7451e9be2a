"""The table of quantities, computed from the frames and the products of a CCD item."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.ccd import options
from darkroom.ccd.background import gradient
from darkroom.ccd.cells import bias_cell, cells, load
from darkroom.ccd.dq import DQ, FLAWED
from darkroom.ccd.products import dark_rate as ratefile
from darkroom.ccd.products import hdus as products
from darkroom.ccd.quantities import CameraNumbers, NotebookStack, Quantity, table
from darkroom.ccd.rate.line_fit import design, estimator
from darkroom.ccd.settings import USUAL_PIXEL
from darkroom.ccd.stack.frames import opened
from darkroom.ccd.stack.master import master, with_noise_floor
from darkroom.ccd.stack.noise import PooledVariance, clip_variance_factor, pooled
from darkroom.combine import Clip, combine_stack
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    import argparse


def quantities(
    arguments: argparse.Namespace, clip: Clip
) -> tuple[list[Quantity], list[dict[str, Any]]]:
    """Compute the table of quantities.

    Parameters
    ----------
    arguments : argparse.Namespace
        Of the program ``quantities``.
    clip : Clip
        As used for the products.

    Returns
    -------
    rows : list of Quantity
        The table.
    science : list of dict
        Name and header cards of each dark-subtracted frame.
    """
    darks, biases = options.load(arguments, dark=arguments.dark, bias=arguments.bias)
    zero = bias_cell(biases)
    time = _reference_time(darks)
    found = cells(darks, tolerance=arguments.temperature_tolerance_c)
    chosen = [cell for cell in found if cell.exptime == time]
    used = {frame.path for cell in chosen for frame in cell.frames}
    bias = _plain(zero.paths, zero.exptime, arguments)
    dark = _plain([frame.path for frame in darks if frame.path in used], time, arguments)
    unit = products.unit(arguments.gain_e_per_adu)
    first = next(frame.path for frame in darks if frame.path in used)
    group = next(c.group for c in chosen if first in c.paths)
    ours = _ours(arguments, clip, zero, chosen, time, group)
    rows = table(bias, dark, ours, _pixel(arguments.pixel, bias.mean.shape), unit)
    science = []
    for frame, path in zip(
        load(arguments.science, **options.reading(arguments)) if arguments.science else [],
        arguments.subtracted,
        strict=True,
    ):
        image, header = products.read_image(path, "SCI", 1, arguments.amplifier)
        error, _ = products.read_image(path, "ERR", 1, arguments.amplifier)
        with opened([frame.path], arguments.gain_e_per_adu, options.readout(arguments)) as stack:
            raw = stack.read(slice(None))[0]
        rows += _science_rows(frame, raw - dark.mean, image, error, header, unit)
        science.append({"name": frame.name, **{key: header[key] for key in _CARDS}})
    return rows, science


_CARDS = (
    *(key + when for key in ("BKG", "SPR", "FIN", "HOT", "GRX", "GRY", "RNG")
      for when in ("BEF", "AFT")),
    "DARKSTD", "DARKHOW", "EXPTIME",
)  # fmt: skip


def _reference_time(darks):
    """Return the exposure time with the most darks; of equally many, the longest."""
    times = Counter(cell.exptime for cell in cells(darks, tolerance=np.inf) for _ in cell.frames)
    return max(times, key=lambda time: (times[time], time))


def _pixel(asked, shape):
    if asked is None:
        inside = all(at < n for at, n in zip(USUAL_PIXEL, shape, strict=True))
        return USUAL_PIXEL if inside else (shape[0] // 2, shape[1] // 2)
    if any(not 0 <= at < n for at, n in zip(asked, shape, strict=True)):
        raise DarkroomError(
            f"--pixel {asked[0]} {asked[1]}: the frames have {shape[0]} rows and {shape[1]} columns"
        )
    return tuple(asked)


def _plain(paths, exptime, arguments):
    with opened(paths, arguments.gain_e_per_adu, options.readout(arguments)) as stack:
        plain = combine_stack(
            stack, Clip("none"), threads=arguments.threads, outputs=("mean", "std")
        )
    with opened(paths[:1], arguments.gain_e_per_adu, options.readout(arguments)) as stack:
        first = stack.read(slice(None))[0]
    return NotebookStack(plain.mean, plain.std, first, len(paths), exptime)


def _ours(arguments, clip, zero, chosen, time, first_group):
    """Read the products and pool the variances of the frames."""
    bias, header = products.read_image(arguments.master_bias, "SCI", 1, arguments.amplifier)
    bias_error, _ = products.read_image(arguments.master_bias, "ERR", 1, arguments.amplifier)
    noise, noise_error = (
        products.read_image(arguments.read_noise, name, 1, arguments.amplifier)[0]
        for name in ("CORR", "ERR")
    )
    noise_header = products.read_image(arguments.read_noise, "SCI", 1, arguments.amplifier)[1]
    rates = ratefile.read(arguments.dark_rate, arguments.amplifier)
    best = ratefile.best(rates)
    flags = products.read_image(arguments.hot_pixels, "DQ", 1, arguments.amplifier)[0] | best.dq
    good = (flags & FLAWED) == 0
    shares = [sum(len(c.frames) for c in chosen if c.group == r.group) for r in rates]
    measured = {rate.group: (_mean(rate), _rate_error(rate)) for rate in rates}
    mixed, mixed_error = measured[rates[0].group]
    if len(rates) > 1:
        mixed, mixed_error = _mixed_rate(
            arguments.dark_rate, rates, measured, np.array(shares, float)
        )
    return CameraNumbers(
        bias=bias,
        bias_error=bias_error,
        bias_std=noise,
        bias_std_error=noise_error,
        bias_common=products.number(header, "CMERR"),
        read_noise=products.number(noise_header, "READNOIS"),
        read_noise_error=products.number(noise_header, "RNERR"),
        bias_variance=_variance([zero], clip, good, arguments),
        dark_variance=_variance(chosen, clip, good, arguments),
        rate=measured[best.group][0],
        rate_error=measured[best.group][1],
        mixed=mixed,
        mixed_error=mixed_error,
        first=measured[first_group][0],
        first_error=measured[first_group][1],
        rates=[(r.group, r.temperature, *measured[r.group]) for r in rates],
        bias_gradient=gradient(bias, good),
        dark_gradient=gradient(best.rate * time, good),
    )


def _mean(rate):
    """Return the mean rate of the pixels, without discordant rows."""
    return float(np.nanmean(rate.rate[(rate.dq & DQ.DISCORDANT) == 0], dtype=float))


def _rate_error(rate):
    """Return the error of the mean rate: the common error and that of the mean of the pixels."""
    own = np.sqrt(np.nansum(rate.error.astype(float) ** 2)) / np.isfinite(rate.error).sum()
    return float(np.hypot(rate.common, own))


def _mixed_rate(path, rates, measured, shares):
    """Return the mean rate of several groups, weighted with shares, and its error.

    The rates of all groups share the bias frames, so their common errors are not independent.
    """
    shares = shares / shares.sum()
    with fits.open(path) as hdus:
        cells, misfit = hdus["CELLS"].data, hdus[0].header["FITMISS"]
        matrix = design(cells["EXPTIME"].tolist(), cells["TGROUP"].tolist())
        solve = estimator(matrix, cells["NFRAMES"].astype(float))[1:]
        common = (shares @ solve) ** 2 @ cells["LEVELERR"].astype(float) ** 2 * misfit**2
    own = sum(
        share**2 * np.nansum(rate.error.astype(float) ** 2) / np.isfinite(rate.error).sum() ** 2
        for share, rate in zip(shares, rates, strict=True)
    )
    mean = sum(share * measured[rate.group][0] for share, rate in zip(shares, rates, strict=True))
    return float(mean), float(np.sqrt(common + own))


def _variance(found, clip, good, arguments):
    """Return the variance of a sample, pooled over pixels and cells."""
    parts, weights = [], []
    for cell in found:
        if len(cell.frames) < 2:
            continue
        with opened(cell.paths, arguments.gain_e_per_adu, options.readout(arguments)) as stack:
            made = master(
                stack, clip, saturation=arguments.saturation_adu, threads=arguments.threads
            )
        one = pooled(made.combined.std, made.combined.count, good)
        factor = clip_variance_factor(with_noise_floor(clip, made.survey.noise), len(cell.frames))
        parts.append((one.variance / factor, one.variance_error / factor, one.used))
        weights.append(len(cell.frames) - 1)
    if not parts:
        return PooledVariance(np.nan, np.nan, 0.0)
    values, errors, used = np.array(parts).T
    weights = np.array(weights) / sum(weights)
    return PooledVariance(
        float(weights @ values), float(np.sqrt(weights**2 @ errors**2)), float(used.mean())
    )


def _science_rows(frame, plain, image, error, header, unit):
    """Return the rows of one science frame."""
    rows = []
    for place, where in (("first", (0, 0)), ("last", (-1, -1))):
        rows.append(
            Quantity(
                f"{frame.name}_minus_dark_{place}_pixel", float(plain[where]),
                float(image[where]), float(error[where]), unit,
                f"science - mean dark at the {place} pixel, whatever the exposure time; minus the "
                f"dark that matches ({header['DARKHOW']})",
            )
        )  # fmt: skip
    for name, key, words in (
        ("spread", "SPR", "clipped standard deviation of the background"),
        ("fine_noise", "FIN", "noise from pixel to pixel"),
        ("hot_residual", "HOT", "residual of hot pixels, as a standard deviation"),
        ("column_range", "RNG", "range of the column profile"),
    ):
        for when, card in (("before", "BEF"), ("after", "AFT")):
            rows.append(
                Quantity(
                    f"{frame.name}_{name}_{when}", None, header[key + card], None, unit,
                    f"{words} {when} dark subtraction",
                )
            )  # fmt: skip
    return rows
