"""Draw the figures of a CCD item, and write its entry for the report.

The figures are those of the CCD notebook: frames in several stretches, the hottest pixel,
histograms with and without outliers, the time series of one pixel, noise images and their
histograms, the dark rate, drifts, and science frames before and after dark subtraction. Of a camera
with several amplifiers each figure has panels of all.

The folder --figures is replaced as a whole, with figures.json in it; --output is the item's JSON
file for the report. Example:

    figures.py --frames frames.tsv --master-bias master_bias.fits
        --read-noise read_noise.fits --master-dark master_dark.fits --dark-rate dark_rate.fits
        --hot-pixels hot_pixels.fits --bad-pixels bad_pixels.fits --quantities quantities.json
        --science science/target_dsub.fits --pixel 100 150 --display-range-adu -30 50
        --figures figures --output item.json

Products that an item does not have (without darks, or without bias frames) are left out. The
accepted frames named in frames.tsv are read too. The folder --figures and every product must
be in the folder of --output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.campaign.settings import add_options
from darkroom.ccd import options
from darkroom.ccd.settings import PROGRAMS, CcdSettings
from darkroom.cli import ListFileParser, run

PRODUCTS = (
    ("master_bias", "product of master_bias"),
    ("read_noise", "product of read_noise"),
    ("master_dark", "product of master_dark"),
    ("dark_rate", "product of dark_rate"),
    ("hot_pixels", "product of hot_pixels"),
    ("bad_pixels", "product of bad_pixels"),
    ("quantities", "quantities of the item, JSON"),
)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(
        description=__doc__, epilog="Units are those of the products (ADU or e-)."
    )
    parser.add_argument(
        "--frames", required=True, type=Path, metavar="FILE", help="frame table of the item"
    )
    for name, what in PRODUCTS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=Path, metavar="FILE", help=what)
    parser.add_argument(
        "--science",
        nargs="*",
        default=[],
        type=Path,
        metavar="FILE",
        help="products of subtract_dark (*_dsub.fits)",
    )
    parser.add_argument("--gain", type=Path, metavar="FILE", help="product of gain")
    parser.add_argument(
        "--trends", type=Path, metavar="JSON", help="trends of the series, from report/trends.py"
    )
    add_options(parser, CcdSettings, PROGRAMS["figures"])
    parser.add_argument(
        "--truth", type=Path, metavar="JSON", help="comparison with the truth of simulated frames"
    )
    parser.add_argument("--threads", type=int, default=1, metavar="N", help="threads (default: 1)")
    parser.add_argument(
        "--figures", required=True, type=Path, metavar="DIR", help="folder of the figures"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="JSON", help="item file for the report"
    )
    arguments = parser.parse_args()
    if not (arguments.master_bias or arguments.master_dark):
        parser.error("--master-bias or --master-dark is needed")
    return arguments


def main() -> None:
    """Draw the figures and write the item file."""
    arguments = parse()
    import os
    from dataclasses import replace

    from darkroom.atomic import remove_durably
    from darkroom.ccd import previous
    from darkroom.ccd.figures.amplifiers import AmplifierBook, amplifier_names
    from darkroom.ccd.figures.gain import add_gain
    from darkroom.ccd.figures.inputs import read_story
    from darkroom.ccd.figures.item import describe
    from darkroom.ccd.figures.story import draw_figures
    from darkroom.ccd.products.amplifiers import part_count
    from darkroom.memory import kept_large
    from darkroom.report.item import write_item
    from darkroom.report.truth import truth_table

    paths = {"frames": arguments.frames}
    paths |= {name: path for name, _ in PRODUCTS if (path := getattr(arguments, name))}
    master = paths.get("master_bias") or paths["master_dark"]
    names = amplifier_names(master, part_count(master))
    # The item file goes first: it must never describe figures other than those beside it.
    remove_durably(arguments.output)
    stories, warnings = [], []
    with AmplifierBook(arguments.figures, names) as book, kept_large():
        for book.amplifier, name in enumerate(names):
            story = read_story(
                paths,
                arguments.science,
                pixel=arguments.pixel,
                display_range=arguments.display_range_adu,
                readout=replace(options.readout(arguments), amplifier=book.amplifier),
                threads=arguments.threads,
            )
            # That the temperature drifts is the same of all.
            found = [text for text in draw_figures(book, story) if text not in warnings]
            warnings += [f"{name}: {text}" if stories else text for text in found]
            stories.append(replace(story, amplifier=name))
        if arguments.trends:
            from darkroom.report import trends as told

            trends = told.read(arguments.trends)
            told.draw_figures(book, trends)
    described = describe(
        paths, arguments.science, arguments.figures, stories, warnings, arguments.gain
    )
    if arguments.previous:
        changes, faults = previous.compare(paths, os.path.expandvars(arguments.previous))
        if changes:
            described["tables"].append(previous.table(changes))
        described["warnings"] += [*faults, *previous.sentences(changes)]
    if arguments.trends:
        told.add(described, trends)
    if arguments.gain:
        add_gain(described, arguments.gain, arguments.output.parent)
    if arguments.truth:
        described["tables"].insert(0, truth_table(arguments.truth))
    write_item(arguments.output, "ccd", **described)
    print(f"{arguments.figures}: {len(book.records)} figures")


if __name__ == "__main__":
    run(main)
