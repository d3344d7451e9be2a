"""Text of a WFC3 item in the report: key numbers, tables and citations."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Any

from darkroom.wfc3.files.reads import ranges
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.settings import Wfc3Settings
from darkroom.words import counted, sentence

if TYPE_CHECKING:
    from darkroom.wfc3.figures.story import ExposureStory

_DEFINITIONS = {
    "bad reads": "EXTVERs to leave out. Notebook: ratio left/right above 1.1; here: significant "
    "deviation from the quiet level of the same ramp",
    "exposure time": "time of the reads used. Notebook: total minus all masked intervals",
    "background left/right": "ratio of the sky in the left and the right region of the final image",
    "noise": "robust standard deviation of the sky pixels of the final image",
}
#: Those the notebook asks for, and the sources of what was added to it.
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


def describe(
    stories: list[ExposureStory],
    visits: dict[str, dict[str, Any]],
    products: list[tuple[str, str]],
    truths: dict[str, dict[str, Any]],
) -> dict[str, Any]:
    """Return the content of ``item.json`` of a WFC3 item.

    Parameters
    ----------
    stories : list of darkroom.wfc3.figures.story.ExposureStory
        The exposures of the item.
    visits : dict
        Records of the program ``combine_visit``: ``original`` and ``reprocessed``.
    products : list of (str, str)
        Files, relative to the folder of the item, and what they are.
    truths : dict
        Results of `darkroom.wfc3.truth.against_truth` by exposure; empty for real exposures.

    Returns
    -------
    dict
        Keyword arguments of `darkroom.report.item.write_item`, without figures and quantities.
    """
    treated = [story for story in stories if story.measures["done"] != "none"]
    tables = [_exposures(stories), _reasons(stories), _visits(visits), *_truth(truths), _cite()]
    return {
        "summary": f"Made: {counted(len(stories), 'calibrated exposure')}, {len(treated)} of them "
        f"with bad reads treated ({', '.join(s.name for s in treated) or 'none'}), and two "
        "combined images of the visit, as taken and reprocessed.",
        "warnings": _warnings(stories, visits),
        "answers": [
            {
                "question": f"Which reads of {story.name} are bad?",
                "answer": sentence(story.choice["words"]),
            }
            for story in stories
        ],
        "key_numbers": _key_numbers(stories, visits),
        "tables": [table for table in tables if table["rows"]],
        "products": [{"file": file, "what": what} for file, what in products],
        "limits": [
            "Bad reads are found by the level of the sky in the left and the right region and over "
            "the whole field. Of smaller effects only the trail of a satellite is found, by its "
            "bright pixels; reads with anything fainter must be given as a list.",
            "A mask removes reads only at the start or the end of an exposure; in the middle it "
            "would leave a step of signal in the ramp.",
            "Scattered light that varies by less than the limits of the campaign is not removed.",
        ],
    }


def quantities(stories: list[ExposureStory]) -> list[dict[str, Any]]:
    """Return the rows of ``quantities.json``: values of the notebook's method and of this one."""
    rows: list[dict[str, Any]] = []
    for story in stories:
        cut = choose(story.differences, Wfc3Settings(choose="notebook"))
        after = story.measures["background"][1]
        steps = story.differences.steps[::-1]
        remaining = float(story.differences.times[-1] - sum(steps[e - 1] for e in cut.reads))
        by_notebook, chosen = (ranges(r) or "none" for r in (cut.reads, story.choice["reads"]))
        values = {
            "bad reads": (by_notebook, chosen, None, "EXTVER"),
            "exposure time": (remaining, story.measures["exptime"][1], None, "s"),
            "background left/right": (None, after["ratio"], after["ratio_error"], ""),
            "noise": (None, _digits(after["noise"], 4), None, "electron/s"),
        }  # fmt: skip
        rows += [
            {
                "name": f"{story.name} {name}",
                "notebook": notebook,
                "value": value,
                "uncertainty": error,
                "unit": unit,
                "definition": _DEFINITIONS[name],
            }
            for name, (notebook, value, error, unit) in values.items()
        ]
    return rows


