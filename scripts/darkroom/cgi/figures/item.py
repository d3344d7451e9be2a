"""Content of a CGI item in the report besides its figures, and the data that the figures show."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.cgi.darks.read import restore_empty
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.figures.maps import Story
from darkroom.cgi.figures.said import warnings_in, with_signs
from darkroom.report.item import inside
from darkroom.words import counted, number, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.hints import StrPath

_NUMBERS = (
    ("Fixed pattern, mean", "FPN_IMM", "FPNVAR", "e⁻"),
    ("Clock-induced charge, mean", "CIC_IMM", "CICVAR", "e⁻"),
    ("Dark current, mean (with hot pixels)", "DC_IMM", "DCVAR", "e⁻/s"),
)


def read_story(
    maps: StrPath, darks: Sequence[StrPath], geometry: Geometry, truth: StrPath | None = None
) -> Story:
    """Read the data that the figures show.

    Parameters
    ----------
    maps : path-like
        Noise maps of the full frame.
    darks : sequence of path-like
        Master darks.
    geometry : darkroom.cgi.geometry.Geometry
    truth : path-like, optional
        File with the truth of simulated frames.

    Returns
    -------
    darkroom.cgi.figures.maps.Story
    """
    with fits.open(maps, memmap=False) as hdus:
        names = [hdu.name for hdu in hdus]
        stacks = read_table(hdus["STACKS"])
        planes = restore_empty(hdus[1].header, hdus["DQ"].data[0], hdus[1].data, hdus["ERR"].data)
        chi2 = hot = None
        if "CHI2" in names:
            with np.errstate(invalid="ignore", divide="ignore"):
                chi2 = hdus["CHI2"].data / (hdus["NSTACKS"].data - 3.0)
            chi2[hdus["NSTACKS"].data < 4] = np.nan
            hot = np.array(hdus["HOT"].data)
        story = {
            "maps": planes[0], "errors": planes[1][0],
            "imaging": geometry.imaging, "hot": hot, "chi2": chi2, "stacks": stacks,
            "cards": dict(hdus[1].header), "darks": [_read_dark(path) for path in darks],
        }  # fmt: skip
    if truth is not None:
        with fits.open(truth, memmap=False) as hdus:
            story["truth"] = np.array([hdus[name].data for name in ("FPN", "CIC", "DARK")], float)
            story["truly_hot"] = hdus["HOT"].data > 0
    return Story(**story)


def _read_dark(path):
    with fits.open(path, memmap=False) as hdus:
        header = hdus[1].header
        kind = "synthesized" if header["IS_SYNTH"] else "traditional"
        words = f"{kind} dark, EM gain {header['EMGAIN_C']:g}, {header['EXPTIME']:g} s"
        planes = restore_empty(header, hdus["DQ"].data, hdus[1].data, hdus["ERR"].data[0])
        return words, *planes


def describe(
    story: Story,
    maps: StrPath,
    darks: Sequence[StrPath],
    figures: StrPath,
    others: Sequence[tuple[StrPath, str]],
    folder: StrPath,
) -> dict[str, object]:
    """Return the content of a CGI item's ``item.json``.

    Parameters
    ----------
    story : darkroom.cgi.figures.maps.Story
    maps : path-like
        Noise maps of the full frame.
    darks : sequence of path-like
        Master darks, in the order of `story.darks`.
    figures : path-like
        Folder of the figures.
    others : sequence of (path-like, str)
        Further products with their descriptions.
    folder : path-like
        Folder of the item, which contains all these files.

    Returns
    -------
    dict
        Keyword arguments of `darkroom.report.item.write_item`.

    Raises
    ------
    InputError
        When a file is outside the folder of the item.
    """
    cards, stacks = story.cards, story.stacks
    used = stacks["USED"].astype(bool)
    products = [(maps, "noise maps: fixed pattern, CIC, dark current, errors, covariance, flags")]
    products += [
        (path, f"{words}: data, error, flags")
        for path, (words, *_) in zip(darks, story.darks, strict=True)
    ]
    return {
        "summary": (
            f"Noise maps from {counted(int(stacks['NFRAMES'][used].sum()), 'frame')} in "
            f"{counted(int(used.sum()), 'stack')}, and {counted(len(darks), 'dark')}."
        ),
        "warnings": _warnings(maps),
        "key_numbers": _key_numbers(story),
        "tables": [_stacks_table(stacks)],
        "figures": inside(Path(figures) / "figures.json", folder),
        "products": [
            {"file": inside(path, folder), "what": words} for path, words in [*products, *others]
        ],
        "limits": [
            "A bias offset that all stacks share cannot be distinguished from the fixed pattern.",
            "EM gains, exposure times and the conversion gain are assumed to be exact.",
            "Single pixels of the maps are dominated by noise: use their errors and covariances.",
        ]
        + _hidden(cards)
        + ([] if cards.get("SIGNED") else ["Clipped maps: mean charges are too large."]),
    }


def _hidden(cards):
    """Return a sentence about pixels whose excess is too small to be seen."""
    cic, dark = cards.get("HOTCIC"), cards.get("HOTDARK")
    if not isinstance(cic, float) or not isinstance(dark, float):
        return []
    return [
        f"Pixels with less than about {cic:.2g} e⁻ of clock-induced charge or {dark:.2g} e⁻/s of "
        "dark current more than others pass as normal ones, with the errors of these."
    ]


def _warnings(maps):
    found = warnings_in(fits.getheader(maps, 1))
    return [f"{text[:1].upper()}{text[1:]}." for text in found]


def _key_numbers(story):
    cards = story.cards
    area = int(np.isfinite(story.maps[0][story.imaging]).sum())
    rows = [
        {"label": label, "value": cards[mean], "error": float(np.sqrt(cards[variance] / area)),
         "unit": unit, "note": "imaging area; the error does not include noise common to a row"}
        for label, mean, variance, unit in _NUMBERS
    ]  # fmt: skip
    noise = cards.get("READNOIS")
    rows.append(
        {
            "label": "Read noise",
            "value": noise if isinstance(noise, float) else None,
            "error": cards.get("READNERR"),
            "unit": "e⁻",
            "note": "from stacks with little charge; –: cannot be measured",
        }
    )
    if story.hot is not None:
        hot = int((story.hot[story.imaging] > 0).sum())
        note = f"{share(hot, area)} of the imaging area: significantly more charge than the others"
        rows.append(
            {"label": "Hot pixels", "value": float(hot), "error": None, "unit": "", "note": note}
        )
    return rows


def _stacks_table(stacks):
    rows = []
    for k in range(len(stacks["EXPTIME"])):
        used = bool(stacks["USED"][k])
        rows.append(
            [
                number(float(stacks["EMGAIN"][k])),
                number(float(stacks["EXPTIME"][k])),
                str(int(stacks["NFRAMES"][k])),
                number(float(stacks["MEANFRM"][k])),
                number(float(stacks["NOISE"][k])),
                number(float(stacks["OFFSET"][k]), 3),
                number(float(stacks["OFFSERR"][k]), 2),
                ("offset subtracted" if stacks["CORRECTD"][k] else "")
                if used
                else with_signs(str(stacks["REASON"][k]).strip()),
            ]
        )
    return {
        "title": "Stacks",
        "columns": ["EM gain", "time [s]", "frames", "usable per pixel", "noise [e⁻]",
                    "offset [e⁻]", "error of offset [e⁻]", "note"],
        "rows": rows,
        "note": "Noise: standard deviation of a sample in the imaging area. Offset: level of the "
        "bias region relative to the other stacks.",
    }  # fmt: skip
