"""Measure the quantities of a CCD by the notebook's definitions and by darkroom's, with errors.

Names of rows of a second amplifier and those after it end in that of its extension.

OUT is a tab-separated table: name, notebook (its definition), ours (darkroom's), uncertainty, unit,
definition. The file of the same name with the suffix .json holds the same, and the answers to four
questions: how much noise the dark current adds, how many dark counts a bias frame holds, whether
the gradient is in the bias or in the dark, and whether dark subtraction improves the science frame.

The notebook's definitions use the darks of the exposure time with the most frames, regardless of
their temperature.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from darkroom.ccd.quantities import Quantity


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    options.add_settings(parser, "quantities")
    for name in ("master-bias", "read-noise", "dark-rate", "hot-pixels"):
        parser.add_argument(
            f"--{name}", required=True, metavar="FILE", help=f"product of {name.replace('-', '_')}"
        )
    parser.add_argument("--bias", nargs="+", required=True, metavar="FILE", help="bias frames")
    parser.add_argument("--dark", nargs="+", required=True, metavar="FILE", help="dark frames")
    parser.add_argument("--science", nargs="*", default=[], metavar="FILE", help="science frames")
    parser.add_argument(
        "--subtracted",
        nargs="*",
        default=[],
        metavar="FILE",
        help="products of subtract_dark, in the order of --science",
    )
    arguments = parser.parse_args()
    options.check(arguments, "quantities")
    if len(arguments.science) != len(arguments.subtracted):
        parser.error("--science and --subtracted need the same number of files")
    return arguments


def main() -> None:
    """Make the table."""
    arguments = parse()
    import json
    import logging
    from dataclasses import asdict, replace
    from pathlib import Path

    from darkroom.atomic import write_text
    from darkroom.ccd.answers import answers
    from darkroom.ccd.collect_quantities import quantities
    from darkroom.ccd.overscan.amplifiers import amplifiers
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products.amplifiers import for_amplifier
    from darkroom.ccd.products.quantities_text import plain, tsv

    rows: list[Quantity] = []
    answered: list[list[dict[str, str]]] = []
    unit = products.unit(arguments.gain_e_per_adu)
    parts = amplifiers(arguments.dark[0])
    for number, amplifier in enumerate(parts):
        more, seen = quantities(for_amplifier(arguments, number), options.clip(arguments))
        told = answers(more, seen, unit)
        if len(parts) > 1:
            told = [one | {"question": f"{one['question']} ({amplifier.name})"} for one in told]
        answered.append(told)
        if number:
            more = [replace(row, name=f"{row.name}_{amplifier.name}") for row in more]
        rows += more
    # Question by question, of each amplifier in turn.
    found = [one for question in zip(*answered, strict=True) for one in question]
    for answer in found:
        logging.info("%s %s", answer["question"], answer["answer"])
    output = Path(arguments.output)
    content = {"quantities": [asdict(row) for row in rows], "answers": found}
    write_text(output.with_suffix(".json"), json.dumps(plain(content), indent=1) + "\n")
    write_text(output, tsv(rows))


if __name__ == "__main__":
    run(main)
