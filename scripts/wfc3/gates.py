"""Judge the combined image of a visit by gates: exposures, weights, shifts, background.

Writes one JSON file with every gate. The verdict is given when the gates of the whole campaign are
known, since they share one budget of false alarms (judge/verdict.py).
"""

import argparse
from pathlib import Path

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument("--product", required=True, choices=("reprocessed",), help="what is judged")
    parser.add_argument("--file", required=True, type=Path, help="combined image, FITS")
    parser.add_argument("--record", required=True, type=Path, help="record of it, JSON")
    parser.add_argument("--quantities", required=True, type=Path, help="of the exposures, JSON")
    add_gate_options(parser)
    return parser.parse_args()


def main() -> None:
    """Judge the product."""
    arguments = parse()
    from darkroom.gates.gate import write_gates
    from darkroom.gates.options import accepted, harms, head
    from darkroom.wfc3.gating.gates import combined

    found = combined(arguments.record, arguments.quantities, accepted(arguments), harms(arguments))
    about = head(arguments, "wfc3", arguments.product, arguments.file)
    write_gates(arguments.output, about, found)
    print(f"{arguments.output}: {len(found)} gates")


if __name__ == "__main__":
    run(main)
