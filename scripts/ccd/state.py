"""Make the state of a stack of frames, or of a gain: what later epochs are added to.

Give bias frames, or darks (of several exposure times, those of the longest are taken, or of
--exptime). A series starts from the master bias or master dark of the first epoch (--start), made
of at least 8 frames; every later epoch takes its template from a state of the series (--series).
Of a gain give the flats and the product that was made of them (--gain-product), in every epoch.
States of one series merge, in any order, by `scripts/report/epochs.py`, without reading frames
again; a frame that is withdrawn is removed by its own state.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run
from darkroom.epochs.options import add_between

if TYPE_CHECKING:
    from darkroom.ccd.cells import Cell
    from darkroom.epochs.state import State
    from darkroom.epochs.table import TableState
    from darkroom.hints import StrPath

    Cards = dict[str, tuple[str | float, str]]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    options.add_settings(parser, "master_dark")
    parser.add_argument("role", choices=("bias", "dark", "gain"))
    parser.add_argument("frames", nargs="+", metavar="FILE", help="bias frames, darks or flats")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--start", metavar="PRODUCT", help="master bias or master dark")
    start.add_argument("--series", metavar="STATE", help="a state of the series to go on with")
    parser.add_argument("--gain-product", metavar="FILE", help="gain that the flats told")
    add_between(parser)
    parser.add_argument("--exptime", type=float, metavar="S", help="exposure time of the darks")
    arguments = parser.parse_args()
    options.check(arguments, "master_dark")
    of_gain = arguments.role == "gain"
    if of_gain != bool(arguments.gain_product) or (of_gain and arguments.start):
        parser.error("a gain needs --gain-product, and no --start; only a gain does")
    if not (of_gain or arguments.start or arguments.series):
        parser.error("one of --start and --series is needed")
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
    from darkroom.epochs.state_file import save

    state, cards, inputs = state_of_gain(arguments) if arguments.gain_product else made(arguments)
    inputs += [path for path in (arguments.start, arguments.series) if path]
    save(arguments.output, state, cards, made_by="state", inputs=inputs)


def state_of_gain(arguments: argparse.Namespace) -> tuple[TableState, Cards, list[StrPath]]:
    """Return the state of a gain, what its series is of, and the files it was made from."""
    from darkroom.ccd.series import gain
    from darkroom.epochs.merging import template_in
    from darkroom.epochs.table import within

    product = arguments.gain_product
    (frames,) = options.load(arguments, flat=arguments.frames)
    cards = gain.series_cards(frames)
    series = arguments.series
    template = template_in(series, cards) if series else gain.template_of(product)
    state = within(gain.state_of(frames, template, product), arguments.between)
    return state, cards, [*arguments.frames, product]


def made(arguments: argparse.Namespace) -> tuple[State, Cards, list[StrPath]]:
    """Return the state of a stack, what its series is of, and the files it was made from."""
    from darkroom.ccd.overscan.amplifiers import amplifiers
    from darkroom.ccd.products.hdus import unit
    from darkroom.ccd.series.stacks import series_cards, state_of, template_of
    from darkroom.epochs.merging import template_in

    gain = arguments.gain_e_per_adu
    cell, number = chosen(arguments)
    count = max(len(amplifiers(cell.paths[0])), 1)
    gains = [arguments.gain_e_per_adu] * count
    if isinstance(gain, str):
        gains = [options.gain_of(gain, cell.frames, k) for k in range(count)]
    cards = series_cards(cell, unit(arguments.gain_e_per_adu))
    if arguments.series:
        template = template_in(arguments.series, cards)
    else:
        template = template_of(arguments.start, cell.frames, number)
    begin, end = arguments.between
    state = state_of(
        # A frame without time is refused later, not left out here.
        [one for one in cell.frames if one.mjd is None or begin <= one.mjd < end],
        template,
        options.readout(arguments),
        gains=gains,
        saturation=arguments.saturation_adu,
    )
    return state, cards, list(cell.paths)


if __name__ == "__main__":
    run(main)
