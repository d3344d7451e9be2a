"""Say what changed over the epochs of the series of an item's products.

Takes the states of each product of this campaign, one an epoch, and the folder of its series
(--state). With fewer than three epochs nothing is said about changes. False ones are held over all
series of all products together. With --add the states are copied into the folders; a file that is
there is never replaced.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.epochs.settings import WITHDRAWN, EpochSettings

log = logging.getLogger(__name__)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--state",
        nargs=4,
        action="append",
        required=True,
        metavar=("PRODUCT", "EPOCH", "STATE", "FOLDER"),
        help="a product, an epoch of this campaign, its state, and the folder of the series",
    )
    parser.add_argument("--name", required=True, help="name of this campaign")
    parser.add_argument("--add", action="store_true", help="add the states to the folders")
    parser.add_argument("--output", required=True, help="JSON of the trends to write")
    add_options(parser.add_argument_group("settings"), EpochSettings)
    return parser.parse_args()


def main() -> None:
    """Find the trends."""
    arguments = parse()
    settings = read_options(arguments, EpochSettings)
    from darkroom.atomic import write_text
    from darkroom.epochs.folder import add_all, gather, states_in
    from darkroom.epochs.names import is_of
    from darkroom.epochs.told import as_json

    epochs = {}
    own: dict[tuple[str, Path], dict[Path, str]] = {}
    for product, name, state, folder in arguments.state:
        own.setdefault((product, Path(folder)), {})[Path(state)] = name
    absent: dict[str, dict[str, str]] = {}
    for (product, folder), states in own.items():
        # Copies in the folder of an earlier run of this campaign count as the states here.
        earlier = [path for path in states_in(folder) if not is_of(path.stem, arguments.name)]
        epochs[product], _, _ = gather(
            [*earlier, *states],
            settings.gap_days,
            states,
            states_in(folder / WITHDRAWN),
            absent.setdefault(product, {}),
        )
    if arguments.add:
        for (_, folder), states in own.items():
            add_all(states, folder, arguments.name)
    found = as_json(epochs, settings, absent, arguments.name)
    write_text(arguments.output, json.dumps(found, indent=1, allow_nan=False) + "\n")
    for product, part in found["products"].items():
        for one in part["missing"]:
            told = f"{one['series']}: {one['why']}" if one["series"] else one["why"]
            log.warning("%s, epoch %s: %s", product, one["epoch"], told)
        changed = sum(one["changed"] for one in part["series"])
        log.info(
            "%s: %d epochs, %d of %d series changed",
            product,
            len(part["epochs"]),
            changed,
            len(part["series"]),
        )


if __name__ == "__main__":
    run(main)
