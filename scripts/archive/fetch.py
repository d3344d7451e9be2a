"""Fetch a batch of exposures from the archive, verify each to the last byte, record the result.

Each exposure is written into the folder of its item under its own name, and beside it a small JSON
status file: accepted or refused and why, size in bytes, SHA-256, and values from the header.
--output lists the status files, each with its SHA-256.

A refused exposure (damaged, malformed, wrong checksum) is recorded as such, so that frames.py can
report all refused ones of an item together. A failure of the archive is an error: only a file that
was received and checked can be refused.

Exposures that do not arrive take no others with them. All that arrive are noted, and are not
fetched again by the next call for the same batch: that compares them with their SHA-256.
manifest.tsv in the folder of all exposures lists what arrived, what did not, and why.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument(
        "--names", nargs="+", required=True, metavar="EXPOSURE", help="exposures of the item"
    )
    parser.add_argument("--folder", help="folder of a local archive, replaces that of the campaign")
    parser.add_argument(
        "--maker", default="", help="digest of the simulator, compared with that of the pins"
    )
    parser.add_argument(
        "--code",
        default="",
        help="digest of this program; files noted by another one are verified again",
    )
    parser.add_argument(
        "--folder-of-items", required=True, type=Path, metavar="FOLDER",
        help="folder with a folder of exposures for each item",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, help="files at once (default: 1)")
    parser.add_argument("--output", required=True, type=Path, help="list of status files to write")
    arguments = parser.parse_args()

    from darkroom.archive.fetching import Fetching
    from darkroom.atomic import write_text
    from darkroom.batches.exposures import listed
    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.campaign.pins import read_pins

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2], arguments.folder)
    lock = require_lock(campaign)
    fetching = Fetching(
        campaign,
        lock,
        read_pins(campaign.pins_path),
        arguments.folder_of_items,
        arguments.maker,
        arguments.code,
        arguments.workers,
    )
    rows = [lock.get(arguments.item, name) for name in arguments.names]
    write_text(arguments.output, listed(fetching.batch(rows)))


if __name__ == "__main__":
    run(main)
