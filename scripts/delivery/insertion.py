"""Find what a new reference file would change among CRDS's pinned rules. Nothing is sent.

The file is inserted into the rules in memory, as CRDS does it. The output says which files it
replaces, which newer ones lose exposures to it, which of the exposures that were tested get it, and
whether that is what was meant. --difference is the change of the text of the rules.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.cli import ListFileParser, run


def main() -> None:
    """Insert the file, and others of its item."""
    make(STEP, parse())


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposures", nargs="+", type=Path, metavar="FILE", help=(
        "exposures on which it was tested, FITS, or their status files"
    ))  # fmt: skip
    parser.add_argument("--reference", required=True, type=Path, help="new reference file, FITS")
    parser.add_argument("--product", required=True, help="name of the product")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--replaces", default="", metavar="NAME", help=(
        "file that is meant to be replaced, or none (default: the one that the exposures get now)"
    ))  # fmt: skip
    parser.add_argument("--refusals", type=Path, metavar="FOLDER", help=(
        "why exposures are refused: <exposure>.txt, empty when they are not"
    ))  # fmt: skip
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="what changes")
    parser.add_argument("--difference", type=Path, metavar="FILE", help="change of the rules")
    add_batch_options(parser)
    return parser.parse_args(words)


def prepare(arguments: argparse.Namespace) -> None:
    """Give CRDS its environment, once for all files, and import what the insertion needs."""
    from darkroom.crds.environment import go_offline, learn_keywords

    go_offline(arguments.cache, arguments.observatory, arguments.context)
    from astropy.io import fits

    from darkroom.delivery import rules

    __ = fits, rules
    learn_keywords(arguments.observatory)


def try_insertion(arguments: argparse.Namespace) -> None:
    """Write what a file would change."""
    from darkroom.atomic import write_text
    from darkroom.campaign.exposure import read_exposure
    from darkroom.counterfactual.records import write_record
    from darkroom.delivery.insertion import gates, record
    from darkroom.delivery.rules import header_of, insert

    headers = {}
    for path in arguments.exposures:
        name = path.name.partition(".")[0]
        refusal = arguments.refusals and arguments.refusals / f"{name}.txt"
        exposure = read_exposure(path, refusal)
        if exposure["accepted"]:
            headers[exposure["exposure"]] = header_of(exposure["path"], arguments.observatory)
    found = insert(arguments.reference, arguments.context, headers)
    judged = gates(found, arguments.replaces)
    write_record(arguments.output, record(found, judged, arguments.product))
    if arguments.difference:
        write_text(arguments.difference, found.difference)
    for gate in judged:
        print(f"{gate.verdict}: {gate.name}. {gate.sentence}.")


STEP = Step([], [], ["output", "difference"], try_insertion, prepare, parse)

if __name__ == "__main__":
    run(main)
