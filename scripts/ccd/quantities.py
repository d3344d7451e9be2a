"""Make the table of a CCD's quantities by the notebook's definitions and by ours, with errors.

Writes OUT (tab-separated: name, notebook, ours, uncertainty, unit, definition) and, beside it with
the suffix .json, the same with the answers to the questions: how much noise did the dark current
add, how many dark counts does a bias hold, is the gradient in the bias or in the dark, did dark
subtraction improve the science frame. The notebook's darks are those of the exposure time with the
most frames, whatever their temperature.
"""

from __future__ import annotations

import argparse

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


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
    from dataclasses import asdict
    from pathlib import Path

    from darkroom.atomic import write_text
    from darkroom.ccd.answers import answers
    from darkroom.ccd.collect_quantities import quantities
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products.quantities_text import plain, tsv

    rows, science = quantities(arguments, options.clip(arguments), options.recover(arguments))
    found = answers(rows, science, products.unit(arguments.gain_e_per_adu))
    for answer in found:
        logging.info("%s %s", answer["question"], answer["answer"])
    output = Path(arguments.output)
    content = {"quantities": [asdict(row) for row in rows], "answers": found}
    write_text(output.with_suffix(".json"), json.dumps(plain(content), indent=1) + "\n")
    write_text(output, tsv(rows))


if __name__ == "__main__":
    run(main)