def quantities_table(rows: list[dict[str, Any]]) -> str:
    """Return rows by `quantities` as tab-separated text."""
    columns = ("name", "notebook", "value", "uncertainty", "unit", "definition")
    lines = ["\t".join(columns)]
    for row in rows:
        lines.append("\t".join("" if row[c] is None else str(row[c]) for c in columns))
    return "\n".join(lines) + "\n"


def _warnings(stories, visits):
    found = [f"{s.name}: {warning}." for s in stories for warning in s.measures["warnings"]]
    for version, visit in visits.items():
        found += [f"{version} visit: {warning}." for warning in visit["warnings"]]
    return found


def _key_numbers(stories, visits):
    worst = max(stories, key=_asymmetry)
    before, after = worst.measures["background"]
    times = [sum(s.measures["exptime"][i] for s in stories) for i in (0, 1)]
    note = f"{worst.name}, the exposure with the largest left/right asymmetry as taken"
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
            "note": "median of the combined image; 1 when no exposure was dropped",
        },
    ]


def _asymmetry(story):
    """Return how far left / right is from 1 as taken; -1 when a source covers a region."""
    ratio = story.measures["background"][0]["ratio"]
    return -1.0 if ratio is None else abs(ratio - 1)


def _exposures(stories):
    rows = []
    for story in stories:
        measures = story.measures
        before, after = measures["background"]
        ramp_before, ramp_after = measures["quality"]
        rows.append(
            [
                story.name, story.choice["verdict"], measures["done"],
                ranges(story.choice["reads"]) or "none", _digits(measures["exptime"][0]),
                _digits(measures["exptime"][1]), _digits(before["ratio"], 4),
                _digits(after["ratio"], 4), _digits(ramp_before["departure"], 3),
                _digits(ramp_after["departure"], 3), _digits(100 * ramp_before["cosmic_rays"], 3),
                _digits(100 * ramp_after["cosmic_rays"], 3),
            ]
        )  # fmt: skip
    return {
        "title": "What was done to each exposure",
        "columns": [
            "exposure", "verdict", "treatment", "bad reads [EXTVER]", "taken [s]", "used [s]",
            "left/right before", "after", "departure from a line before [σ of a read]", "after",
            "flagged by CRCORR before [%]", "after",
        ],
        "rows": rows,
        "note": "EXTVER counts backwards: 1 is the last read. A straight ramp departs from a line "
        "by much less than 1 σ; CRCORR takes a step of 4 σ for a cosmic ray.",
    }  # fmt: skip


def _reasons(stories):
    rows = [
        [story.name, int(extver), why]
        for story in stories
        for extver, why in story.choice["findings"].items()
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
        "note": "The median weight is that of the pixels which all exposures cover; the ratio "
        "takes the areas of pixels into account. " + _filled(visits),
    }  # fmt: skip


def _filled(visits):
    """Say what the pixels without data hold."""
    fills = {visit.get("fill") for visit in visits.values()}
    if fills == {None}:
        return (
            "Where the weight is 0 the image has values of flagged pixels, which mean nothing; "
            "drizzle: {final_fillval: nan} replaces them."
        )
    return f"Where the weight is 0 the image is {' or '.join(sorted(map(str, fills)))}."


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
        # Without bad reads the two images are the same: one row.
        if version == "reprocessed" or found["original"] != found["reprocessed"]
    ]  # fmt: skip
    if rows:
        rows.append(_all_stars([found["reprocessed"] for found in truths.values()]))
    return [
        {
            "title": "Against the truth",
            "columns": [
                "exposure", "image", "light", "injected reads", "chosen", "left/right over true",
                "sky − truth [e⁻/s]", "stars", "flux of stars over true − 1", "its error",
            ],
            "rows": rows,
            "note": "Simulated. Residual scattered light shows as sky above the truth, and so does "
            "the mean of an airglow, which flatten keeps. Stars: weighted mean of aperture fluxes.",
        }
    ]  # fmt: skip


def _all_stars(images):
    """Return the row of all reprocessed exposures together."""
    with_stars = [image for image in images if image["stars"]]
    weights = [image["offset_error"] ** -2 for image in with_stars]
    mean = error = None
    if with_stars:
        total = sum(w * i["offset"] for w, i in zip(weights, with_stars, strict=True))
        mean = total / sum(weights)
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
