"""Judge noise maps by gates: level and noise of the stacks they were fitted to.

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
    parser.add_argument("--product", required=True, choices=("noise_maps",), help="what is judged")
    parser.add_argument("--file", required=True, type=Path, help="noise maps, FITS")
    add_gate_options(parser)
    return parser.parse_args()


def main() -> None:
    """Judge the product."""
    arguments = parse()
    from darkroom.cgi.gating.gates import noise_maps
    from darkroom.gates.gate import write_gates
    from darkroom.gates.options import accepted, harms, head

    found = noise_maps(arguments.file, accepted(arguments), harms(arguments))
    write_gates(arguments.output, head(arguments, "cgi", arguments.product, arguments.file), found)
    print(f"{arguments.output}: {len(found)} gates")


if __name__ == "__main__":
    run(main)
