"""Draw the figures of a WFC3/IR item, and write its entry for the report.

Reads the products in --folder: original/, reads/, chosen/, measures/, reprocessed/ and the two
combined images. The folder --figures is replaced as a whole, with figures.json in it; --output is
the item's JSON file for the report, with quantities.json and quantities.tsv beside it. With --truth
(folder with an .npz file of each simulated exposure) the products are also compared with the truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings

if TYPE_CHECKING:
    from darkroom.wfc3.figures.story import ExposureStory

PRODUCTS = (
    ("frames.tsv", "every exposure: accepted or refused, why, and values of its header"),
    ("quantities.json", "quantities by the notebook's definitions and by darkroom's"),
)
VISIT = (
    ("{}_drz_sci.fits", "combined image of the visit, {}, e-/s"),
    ("{}_drz_wht.fits", "its weights, s"),
)


def main() -> None:
    """Draw the figures and write the item file."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposures", nargs="+", help="names of the item's exposures")
    parser.add_argument(
        "--frames", type=Path, help="frame table; frames refused there are left out"
    )
    parser.add_argument("--folder", required=True, type=Path, help="folder of the item")
    add_options(parser, Wfc3Settings, PROGRAMS["figures"])
    parser.add_argument(
        "--archive", type=Path, help="the archive's combined image, or its status file"
    )
    parser.add_argument("--truth", type=Path, help="folder with the truth of simulated exposures")
    parser.add_argument(
        "--figures", required=True, type=Path, metavar="DIR", help="folder of the figures"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="JSON", help="item file for the report"
    )
    arguments = parser.parse_args()

    import json

    from darkroom.atomic import remove_durably, write_text
    from darkroom.campaign.frames import accepted_exposures
    from darkroom.memory import kept_large
    from darkroom.plot.book import FigureBook
    from darkroom.report.item import write_item
    from darkroom.wfc3.figures import story
    from darkroom.wfc3.figures.item import describe, quantities, quantities_table
    from darkroom.wfc3.figures.visits import read_visits

    folder, names = arguments.folder, arguments.exposures
    if arguments.frames:
        accepted = accepted_exposures(arguments.frames)
        names = [name for name in names if name in accepted]
    stories = story.read_exposures(folder, names, arguments.differences)
    visits, pictures = read_visits(folder, arguments.archive)
    # The item file goes first: it must never describe figures other than those beside it.
    remove_durably(arguments.output)
    with FigureBook(arguments.figures) as book, kept_large():
        story.tell_visit(book, pictures)
        for one in stories:
            story.tell_exposure(book, one)
    rows = quantities(stories)
    text = json.dumps({"quantities": rows}, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(folder / "quantities.json", text + "\n")
    write_text(folder / "quantities.tsv", quantities_table(rows))
    products = [
        (file.format(version), what.format(version))
        for version in ("reprocessed", "original")
        for file, what in VISIT
    ]
    for version in ("reprocessed", "original"):
        products += [(f"{version}/{t.reprocessed.name}", f"FLT, {version}") for t in stories]
    described = describe(stories, visits, [*products, *PRODUCTS], truths(stories, arguments.truth))
    figures = arguments.figures.relative_to(folder) / "figures.json"
    write_item(
        arguments.output, "wfc3", figures=figures.as_posix(), quantities="quantities.json",
        **described,
    )  # fmt: skip
    print(f"{arguments.figures}: {len(book.records)} figures")


def truths(stories: list[ExposureStory], folder: Path | None) -> dict[str, dict[str, Any]]:
    """Compare every exposure with its truth: ``{exposure: comparison}``, empty without a folder."""
    import numpy as np
    from astropy.io import fits

    from darkroom.wfc3.truth import against_truth

    found = {}
    for one in stories if folder else ():
        images = {}
        for version, path in (("original", one.original), ("reprocessed", one.reprocessed)):
            with fits.open(path) as hdus:
                images[version] = tuple(hdus[name, 1].data for name in ("SCI", "ERR", "DQ"))
        with np.load(folder / f"{one.name}.npz") as truth:
            found[one.name] = against_truth(truth, one.choice["reads"], images)
    return found


if __name__ == "__main__":
    run(main)
