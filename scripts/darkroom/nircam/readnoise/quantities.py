"""Key quantities of a read noise, for the log and for the report."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.bias import clipped_std_factor_mean
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.readnoise.measure import Flag
from darkroom.nircam.readnoise.reffiles import clip_of
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.readnoise.run import ReadnoiseResult
    from darkroom.nircam.readnoise.settings import ReadnoiseSettings

log = logging.getLogger(__name__)


def report(
    result: ReadnoiseResult,
    choices: ReadnoiseSettings,
    pixel: Sequence[int] | None = None,
    path: StrPath | None = None,
) -> None:
    """Log the key quantities of a read noise, and write them to a file when a path is given.

    Parameters
    ----------
    result : darkroom.nircam.readnoise.run.ReadnoiseResult
    choices : darkroom.nircam.readnoise.settings.ReadnoiseSettings
    pixel : (int, int), optional
        Column and row, from 0, of a pixel whose value is reported.
    path : path-like, optional
        JSON file to write.
    """
    entries = [
        quantity("exposures", len(result.ramps.files), "", "input files"),
        quantity("ramps", len(result.ramps.ramps), "", "integrations of all files"),
    ]
    nframes = frames_per_group(result.ramps)
    if nframes > 1:
        entries.append(
            quantity(
                "frames averaged in a group",
                nframes,
                "frames",
                "every noise here is that of single frames: that of groups times "
                f"sqrt({nframes}) = {np.sqrt(nframes):.4g}",
            )
        )
    for row in result.numbers["amplifiers"]:
        entries.append(
            quantity(
                f"CDS noise, amplifier {row.amplifier}, {row.region}",
                row.median,
                "DN",
                f"median of {row.npixels} pixels; mode {row.mode:.4g}, 95th percentile "
                f"{row.p95:.4g}, {row.ratio:.3f} times that of the active pixels",
                notebook=row.median / np.sqrt(nframes) if choices.method != "line" else None,
            )
        )
    if choices.method == "line":
        entries += _line(result)
    elif path:
        entries += _corrected(result, choices)
    entries += [
        quantity(
            f"change since the previous read noise, amplifier {row.amplifier}",
            row.shift,
            "DN",
            f"median of new - previous CDS noise; median of new / previous {row.ratio:.4f}",
        )
        for row in result.numbers["compared"]
    ]
    entries += _pixel(result, pixel)
    log_quantities(entries)
    if path:
        write_quantities(path, entries)


def _pixel(result, pixel):
    if pixel is None:
        return []
    x, y = pixel
    ny, nx = result.cds.shape
    if not (0 <= x < nx and 0 <= y < ny):
        log.warning("pixel x %d, y %d is outside the image of %d × %d pixels", x, y, nx, ny)
        return []
    found = result.numbers.get("found")
    error = None if found is None else float(np.sqrt(2) * found.error[y, x])
    value = float(result.cds[y, x])
    return [quantity(f"pixel x {x}, y {y}", value, "DN", "CDS noise", uncertainty=error)]


def _line(result):
    found, classes = result.numbers["found"], result.numbers["classes"]
    active = classes.usable
    entries = []
    for flag in (Flag.NO_VALUE, Flag.NOISY, Flag.TELEGRAPH):
        for name, where in (("active", active), ("reference", classes.reference)):
            count = int((found.dq[where] & flag > 0).sum())
            text = f"of {int(where.sum())} {name} pixels"
            entries.append(quantity(f"{name} pixels flagged {flag.name}", count, "pixels", text))
    rays = int(found.njumps[active].sum())
    entries.append(
        quantity("cosmic rays found", rays, "", "steps up in active pixels, where ramps are split")
    )
    for amplifier in range(classes.noutputs):
        entries.append(_pair_ratio(found, active & (classes.amplifier == amplifier), amplifier))
    for row in result.numbers["drifts"]:
        text = f"least-squares slope of the noise of one read in each ramp; p = {row.p:.2g}"
        name = f"trend of the read noise, {row.name}"
        entries.append(quantity(name, row.slope, "DN/day", text, uncertainty=row.slope_error))
    for row in result.numbers.get("spatial", ()):
        entries.append(
            quantity(
                f"scatter over pixels / scatter in time, amplifier {row.amplifier}",
                row.ratio,
                "",
                f"{row.without_rows:.4g} DN over the pixels of 128 × 128 boxes after subtraction "
                f"of row means ({row.spatial:.4g} DN before) / {row.temporal:.4g} DN in time",
            )
        )
    return entries


def _pair_ratio(found, where, amplifier):
    """Compare the measured noise of pairs with sqrt(2) times the noise of one read."""
    quiet = where & (found.dq & (Flag.NOISY | Flag.TELEGRAPH | Flag.NO_VALUE) == 0)
    quiet &= np.isfinite(found.pair)
    pair, single = (
        float(np.sqrt(np.mean(image[quiet].astype(np.float64) ** 2))) if quiet.any() else np.nan
        for image in (found.pair, found.single)
    )
    return quantity(
        f"CDS noise of pairs / that of lines, amplifier {amplifier}",
        pair / single / np.sqrt(2),
        "",
        f"measured noise of pair differences {pair:.4g} DN / (sqrt(2) × noise of one read "
        f"{single:.4g} DN); 1 when reads are independent",
    )


def _corrected(result, choices):
    """Correct the medians for the bias of a clipped standard deviation of few samples."""
    pairs = result.numbers["pairs"]
    n = pairs.npairs if choices.method == "stack" else round(np.mean(pairs.per_file))
    if n < 2:
        return []
    factor = clipped_std_factor_mean(n, clip_of(choices), ddof=0)
    return [
        quantity(
            f"CDS noise, corrected, amplifier {row.amplifier}, {row.region}",
            row.median / factor.value,
            "DN",
            f"median / {factor.value:.4f}, the ratio of the mean clipped standard deviation of "
            f"{n} normal values to the true one",
            uncertainty=row.median * factor.error / factor.value**2,
            notebook=row.median / np.sqrt(frames_per_group(result.ramps)),
        )
        for row in result.numbers["amplifiers"]
    ]
