"""Compare a new CCD product with that of a previous night, on frames of which neither was made.

A master bias is subtracted from bias frames, a dark rate (bias + rate x time) from darks; a read
noise tells how likely bias frames are. Frames are corrected for overscan as for the products. The
output has the shifts by amplifier, halves and column parity, and a score that tells which file is
closer to the truth. A copy of the file in use must change nothing.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run
from darkroom.gates.options import add_harm_option, harms

PRODUCTS = ("master_bias", "read_noise", "dark_rate")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    parser.add_argument("--product", required=True, choices=PRODUCTS, help="what is compared")
    parser.add_argument(
        "--candidate", required=True, type=Path, action="append",
        help="new product, FITS; or, given several times, versions of it, each of which was made "
        "without some frames",
    )  # fmt: skip
    parser.add_argument("--current", required=True, type=Path, help="product in use, FITS")
    parser.add_argument(
        "--bias", type=Path, action="append",
        help="read_noise: a master bias made without the frames, or versions of it",
    )  # fmt: skip
    parser.add_argument("--current-bad", action="store_true", help="the product in use is bad")
    add_harm_option(parser)
    options.add_settings(parser, "hot_pixels")
    parser.add_argument("frames", nargs="+", metavar="FILE", help="held-out frames")
    arguments = parser.parse_args()
    options.check(arguments, "hot_pixels")
    if arguments.product == "read_noise" and arguments.bias is None:
        parser.error("--product read_noise needs --bias")
    return arguments


def main() -> None:
    """Compare the files."""
    arguments = parse()
    from darkroom import __version__
    from darkroom.ccd.counterfactual import compare
    from darkroom.ccd.gating.harms import HARMS
    from darkroom.counterfactual.held_out import of_versions
    from darkroom.counterfactual.made_of import file_of_each, require_held_out
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.provenance import sha256

    names = [Path(path).name.partition(".")[0] for path in arguments.frames]
    # Cameras give the same names each night.
    traces = dict(zip(names, map(sha256, arguments.frames), strict=True))
    made = {"candidate": file_of_each(arguments.candidate, traces)}
    require_held_out(arguments.current, traces)
    if arguments.product == "read_noise":
        made["bias"] = file_of_each(arguments.bias, traces)
    sizes = harms(arguments, HARMS, arguments.product)
    given = compare.held_out(arguments, made, __version__, sizes)
    found = getattr(compare, arguments.product)(given)
    found = replace(found, notes=[*found.notes, *of_versions(len(given.versions))])
    pair = arguments.candidate[0], arguments.current
    versions = {"darkroom": __version__}
    told = record(arguments.product, pair, found, names, "", versions, arguments.current_bad)
    write_record(Path(arguments.output), told)
    print(f"{told['score']['verdict']}: {told['score']['sentence']}.")


if __name__ == "__main__":
    run(main)
