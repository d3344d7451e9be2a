"""Key numbers, tables and limitations of noise spectrum and reference pixels for the report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.nircam.figures.inputs import flag_bits
from darkroom.nircam.figures.item import key_number
from darkroom.report.item import inside
from darkroom.words import counted, number

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.figures.inputs import Product

_SPECTRUM_LIMITS = (
    "A line at a multiple of the frame rate repeats in each frame and is removed with the straight "
    "line fitted to each pixel; a line at a multiple of the row rate is hidden by the leakage "
    "through row overheads.",
    "Below 4 / (frame time) only the levels of whole frames are measured.",
    "White noise includes the shot noise of the dark current. The noise of telegraph pixels and "
    "cosmic rays too weak to be detected is estimated and subtracted; steps of a few standard "
    "deviations in many pixels cannot be separated from the spread of normal pixels.",
)
_COMMON_LIMIT = (
    "The two components of the common noise, the 1/f law and its excess at low frequencies, are "
    "separated by their shapes only: below a few times the lowest frequency only their sum is "
    "well determined."
)
_ONE_AMPLIFIER = "Read through one output: common noise is included in the noise of the amplifier."
_REFERENCE_LIMITS = (
    "An instability of reference pixels below about the prediction × (6 / n)^¼ is not detectable; "
    "n is the number of differences of frames.",
    "Telegraph noise of reference pixels is separated from other noise from 30 groups on.",
    "If all reference pixels jump together with the active ones, or a whole class of them drifts "
    "between ramps, it looks like a change of the detector; only the levels of ramps show the "
    "latter.",
)
_CORRECTION_LIMIT = (
    "Smoothing and gain of the correction optimal, and SIRS kernels made here, are derived from "
    "the ramps on which they are compared; they are valid for noise like that of these ramps."
)
_NO_SIDES = (
    "The correlation of rows is not measured: there are no side reference pixels, or only one "
    "output."
)
_NO_INSTABILITY = (
    "The instability is not measured: there are no reference pixels at the bottom or top."
)


def add(
    described: dict[str, Any],
    folder: StrPath,
    noise_spectrum: Product | None = None,
    reference_pixels: Product | None = None,
    corrections: Product | None = None,
) -> dict[str, Any]:
    """Add the noise products to the content of an item's ``item.json``.

    Parameters
    ----------
    described : dict
        Result of `darkroom.nircam.figures.item.describe`, changed in place.
    folder : path-like
        Folder of the item file.
    noise_spectrum : Product, optional
        Noise spectrum, written by ``noise_spectrum.py``.
    reference_pixels : Product, optional
        Reference-pixel product, written by ``reference_pixels.py``.
    corrections : Product, optional
        Comparison of corrections, written by ``compare_corrections.py``.

    Returns
    -------
    dict
        `described`.
    """
    made = []
    given = {"noise spectrum": noise_spectrum, "reference pixels": reference_pixels}
    if words := " and ".join(name for name, product in given.items() if product is not None):
        described["summary"] += f" {words.capitalize()} measured."
    if noise_spectrum is not None:
        made.append((noise_spectrum, "noise spectrum: bins, fit, lines, pedestals"))
        described["tables"].append(_fit(noise_spectrum))
        described["key_numbers"] += _spectrum_numbers(noise_spectrum)
        described["limits"] += _SPECTRUM_LIMITS
        alone = noise_spectrum.header["NAMPS"] == 1
        described["limits"].append(_ONE_AMPLIFIER if alone else _COMMON_LIMIT)
    if reference_pixels is not None:
        made.append((reference_pixels, "reference pixels: stability, bad pixels, rows, ramps"))
        tables = (_instability, _scatter, _bad_pixels, _changes)
        described["tables"] += [
            table for table in (make(reference_pixels) for make in tables) if table
        ]
        bad, count = (reference_pixels.header[card] for card in ("NBAD", "NREF"))
        note = f"of {counted(int(count), 'pixel')}"
        described["key_numbers"].append(
            key_number("Bad reference pixels", bad, None, "pixels", note)
        )
        described["limits"] += _REFERENCE_LIMITS
        lacking = {"ROWS": _NO_SIDES, "INSTABILITY": _NO_INSTABILITY}
        described["limits"] += [
            words for name, words in lacking.items() if name not in reference_pixels
        ]
    if corrections is not None:
        made.append((corrections, "comparison of reference-pixel corrections"))
        described["tables"].append(_corrections(corrections))
        described["limits"].append(_CORRECTION_LIMIT)
        refused = corrections.table("NOT_POSSIBLE")
        described["limits"] += [
            f"Correction {name} is not possible here: {why}."
            for name, why in zip(refused.get("CORRECTION", ()), refused.get("WHY", ()), strict=True)
        ]
    described["products"] += [
        {"file": inside(product.path, folder), "what": what} for product, what in made
    ]
    return described


def _spectrum_numbers(product):
    numbers = product.table("NUMBERS")
    low = float(product.header["FLOWEST"])
    white, cds = (float((numbers[k] ** 2).mean() ** 0.5) for k in ("WHITE", "CDS"))
    error = float((numbers["WHITE_ERROR"] ** 2).sum() ** 0.5) / len(numbers["WHITE"])
    found = [
        key_number("White noise of a read", white, error, "DN", "rms of the amplifiers"),
        key_number(
            "Noise of a difference of reads", cds, None, "DN", f"from the fit, above {low:.3g} Hz"
        ),
    ]
    if product.header["NAMPS"] > 1:
        common = float((numbers["CDS_COMMON"] ** 2).mean() ** 0.5)
        found.append(
            key_number(
                "… of it common 1/f noise",
                common,
                None,
                "DN",
                "seen by reference pixels",
            )
        )
    return found


def _fit(product):
    table = product.table("FIT")
    columns = ("PARAMETER", "AMPLIFIER", "VALUE", "ERROR", "UNIT", "MEANING")
    rows = [
        [
            str(name).replace("_", " "),
            "all" if amplifier < 0 else str(int(amplifier)),
            number(value, 4),
            number(error, 2),
            str(unit),
            str(meaning),
        ]
        for name, amplifier, value, error, unit, meaning in zip(
            *(table[column] for column in columns), strict=True
        )
    ]
    return {
        "title": "Noise spectrum: the fit",
        "columns": ["parameter", "amplifier", "value", "error", "unit", "meaning"],
        "rows": rows,
        "note": "One-sided power of one read; one fit to all amplifiers and frequencies.",
    }


def _instability(product):
    table = product.table("INSTABILITY")
    if not table:
        return None
    rows = []
    for k in range(len(table["AMPLIFIER"])):
        measured = (number(table[name][k], 3) for name in ("VALUE", "ERROR", "PREDICTED"))
        verdict = ["–", "–", "undetermined"]
        if table["JUDGED"][k]:
            chance, flagged = f"{table['P'][k]:.2g}", "yes" if table["FLAGGED"][k] else "no"
            verdict = [number(table["EXCESS"][k], 3), chance, flagged]
        rows.append([str(int(table["AMPLIFIER"][k])), *measured, *verdict])
    return {
        "title": "Reference pixels: instability",
        "columns": [
            *("amplifier", "measured [DN]", "error [DN]", "predicted [DN]", "excess [DN]"),
            *("p by chance", "flagged"),
        ],
        "rows": rows,
        "note": (
            "Standard deviation of the difference active - reference pixels from frame to frame, "
            "over √2. Predicted: for perfect reference pixels. Flagged where the probability of so "
            "large a value by chance is below 1 in 1000. Undetermined where the spectrum does not "
            "tell the noise below 8 Hz: there it is steeper than the law extrapolated by the "
            "prediction, which may then be too low."
        ),
    }


def _scatter(product):
    table = product.table("SCATTER")
    if not table:
        return None
    rows = [
        [str(table["NAME"][k]), number(table["VALUE"][k], 3), number(table["ERROR"][k], 2)]
        for k in range(len(table["NAME"]))
    ]
    return {
        "title": "Scatter from frame to frame",
        "columns": ["quantity", "scatter [DN]", "error [DN]"],
        "rows": rows,
        "note": "Standard deviation of differences of consecutive frames, over √2.",
    }


def _bad_pixels(product):
    bad, bits = product.image("BAD_REF_PIXEL"), flag_bits(product)
    rows = [
        [name, str(int((bad & value > 0).sum()))]
        for name, value in bits.items()
        if (bad & value > 0).any()
    ]
    mask = product.table("MASK")
    if mask:
        both, here, there = (int(mask[k][0]) for k in ("BOTH", "ONLY_HERE", "ONLY_MASK"))
        rows += [
            ["flagged here and in the current mask", str(both)],
            ["flagged here only", str(here)],
            ["in the current mask only", str(there)],
        ]
    if not rows:
        return None
    several = "By reason; a pixel may have several."
    note = several if len(rows) > (3 if mask else 0) else "No bad pixels."
    if not mask:
        note += " The exposures contain no mask to compare with."
    return {
        "title": "Bad reference pixels",
        "columns": ["reason", "pixels"],
        "rows": rows,
        "note": note,
    }


def _changes(product):
    table = product.table("CHANGES")
    if not table:
        return None
    columns = ("QUANTITY", "PREVIOUS", "CHANGE", "ERROR", "UNIT")
    rows = [
        [str(name), number(before, 3), number(change, 3), number(error, 2), str(unit)]
        for name, before, change, error, unit in zip(
            *(table[column] for column in columns), strict=True
        )
    ]
    return {
        "title": "Reference pixels: change since the previous epoch",
        "columns": ["quantity", "previous", "change", "error", "unit"],
        "rows": rows,
        "note": f"Previous product: {product.header.get('PREVIOUS', 'not named')}.",
    }


def _corrections(product):
    table = product.table("CORRECTIONS")
    names = ("ROW_NOISE", "OVER_FLOOR", "TOTAL", "OVER_WHITE")
    rows = [
        [str(table["CORRECTION"][k]), str(int(table["AMPLIFIER"][k]))]
        + [number(table[name][k], 3) for name in names]
        for k in range(len(table["AMPLIFIER"]))
    ]
    return {
        "title": "Corrections by reference pixels",
        "columns": [
            *("correction", "amplifier", "row noise [DN]", "row noise / white noise"),
            *("pixel noise [DN]", "pixel noise / white noise"),
        ],
        "rows": rows,
        "note": (
            "In differences of two groups; corrected by the JWST pipeline's own step. optimal: the "
            "smoothing and gain of the side pixels that minimise the row noise of these exposures. "
            + _kernel_words(table)
        ).strip(),
    }


def _kernel_words(table):
    """Return a sentence on the SIRS kernels used, empty if none were."""
    used = {str(name) for name in table["KERNEL"][table["CORRECTION"] == "sirs"]}
    if not used:
        return ""
    name = used.pop()
    source = "from CRDS" if name.startswith("crds://") else "made from these reference pixels"
    return f"sirs: the pipeline's SIRS kernels, {source} ({name.removeprefix('crds://')})."
