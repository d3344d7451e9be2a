"""Judge a CCD product by gates: statistics of the frames it was made of.

Writes one JSON file with every gate: its deviation, error, the size that matters, and the value of
every frame. The verdict is given when the gates of the whole campaign are known, since they share
one budget of false alarms (judge/verdict.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.batches.gates import make_gates
from darkroom.batches.step import add_batch_options
from darkroom.ccd import options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.gates.gate import Gate

PRODUCTS = ("master_bias", "read_noise", "dark_rate", "hot_pixels")


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument("--product", required=True, choices=PRODUCTS, help="what is judged")
    parser.add_argument("--file", required=True, type=Path, help="the product, FITS")
    parser.add_argument("--rate", type=Path, help="hot_pixels: the dark rate, FITS")
    parser.add_argument("--bias", nargs="+", default=[], metavar="FILE", help="bias frames")
    parser.add_argument("--dark", nargs="+", default=[], metavar="FILE", help="darks")
    options.add_settings(parser, "dark_rate")
    add_gate_options(parser)
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    options.check(arguments, "dark_rate")
    return arguments


def main() -> None:
    """Judge the product, and others of its item."""
    make_gates("ccd", parse, every_amplifier, prepare)


def prepare(_: argparse.Namespace) -> None:
    """Import what gates need."""
    from darkroom.ccd.cells import bias_cell
    from darkroom.ccd.gating import gates, planes
    from darkroom.ccd.gating.frames import image_slopes
    from darkroom.ccd.products.amplifiers import for_amplifier

    __ = bias_cell, gates, planes, image_slopes, for_amplifier


def every_amplifier(arguments: argparse.Namespace) -> tuple[Path, list[Gate]]:
    """Return the product, and the gates of all its amplifiers."""
    from darkroom.ccd.overscan.amplifiers import amplifiers
    from darkroom.ccd.products.amplifiers import for_amplifier, part_count

    frames = arguments.bias or arguments.dark
    count = max(1, len(amplifiers(frames[0]))) if frames else part_count(arguments.file)
    found = []
    for number in range(count):
        found += judged(for_amplifier(arguments, number), number, count)
    return arguments.file, found


def judged(arguments: argparse.Namespace, number: int, count: int) -> list[Gate]:
    """Return the gates of one amplifier of the product."""
    from dataclasses import replace

    from darkroom.ccd.gating import gates
    from darkroom.ccd.gating.harms import HARMS
    from darkroom.gates.options import harms

    if arguments.product == "hot_pixels":
        found = gates.hot_pixels(
            arguments.file, arguments.rate, harms(arguments, HARMS, arguments.product), number
        )
    else:
        judge, sizes = getattr(gates, arguments.product), harms(arguments, HARMS, arguments.product)
        *slopes, written = measured(arguments, number, sizes)
        found = judge(arguments.file, *slopes, sizes, number)
        # A product without the table UNITS is not judged: these alone see no bad exposure.
        found += written if found else []
    if count == 1:
        return found
    return [replace(one, name=f"{one.name}, amplifier {number + 1}") for one in found]


def measured(
    arguments: argparse.Namespace, number: int, sizes: Mapping[str, float]
) -> tuple[Any, list[str], list[str] | None, list[Gate]]:
    """Return slopes of frames on the file, names of its parts, frames expected, and other gates."""
    import numpy as np

    from darkroom.ccd.cells import bias_cell, cells
    from darkroom.ccd.gating import planes
    from darkroom.ccd.gating.frames import image_slopes, noise_slopes
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.stack.frames import opened
    from darkroom.gates.options import accepted

    readout = options.readout(arguments)
    if arguments.product != "dark_rate":
        cell = bias_cell(*options.load(arguments, bias=arguments.bias))
        kind = "CORR" if arguments.product == "read_noise" else "SCI"
        image, _ = products.read_image(arguments.file, kind, 1, number)
        with opened(cell.paths, arguments.gain_e_per_adu, readout) as stack:
            products.same_shape(image, stack.shape, arguments.file, cell.paths[0])
            expected = accepted(arguments, ("bias",))
            if arguments.product == "read_noise":
                written = planes.read_noise(arguments.file, number)
                return *noise_slopes(stack, image), expected, written
            names = [frame.name for frame in cell.frames]
            written = planes.master_bias(arguments.file, stack, names, sizes, number)
            return *image_slopes(stack, image), expected, written
    darks, biases = options.load(arguments, dark=arguments.dark, bias=arguments.bias)
    found = [cell for cell in cells(darks, biases, tolerance=arguments.temperature_tolerance_c)
             if cell.role == "dark"]  # fmt: skip
    longest = max(found, key=lambda cell: cell.exptime * np.sqrt(len(cell.frames)))
    groups = sorted({cell.group for cell in found})
    extver = groups.index(longest.group) + 1
    image, _ = products.read_image(arguments.file, "SCI", extver, number)
    bias, _ = products.read_image(arguments.file, "BIAS", 1, number)
    with opened(longest.paths, arguments.gain_e_per_adu, readout) as stack:
        products.same_shape(image, stack.shape, arguments.file, longest.paths[0])
        written = planes.dark_rate(arguments.file, extver, stack, longest.exptime, number)
        times = np.full(stack.nframes, longest.exptime)
        # Hot pixels are what a dark rate shows best: none is left out.
        slopes, names = image_slopes(stack, image, bias, times, reach=np.inf)
    expected = accepted(arguments, ("bias", "dark") if biases else ("dark",))
    return slopes, names, expected, written


if __name__ == "__main__":
    run(main)
