"""Draw the figures of a superdark, and write its item's entry for the report.

The folder --figures is replaced as a whole; --output is the item's JSON file. With --truth (folder
with an .npz file of each simulated dark) the superdark is also compared with the truth.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

PRODUCTS = (
    ("superdark.fits", "reference file for CRDS (DARKFILE): dark of each read, DN"),
    ("superdark_details.fits", "rate and error of each pixel, levels of darks, noise by read"),
    ("superdark.json", "numbers of this report"),
    ("frames.tsv", "every exposure: accepted or refused, why, and values of its header"),
)


def main() -> None:
    """Draw the figures and write the item file."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("superdark", type=Path, help="reference file")
    parser.add_argument("--details", required=True, type=Path)
    parser.add_argument("--quantities", required=True, type=Path, help="its numbers, JSON")
    parser.add_argument("--set", required=True, type=Path, help="table of the rules' rows, TSV")
    parser.add_argument("--truth", type=Path, help="folder with the truth of simulated darks")
    parser.add_argument("--figures", required=True, type=Path, metavar="DIR")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON")
    arguments = parser.parse_args()

    import csv
    import json

    from astropy.io import fits

    from darkroom.atomic import remove_durably
    from darkroom.plot.book import FigureBook
    from darkroom.report.item import write_item
    from darkroom.wfc3.superdark import figures

    numbers = json.loads(arguments.quantities.read_text(encoding="utf-8"))
    rows = list(csv.DictReader(arguments.set.open(encoding="utf-8"), delimiter="\t"))
    with fits.open(arguments.details, memmap=False) as hdus:
        planes = {name: hdus[name].data for name in ("RATE", "ERR", "DQ")}
        levels, reads = hdus["LEVELS"].data, hdus["READS"].data
        # The item file goes first: it must never describe figures other than those beside it.
        remove_durably(arguments.output)
        with FigureBook(arguments.figures) as book:
            figures.draw(book, planes, levels, reads, numbers)
        used = [str(name).partition("_raw")[0] for name in levels["FILE"]]
    truth = compared(arguments.superdark, used, arguments.truth) if arguments.truth else None
    folder = arguments.output.parent
    write_item(
        arguments.output, "wfc3",
        figures=(arguments.figures.relative_to(folder) / "figures.json").as_posix(),
        products=[{"file": file, "what": what} for file, what in PRODUCTS],
        **figures.describe(numbers, rows, truth),
    )  # fmt: skip
    print(f"{arguments.figures}: {len(book.records)} figures")


def compared(superdark: Path, names: Sequence[str], folder: Path) -> dict[str, Any]:
    """Compare a superdark with the truth of its darks."""
    import json

    import numpy as np
    from astropy.io import fits

    from darkroom.wfc3.simulate.names import BORDER
    from darkroom.wfc3.superdark.truth import against_truth

    truths = []
    for name in names:
        with np.load(folder / f"{name}.npz") as truth:
            truths.append(dict(truth))
    inside = slice(BORDER, -BORDER)
    with fits.open(superdark, memmap=False) as hdus:
        sci, err, dq = (hdus[plane, 1].data[inside, inside] for plane in ("SCI", "ERR", "DQ"))
        seconds = hdus[0].header["EXPOS_1"]
        said = [str(line) for line in hdus[0].header["HISTORY"]]
    (hot,) = [line.partition("=")[2] for line in said if line.startswith("setting hot =")]
    return against_truth(sci, err, dq, seconds, truths, json.loads(hot))


if __name__ == "__main__":
    run(main)
