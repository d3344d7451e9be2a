"""Compare a new master bias with the current one on bias frames of which neither was made.

Each file is subtracted from the frames, overscan corrected as for the products. The output has the
shifts by halves and column parity, and a score that tells which file is closer to the truth. A
copy of the current file must change nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    parser.add_argument("--candidate", required=True, type=Path, help="new product of master_bias")
    parser.add_argument("--current", required=True, type=Path, help="product of master_bias in use")
    parser.add_argument("--current-bad", action="store_true", help="the current file is bad")
    options.add_settings(parser, "master_bias")
    parser.add_argument("frames", nargs="+", metavar="FILE", help="held-out bias frames")
    arguments = parser.parse_args()
    options.check(arguments, "master_bias")
    return arguments


def main() -> None:
    """Compare the files."""
    arguments = parse()
    from darkroom import __version__
    from darkroom.ccd.cells import bias_cell
    from darkroom.ccd.products import hdus as products
    from darkroom.ccd.products import master as masterfile
    from darkroom.ccd.stack.frames import opened
    from darkroom.counterfactual.paired import classes_of
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.counterfactual.subtracted import compare
    from darkroom.errors import InputError

    if len(arguments.frames) < 2:
        raise InputError(
            arguments.frames[0], "is the only frame", "give two or more held-out frames"
        )
    files = []
    for path in (arguments.candidate, arguments.current):
        (one,) = masterfile.read(path)
        files.append(one.image)
    cell = bias_cell(*options.load(arguments, bias=arguments.frames))
    with opened(cell.paths, arguments.gain_e_per_adu, options.readout(arguments)) as stack:
        frames = stack.read(slice(None))
    for path, image in zip((arguments.candidate, arguments.current), files, strict=True):
        if image.shape != frames.shape[1:]:
            raise InputError(
                path, f"has {image.shape} pixels, the frames {frames.shape[1:]}",
                "compare files of the same window",
            )  # fmt: skip
    found = compare(
        frames, (files[0], files[1]), classes_of(frames.shape[1:]),
        products.unit(arguments.gain_e_per_adu), "subtraction of the bias", __version__,
    )  # fmt: skip
    names = [Path(path).name.partition(".")[0] for path in arguments.frames]
    pair = arguments.candidate, arguments.current
    versions = {"darkroom": __version__}
    made = record("master_bias", pair, found, names, "", versions, arguments.current_bad)
    write_record(Path(arguments.output), made)
    print(f"{made['score']['verdict']}: {made['score']['sentence']}.")


if __name__ == "__main__":
    run(main)
