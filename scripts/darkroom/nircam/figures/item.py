"""What the report shows of a NIRCam item besides its figures: key numbers, tables, limits."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from darkroom.errors import InputError
from darkroom.report.item import inside
from darkroom.words import counted, number

_LIMITS = (
    "The error of a superbias pixel does not hold what all pixels of an amplifier and column "
    "parity share; reference pixels take that off.",
    "Noise at frequencies below one over the frame time goes into the offsets of ramps and of "
    "groups, not into the read noise of a pixel.",
    "Of epoxy voids nothing is known here: the scatter over pixels is that of all active ones.",
)


def describe(folder, superbias=None, readnoise=None):
    """Gather the content of an item's ``item.json``.

    Parameters
    ----------
    folder : path-like
        Folder of the item file.
    superbias, readnoise : (Product, Product), optional
        Reference file and details of each.

    Returns
    -------
    dict
        Keywords of `darkroom.report.item.write_item`, figures and quantities left to the caller.
    """
    made, tables, products, key_numbers = [], [], [], []
    if superbias is not None:
        reference, details = superbias
        made.append(f"a superbias of {counted(int(details.header['NRAMPS']), 'ramp')}")
        products += _products(folder, reference, details, "superbias")
        key_numbers += _superbias_numbers(reference, details)
        tables += [_levels(details), _noise(details)]
    if readnoise is not None:
        reference, details = readnoise
        made.append(f"a read noise of {counted(int(details.header['NRAMPS']), 'ramp')}")
        products += _products(folder, reference, details, "read noise")
        key_numbers += _readnoise_numbers(reference)
        tables.append(_amplifiers(details))
    header = (superbias or readnoise)[1].header
    return {
        "summary": f"{header['DETECTOR']} {header['SUBARRAY']}: {' and '.join(made)}.",
        "key_numbers": key_numbers,
        "tables": [table for table in tables if table],
        "products": products,
        "limits": list(_LIMITS),
    }


def merge_quantities(paths):
    """Return the entries of several files of quantities, one after the other."""
    entries = []
    for path in paths:
        try:
            more = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(path, f"holds no quantities ({error})", "make it again") from error
        # Both products tell their number of exposures.
        entries += [entry for entry in more if entry not in entries]
    return entries


def _products(folder, reference, details, what):
    words = ("reference file for CRDS", "scatter, counts, flags, tables")
    return [
        {"file": inside(product.path, folder), "what": f"{what}: {text}"}
        for product, text in zip((reference, details), words, strict=True)
    ]


def _plain(value, digits=6):
    """Round for a reader; JSON knows no NaN."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def key_number(label, value, error, unit, note):
    """Return one of the key numbers of an item, rounded for a reader."""
    error = None if error is None else _plain(error, 3)
    value = None if value is None else _plain(value)
    return {"label": label, "value": value, "error": error, "unit": unit, "note": note}


def _superbias_numbers(reference, details):
    peer = details.header["METHOD"] == "reffiles"
    median, error = (float(np.nanmedian(reference.image(name))) for name in ("SCI", "ERR"))
    dq = reference.image("DQ")
    level = None if peer else details.header["LEVELERR"]
    name = "scatter of one read" if peer else "error of a pixel"
    return [
        key_number("Superbias", median, level, "DN", "median over pixels"),
        key_number(f"Superbias, {name}", _plain(error, 3), None, "DN", "median over pixels"),
        key_number("Flagged DO_NOT_USE", int((dq & 1 > 0).sum()), None, "pixels", ""),
        key_number("Flagged UNRELIABLE_BIAS", int((dq & 2 > 0).sum()), None, "pixels", ""),
    ]


def _readnoise_numbers(reference):
    median = float(np.nanmedian(reference.image("SCI")))
    return [
        key_number(
            "Read noise", _plain(median, 4), None, "DN", "CDS: difference of two groups; median"
        )
    ]


def _levels(details):
    table = details.table("LEVELS")
    if not table:
        return None
    rows = [
        [str(name), number(level, 6), number(error, 3)]
        for name, level, error in zip(table["CLASS"], table["LEVEL"], table["ERROR"], strict=True)
    ]
    note = "Mean over ramps, and its standard error, which all pixels of the class share."
    return {
        "title": "Superbias: levels",
        "columns": ["amplifier and column parity", "level [DN]", "error [DN]"],
        "rows": rows,
        "note": note,
    }


def _noise(details):
    table = details.table("NOISE")
    if not table:
        return None
    names = ("SCATTER", "READ", "KTC", "KTC_ERROR")
    rows = [
        [str(int(table["AMPLIFIER"][k])), str(table["KIND"][k])]
        + [number(table[name][k]) for name in names]
        for k in range(len(table["KIND"]))
    ]
    units = ("scatter of a sample", "read noise", "kTC noise", "its error")
    return {
        "title": "Superbias: noise of the reset",
        "columns": ["amplifier", "pixels", *(f"{unit} [DN]" for unit in units)],
        "rows": rows,
        "note": "kTC noise is what the scatter has more than the read noise of one read.",
    }


def _amplifiers(details):
    table = details.table("AMPS")
    if not table:
        return None
    names = ("MODE", "MEDIAN", "MEAN", "P5", "P95", "P99", "RATIO")
    rows = [
        [str(int(table["AMPLIFIER"][k])), str(table["REGION"][k]), f"{table['NPIXELS'][k]:,}"]
        + [number(table[name][k]) for name in names]
        for k in range(len(table["REGION"]))
    ]
    return {
        "title": "Read noise by amplifier",
        "columns": [
            *("amplifier", "pixels", "number", "mode", "median", "mean"),
            *("5 %", "95 %", "99 %", "over active"),
        ],
        "rows": rows,
        "note": "CDS noise (difference of two groups), DN; percentiles over the pixels.",
    }
