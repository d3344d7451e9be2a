"""Make the state of a stack of frames: sums to which later epochs are added.

Give bias frames, or darks (of several exposure times, those of the longest are taken, or of
--exptime). A series starts from the master bias or master dark of the first epoch (--start), made
of at least 8 frames; every later epoch takes its template from a state of the series (--series).
States of one series merge, in any order, by `scripts/report/epochs.py`, without reading frames
again; a frame that is withdrawn is removed by its own state.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    options.add_settings(parser, "master_dark")
    parser.add_argument("role", choices=("bias", "dark"))
    parser.add_argument("frames", nargs="+", metavar="FILE", help="bias frames or darks")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--start", metavar="PRODUCT", help="master bias or master dark")
    start.add_argument("--series", metavar="STATE", help="a state of the series to go on with")
    parser.add_argument("--exptime", type=float, metavar="S", help="exposure time of the darks")
    arguments = parser.parse_args()
    options.check(arguments, "master_dark")
    return arguments


def chosen(arguments: argparse.Namespace) -> tuple[Cell, int]:
    """Return the frames of one stack, and the number of the stack in its product, from 1."""
    from darkroom.ccd.cells import bias_cell, cells
    from darkroom.ccd.settings import SAME_EXPTIME
    from darkroom.errors import DarkroomError

    (frames,) = options.load(arguments, **{arguments.role: arguments.frames})
    if arguments.role == "bias":
        return bias_cell(frames), 1
    found = cells(frames, tolerance=arguments.temperature_tolerance_c)
    wanted = arguments.exptime or max(cell.exptime for cell in found)
    same = [k for k, one in enumerate(found) if abs(one.exptime - wanted) <= SAME_EXPTIME * wanted]
    if len(same) != 1:
        known = ", ".join(str(cell) for cell in found)
        raise DarkroomError(
            f"there are {len(same)} stacks of darks of {wanted:g} s, one is needed: {known}; give "
            "--exptime, and frames of one temperature"
        )
    return found[same[0]], same[0] + 1


def main() -> None:
    """Make the state."""
    arguments = parse()
    from darkroom.ccd.overscan.amplifiers import amplifiers
    from darkroom.ccd.products.hdus import unit
    from darkroom.ccd.series.stacks import series_cards, state_of, template_of
    from darkroom.epochs.merging import check_series
    from darkroom.epochs.state_file import load, save

    gain = arguments.gain_e_per_adu
    cell, number = chosen(arguments)
    count = max(len(amplifiers(cell.paths[0])), 1)
    gains = [arguments.gain_e_per_adu] * count
    if isinstance(gain, str):
        gains = [options.gain_of(gain, cell.frames, k) for k in range(count)]
    cards = series_cards(cell, unit(arguments.gain_e_per_adu))
    if arguments.start:
        template = template_of(arguments.start, number)
    else:
        earlier, found = load(arguments.series)
        check_series(arguments.series, found, {name: value for name, (value, _) in cards.items()})
        template = earlier.template
    save(
        arguments.output,
        state_of(
            cell.frames,
            template,
            options.readout(arguments),
            gains=gains,
            saturation=arguments.saturation_adu,
        ),
        cards,
        made_by="state",
        inputs=[*cell.paths, arguments.start or arguments.series],
    )


if __name__ == "__main__":
    run(main)
