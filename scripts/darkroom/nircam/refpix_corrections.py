"""Corrections by reference pixels compared: what noise each leaves in the same exposures."""

from __future__ import annotations

import json
import math

from darkroom.archive.given import given_exposure
from darkroom.atomic import write_text
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam import products
from darkroom.nircam.quantities import log_quantities, quantity, write_quantities
from darkroom.nircam.ramps import RampSet
from darkroom.nircam.refpix_residual import residual_noise
from darkroom.nircam.spectrum_products import write_csv
from darkroom.nircam.spectrum_ramp import RampSource

UNITS = dict.fromkeys(("row_noise", "total", "row_floor"), "DN")


def compare(raw, corrected):
    """Measure the noise of exposures before and after corrections.

    Parameters
    ----------
    raw : list of path-like
        Exposures before any correction, or their status files.
    corrected : list of (str, list of path-like)
        Name of a correction, and the same exposures in the same order after it.

    Returns
    -------
    ramps : darkroom.nircam.ramps.RampSet
        Of the exposures before.
    rows : list of dict
        By correction and amplifier, ``none`` first: ``row_noise``, ``total``, ``row_floor`` (DN,
        of differences of two groups) and ``over_floor``, the first over the last.
    """
    sets = [("none", raw), *corrected]
    for name, paths in sets:
        if len(paths) != len(raw):
            raise DarkroomError(
                f"correction {name}: {len(paths)} exposure(s), {len(raw)} before the correction"
            )
    exposures = [[given_exposure(path) for path in paths] for _, paths in sets]
    usable = [k for k in range(len(raw)) if all(some[k]["accepted"] for some in exposures)]
    if not usable:
        reasons = {e["reason"] for some in exposures for e in some if not e["accepted"]}
        raise DarkroomError(
            f"no exposure is left to compare corrections: {'; '.join(reasons)}; take more of them "
            "(reference_pixels.exposures)"
        )
    rows, first = [], None
    for (name, _), some in zip(sets, exposures, strict=True):
        ramps = RampSet([some[k]["path"] for k in usable], f"correction {name}")
        first = first or ramps
        if ramps.readout != first.readout:
            raise InputError(
                ramps.files[0].path, f"correction {name} is of another detector or subarray"
            )
        found = residual_noise(RampSource(ramps))
        for a, (row, total, floor) in enumerate(zip(*found, strict=True)):
            values = {"row_noise": row, "total": total, "row_floor": floor}
            values["over_floor"] = row / floor
            rows.append(
                {"correction": name, "amplifier": a} | {k: float(v) for k, v in values.items()}
            )
    return first, rows


def write(ramps, rows, output, table, quantities=None):
    """Write the comparison as FITS and CSV, and its numbers for the report when a path is given."""
    primary = products.primary(
        (
            ("INSTRUME", "NIRCAM", "instrument"),
            ("DETECTOR", ramps.readout.detector, "detector"),
            ("SUBARRAY", ramps.readout.subarray, "subarray"),
            ("NRAMPS", len(ramps.ramps), "integrations"),
        )
    )
    products.Provenance.of("compare_corrections", ramps, {}).stamp(primary.header)
    products.save(output, [primary, products.table("CORRECTIONS", rows, UNITS)])
    write_csv(table, rows)
    entries = []
    for name in dict.fromkeys(row["correction"] for row in rows):
        here = [row for row in rows if row["correction"] == name]
        noise, total, floor = (
            math.sqrt(sum(row[key] ** 2 for row in here) / len(here))
            for key in ("row_noise", "total", "row_floor")
        )
        text = (
            f"scatter of row means of differences of two groups; white noise leaves {floor:.3g} DN"
        )
        entries.append(quantity(f"row noise, correction {name}", noise, "DN", text))
        text = "robust scatter of the pixels in differences of two groups"
        entries.append(quantity(f"pixel noise, correction {name}", total, "DN", text))
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)


def write_best_side(path, rows):
    """Write the best correction by side pixels as parameters of the pipeline's steps.

    Parameters
    ----------
    path : path-like
        JSON, one line.
    rows : darkroom.nircam.refpix.RowSums or None
        None, without side pixels: the pipeline's own parameters.
    """
    chosen = {}
    if rows is not None:
        width, gain = rows.best()
        chosen = {"refpix": {"side_smoothing_length": width, "side_gain": round(gain, 4)}}
    write_text(path, json.dumps(chosen) + "\n")
