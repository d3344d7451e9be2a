"""Corrections by reference pixels compared: what noise each leaves in the same exposures."""

from __future__ import annotations

import json
import math

from darkroom.atomic import write_text
from darkroom.campaign.exposure import read_exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam import products
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.refpix.predict import read_fit, white_noise
from darkroom.nircam.refpix.residual import residual_noise
from darkroom.nircam.spectrum.products import write_csv
from darkroom.nircam.spectrum.ramp import RampSource
from darkroom.report.quantities import log_quantities, quantity, write_quantities

UNITS = dict.fromkeys(("row_noise", "total", "row_floor", "white"), "DN")
_SIRS_CARD = "R_SIRSKL"  # of the pipeline's, the kernel it used


def compare(raw, corrected, spectrum):
    """Measure the noise of exposures before and after corrections.

    Parameters
    ----------
    raw : list of path-like
        Exposures before any correction, or their status files.
    corrected : list of (str, list of path-like)
        Name of a correction, and the same exposures in the same order after it.
    spectrum : path-like
        Their noise spectrum, what ``noise_spectrum.py`` wrote.

    Returns
    -------
    ramps : darkroom.nircam.ramps.ramps.RampSet
        Of the exposures before.
    rows : list of dict
        By correction and amplifier, ``none`` first: ``row_noise`` of rows and ``total`` of pixels;
        ``row_floor`` and ``white``, what white noise alone leaves of them (DN, of differences of
        two groups); ``over_floor`` and ``over_white``, the first two over these; ``kernel``, the
        SIRS kernels' file where they were used.
    """
    sets = [("none", raw), *corrected]
    for name, paths in sets:
        if len(paths) != len(raw):
            raise DarkroomError(
                f"correction {name}: {len(paths)} exposure(s), {len(raw)} before the correction"
            )
    exposures = [[read_exposure(path) for path in paths] for _, paths in sets]
    usable = [k for k in range(len(raw)) if all(some[k]["accepted"] for some in exposures)]
    if not usable:
        reasons = {e["reason"] for some in exposures for e in some if not e["accepted"]}
        raise DarkroomError(
            f"no exposure is left to compare corrections: {'; '.join(reasons)}; take more of them "
            "(reference_pixels.exposures)"
        )
    rows, first, white = [], None, None
    for (name, _), some in zip(sets, exposures, strict=True):
        ramps = RampSet([some[k]["path"] for k in usable], f"correction {name}")
        if first is None:
            first, white = ramps, white_noise(read_fit(spectrum, ramps.readout))
        if ramps.readout != first.readout:
            raise InputError(
                ramps.files[0].path, f"correction {name} is of another detector or subarray"
            )
        for file, before in zip(ramps.files, first.files, strict=True):
            if file.sci.shape != before.sci.shape:
                raise InputError(
                    file.path,
                    f"correction {name} has {_size(file)}, {before.path.name} has {_size(before)}",
                )
        source = RampSource(ramps)
        alone = math.sqrt(2 / source.nframes) * white
        kernel = str(ramps.files[0].header.get(_SIRS_CARD, ""))
        for a, (row, total, floor) in enumerate(zip(*residual_noise(source, white), strict=True)):
            values = {"row_noise": row, "total": total, "row_floor": floor, "white": alone[a]}
            values |= {"over_floor": row / floor, "over_white": total / alone[a]}
            numbers = {key: float(value) for key, value in values.items()}
            rows.append({"correction": name, "amplifier": a, **numbers, "kernel": kernel})
    return first, rows


def _size(file):
    nints, ngroups = file.sci.shape[:2]
    return f"{nints} integration(s) of {ngroups} groups"


def write(ramps, rows, output, table, quantities=None, not_possible=()):
    """Write the comparison as FITS and CSV, and its numbers for the report when a path is given.

    `not_possible` lists (correction, why not) of those that such exposures cannot be given.
    """
    primary = products.primary(
        (
            ("INSTRUME", "NIRCAM", "instrument"),
            ("DETECTOR", ramps.readout.detector, "detector"),
            ("SUBARRAY", ramps.readout.subarray, "subarray"),
            ("NRAMPS", len(ramps.ramps), "integrations"),
        )
    )
    products.Provenance.from_ramps("compare_corrections", ramps, {}).stamp(primary.header)
    hdus = [primary, products.table("CORRECTIONS", rows, UNITS)]
    lacking = [{"correction": name, "why": why} for name, why in not_possible]
    if lacking:
        hdus.append(products.table("NOT_POSSIBLE", lacking))
    products.save(output, hdus)
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
        white = math.sqrt(sum(row["white"] ** 2 for row in here) / len(here))
        text = (
            "robust scatter of the pixels in differences of two groups; white noise alone: "
            f"{white:.3g} DN"
        )
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
    rows : darkroom.nircam.refpix.levels.RowSums or None
        None, without side pixels: the pipeline's own parameters.
    """
    chosen = {}
    if rows is not None:
        width, gain = rows.best()
        chosen = {"refpix": {"side_smoothing_length": width, "side_gain": round(gain, 4)}}
    write_text(path, json.dumps(chosen) + "\n")
