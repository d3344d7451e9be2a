"""What the report shows of a WFC3 item besides its figures: key numbers, tables, citations."""

from __future__ import annotations

from math import isfinite

from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.settings import Wfc3Settings
from darkroom.words import counted, sentence

_DEFINITIONS = {
    "bad reads": "EXTVERs to leave out. Notebook: ratio left/right above 1.1; ours: against the "
    "ramp's own quiet level, with significance",
    "exposure time": "time of the reads used. Notebook: less every masked interval",
    "background left/right": "ratio of the sky at the left and at the right of the final image",
    "noise": "robust scatter of sky pixels of the final image",
}
#: As the notebook asks, and what our additions rest on.
CITATIONS = (
    ("numpy", "https://numpy.org/citing-numpy/"),
    ("astropy", "https://www.astropy.org/acknowledging.html"),
    ("astroquery", "https://astroquery.readthedocs.io/en/latest/"),
    ("wfc3tools", "https://wfc3tools.readthedocs.io/en/latest/"),
    ("drizzlepac", "https://drizzlepac.readthedocs.io/en/latest/LICENSE.html"),
    ("WFC3 Data Handbook", "https://hst-docs.stsci.edu/wfc3dhb"),
    ("WFC3 Instrument Handbook", "https://hst-docs.stsci.edu/wfc3ihb"),
    ("Instrument Science Report WFC3 2021-01", "time-variable background"),
    ("Instrument Science Report WFC3 2018-05, equation 3", "read differences"),
    ("Instrument Science Report WFC3 2016-16", "flattening of airglow"),
    (
        "O'Connor, Mack, Calamida, Khandrika (2023): Correcting for Scattered Light in WFC3/IR "
        "Exposures: Using calwf3 to Exclude Bad Reads",
        "https://github.com/spacetelescope/WFC3Library",
    ),
)


def describe(tolds, visits, products, truths):
    """Gather the content of a WFC3 item's ``item.json``.

    Parameters
    ----------
    tolds : list of darkroom.wfc3.figures.story.ExposureStory
    visits : dict
        Records of combine_visit: ``original`` and ``reprocessed``.
    products : list of (str, str)
        Files relative to the item's folder and what they are.
    truths : dict
        `darkroom.wfc3.truth.against_truth` by exposure, empty for real ones.

    Returns
    -------
    dict
        Keywords of `darkroom.report.item.write_item`, without figures and quantities.
    """
    treated = [told for told in tolds if told.measures["done"] != "none"]
    tables = [_exposures(tolds), _reasons(tolds), _visits(visits), *_truth(truths), _cite()]
    return {
        "summary": f"Made: {counted(len(tolds), 'calibrated exposure')}, {len(treated)} of them "
        f"with bad reads treated ({', '.join(t.name for t in treated) or 'none'}), and two "
        "combined images of the visit, as taken and reprocessed.",
        "warnings": _warnings(tolds, visits),
        "answers": [
            {
                "question": f"Which reads of {told.name} are bad?",
                "answer": sentence(told.choice["words"]),
            }
            for told in tolds
        ],
        "key_numbers": _key_numbers(tolds, visits),
        "tables": [table for table in tables if table["rows"]],
        "products": [{"file": file, "what": what} for file, what in products],
        "limits": [
            "Bad reads are told by the sky at the left, at the right and over the whole field. Of "
            "what is smaller, a satellite's trail is found by its bright pixels; anything fainter "
            "must be given as a list of reads.",
            "A mask takes reads at the start or the end of an exposure; in the middle it would "
            "leave its step of signal in the ramp.",
            "Scattered light that changes less than the limits of the campaign stays in.",
        ],
    }


def quantities(tolds):
    """Return the rows of ``quantities.json``."""
    rows = []
    for told in tolds:
        cut = choose(told.differences, Wfc3Settings(choose="notebook"))
        after = told.measures["background"][1]
        steps = told.differences.steps[::-1]
        left = float(told.differences.times[-1] - sum(steps[e - 1] for e in cut.reads))
        values = {
            "bad reads": (
                ranges(cut.reads) or "none", ranges(told.choice["reads"]) or "none", None, "EXTVER",
            ),
            "exposure time": (left, told.measures["exptime"][1], None, "s"),
            "background left/right": (None, after["ratio"], after["ratio_error"], ""),
            "noise": (None, _digits(after["noise"], 4), None, "electron/s"),
        }  # fmt: skip
        rows += [
            {
                "name": f"{told.name} {name}",
                "notebook": notebook,
                "value": value,
                "uncertainty": error,
                "unit": unit,
                "definition": _DEFINITIONS[name],
            }
            for name, (notebook, value, error, unit) in values.items()
        ]
    return rows


def quantities_table(rows):
    """Return the rows as tab-separated text."""
    columns = ("name", "notebook", "value", "uncertainty", "unit", "definition")
    lines = ["\t".join(columns)]
    for row in rows:
        lines.append("\t".join("" if row[c] is None else str(row[c]) for c in columns))
    return "\n".join(lines) + "\n"


def _warnings(tolds, visits):
    found = [f"{t.name}: {warning}." for t in tolds for warning in t.measures["warnings"]]
    for version, visit in visits.items():
        found += [f"{version} visit: {warning}." for warning in visit["warnings"]]
    return found


