"""What a read noise comes to in numbers: for the log and for the report."""

from __future__ import annotations

import logging

import numpy as np

from darkroom.combine.bias import clipped_std_factor_mean
from darkroom.nircam.readnoise.measure import Flag
from darkroom.nircam.readnoise.reffiles import clip_of
from darkroom.report.quantities import log_quantities, quantity, write_quantities

log = logging.getLogger(__name__)


def report(made, choices, pixel=None, path=None):
    """Log the numbers of a read noise, and write them when a path is given.

    Parameters
    ----------
    made : darkroom.nircam.readnoise.run.ReadnoiseResult
    choices : darkroom.nircam.readnoise.settings.ReadnoiseSettings
    pixel : (int, int), optional
        Column and row from 0 whose value is wanted.
    path : path-like, optional
    """
    entries = [
        quantity("exposures", len(made.ramps.files), "", "files that went in"),
        quantity("ramps", len(made.ramps.ramps), "", "integrations of all files"),
    ]
    for row in made.numbers["amplifiers"]:
        entries.append(
            quantity(
                f"CDS noise, amplifier {row.amplifier}, {row.region}",
                row.median,
                "DN",
                f"median of {row.npixels} pixels; mode {row.mode:.4g}, 95 % below {row.p95:.4g}, "
                f"{row.ratio:.3f} of the active ones",
                notebook=row.median if choices.method != "line" else None,
            )
        )
    if choices.method == "line":
        entries += _line(made)
    elif path:
        entries += _corrected(made, choices)
    entries += [
        quantity(
            f"change since the previous read noise, amplifier {row.amplifier}",
            row.shift,
            "DN",
            f"median of new - previous (CDS); median ratio {row.ratio:.4f}",
        )
        for row in made.numbers["compared"]
    ]
    entries += _pixel(made, pixel)
    log_quantities(entries)
    if path:
        write_quantities(path, entries)


def _pixel(made, pixel):
    if pixel is None:
        return []
    x, y = pixel
    ny, nx = made.cds.shape
    if not (0 <= x < nx and 0 <= y < ny):
        log.warning("pixel x %d, y %d is not inside %d × %d", x, y, nx, ny)
        return []
    found = made.numbers.get("found")
    error = None if found is None else float(np.sqrt(2) * found.error[y, x])
    return [
        quantity(f"pixel x {x}, y {y}", float(made.cds[y, x]), "DN", "CDS noise", uncertainty=error)
    ]


def _line(made):
    found, classes = made.numbers["found"], made.numbers["classes"]
    active = classes.usable
    entries = []
    for flag in (Flag.NO_VALUE, Flag.NOISY, Flag.TELEGRAPH):
        for name, where in (("active", active), ("reference", classes.reference)):
            count = int((found.dq[where] & flag > 0).sum())
            text = f"of {int(where.sum())} {name} pixels"
            entries.append(quantity(f"{name} pixels flagged {flag.name}", count, "pixels", text))
    rays = int(found.njumps[active].sum())
    entries.append(quantity("cosmic rays found", rays, "", "steps up cut out of ramps"))
    for amplifier in range(classes.noutputs):
        entries.append(_pair_ratio(found, active & (classes.amplifier == amplifier), amplifier))
    for row in made.numbers["drifts"]:
        text = f"least squares over the ramps of the noise of one read; p = {row.p:.2g}"
        name = f"trend of the read noise, {row.name}"
        entries.append(quantity(name, row.slope, "DN/day", text, uncertainty=row.slope_error))
    for row in made.numbers.get("spatial", ()):
        entries.append(
            quantity(
                f"scatter over pixels against time, amplifier {row.amplifier}",
                row.ratio,
                "",
                f"{row.without_rows:.4g} over pixels of 128 × 128 boxes without row means "
                f"({row.spatial:.4g} with them) / {row.temporal:.4g} in time, DN",
            )
        )
    return entries


def _pair_ratio(found, where, amplifier):
    """Compare the measured noise of pairs with sqrt(2) times that of one read."""
    quiet = where & (found.dq & (Flag.NOISY | Flag.TELEGRAPH | Flag.NO_VALUE) == 0)
    quiet &= np.isfinite(found.pair)
    pair, single = (
        float(np.sqrt(np.mean(image[quiet].astype(np.float64) ** 2))) if quiet.any() else np.nan
        for image in (found.pair, found.single)
    )
    return quantity(
        f"pairs against lines, amplifier {amplifier}",
        pair / single / np.sqrt(2),
        "",
        f"measured CDS noise {pair:.4g} DN over sqrt(2) × {single:.4g} DN; 1 for reads that are "
        "independent",
    )


def _corrected(made, choices):
    """Correct the medians for what the clip and the few samples take off."""
    pairs = made.numbers["pairs"]
    n = pairs.npairs if choices.method == "stack" else round(np.mean(pairs.per_file))
    if n < 2:
        return []
    factor = clipped_std_factor_mean(n, clip_of(choices), ddof=0)
    return [
        quantity(
            f"CDS noise, corrected, amplifier {row.amplifier}, {row.region}",
            row.median / factor.value,
            "DN",
            f"median over {factor.value:.4f}, what the mean of clipped deviations of {n} normal "
            "values is of the true one",
            uncertainty=row.median * factor.error / factor.value**2,
            notebook=row.median,
        )
        for row in made.numbers["amplifiers"]
    ]
