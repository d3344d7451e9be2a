"""Tables of the reference-pixel product, as lists of dictionaries."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.ramps.ramps import read_pixeldq
from darkroom.nircam.refpix import levels as refpix
from darkroom.nircam.refpix import numbers as refpix_numbers
from darkroom.nircam.refpix import pixels as refpix_pixels
from darkroom.nircam.refpix import predict as refpix_predict
from darkroom.nircam.refpix.sides import LEFT_RIGHT, SIDES_EDGES, SMOOTHING, frame_coherence
from darkroom.nircam.refpix.sirs import HALF_WIDTH, SIDES


def _group_time(ramps):
    """Return the time from group to group, s."""
    return float(ramps.files[0].header.get("TGROUP") or ramps.readout.frame_time)


def row_table(levels, fit, readout, sigma):
    """Return how row means follow the side pixels, measured and predicted, by smoothing."""
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
            "left": float(levels.rows.left[k, a]),
        }
        for k, width in enumerate(SMOOTHING)
        for a in range(readout.noutputs)
        if np.isfinite(levels.rows.correlation[k, a])
    ]


def coherence_table(levels, ramps):
    """Return coherences: of the sides from row to row, of sides and edges from frame to frame."""
    rows = [] if levels.sides is None else levels.sides.table()
    series = refpix_numbers.sides_and_edges(levels.edges)
    found = [{"pair": LEFT_RIGHT} | row for row in rows]
    if series:
        found += [
            {"pair": SIDES_EDGES} | row for row in frame_coherence(series, _group_time(ramps))
        ]
    return found


def sirs_tables(sums):
    """Return the kernels, tap by tap, and what they leave in rows."""
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
            "left": float(sirs.left[a]),
        }
        for a in range(len(left))
    ]
    return {"SIRS": numbers, "SIRS_KERNEL": kernel_rows(sirs.weights)}


def kernel_rows(weights):
    """Return SIRS weights, (noutputs, 2, ntaps), tap by tap."""
    return [
        {
            "amplifier": a,
            "side": SIDES[side],
            "rows_before": tap - HALF_WIDTH,
            "weight": float(weight),
        }
        for (a, side, tap), weight in np.ndenumerate(weights)
    ]


def pixel_table(regions, pixels, readout):
    """Return one row per flagged pixel, DMS coordinates from 0."""
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


def mask_table(regions, pixels, ramps):
    """Compare with what the exposures' PIXELDQ says of the reference pixels."""
    pixeldq = read_pixeldq(ramps.files[0])
    if pixeldq is None:
        return []
    masked = ramps.readout.flip(pixeldq)[regions.y, regions.x] & Pixel.DO_NOT_USE > 0
    bad = pixels.bad > 0
    counts = {"both": bad & masked, "only_here": bad & ~masked, "only_mask": ~bad & masked}
    return [{name: int(where.sum()) for name, where in counts.items()} | {"pixels": bad.size}]


def level_table(levels, ramps):
    """Return the mean of each region in every frame, above group 0 of its ramp.

    With the ramp's MJD, and the time since its group 0.
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


def change_table(tables, bad, before):
    """Return what changed since another epoch: instability, scatter of frames, bad pixels.

    Parameters
    ----------
    tables : dict
        INSTABILITY and SCATTER of this product.
    bad : (ny, nx) int array
        BAD_REF_PIXEL of this product.
    before : dict
        ``values``, {quantity: (value, error)}, and ``bad`` of the other epoch.

    Returns
    -------
    list of dict
        By quantity: ``previous``, ``change`` and its ``error``; of pixels those bad now and not
        before, and the other way round.
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


def stability(tables):
    """Return the numbers of tables INSTABILITY and SCATTER: {quantity: (value, error)}."""
    found = {
        f"instability, amplifier {row['amplifier']}": (row["value"], row["error"])
        for row in tables["INSTABILITY"]
    }
    return found | {
        f"scatter of frames, {row['name']}": (row["value"], row["error"])
        for row in tables["SCATTER"]
    }
