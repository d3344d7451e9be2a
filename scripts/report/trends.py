"""Say what changed over the epochs of a series, and make the product of all of them.

Takes the states of earlier epochs (--folder) and that of this campaign. With fewer than three
epochs nothing is said about changes. With --add the state is copied into the folder; a file that
is there is never replaced.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.epochs.settings import EpochSettings

log = logging.getLogger(__name__)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("state", metavar="STATE", help="state of this campaign")
    parser.add_argument("--folder", required=True, help="folder of the states of the series")
    parser.add_argument("--name", required=True, help="name of this epoch")
    parser.add_argument("--add", action="store_true", help="add the state to the folder")
    parser.add_argument("--unit", default="DN", help="unit of the samples (default: DN)")
    parser.add_argument("--output", required=True, help="JSON of the trends to write")
    parser.add_argument("--product", required=True, help="FITS of the product of all epochs")
    add_options(parser.add_argument_group("settings"), EpochSettings)
    return parser.parse_args()


def main() -> None:
    """Find the trends."""
    arguments = parse()
    settings = read_options(arguments, EpochSettings)
    from darkroom.atomic import write_text
    from darkroom.epochs.folder import WITHDRAWN, add, gather, states_in
    from darkroom.epochs.merging import write_product
    from darkroom.epochs.trends import FEWEST, as_json, judge, nothing, series_of

    # This campaign's own copy in the folder, of an earlier run, is judged by its state here.
    earlier = [path for path in states_in(arguments.folder) if path.stem != arguments.name]
    paths = [*earlier, Path(arguments.state)]
    epochs, whole, cards = gather(
        paths,
        settings.gap_days,
        arguments.unit,
        {Path(arguments.state): arguments.name},
        states_in(Path(arguments.folder) / WITHDRAWN),
    )
    if arguments.add:
        add(arguments.state, arguments.folder, arguments.name)
    write_product(whole, cards, paths, arguments.product)
    names = [one.name for one in epochs]
    if len(epochs) < FEWEST:
        found = nothing(epochs)
    else:
        trends = judge(series_of(epochs), settings.false)
        found = as_json(trends, names, settings.tolerance)
    write_text(arguments.output, json.dumps(found, indent=1, allow_nan=False) + "\n")
    changed = sum(one["changed"] for one in found["series"])
    log.info("%d epochs, %d of %d series changed", len(epochs), changed, len(found["series"]))


if __name__ == "__main__":
    run(main)
