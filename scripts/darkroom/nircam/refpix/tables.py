"""Tables of the reference-pixel product, as lists of dictionaries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.ramps.ramps import read_pixeldq
from darkroom.nircam.refpix import levels as refpix
from darkroom.nircam.refpix import numbers as refpix_numbers
from darkroom.nircam.refpix import pixels as refpix_pixels
from darkroom.nircam.refpix import predict as refpix_predict
from darkroom.nircam.refpix.sides import LEFT_RIGHT, SIDES_EDGES, SMOOTHING, frame_coherence
from darkroom.nircam.refpix.sirs import HALF_WIDTH, SIDES

if TYPE_CHECKING:
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.refpix.sirs import SirsSums
    from darkroom.nircam.spectrum.model import FittedModel

    Rows = list[dict[str, Any]]


def _group_time(ramps):
    """Return the time from group to group, s."""
    return float(ramps.files[0].header.get("TGROUP") or ramps.readout.frame_time)


def row_table(levels: refpix.Levels, fit: FittedModel, readout: Readout, sigma: float) -> Rows:
    """Return the correlation of row means with side pixels, measured and predicted.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
        Measured levels.
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fit of the noise spectrum.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the ramps.
    sigma : float
        Noise of one read of a reference pixel, DN.

    Returns
    -------
    list of dict
        A row for each smoothing and amplifier; empty without side pixels.
    """
    if levels.rows is None:
        return []
    white = float(refpix_predict.white_noise(fit).mean())
    expected = refpix_predict.row_correlation(fit, readout, (white, sigma))
    return [
        {
            "rows": width,
            "amplifier": a,
            "r": float(levels.rows.correlation[k, a]),
            "predicted_r": float(expected[k, a]),
            "gain": float(levels.rows.gain[k, a]),
            "left": float(levels.rows.residual[k, a]),
        }
        for k, width in enumerate(SMOOTHING)
        for a in range(readout.noutputs)
        if np.isfinite(levels.rows.correlation[k, a])
    ]


def coherence_table(levels: refpix.Levels, ramps: RampSet) -> Rows:
    """Return coherences: left and right from row to row, sides and edges from frame to frame."""
    rows = [] if levels.sides is None else levels.sides.table()
    series = refpix_numbers.sides_and_edges(levels.edges)
    found = [{"pair": LEFT_RIGHT} | row for row in rows]
    if series:
        found += [
            {"pair": SIDES_EDGES} | row for row in frame_coherence(series, _group_time(ramps))
        ]
    return found


def sirs_tables(sums: SirsSums | None) -> dict[str, Rows]:
    """Return tables SIRS (gains and row noise by amplifier) and SIRS_KERNEL (every weight)."""
    if sums is None:
        return {"SIRS": [], "SIRS_KERNEL": []}
    sirs = sums.solve()
    left, right = sirs.gains().T
    numbers = [
        {
            "amplifier": a,
            "gain_left": float(left[a]),
            "gain_right": float(right[a]),
            "before": float(sirs.before[a]),
            "left": float(sirs.residual[a]),
        }
        for a in range(len(left))
    ]
    return {"SIRS": numbers, "SIRS_KERNEL": kernel_rows(sirs.weights)}


def kernel_rows(weights: np.ndarray) -> Rows:
    """Return a row for each of the SIRS weights, (noutputs, 2, ntaps)."""
    return [
        {
            "amplifier": a,
            "side": SIDES[side],
            "rows_before": tap - HALF_WIDTH,
            "weight": float(weight),
        }
        for (a, side, tap), weight in np.ndenumerate(weights)
    ]


def pixel_table(regions: refpix.Regions, pixels: refpix_pixels.Pixels, readout: Readout) -> Rows:
    """Return a row for each flagged pixel.

    Parameters
    ----------
    regions : darkroom.nircam.refpix.levels.Regions
        Positions of the reference pixels.
    pixels : darkroom.nircam.refpix.pixels.Pixels
        Their properties and flags.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the ramps.

    Returns
    -------
    list of dict
        ``x`` and ``y`` are counted from 0 in the DMS frame.
    """
    rows = []
    for k in np.flatnonzero(pixels.bad):
        y, x = int(regions.y[k]), int(regions.x[k])
        names = [flag.name for flag in refpix_pixels.Bad if pixels.bad[k] & flag]
        rows.append(
            {
                "x": readout.nx - 1 - x if readout.fastaxis < 0 else x,
                "y": readout.ny - 1 - y if readout.slowaxis < 0 else y,
                "edge": refpix.EDGES[regions.edge[k]],
                "amplifier": int(regions.amplifier[k]),
                "reasons": "+".join(names),
                "sigma": float(pixels.sigma[k]),
                "level": float(pixels.level[k]),
                "slope": float(pixels.slope[k]),
                "slope_t": float(pixels.slope_t[k]),
                "jump": float(pixels.jump[k]),
                "kurtosis": float(pixels.kurtosis[k]),
            }
        )
    return rows


def mask_table(regions: refpix.Regions, pixels: refpix_pixels.Pixels, ramps: RampSet) -> Rows:
    """Compare the flagged pixels with those that PIXELDQ of the first exposure marks DO_NOT_USE.

    Parameters
    ----------
    regions : darkroom.nircam.refpix.levels.Regions
        Positions of the reference pixels.
    pixels : darkroom.nircam.refpix.pixels.Pixels
        Their flags.
    ramps : darkroom.nircam.ramps.ramps.RampSet
        The exposures.

    Returns
    -------
    list of dict
        One row of counts; empty without a PIXELDQ.
    """
    pixeldq = read_pixeldq(ramps.files[0])
    if pixeldq is None:
        return []
    masked = ramps.readout.flip(pixeldq)[regions.y, regions.x] & Pixel.DO_NOT_USE > 0
    bad = pixels.bad > 0
    counts = {"both": bad & masked, "only_here": bad & ~masked, "only_mask": ~bad & masked}
    return [{name: int(where.sum()) for name, where in counts.items()} | {"pixels": bad.size}]


def level_table(levels: refpix.Levels, ramps: RampSet) -> Rows:
    """Return the mean of each region in every frame, above group 0 of its ramp.

    With the MJD of the ramp and the time since its group 0.
    """
    rows, step = [], _group_time(ramps)
    for ramp, (edges, active) in enumerate(zip(levels.edges, levels.active, strict=True)):
        mjd = float(ramps.mjd[ramp])
        for (group, a, parity), mean in np.ndenumerate(active):
            where = {"ramp": ramp, "mjd": mjd, "group": group, "time": group * step}
            where |= {"amplifier": a, "parity": parity}
            rows.append(where | {"region": "active", "mean": float(mean)})
            for edge, name in enumerate(refpix.EDGES):
                if np.isfinite(edges[group, edge, a, parity]):
                    value = float(edges[group, edge, a, parity])
                    rows.append(where | {"region": name, "mean": value})
    return rows


def change_table(tables: dict[str, Rows], bad: np.ndarray, before: dict[str, Any]) -> Rows:
    """Return changes since another epoch: instability, scatter of frames, bad pixels.

    Parameters
    ----------
    tables : dict
        Tables INSTABILITY and SCATTER of this product.
    bad : (ny, nx) int array
        Image BAD_REF_PIXEL of this product.
    before : dict
        Of the other epoch: ``values``, {quantity: (value, error)}, and ``bad``.

    Returns
    -------
    list of dict
        For each quantity ``previous``, ``change`` and its ``error``; for pixels, the number of
        newly bad ones and of those no longer bad.
    """
    rows = []
    for quantity, (value, error) in stability(tables).items():
        if quantity in before["values"]:
            old, unsure = before["values"][quantity]
            change = {"change": value - old, "error": float(np.hypot(error, unsure))}
            rows.append({"quantity": quantity, "unit": "DN", "previous": old} | change)
    now, then = bad > 0, before["bad"] > 0
    for name, where in (("pixels newly bad", now & ~then), ("pixels no longer bad", then & ~now)):
        count = {"previous": float(then.sum()), "change": float(where.sum()), "error": 0.0}
        rows.append({"quantity": name, "unit": "pixels"} | count)
    return rows


def stability(tables: dict[str, Rows]) -> dict[str, tuple[float, float]]:
    """Return the values of tables INSTABILITY and SCATTER: {quantity: (value, error)}."""
    found = {
        f"instability, amplifier {row['amplifier']}": (row["value"], row["error"])
        for row in tables["INSTABILITY"]
    }
    return found | {
        f"scatter of frames, {row['name']}": (row["value"], row["error"])
        for row in tables["SCATTER"]
    }
