"""Judge a superbias or a read noise by gates: statistics of the ramps it was made of.

Writes one JSON file with every gate: its deviation, error, the size that matters, and the value of
every ramp. The verdict is given when the gates of the whole campaign are known, since they share
one budget of false alarms (judge/verdict.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared

PRODUCTS = ("superbias", "readnoise")


def parse() -> argparse.Namespace:
    """Read the command line."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument("ramps", nargs="+", metavar="FILE", help="ramps it was made of")
    shared.add_keep(parser)
    parser.add_argument("--product", required=True, choices=PRODUCTS, help="what is judged")
    parser.add_argument("--reference", required=True, type=Path, help="reference file, FITS")
    parser.add_argument("--details", required=True, type=Path, help="its file of details, FITS")
    add_gate_options(parser)
    return parser.parse_args()


def main() -> None:
    """Judge the product."""
    arguments = parse()
    from darkroom.gates.gate import write_gates
    from darkroom.gates.options import accepted, harms, head
    from darkroom.nircam.gating import gates
    from darkroom.nircam.ramps.ramps import RampSet

    purpose = {"superbias": "superbias", "readnoise": "read noise"}[arguments.product]
    ramps = RampSet(arguments.ramps, purpose, keep=arguments.keep)
    judge = {"superbias": gates.superbias, "readnoise": gates.readnoise}[arguments.product]
    found = judge(
        arguments.reference, arguments.details, ramps, accepted(arguments), harms(arguments)
    )
    about = head(arguments, "nircam", arguments.product, arguments.reference)
    write_gates(arguments.output, about, found)
    print(f"{arguments.output}: {len(found)} gates")


if __name__ == "__main__":
    run(main)
