"""Say what changed over the epochs of the series of an item's products.

Takes the state of each product of this campaign and the folder of its series (--state). With fewer
than three epochs nothing is said about changes. False ones are held over all series of all products
together. With --add the states are copied into the folders; a file that is there is never replaced.
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
        nargs=3,
        action="append",
        required=True,
        metavar=("PRODUCT", "STATE", "FOLDER"),
        help="a product, its state of this campaign, and the folder of its series",
    )
    parser.add_argument("--name", required=True, help="name of this epoch")
    parser.add_argument("--add", action="store_true", help="add the states to the folders")
    parser.add_argument("--output", required=True, help="JSON of the trends to write")
    add_options(parser.add_argument_group("settings"), EpochSettings)
    return parser.parse_args()


def main() -> None:
    """Find the trends."""
    arguments = parse()
    settings = read_options(arguments, EpochSettings)
    from darkroom.atomic import write_text
    from darkroom.epochs.folder import add, gather, states_in
    from darkroom.epochs.told import as_json

    epochs = {}
    absent: dict[str, dict[str, str]] = {}
    for product, state, folder in arguments.state:
        # This campaign's own copy in the folder, of an earlier run, is judged by its state here.
        earlier = [path for path in states_in(folder) if path.stem != arguments.name]
        epochs[product], _, _ = gather(
            [*earlier, Path(state)],
            settings.gap_days,
            {Path(state): arguments.name},
            states_in(Path(folder) / WITHDRAWN),
            absent.setdefault(product, {}),
        )
    if arguments.add:
        for _, state, folder in arguments.state:
            add(state, folder, arguments.name)
    found = as_json(epochs, settings, absent)
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
