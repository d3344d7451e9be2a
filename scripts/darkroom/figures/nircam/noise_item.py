"""What the report shows of noise spectrum and reference pixels besides their figures."""

from __future__ import annotations

from darkroom.figures.nircam.item import inside, key_number
from darkroom.figures.words import counted, number

_SPECTRUM_LIMITS = (
    "A line at a multiple of the frame rate repeats in each frame and goes with the straight line "
    "through each pixel; one at a multiple of the row rate is drowned by row overheads.",
    "Below 4 / (frame time) only the levels of whole frames are known.",
    "White noise holds the shot noise of the dark current, and 0.1 to 0.3 % of its power may be "
    "telegraph noise and cosmic rays too weak to be found.",
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
)


def add(described, folder, noise_spectrum=None, reference_pixels=None, corrections=None):
    """Add the noise products to the content of an item's ``item.json``.

    Parameters
    ----------
    described : dict
        Of `darkroom.figures.nircam.item.describe`.
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
        described["tables"] += [
            table for table in (_instability(reference_pixels), _scatter(reference_pixels)) if table
        ]
        bad, count = (reference_pixels.header[card] for card in ("NBAD", "NREF"))
        note = f"of {counted(int(count), 'pixel')}"
        described["key_numbers"].append(
            key_number("Bad reference pixels", bad, None, "pixels", note)
        )
        described["limits"] += _REFERENCE_LIMITS
    if corrections is not None:
        made.append((corrections, "corrections by reference pixels compared"))
        described["tables"].append(_corrections(corrections))
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
    rows = [
        [
            str(int(table["AMPLIFIER"][k])),
            *(number(table[name][k], 3) for name in ("VALUE", "ERROR", "PREDICTED", "EXCESS")),
            f"{table['P'][k]:.2g}",
            ("yes" if table["FLAGGED"][k] else "no") if table["JUDGED"][k] else "cannot be told",
        ]
        for k in range(len(table["AMPLIFIER"]))
    ]
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
            "cannot be told where the spectrum does not reach below 8 Hz, where common noise grows "
            "steeper than the law above."
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


def _corrections(product):
    table = product.table("CORRECTIONS")
    names = ("ROW_NOISE", "OVER_FLOOR", "TOTAL")
    rows = [
        [str(table["CORRECTION"][k]), str(int(table["AMPLIFIER"][k]))]
        + [number(table[name][k], 3) for name in names]
        for k in range(len(table["AMPLIFIER"]))
    ]
    return {
        "title": "Corrections by reference pixels",
        "columns": [
            *("correction", "amplifier", "row noise [DN]", "over the white floor"),
            "pixel noise [DN]",
        ],
        "rows": rows,
        "note": (
            "In differences of two groups; corrected by the pipeline's own step. optimal: the "
            "smoothing and gain of the side pixels that leave least noise in these exposures."
        ),
    }
