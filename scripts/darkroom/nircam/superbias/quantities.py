"""Key quantities of a superbias, for the log and for the report."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.ramps.robust import median
from darkroom.nircam.superbias.products import Bit
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.superbias.result import SuperbiasResult
    from darkroom.nircam.superbias.settings import SuperbiasSettings

log = logging.getLogger(__name__)


def report(
    result: SuperbiasResult,
    choices: SuperbiasSettings,
    pixel: Sequence[int] | None = None,
    path: StrPath | None = None,
) -> None:
    """Log the key quantities of a superbias, and write them to a file when a path is given.

    Parameters
    ----------
    result : SuperbiasResult
    choices : darkroom.nircam.superbias.settings.SuperbiasSettings
    pixel : (int, int), optional
        Column and row, from 0, of a pixel whose value is reported.
    path : path-like, optional
        JSON file to write.
    """
    entries = [*_common(result, choices), *_pixel(result, pixel)]
    if choices.method == "aligned":
        entries += _aligned(result.numbers, choices)
    entries += _compared(result.numbers["compared"])
    log_quantities(entries)
    if path:
        write_quantities(path, entries)


def _common(result, choices):
    numbers, flagged = result.numbers, result.flagged
    total = flagged.size
    entries = [
        quantity("exposures", len(result.ramps.files), "", "input files"),
        quantity("samples per pixel", numbers["nramps"], "", "ramps available to every pixel"),
    ]
    for bit, words in (
        (Bit.DO_NOT_USE, "flagged DO_NOT_USE"),
        (Bit.UNRELIABLE_BIAS, "flagged UNRELIABLE_BIAS"),
        (Bit.HOT, "flagged HOT"),
    ):
        count = int((flagged & bit > 0).sum())
        same = count if choices.method == "reffiles" and bit != Bit.HOT else None
        definition = f"pixels of {total} with this flag in the reference file"
        entries.append(quantity(words, count, "pixels", definition, notebook=same))
    good = result.mean[np.isfinite(result.mean)]
    error = numbers["error"][np.isfinite(numbers["error"])]
    entries.append(
        quantity("median superbias", _median(good), "DN", "median over all pixels with a value")
    )
    name, definition = (
        ("median scatter of a read", "median over pixels of the clipped standard deviation (ERR)")
        if choices.method == "reffiles"
        else ("median error of a pixel", "median over pixels of the standard error of the mean")
    )
    entries.append(quantity(name, _median(error), "DN", definition))
    if "threshold" in numbers:
        entries.append(
            quantity(
                "threshold of the scatter",
                numbers["threshold"],
                "DN",
                "pixels of larger scatter are flagged",
            )
        )
    return entries


def _pixel(result, pixel):
    if pixel is None:
        return []
    x, y = pixel
    ny, nx = result.mean.shape
    if not (0 <= x < nx and 0 <= y < ny):
        log.warning("pixel x %d, y %d is outside the image of %d × %d pixels", x, y, nx, ny)
        return []
    value, error = float(result.mean[y, x]), float(result.numbers["error"][y, x])
    definition = f"superbias of this pixel; its flags are {Bit(int(result.flagged[y, x]))!r}"
    return [quantity(f"pixel x {x}, y {y}", value, "DN", definition, uncertainty=error)]


def _aligned(numbers, choices):
    offsets = numbers["offsets"]
    common = offsets.value.mean(axis=1)
    n = len(common)
    spread = float(common.std(ddof=1))
    entries = [
        quantity(
            "ramp-to-ramp offset, common",
            spread,
            "DN",
            "standard deviation over ramps of the offset that is common to all amplifiers",
            uncertainty=spread / np.sqrt(2 * (n - 1)),
        ),
        quantity(
            "error common to all pixels of an amplifier and parity",
            float(offsets.level_error.mean()),
            "DN",
            "scatter of the offsets over sqrt(ramps); not part of ERR; the reference pixel "
            "correction removes it",
        ),
    ]
    if offsets.value.shape[1] > 2:
        apart = offsets.value - common[:, None]
        spread = float(np.sqrt((apart**2).sum() / (n - 1) / offsets.value.shape[1]))
        entries.append(
            quantity(
                "ramp-to-ramp offset, amplifiers and parities",
                spread,
                "DN",
                "standard deviation of the offsets after subtraction of the common one",
            )
        )
    for row in numbers["noise"]:
        entries.append(
            quantity(
                f"kTC noise, amplifier {row.amplifier}, {row.kind} pixels",
                row.ktc,
                "DN",
                f"sqrt({row.scatter:.4g}² - {row.read:.4g}²): scatter of a sample and read noise",
                uncertainty=row.ktc_error,
            )
        )
    entries += [
        quantity(
            f"trend, {row.name}",
            row.slope,
            "DN/day",
            f"least squares; p = {row.p:.2g}, Theil-Sen slope {row.median_slope:.3g}",
            uncertainty=row.slope_error,
        )
        for row in numbers["drifts"]
        if "minus" in row.name or row.name.endswith("even")
    ]
    entries += [
        quantity(
            f"bias that repeats, {row.quantity}",
            row.amplitude,
            "DN",
            "rms of the strongest pattern, "
            + (f"of {row.period} integrations" if row.period else "by number of the integration")
            + f"; {row.t:.2g} standard deviations, p = {row.p:.2g}; by integration {row.phases} DN",
        )
        for row in numbers["cycles"]
    ]
    before, after = numbers["coupling"]
    entries += [
        quantity(
            "bias coupled from four neighbours, uncorrected",
            before,
            "DN",
            f"typical signal, for a coupling of {choices.coupling:g} to each neighbour",
        ),
        quantity(
            "bias coupled from four neighbours, after the superbias",
            after,
            "DN",
            "typical residual from the error of the superbias, for a coupling of "
            f"{choices.coupling:g} to each neighbour",
        ),
    ]
    return entries


def _compared(rows):
    return [
        quantity(
            f"change since the previous superbias, amplifier {row.amplifier}",
            row.shift,
            "DN",
            f"median; scatter {row.scatter:.3g} DN, predicted {row.predicted:.3g} DN, "
            f"chi² {row.chi2:.3g}, {row.beyond:.2%} of pixels beyond 5 sigma",
        )
        for row in rows
    ]


def _median(values):
    return float(median(values)) if values.size else np.nan
