"""Draw every figure of a CCD item, and write what the report shows of it.

Shown is all that the CCD notebook shows: frames under several stretches, the hot pixel, histograms
with and without outliers, one pixel in time, noise images and their histograms, the dark rate, what
drifted, and science frames before and after. The figures and figures.json replace the folder
--figures at once; --output is the item's JSON file for the report. Called, with all it reads:

    ccd_figures.py --frames frames.tsv --master-bias master_bias.fits
        --read-noise read_noise.fits --master-dark master_dark.fits --dark-rate dark_rate.fits
        --hot-pixels hot_pixels.fits --quantities quantities.json
        --science science/target_dsub.fits --pixel 100 150 --display-range -30 50
        --figures figures --output item.json

besides the accepted frames that frames.tsv names. The folder --figures and every product must lie
in the folder of --output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.campaign.settings import add_options
from darkroom.ccd.settings import PROGRAMS, CcdSettings
from darkroom.cli import ListFileParser, run

INPUTS = (
    ("frames", "frame table of the item"),
    ("master_bias", "product of master_bias"),
    ("read_noise", "product of read_noise"),
    ("master_dark", "product of master_dark"),
    ("dark_rate", "product of dark_rate"),
    ("hot_pixels", "product of hot_pixels"),
    ("quantities", "quantities of the item, JSON"),
)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog="units: those of the products (ADU, e-).")
    for name, what in INPUTS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, required=True, type=Path, metavar="FILE", help=what)
    parser.add_argument(
        "--science", nargs="*", default=[], type=Path, metavar="FILE", help="*_dsub.fits products"
    )
    add_options(parser, CcdSettings, PROGRAMS["figures"])
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads (default: 1)")
    parser.add_argument("--figures", required=True, type=Path, metavar="DIR", help="pictures")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="item file")
    return parser.parse_args()


def main() -> None:
    """Draw the figures and write the item file."""
    arguments = parse()
    from darkroom.ccd.figures.inputs import read_story
    from darkroom.ccd.figures.item import describe
    from darkroom.ccd.figures.story import draw_figures
    from darkroom.plot.book import FigureBook
    from darkroom.report.item import write_item
    from darkroom.report.truth import truth_table

    paths = {name: getattr(arguments, name) for name, _ in INPUTS}
    story = read_story(
        paths,
        arguments.science,
        pixel=arguments.pixel,
        display_range=arguments.display_range_adu,
        threads=arguments.threads,
    )
    # The item file goes first: it must never describe figures other than those beside it.
    arguments.output.unlink(missing_ok=True)
    with FigureBook(arguments.figures) as book:
        warnings = draw_figures(book, story)
    described = describe(paths, arguments.science, arguments.figures, story, warnings)
    if arguments.truth:
        described["tables"].insert(0, truth_table(arguments.truth))
    write_item(arguments.output, "ccd", **described)
    print(f"{arguments.figures}: {len(book.records)} figures")


if __name__ == "__main__":
    run(main)
