"""Compare new noise maps, or a new dark, with those in use on frames of which neither was made.

The dark of either is subtracted from each frame: F / g + t D + C of noise maps, or the dark itself.
The output has the shifts by stack, halves and column parity, and a score that tells which file is
closer to the truth. A copy of the file in use must change nothing.
"""

import argparse
from pathlib import Path
from typing import Any

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    from darkroom.cgi.options import add_checksums, add_judging, add_settings
    from darkroom.gates.options import add_harm_option

    parser = ListFileParser(description=__doc__)
    add_settings(parser, "noise_maps")
    add_checksums(parser)
    add_judging(parser, table=True)
    parser.add_argument(
        "--product", default="noise_maps",
        help="what is compared: noise_maps, or the name of a dark (traditional_…, synthesized_…)",
    )  # fmt: skip
    parser.add_argument("--candidate", required=True, type=Path, help="new maps or dark, FITS")
    parser.add_argument(
        "--current", required=True, type=Path,
        help="file in use, FITS: noise maps, or a dark where a dark is compared",
    )  # fmt: skip
    add_harm_option(parser)
    parser.add_argument("--current-bad", action="store_true", help="the file in use is bad")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="comparison")
    parser.add_argument("files", nargs="+", metavar="FILE", help="held-out frames, or status files")
    return parser.parse_args()


def main() -> None:
    """Compare the files."""
    arguments = parse()
    from darkroom import __version__
    from darkroom.cgi.counterfactual.compare import level_harm, noise_maps, stacks_used
    from darkroom.cgi.counterfactual.darks import dark
    from darkroom.cgi.gating.harms import HARMS
    from darkroom.cgi.geometry import read_geometry
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.errors import DarkroomError
    from darkroom.gates.options import harms

    maps = arguments.product == "noise_maps"
    used, names = stacks_used(arguments.candidate) if maps else set(), []

    def held_out() -> Any:
        for name, frame in frames(arguments):
            if not used or (frame.commanded, frame.exptime) in used:
                names.append(name)
                yield frame

    pair = arguments.candidate, arguments.current
    kind, geometry = arguments.product.partition("_g")[0], read_geometry(arguments.geometry)
    sizes = harms(arguments, HARMS, kind)
    if maps:
        found = noise_maps(pair, held_out(), geometry, __version__, sizes)
    else:
        found = dark(pair, held_out(), geometry, __version__, level_harm(kind, sizes))
    if not names:
        raise DarkroomError("every frame held out was refused, or is of a stack that is not used")
    versions = {"darkroom": __version__}
    made = record(arguments.product, pair, found, names, "", versions, arguments.current_bad)
    write_record(arguments.output, made)
    print(f"{made['score']['verdict']}: {made['score']['sentence']}.")


def frames(arguments: argparse.Namespace) -> Any:
    """Read the frames one by one, prepared as for the maps: ``(name, frame)``."""
    import numpy as np

    from darkroom.cgi.counterfactual.compare import Held
    from darkroom.cgi.options import judge_settings, raw_settings
    from darkroom.cgi.request import opened
    from darkroom.cgi.stacks.moments import Moments
    from darkroom.errors import DarkroomError

    for path in arguments.files:
        try:
            with opened(
                [path], geometry=arguments.geometry, waived=arguments.waive,
                checksums=arguments.checksums, raw=lambda: raw_settings(arguments),
                table=arguments.frames, judge=judge_settings(arguments), output=arguments.output,
                keep_masks=arguments.keep_masks,
            ) as given:  # fmt: skip
                source = given.sources[0]
                moments = Moments.zeros(given.geometry.shape)
                source.add_to(moments, slice(0, given.geometry.shape[0]))
        except DarkroomError as error:
            print(f"warning: {Path(path).name} is not used: {error}")
            continue
        stack = source.stack
        image = np.where(moments.count > 0, moments.mean(), np.nan) / stack.em_gain
        frame = Held(image, stack.em_gain, stack.exptime, stack.commanded_gain)
        yield Path(path).name.partition(".")[0], frame


if __name__ == "__main__":
    run(main)
