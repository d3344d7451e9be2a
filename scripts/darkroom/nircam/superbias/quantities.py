"""What a superbias comes to in numbers: for the log and for the report."""

from __future__ import annotations

import logging

import numpy as np

from darkroom.nircam.superbias.products import Bit
from darkroom.report.quantities import log_quantities, quantity, write_quantities

log = logging.getLogger(__name__)


def report(made, choices, pixel=None, path=None):
    """Log the numbers of a superbias, and write them when a path is given.

    Parameters
    ----------
    made : darkroom.nircam.superbias.run.SuperbiasResult
    choices : darkroom.nircam.superbias.settings.SuperbiasSettings
    pixel : (int, int), optional
        Column and row from 0 whose value is wanted.
    path : path-like, optional
    """
    entries = [*_common(made, choices), *_pixel(made, pixel)]
    if choices.method == "aligned":
        entries += _aligned(made.numbers, choices)
    entries += _compared(made.numbers["compared"])
    log_quantities(entries)
    if path:
        write_quantities(path, entries)


def _common(made, choices):
    numbers, flagged = made.numbers, made.flagged
    total = flagged.size
    entries = [
        quantity("exposures", len(made.ramps.files), "", "files that went in"),
        quantity("samples per pixel", numbers["nramps"], "", "ramps offered to every pixel"),
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
    good = made.mean[np.isfinite(made.mean)]
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
            quantity("threshold of the scatter", numbers["threshold"], "DN", "flagged above it")
        )
    return entries


def _pixel(made, pixel):
    if pixel is None:
        return []
    x, y = pixel
    ny, nx = made.mean.shape
    if not (0 <= x < nx and 0 <= y < ny):
        log.warning("pixel x %d, y %d is not inside %d × %d", x, y, nx, ny)
        return []
    error = float(made.numbers["error"][y, x])
    definition = f"superbias there; its flags are {Bit(int(made.flagged[y, x]))!r}"
    return [
        quantity(f"pixel x {x}, y {y}", float(made.mean[y, x]), "DN", definition, uncertainty=error)
    ]


def _aligned(numbers, choices):
    offsets = numbers["offsets"]
    common = offsets.value.mean(axis=1)
    n = len(common)
    spread = float(common.std(ddof=1))
    entries = [
        quantity(
            "ramp to ramp, common",
            spread,
            "DN",
            "standard deviation over ramps of the offset all amplifiers share",
            uncertainty=spread / np.sqrt(2 * (n - 1)),
        ),
        quantity(
            "error common to all pixels of an amplifier and parity",
            float(offsets.level_error.mean()),
            "DN",
            "scatter of the offsets over sqrt(ramps); not part of ERR, removed by reference pixels",
        ),
    ]
    if offsets.value.shape[1] > 2:
        apart = offsets.value - common[:, None]
        spread = float(np.sqrt((apart**2).sum() / (n - 1) / offsets.value.shape[1]))
        entries.append(
            quantity(
                "ramp to ramp, amplifiers and parities apart",
                spread,
                "DN",
                "standard deviation of the offsets after the common one",
            )
        )
    for row in numbers["noise"]:
        entries.append(
            quantity(
                f"kTC noise, amplifier {row.amplifier}, {row.kind} pixels",
                row.ktc,
                "DN",
                f"sqrt({row.scatter:.4g}² - {row.read:.4g}²): scatter of a sample, read noise",
                uncertainty=row.ktc_error,
            )
        )
    entries += [
        quantity(
            f"trend, {row.name}",
            row.slope,
            "DN/day",
            f"least squares; p = {row.p:.2g}, median of pair slopes {row.median_slope:.3g}",
            uncertainty=row.slope_error,
        )
        for row in numbers["drifts"]
        if "minus" in row.name or row.name.endswith("even")
    ]
    before, after = numbers["coupling"]
    entries += [
        quantity(
            "bias from four neighbours, uncorrected",
            before,
            "DN",
            f"typical, for a coupling of {choices.coupling:g} to each",
        ),
        quantity(
            "bias from four neighbours, after the superbias",
            after,
            "DN",
            f"what the superbias's error leaves, for a coupling of {choices.coupling:g} to each",
        ),
    ]
    return entries


def _compared(rows):
    return [
        quantity(
            f"change since the previous superbias, amplifier {row.amplifier}",
            row.shift,
            "DN",
            f"median; scatter {row.scatter:.3g} DN where {row.predicted:.3g} is predicted, "
            f"chi² {row.chi2:.3g}, {row.beyond:.2%} of pixels beyond 5 sigma",
        )
        for row in rows
    ]


def _median(values):
    return float(np.median(values)) if values.size else np.nan
