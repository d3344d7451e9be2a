"""Key numbers, tables and limitations of a NIRCam item for the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import InputError
from darkroom.report.item import inside
from darkroom.words import counted, number

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath
    from darkroom.nircam.figures.inputs import Product

_LIMITS = (
    "The error of a superbias pixel excludes the error common to all pixels of an amplifier and "
    "column parity; the reference-pixel correction removes that.",
    "Noise at frequencies below 1 / (frame time) contributes to the offsets of ramps and groups, "
    "not to the read noise of a pixel.",
    "Epoxy voids are not treated separately: the scatter over pixels is that of all active pixels.",
)


# Bit of telegraph noise in the flags of a read noise.
_TELEGRAPH = 4


def describe(
    folder: StrPath,
    superbias: tuple[Product, Product] | None = None,
    readnoise: tuple[Product, Product] | None = None,
) -> dict[str, Any]:
    """Return the content of an item's ``item.json``.

    Parameters
    ----------
    folder : path-like
        Folder of the item file.
    superbias : (Product, Product), optional
        Reference file of the superbias and the product with its details.
    readnoise : (Product, Product), optional
        The same of the read noise.

    Returns
    -------
    dict
        Keywords of `darkroom.report.item.write_item`, without figures and quantities.
    """
    made, tables, products, key_numbers, warnings = [], [], [], [], []
    if superbias is not None:
        reference, details = superbias
        made.append(f"a superbias of {counted(int(details.header['NRAMPS']), 'ramp')}")
        products += _products(folder, reference, details, "superbias")
        key_numbers += _superbias_numbers(reference, details)
        tables += [_levels(details), _noise(details)]
        warnings += [str(text) for text in details.table("CYCLE").get("WARNING", ()) if str(text)]
    if readnoise is not None:
        reference, details = readnoise
        made.append(f"a read noise of {counted(int(details.header['NRAMPS']), 'ramp')}")
        products += _products(folder, reference, details, "read noise")
        key_numbers += _readnoise_numbers(reference)
        tables.append(_amplifiers(details))
        warnings += _averaged_groups(reference, details)
    header = (superbias or readnoise)[1].header
    return {
        "summary": f"{header['DETECTOR']} {header['SUBARRAY']}: {' and '.join(made)}.",
        "key_numbers": key_numbers,
        "tables": [table for table in tables if table],
        "products": products,
        "limits": list(_LIMITS),
        "warnings": warnings,
    }


def _averaged_groups(reference, details):
    """Return what to know of a read noise that was measured in groups of several frames."""
    nframes = int(details.header["NFRAMES"])
    if nframes == 1:
        return []
    pattern, valid = details.header["READPATT"], reference.header["READPATT"]
    text = (
        f"{reference.name}: the groups of the exposures ({pattern}) are means of {nframes} frames. "
        f"The read noise is that of single frames: the noise of groups times sqrt({nframes})"
    )
    if valid != pattern:
        text += (
            f". Its READPATT is {valid}: for other patterns it is right for white and 1/f noise, "
            "but too high for telegraph noise, which frames of a group share"
        )
        if "DQ" in details:
            count = int((details.image("DQ") & _TELEGRAPH > 0).sum())
            text += f" ({counted(count, 'pixel')} flagged); readpatt: {pattern} restricts it"
    return [text]


def add_rules(described: dict[str, Any], paths: Iterable[StrPath]) -> dict[str, Any]:
    """Add to an item what the products would replace among the rules of CRDS.

    Parameters
    ----------
    described : dict
        Changed in place: ``answers``, which file each product would replace; more ``warnings``, of
        a product that would replace none, and of a context that is older than the pipeline.
    paths : iterable of path-like
        Files of ``references/certify.py``, JSON.

    Returns
    -------
    dict
        `described`.
    """
    found = [json.loads(Path(path).read_text(encoding="utf-8")) for path in paths]
    described["warnings"] += [
        f"{one['file']}: {one['place']}" for one in found if not one["replaces"]
    ]
    described["warnings"] += dict.fromkeys(one["context"] for one in found if one["context"])
    described["answers"] = [
        {"question": f"Which file of CRDS would {one['file']} replace?", "answer": one["place"]}
        for one in found
    ]
    return described


def merge_quantities(paths: Iterable[StrPath]) -> list[dict[str, Any]]:
    """Return the entries of several files of quantities, in order.

    Raises
    ------
    InputError
        When a file cannot be read as JSON.
    """
    entries = []
    for path in paths:
        try:
            more = json.loads(Path(path).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise InputError(path, f"holds no quantities ({error})", "make it again") from error
        # Entries that products share, like the number of exposures, are kept once.
        entries += [entry for entry in more if entry not in entries]
    return entries


def _products(folder, reference, details, what):
    words = ("reference file for CRDS", "scatter, counts, flags, tables")
    return [
        {"file": inside(product.path, folder), "what": f"{what}: {text}"}
        for product, text in zip((reference, details), words, strict=True)
    ]


def _plain(value, digits=6):
    """Return a value rounded for display; None for NaN, which JSON does not have."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def key_number(
    label: str, value: float | None, error: float | None, unit: str, note: str
) -> dict[str, Any]:
    """Return one of the key numbers of an item, rounded for display.

    Parameters
    ----------
    label : str
        Name of the quantity.
    value : float or None
        Its value; None if it is not known.
    error : float or None
        Its error; None without one.
    unit : str
        Unit of both.
    note : str
        Short definition.
    """
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
            "Read noise", _plain(median, 4), None, "DN", "CDS: difference of two frames; median"
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
    note = "Mean over ramps and its standard error, which is common to all pixels of the class."
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
        "note": "kTC noise: excess of the scatter over the noise of one read, in quadrature.",
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
            *("5 %", "95 %", "99 %", "ratio to active"),
        ],
        "rows": rows,
        "note": "CDS noise (difference of two frames), DN; percentiles over the pixels.",
    }
