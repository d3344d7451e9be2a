"""Judge noise maps and darks by gates: level and noise of the frames and stacks they are made of.

Writes one JSON file with every gate. The verdict is given when the gates of the whole campaign are
known, since they share one budget of false alarms (judge/verdict.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.batches.gates import make_gates
from darkroom.batches.step import add_batch_options
from darkroom.cgi import options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.gate import Gate


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--product",
        required=True,
        help="what is judged: noise_maps, or the name of a dark (traditional_…, synthesized_…, "
        "photon_counted_…)",
    )
    parser.add_argument("--file", required=True, type=Path, help="the product, FITS")
    parser.add_argument("--statuses", type=Path, help="list of the status files of the frames")
    parser.add_argument("--maps", type=Path, help="synthesized dark: its noise maps, FITS")
    options.add_settings(parser, "gates")
    add_gate_options(parser)
    add_batch_options(parser)
    return parser.parse_args(words)


def main() -> None:
    """Judge the product, and others of its item."""
    make_gates("cgi", parse, lambda arguments: (arguments.file, judged(arguments)), prepare)


def prepare(_: argparse.Namespace) -> None:
    """Import what gates need."""
    from darkroom.cgi.gating import darks, frames, gates

    __ = darks, frames, gates


def judged(arguments: argparse.Namespace) -> list[Gate]:
    """Return the gates of the product."""
    from darkroom.cgi.gating import darks, frames
    from darkroom.cgi.gating.gates import noise_maps
    from darkroom.cgi.gating.harms import HARMS
    from darkroom.cgi.geometry import read_geometry
    from darkroom.gates.options import accepted, harms

    names, sizes = (
        accepted(arguments),
        harms(arguments, HARMS, arguments.product.partition("_g")[0]),
    )
    geometry = read_geometry(arguments.geometry)
    if arguments.product.startswith("synthesized"):
        whole = darks.Dark(arguments.file).data.shape == tuple(geometry.shape)
        section = None if whole else geometry.section("image")
        return darks.synthesized(arguments.file, arguments.maps, section, sizes)
    facts = frames.facts_of(arguments.statuses)
    read = frames.reader(geometry, lambda: options.raw_settings(arguments, divide=True))
    if names is not None:
        names = frames.of_stacks(names, facts, frames.names_in(arguments.file))
    if arguments.product == "noise_maps":
        return noise_maps(arguments.file, facts, names, sizes, read)
    return darks.dark(arguments.file, facts, names, sizes, read)


if __name__ == "__main__":
    run(main)
