"""The order in which the figures of a WFC3 item are told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.plot.book import Panel
from darkroom.wfc3.figures.panel import draw_panel
from darkroom.wfc3.figures.pictures import draw_pair, zscale
from darkroom.wfc3.figures.ramp import draw_quality, draw_rates
from darkroom.wfc3.files.reads import ranges, read_ima
from darkroom.wfc3.reads.diagnose import Differences, from_record
from darkroom.wfc3.reads.records import ima_of, read_record
from darkroom.words import measured, number, sentence

UNIT = "e⁻/s"


@dataclass(frozen=True)
class ExposureStory:
    """What is told of one exposure.

    Parameters
    ----------
    name : str
    choice, measures : dict
        Records of choose_reads and treat_reads.
    differences : Differences
        Of the kind that is shown.
    ima, original, reprocessed : pathlib.Path
        IMA and the two FLTs.
    """

    name: str
    choice: dict
    measures: dict
    differences: Differences
    ima: Path
    original: Path
    reprocessed: Path


def read_exposures(folder, names, method):
    """Return the `ExposureStory` of the exposures of an item that were not refused."""
    found = []
    for name in names:
        original = folder / "original" / f"{name}.json"
        ima, refusal = ima_of(original)
        if refusal:
            continue
        flt = Path(ima.name.replace("_ima.fits", "_flt.fits"))
        found.append(
            ExposureStory(
                name=flt.name.removesuffix("_flt.fits"),
                choice=read_record(folder / "chosen" / f"{name}.json"),
                measures=read_record(folder / "measures" / f"{name}.json"),
                differences=from_record(read_record(folder / "reads" / f"{name}.json")[method]),
                ima=ima,
                original=ima.with_name(flt.name),
                reprocessed=folder / "reprocessed" / flt.name,
            )
        )
    return found


def tell_exposure(book, told):
    """Add the figures of one exposure."""
    reads = told.choice["reads"]
    scaled = " Regions are scaled to the subarray." if told.differences.scaled else ""
    book.add(
        told.name,
        f"{told.name}_rates",
        "The sky between the reads",
        f"Median rate of the whole field, its left and its right ({told.differences.method} "
        f"differences, sources: {told.differences.sources}), with the uncertainty of each median; "
        f"bad reads are shaded. {sentence(told.choice['words'])}{scaled}",
        [
            Panel(
                "",
                draw_rates(told.differences, reads, f"{told.name}, sky in each interval"),
                f"Sky rates of {told.name} against time; {told.choice['words']}",
            )
        ],
    )
    book.add(
        told.name,
        f"{told.name}_panel",
        "Differences of all reads",
        "Absolute difference of each pair of reads on one stretch. Above: median ± standard "
        "deviation of the pixels; inside: the same of left and right; below: ratio, difference and "
        "duration. Bad reads have a coloured frame. The first, very short, interval is left out.",
        [
            Panel(
                "",
                draw_panel(read_ima(told.ima), told.differences, reads, f"{told.name}, {UNIT}"),
                f"Sheet of the read differences of {told.name}",
            )
        ],
    )
    before, after = told.measures["quality"]
    done = told.measures["done"]
    book.add(
        told.name,
        f"{told.name}_quality",
        "Is the ramp a straight line?",
        f"Above: the sky's counts minus a line, in units of the error of a read. CRCORR takes a "
        f"step of 4 for a cosmic ray. As taken the sky departs by "
        f"{number(before['departure'], 3)} at most, and {_flagged(before)}"
        + (f"; after, by {number(after['departure'], 3)}, and {_flagged(after)}." * (done != "none")
           or "."),
        [
            Panel(
                "",
                draw_quality(before, after, done, f"{told.name}, departure from a line"),
                f"Departure of the sky's ramp of {told.name} from a straight line",
            )
        ],
    )  # fmt: skip
    if done != "none":
        _tell_pair(book, told)


def _flagged(quality):
    share = number(100 * quality["cosmic_rays"], 3)
    return f"{share} % of the pixels are flagged, {number(100 * quality['given_up'], 3)} % given up"


def _tell_pair(book, told):
    """Add original and reprocessed image, and their difference."""
    first, second = (fits.getdata(path, ("SCI", 1)) for path in (told.original, told.reprocessed))
    times = told.measures["exptime"]
    before, after = told.measures["background"]
    difference = first - second
    low, high = np.nanpercentile(difference, [2, 98])
    book.add(
        told.name,
        f"{told.name}_pair",
        "Before and after",
        f"Each on its own zscale, and their difference. Background left/right "
        f"{measured(before['ratio'], before['ratio_error'])} before, "
        f"{measured(after['ratio'], after['ratio_error'])} after "
        f"({told.measures['done']}, EXTVER {ranges(told.choice['reads']) or 'none'}); noise "
        f"{number(before['noise'], 3)} and {number(after['noise'], 3)} {UNIT}.",
        [
            Panel(
                "images",
                draw_pair(
                    second,
                    first,
                    (f"Reprocessed FLT, {times[1]:.0f} s", f"Original FLT, {times[0]:.0f} s"),
                    [zscale(second), zscale(first)],
                    UNIT,
                ),
                f"Reprocessed and original FLT of {told.name}",
            ),
            Panel(
                "difference",
                draw_pair(
                    difference,
                    fits.getdata(told.reprocessed, ("TIME", 1)),
                    ("Original − reprocessed", "Exposure time used"),
                    [(low, high), (0, times[0])],
                    (UNIT, "s"),
                    "viridis",
                ),
                f"Difference of the two images of {told.name}, and the time used in each pixel",
            ),
        ],
    )


def tell_visit(book, visit):
    """Add the combined images.

    Parameters
    ----------
    book : darkroom.plot.book.FigureBook
    visit : dict
        ``reprocessed``, ``original`` and, when the archive's own is there, ``archive``: (image,
        exposure time, words); ``weight``: (ny, nx) array.
    """
    image, seconds, _ = visit["reprocessed"]
    low, high = zscale(np.where(visit["weight"] > 0, image, np.nan))
    for key in ("original", "archive"):
        if key not in visit:
            continue
        other, other_seconds, words = visit[key]
        book.add(
            "Combined images",
            f"drz_{key}",
            f"Reprocessed visit beside {words}",
            f"Both on the stretch of the reprocessed one ({number(low)} to {number(high)} {UNIT}).",
            [
                Panel(
                    "",
                    draw_pair(
                        image,
                        other,
                        (
                            f"Reprocessed DRZ, {seconds:.0f} s",
                            f"{words[:1].upper()}{words[1:]}, {other_seconds:.0f} s",
                        ),
                        [(low, high)],
                        UNIT,
                    ),
                    f"Reprocessed combined image beside {words}",
                )
            ],
        )
    book.add(
        "Combined images",
        "drz_weight",
        "Exposure time of each pixel",
        "Weights of the combined images; holes are pixels that no exposure sees.",
        [
            Panel(
                "",
                draw_pair(
                    visit["weight"],
                    visit["original_weight"],
                    ("Reprocessed", "Original"),
                    [(0, float(np.max(visit["original_weight"])))],
                    "weight [s]",
                    "viridis",
                ),
                "Weight maps of the combined images",
            )
        ],
    )
