"""The figures of a WFC3 item, in the order of the report, with their captions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.plot.book import Panel
from darkroom.wfc3.figures.panel import draw_panel
from darkroom.wfc3.figures.pictures import draw_pair, zscale
from darkroom.wfc3.figures.ramp import draw_quality, draw_rates
from darkroom.wfc3.files.imsets import Imsets
from darkroom.wfc3.files.reads import ranges, read_ima
from darkroom.wfc3.reads.diagnose import Differences, from_record
from darkroom.wfc3.reads.records import ima_of, read_record
from darkroom.words import measured, number, sentence

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.plot.book import FigureBook

UNIT = "e⁻/s"


@dataclass(frozen=True)
class ExposureStory:
    """What the report shows of one exposure.

    Parameters
    ----------
    name : str
        Root name.
    choice, measures : dict
        Records of the programs ``choose_reads`` and ``treat_reads``.
    differences : Differences
        The sky in every interval, by the method that is shown.
    ima, original, reprocessed : pathlib.Path
        IMA and the two FLTs.
    """

    name: str
    choice: dict[str, Any]
    measures: dict[str, Any]
    differences: Differences
    ima: Path
    original: Path
    reprocessed: Path


def read_exposures(folder: Path, names: Iterable[str], method: str) -> list[ExposureStory]:
    """Read the records of the exposures of an item, without those that were refused.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the item.
    names : iterable of str
        Exposures of the item.
    method : {"instantaneous", "cumulative"}
        Differences to show.
    """
    found = []
    for name in names:
        original = folder / "original" / f"{name}.json"
        ima, _ = ima_of(original)
        if ima is None:
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


def tell_exposure(book: FigureBook, story: ExposureStory) -> None:
    """Add the figures of one exposure to a book."""
    reads = story.choice["reads"]
    scaled = " Regions are scaled to the subarray." if story.differences.scaled else ""
    book.add(
        story.name,
        f"{story.name}_rates",
        "The sky between the reads",
        f"Median rate of the whole field, the left and the right region "
        f"({story.differences.method} differences, sources: {story.differences.sources}), with the "
        f"uncertainty of each median; bad reads are shaded. "
        f"{sentence(story.choice['words'])}{scaled}",
        [
            Panel(
                "",
                draw_rates(story.differences, reads, f"{story.name}, sky in each interval"),
                f"Sky rates of {story.name} against time; {story.choice['words']}",
            )
        ],
    )
    book.add(
        story.name,
        f"{story.name}_panel",
        "Differences of all reads",
        "Absolute difference of each pair of reads, all on the same stretch. Above: median ± "
        "standard deviation of the pixels; inside: the same of the left and the right region; "
        "below: left / right, left − right and length of the interval. Bad reads have a coloured "
        "frame. The first, very short, interval is left out.",
        [
            Panel(
                "",
                draw_panel(read_ima(story.ima), story.differences, reads, f"{story.name}, {UNIT}"),
                f"Sheet of the read differences of {story.name}",
            )
        ],
    )
    before, after = story.measures["quality"]
    done = story.measures["done"]
    book.add(
        story.name,
        f"{story.name}_quality",
        "Is the ramp a straight line?",
        f"Above: the counts of the sky minus a line, in units of the error of a read (σ). CRCORR "
        f"takes a step of 4 σ for a cosmic ray. Below: pixels newly flagged in each read. As taken "
        f"the sky departs from the line by {number(before['departure'], 3)} σ at most, and "
        f"{_flagged(before)}"
        + (f"; after the treatment by {number(after['departure'], 3)} σ, and {_flagged(after)}."
           if done != "none" else "."),
        [
            Panel(
                "",
                draw_quality(before, after, done, f"{story.name}, departure from a line"),
                f"Departure of the sky's ramp of {story.name} from a straight line",
            )
        ],
    )  # fmt: skip
    if done != "none":
        _add_pair(book, story)


def _flagged(quality):
    share = number(100 * quality["cosmic_rays"], 3)
    return f"{share} % of the pixels are flagged, {number(100 * quality['given_up'], 3)} % given up"


def _add_pair(book, story):
    """Add original and reprocessed image, and their difference."""
    first, second = (fits.getdata(path, ("SCI", 1)) for path in (story.original, story.reprocessed))
    with Imsets(story.reprocessed) as imsets:
        # A constant plane when every pixel has all of the time.
        used = imsets.plane("TIME", 1)
    times = story.measures["exptime"]
    before, after = story.measures["background"]
    difference = first - second
    low, high = np.nanpercentile(difference, [2, 98])
    book.add(
        story.name,
        f"{story.name}_pair",
        "Before and after",
        f"Each image on its own zscale, and the difference of the two. Background left/right "
        f"{measured(before['ratio'], before['ratio_error'])} before, "
        f"{measured(after['ratio'], after['ratio_error'])} after "
        f"({story.measures['done']}, EXTVER {ranges(story.choice['reads']) or 'none'}); noise "
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
                f"Reprocessed and original FLT of {story.name}",
            ),
            Panel(
                "difference",
                draw_pair(
                    difference,
                    used,
                    ("Original − reprocessed", "Exposure time used"),
                    [(low, high), (0, times[0])],
                    (UNIT, "s"),
                    "viridis",
                ),
                f"Difference of the two images of {story.name}, and the time used in each pixel",
            ),
        ],
    )


def tell_visit(book: FigureBook, visit: dict[str, Any]) -> None:
    """Add the combined images to a book.

    Parameters
    ----------
    book : darkroom.plot.book.FigureBook
        Figures of the item.
    visit : dict
        ``reprocessed``, ``original`` and, when the archive has one, ``archive``: (image, exposure
        time, words); ``weight`` and ``original_weight``: (ny, nx) arrays. See
        `darkroom.wfc3.figures.visits.read_visits`.
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
        "Weights of the combined images; pixels of weight 0 have no data from any exposure.",
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
