"""Judge a NIRCam product by gates: statistics of the ramps it was made of.

Writes one JSON file with every gate: its deviation, error, the size that matters, and the value of
every ramp. The verdict is given when the gates of the whole campaign are known, since they share
one budget of false alarms (judge/verdict.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.batches.gates import make_gates
from darkroom.batches.step import add_batch_options
from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.gate import Gate

PRODUCTS = ("superbias", "readnoise", "noise_spectrum", "reference_pixels", "dark", "mask")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument("ramps", nargs="*", metavar="FILE", help="ramps it was made of")
    shared.add_keep(parser)
    parser.add_argument("--product", required=True, choices=PRODUCTS, help="what is judged")
    parser.add_argument("--reference", required=True, type=Path, help="the product, FITS")
    parser.add_argument("--details", type=Path, help="its file of details, FITS")
    parser.add_argument(
        "--readnoise", type=Path, help="noise_spectrum: read noise of the same ramps, FITS"
    )
    parser.add_argument(
        "--spectrum", type=Path, help="superbias: noise spectrum of the same ramps, FITS"
    )
    parser.add_argument("--dark", type=Path, help="mask: details of the dark, FITS")
    add_gate_options(parser)
    add_batch_options(parser)
    return parser.parse_args(words)


def main() -> None:
    """Judge the product, and others of its item."""
    make_gates("nircam", parse, lambda arguments: (arguments.reference, judged(arguments)), prepare)


def prepare(arguments: argparse.Namespace) -> None:
    """Import what gates need."""
    from darkroom.compiled import load_kernel
    from darkroom.nircam.gating import darks, gates, noise
    from darkroom.nircam.ramps.ramps import RampSet

    __ = darks, gates, noise, RampSet
    if arguments.ramps:
        # Raw ramps are calibrated when they are opened; worker processes share what is loaded here.
        load_kernel("darkroom.nircam.chain.kernel")


def judged(arguments: argparse.Namespace) -> list[Gate]:
    """Return the gates of the product."""
    from darkroom.gates.options import accepted, harms
    from darkroom.nircam.gating import darks, gates, noise
    from darkroom.nircam.gating.harms import HARMS
    from darkroom.nircam.ramps.ramps import RampSet

    names, sizes = accepted(arguments), harms(arguments, HARMS, arguments.product)
    if arguments.product == "noise_spectrum":
        return noise.noise_spectrum(arguments.reference, arguments.readnoise, names, sizes)
    if arguments.product == "reference_pixels":
        return noise.reference_pixels(arguments.reference, names, sizes)
    if arguments.product == "mask":
        return darks.mask(arguments.reference, arguments.details, arguments.dark, sizes)
    purpose = {"superbias": "superbias", "readnoise": "read noise", "dark": "dark"}
    ramps = RampSet(arguments.ramps, purpose[arguments.product], keep=arguments.keep)
    given = arguments.reference, arguments.details, ramps, names, sizes
    if arguments.product == "superbias":
        return gates.superbias(*given, arguments.spectrum)
    return (gates.readnoise if arguments.product == "readnoise" else darks.dark)(*given)


if __name__ == "__main__":
    run(main)