def _key_numbers(tolds, visits):
    worst = max(tolds, key=_lopsided)
    before, after = worst.measures["background"]
    times = [sum(t.measures["exptime"][i] for t in tolds) for i in (0, 1)]
    note = f"{worst.name}, the most lopsided exposure"
    return [
        {
            "label": "Background left/right as taken",
            "value": before["ratio"],
            "error": before["ratio_error"],
            "note": note,
        },
        {
            "label": "Background left/right reprocessed",
            "value": after["ratio"],
            "error": after["ratio_error"],
            "note": note,
        },
        {
            "label": "Exposure time used",
            "value": round(times[1], 1),
            "unit": "s",
            "note": f"of {times[0]:.0f} s taken",
        },
        {
            "label": "Weight over exposure time",
            "value": _digits(visits["reprocessed"].get("weight_ratio"), 5),
            "note": "of the combined image, median; 1 when no exposure was dropped",
        },
    ]


def _lopsided(told):
    """Return how far left over right is from 1; where a source covers a region nobody knows."""
    ratio = told.measures["background"][0]["ratio"]
    return -1.0 if ratio is None else abs(ratio - 1)


def _exposures(tolds):
    rows = []
    for told in tolds:
        measures = told.measures
        (before, after), (bent, straight) = measures["background"], measures["quality"]
        rows.append(
            [
                told.name, told.choice["verdict"], measures["done"],
                ranges(told.choice["reads"]) or "none", _digits(measures["exptime"][0]),
                _digits(measures["exptime"][1]), _digits(before["ratio"], 4),
                _digits(after["ratio"], 4), _digits(bent["departure"], 3),
                _digits(straight["departure"], 3), _digits(100 * bent["cosmic_rays"], 3),
                _digits(100 * straight["cosmic_rays"], 3),
            ]
        )  # fmt: skip
    return {
        "title": "What was done to each exposure",
        "columns": [
            "exposure", "verdict", "treatment", "bad reads [EXTVER]", "taken [s]", "used [s]",
            "left/right before", "after", "ramp off a line before [σ of a read]", "after",
            "flagged by CRCORR before [%]", "after",
        ],
        "rows": rows,
        "note": "EXTVER counts backwards: 1 is the last read. A straight ramp departs by much less "
        "than 1 σ; a step of 4 is taken for a cosmic ray.",
    }  # fmt: skip


def _reasons(tolds):
    rows = [
        [told.name, int(extver), why]
        for told in tolds
        for extver, why in told.choice["findings"].items()
    ]
    return {"title": "Why reads are bad", "columns": ["exposure", "EXTVER", "found"], "rows": rows}


def _visits(visits):
    rows = [
        [
            version, len(visit["exposures"]), _digits(visit["exptime"]),
            _digits(visit.get("weight_median")), _digits(visit.get("weight_ratio"), 5),
            visit["skymethod"], visit["blob_holes"], _digits(100 * visit["empty_share"], 3),
        ]
        for version, visit in visits.items()
    ]  # fmt: skip
    return {
        "title": "Combined images in numbers",
        "columns": [
            "visit", "exposures", "exposure time [s]", "median weight [s]",
            "weight / exposure time", "sky method", "blob pixels without data", "empty [%]",
        ],
        "rows": rows,
        "note": "The median weight is of pixels that every exposure covers; the ratio allows for "
        "the areas of pixels.",
    }  # fmt: skip


def _truth(truths):
    rows = [
        [
            name, version, found["light"], found["injected"], found["chosen"],
            _digits(found[version]["ratio"], 5), _digits(found[version]["sky"], 3),
            found[version]["stars"], _digits(found[version]["offset"], 3),
            _digits(found[version]["offset_error"], 2),
        ]
        for name, found in truths.items()
        for version in ("original", "reprocessed")
        # An exposure in which nothing is bad has one image.
        if version == "reprocessed" or found["original"] != found["reprocessed"]
    ]  # fmt: skip
    if rows:
        rows.append(_all_stars([found["reprocessed"] for found in truths.values()]))
    return [
        {
            "title": "Against the truth",
            "columns": [
                "exposure", "image", "light", "injected reads", "chosen", "left/right over true",
                "sky − truth [e⁻/s]", "stars", "light of stars over true − 1", "its error",
            ],
            "rows": rows,
            "note": "Simulated. Scattered light that is left shows as sky above the truth, and so "
            "does the mean of an airglow, which flatten keeps. Stars: in apertures, weighted mean.",
        }
    ]  # fmt: skip


def _all_stars(images):
    """Return the row of all reprocessed exposures together."""
    seen = [image for image in images if image["stars"]]
    weights = [image["offset_error"] ** -2 for image in seen]
    mean = error = None
    if seen:
        mean = sum(w * i["offset"] for w, i in zip(weights, seen, strict=True)) / sum(weights)
        error = sum(weights) ** -0.5
    stars = sum(image["stars"] for image in images)
    return [
        "all",
        "reprocessed",
        "",
        "",
        "",
        None,
        None,
        stars,
        _digits(mean, 3),
        _digits(error, 2),
    ]


def _cite():
    return {
        "title": "Please cite in publications",
        "columns": ["what", "where"],
        "rows": [list(row) for row in CITATIONS],
    }


def _digits(value, digits=6):
    return None if value is None or not isfinite(value) else float(f"{value:.{digits}g}")
