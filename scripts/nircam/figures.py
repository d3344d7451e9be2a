"""Draw the figures of a NIRCam item, and write its entry for the report.

Superbias   image with the notebook's logarithmic stretch and limits, and with limits adapted to the
            data, the chosen pixel marked; error image and histogram with the threshold; scatter by
            amplifier; flagged pixels; offsets of ramps against time; difference from a previous
            file; two methods side by side
Read noise  the same for its maps; noise of each ramp; active against reference pixels; scatter over
            pixels
Others      noise spectrum, reference pixels and residual noise after corrections, where given

At least one of --superbias and --readnoise must be given. Example:

    figures.py --superbias superbias.fits superbias_details.fits
        --readnoise readnoise.fits readnoise_details.fits
        --quantities superbias.json readnoise.json --merged quantities.json
        --figures figures --output item.json

The folder --figures, --merged and every product must be in the folder of --output.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    pair = {"nargs": 2, "type": Path, "metavar": ("REFERENCE", "DETAILS")}
    parser.add_argument("--superbias", **pair, help="products of superbias")
    parser.add_argument("--readnoise", **pair, help="products of readnoise")
    for name in ("superbias", "readnoise"):
        parser.add_argument(f"--{name}-other", **pair, help="products of another method")
    parser.add_argument("--dark", **pair, help="products of dark")
    parser.add_argument("--mask", **pair, help="products of mask; needs --dark")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="truth of simulated darks")
    parser.add_argument("--comparison", type=Path, metavar="JSON", help="comparison with the truth")
    parser.add_argument(
        "--noise-spectrum", type=Path, metavar="FILE", help="product of noise_spectrum"
    )
    parser.add_argument(
        "--noise-previous", type=Path, metavar="FILE", help="noise spectrum of another epoch"
    )
    parser.add_argument(
        "--reference-pixels", type=Path, metavar="FILE", help="product of reference_pixels"
    )
    parser.add_argument(
        "--corrections", type=Path, metavar="FILE", help="product of compare_corrections"
    )
    parser.add_argument("--bands", type=Path, metavar="FILE", help="product of superbias_bands")
    parser.add_argument(
        "--noise-truth", type=Path, metavar="JSON", help="comparison of the noise with its truth"
    )
    parser.add_argument(
        "--trends", type=Path, metavar="JSON", help="trends of the series, from report/trends.py"
    )
    parser.add_argument(
        "--rules",
        nargs="*",
        default=[],
        type=Path,
        metavar="JSON",
        help="what the products would replace among the rules of CRDS, from certify.py",
    )
    parser.add_argument(
        "--quantities",
        nargs="*",
        default=[],
        type=Path,
        metavar="JSON",
        help="numbers of the products",
    )
    parser.add_argument(
        "--merged", type=Path, metavar="JSON", help="file of all these numbers to write"
    )
    parser.add_argument(
        "--pixel",
        nargs=2,
        type=int,
        metavar=("X", "Y"),
        help="pixel to mark, column and row counted from 0",
    )
    parser.add_argument(
        "--figures", required=True, type=Path, metavar="DIR", help="folder of the figures"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="JSON", help="item file for the report"
    )
    arguments = parser.parse_args()
    if arguments.superbias is None and arguments.readnoise is None:
        parser.error("give --superbias, --readnoise or both")
    if bool(arguments.quantities) != bool(arguments.merged):
        parser.error("give both --quantities and --merged, or neither")
    return arguments


def main() -> None:
    """Draw the figures and write the item file."""
    arguments = parse()
    from darkroom.atomic import remove_durably
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.figures import (
        dark,
        item,
        noise_item,
        readnoise,
        superbias,
        superbias_rows,
    )  # fmt: skip
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.plot.book import FigureBook
    from darkroom.report.item import write_item
    from darkroom.report.quantities import write_quantities
    from darkroom.report.truth import truth_table

    found, folder = {}, arguments.output.parent
    # The item file goes first: it must never describe figures other than those beside it.
    remove_durably(arguments.output)
    with FigureBook(arguments.figures) as book:
        for name, story in (("superbias", superbias), ("readnoise", readnoise)):
            paths = getattr(arguments, name)
            if paths is None:
                continue
            found[name] = tuple(map(Product, paths))
            classes = Classes.of_layout(Readout.from_header(found[name][0].header))
            other = getattr(arguments, f"{name}_other")
            other = None if other is None else tuple(map(Product, other))
            story.draw_figures(book, *found[name], classes, pixel=arguments.pixel, other=other)
        bands = None if arguments.bands is None else Product(arguments.bands)
        superbias_rows.draw_figures(book, found.get("superbias", (None, None))[1], bands)
        darks = {
            name: None if paths is None else tuple(map(Product, paths))
            for name, paths in (("dark", arguments.dark), ("mask", arguments.mask))
        }
        if darks["dark"]:
            reasons = darks["mask"][1] if darks["mask"] else None
            dark.draw_figures(book, classes, darks["dark"][1], reasons)
        noise = _draw_noise(book, arguments)
        trends = None
        if arguments.trends:
            from darkroom.report import trends as told

            trends = told.read(arguments.trends)
            told.draw_figures(book, trends)
    described = noise_item.add(item.describe(folder, **found), folder, **noise)
    described = dark.add(described, folder, **darks)
    described = superbias_rows.add(described, folder, bands)
    if arguments.noise_truth:
        table = truth_table(arguments.noise_truth) | {"title": "Noise against the truth"}
        described["tables"].append(table)
    described = item.add_rules(described, arguments.rules)
    if trends:
        told.add(described, trends)
    described["figures"] = item.inside(arguments.figures / "figures.json", folder)
    if arguments.merged:
        write_quantities(arguments.merged, item.merge_quantities(arguments.quantities))
        described["quantities"] = item.inside(arguments.merged, folder)
    if arguments.comparison:
        described["tables"].insert(0, truth_table(arguments.comparison))
    if arguments.truth:
        text = {
            "file": item.inside(arguments.truth, folder),
            "what": "truth of the simulated darks",
        }
        described["products"].append(text)
    write_item(arguments.output, "nircam", **described)
    print(f"{arguments.figures}: {len(book.records)} figures")


def _draw_noise(book, arguments):
    """Draw the figures of the noise products that are given; return these products by name."""
    from darkroom.nircam.figures import refpix as nircam_refpix
    from darkroom.nircam.figures import spectrum as nircam_spectrum
    from darkroom.nircam.figures.inputs import Product

    names = ("noise_spectrum", "noise_previous", "reference_pixels", "corrections")
    given = {name: getattr(arguments, name) for name in names}
    made = {name: Product(path) for name, path in given.items() if path is not None}
    previous = made.pop("noise_previous", None)
    if "noise_spectrum" in made:
        nircam_spectrum.draw_figures(book, made["noise_spectrum"], previous)
    if "reference_pixels" in made:
        nircam_refpix.draw_figures(book, made["reference_pixels"], made.get("corrections"))
    return made


if __name__ == "__main__":
    run(main)
