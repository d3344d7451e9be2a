"""What the report shows of noise spectrum and reference pixels besides their figures."""

from __future__ import annotations

from darkroom.nircam.figures.inputs import flag_bits
from darkroom.nircam.figures.item import key_number
from darkroom.report.item import inside
from darkroom.words import counted, number

_SPECTRUM_LIMITS = (
    "A line at a multiple of the frame rate repeats in each frame and goes with the straight line "
    "through each pixel; one at a multiple of the row rate is drowned by row overheads.",
    "Below 4 / (frame time) only the levels of whole frames are known.",
    "White noise holds the shot noise of the dark current. What telegraph noise and cosmic rays "
    "too weak to be found add is estimated and taken off; steps of few deviations, of many pixels "
    "alike, are not told from the spread of normal pixels.",
)
_COMMON_LIMIT = (
    "The two parts of the common noise, the 1/f law and its excess at low frequencies, are told "
    "apart by their shapes only: below a few times the lowest frequency trust their sum."
)
_ONE_AMPLIFIER = "Read through one output: noise common to the amplifiers counts as its own."
_REFERENCE_LIMITS = (
    "An instability of reference pixels below about the prediction × (6 / n)^¼, with n differences "
    "of frames, cannot be seen.",
    "Telegraph noise of reference pixels is told from other noise from 30 groups on.",
    "Reference pixels that all jump together with the active ones, and a drift of a whole class of "
    "them between ramps, look like the detector's own; only the levels of ramps show the latter.",
)
_CORRECTION_LIMIT = (
    "Smoothing and gain of the correction optimal, and SIRS kernels that were made here, come from "
    "the ramps that they are compared on; they hold for noise like theirs."
)
_NO_SIDES = (
    "Rows cannot be judged: there are no reference pixels at the sides, or one output reads all."
)
_NO_INSTABILITY = (
    "The instability cannot be measured: there are no reference pixels below or above."
)


def add(described, folder, noise_spectrum=None, reference_pixels=None, corrections=None):
    """Add the noise products to the content of an item's ``item.json``.

    Parameters
    ----------
    described : dict
        Of `darkroom.nircam.figures.item.describe`.
    folder : path-like
        Folder of the item file.
    noise_spectrum, reference_pixels, corrections : Product, optional

    Returns
    -------
    dict
        The same, longer.
    """
    made = []
    words = [noise_spectrum and "noise spectrum", reference_pixels and "reference pixels"]
    if said := " and ".join(filter(None, words)):
        described["summary"] += f" {said.capitalize()} measured."
    if noise_spectrum is not None:
        made.append((noise_spectrum, "noise spectrum: bins, fit, lines, pedestals"))
        described["tables"].append(_fit(noise_spectrum))
        described["key_numbers"] += _spectrum_numbers(noise_spectrum)
        described["limits"] += _SPECTRUM_LIMITS
        alone = noise_spectrum.header["NAMPS"] == 1
        described["limits"].append(_ONE_AMPLIFIER if alone else _COMMON_LIMIT)
    if reference_pixels is not None:
        made.append((reference_pixels, "reference pixels: stability, bad ones, rows, ramps"))
        made_of = (_instability, _scatter, _bad_pixels, _changes)
        described["tables"] += [
            table for table in (make(reference_pixels) for make in made_of) if table
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
        made.append((corrections, "corrections by reference pixels compared"))
        described["tables"].append(_corrections(corrections))
        described["limits"].append(_CORRECTION_LIMIT)
        lacking = corrections.table("NOT_POSSIBLE")
        described["limits"] += [
            f"Correction {name} is not possible here: {why}."
            for name, why in zip(lacking.get("CORRECTION", ()), lacking.get("WHY", ()), strict=True)
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
                "what reference pixels see",
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
        "columns": ["parameter", "amplifier", "value", "error", "unit", "what it is"],
        "rows": rows,
        "note": "One-sided power of one read; the fit of all amplifiers and frequencies together.",
    }


def _instability(product):
    table = product.table("INSTABILITY")
    if not table:
        return None
    rows = []
    for k in range(len(table["AMPLIFIER"])):
        measured = (number(table[name][k], 3) for name in ("VALUE", "ERROR", "PREDICTED"))
        verdict = ["–", "–", "cannot be told"]
        if table["JUDGED"][k]:
            chance, flagged = f"{table['P'][k]:.2g}", "yes" if table["FLAGGED"][k] else "no"
            verdict = [number(table["EXCESS"][k], 3), chance, flagged]
        rows.append([str(int(table["AMPLIFIER"][k])), *measured, *verdict])
    return {
        "title": "Reference pixels: instability",
        "columns": [
            *("amplifier", "measured [DN]", "error [DN]", "predicted [DN]", "excess [DN]"),
            *("chance", "flagged"),
        ],
        "rows": rows,
        "note": (
            "Active minus reference pixels from frame to frame, over √2. Perfect reference pixels "
            "show what is predicted; flagged where chance gives so much in less than 1 of 1000. It "
            "cannot be told where the spectrum does not reach below 8 Hz: there common noise grows "
            "steeper than the law that the prediction carries on, which may then be too low."
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
        "note": "Standard deviation of differences of frames, over √2.",
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
            ["bad here and in the present mask", str(both)],
            ["bad here alone", str(here)],
            ["bad in the present mask alone", str(there)],
        ]
    if not rows:
        return None
    note = "By reason; a pixel may have several." if len(rows) > (3 if mask else 0) else "None bad."
    if not mask:
        note += " The exposures carry no mask to compare with."
    return {
        "title": "Bad reference pixels",
        "columns": ["what", "pixels"],
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
        "columns": ["quantity", "before", "change", "error", "unit"],
        "rows": rows,
        "note": f"The previous product: {product.header.get('PREVIOUS', 'not named')}.",
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
            *("correction", "amplifier", "row noise [DN]", "over the white floor"),
            *("pixel noise [DN]", "over white noise"),
        ],
        "rows": rows,
        "note": (
            "In differences of two groups; corrected by the pipeline's own step. optimal: the "
            "smoothing and gain of the side pixels that leave least noise in these exposures. "
            + _kernel_words(table)
        ).strip(),
    }


def _kernel_words(table):
    """Say which SIRS kernels were used, if any."""
    used = {str(name) for name in table["KERNEL"][table["CORRECTION"] == "sirs"]}
    if not used:
        return ""
    name = used.pop()
    source = "CRDS's" if name.startswith("crds://") else "made of these reference pixels"
    return f"sirs: the pipeline's SIRS kernels, {source} ({name.removeprefix('crds://')})."
