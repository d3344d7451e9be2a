"""Make the state of a superbias: sums of dark ramps to which later epochs are added.

A series starts from the details of a superbias (--start), made of at least 16 ramps; every later
epoch takes its template from a state of the series (--series). States of one series merge, in any
order, by `scripts/report/epochs.py`, without reading exposures again; an exposure that is withdrawn
is removed by the state of its ramps.

Give the same ramps as for the superbias. A long list of files may be given as @names.list.
"""

from __future__ import annotations

import argparse

from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    shared.add_keep(parser)
    parser.add_argument("--output", required=True, help="state to write")
    start = parser.add_mutually_exclusive_group(required=True)
    start.add_argument("--start", metavar="DETAILS", help="details of the superbias to start from")
    start.add_argument("--series", metavar="STATE", help="a state of the series to go on with")
    return parser.parse_args()


def main() -> None:
    """Make the state."""
    arguments = parse()
    from darkroom.epochs.merging import check_series
    from darkroom.epochs.state_file import load, save
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.superbias.series import series_cards, state_of, template_of

    ramps = RampSet(arguments.files, "superbias", keep=arguments.keep)
    cards = series_cards(ramps)
    if arguments.start:
        template = template_of(arguments.start, ramps)
    else:
        earlier, found = load(arguments.series)
        check_series(arguments.series, found, {name: value for name, (value, _) in cards.items()})
        template = earlier.template
    save(
        arguments.output,
        state_of(ramps, template),
        cards,
        made_by="superbias_state",
        inputs=[*arguments.files, arguments.start or arguments.series],
    )


if __name__ == "__main__":
    run(main)
