"""Make the state of a product: sums of dark ramps to which later epochs are added.

Products: superbias (method aligned), readnoise (method line), dark (method gls). A series starts
from the details of one (--start), made of at least 16 ramps; every later epoch takes its template
from a state of the series (--series). A series of noise spectra (spectrum) starts from its first
ramp, without --start; its product is fitted by `scripts/nircam/series_spectrum.py`. States of one
series merge, in any order, by `scripts/report/epochs.py`, without reading exposures again; an
exposure that is withdrawn is removed by the state of its ramps.

Give the same ramps as for the product, and for the first state of a dark the gain. A long list of
files may be given as @names.list.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from darkroom.cli import ListFileParser, run
from darkroom.epochs.options import add_between
from darkroom.nircam import options as shared

if TYPE_CHECKING:
    from darkroom.nircam.ramps.ramps import RampSet

#: Products of which states can be made.
PRODUCTS = ("superbias", "readnoise", "dark", "spectrum")


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("product", choices=PRODUCTS)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    shared.add_keep(parser)
    parser.add_argument("--output", required=True, help="state to write")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--start", metavar="DETAILS", help="details of the product to start from")
    start.add_argument("--series", metavar="STATE", help="a state of the series to go on with")
    parser.add_argument("--gain-file", metavar="FILE", help="GAIN reference file, for a dark")
    parser.add_argument(
        "--skip-integrations",
        type=int,
        default=0,
        metavar="N",
        help="first integrations of each exposure to leave out, as for the product (default: 0)",
    )
    add_between(parser)
    parser.add_argument("--gain", type=float, metavar="E/DN", help="gain of all amplifiers")
    arguments = parser.parse_args()
    spectrum = arguments.product == "spectrum"
    if spectrum and arguments.start:
        parser.error("a series of noise spectra starts from its ramps: leave --start out")
    if not (spectrum or arguments.start or arguments.series):
        parser.error("one of --start and --series is needed")
    return arguments


def started(arguments: argparse.Namespace, ramps: RampSet) -> Any:
    """Return the template of a series that starts with these ramps, and the details given."""
    from darkroom.nircam.series import dark, readnoise, spectrum, superbias

    if arguments.product == "spectrum":
        return spectrum.template_of(ramps)
    if arguments.product == "superbias":
        return superbias.template_of(arguments.start, ramps)
    if arguments.product == "readnoise":
        return readnoise.template_of(arguments.start, ramps)
    from darkroom.nircam.dark.run import gain_of
    from darkroom.nircam.ramps.classes import Classes

    gain = gain_of(Classes.from_ramps(ramps), ramps, arguments.gain, arguments.gain_file)
    return dark.template_of(arguments.start, ramps, gain)


def main() -> None:
    """Make the state."""
    arguments = parse()
    from importlib import import_module

    from darkroom.epochs.merging import template_in
    from darkroom.epochs.state_file import save
    from darkroom.nircam.judging import SPECTRUM
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.series.units import ramps_between, series_cards

    spectrum = arguments.product == "spectrum"
    name = SPECTRUM if spectrum else arguments.product
    ramps = RampSet(arguments.files, name, keep=arguments.keep, whole=spectrum)
    ramps.leave_out_first(arguments.skip_integrations)
    cards = series_cards(ramps, arguments.product)
    if arguments.series:
        template = template_in(arguments.series, cards)
    else:
        template = started(arguments, ramps)
    law = import_module(f"darkroom.nircam.series.{arguments.product}")
    state = law.state_of(ramps_between(ramps, arguments.between), template)
    given = [path for path in (arguments.start, arguments.series) if path]
    save(arguments.output, state, cards, made_by="state", inputs=[*arguments.files, *given])


if __name__ == "__main__":
    run(main)
