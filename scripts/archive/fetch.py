"""Fetch one exposure from the archive, verify it to the last byte, and record the result.

The exposure is written beside --output under its own name. --output is a small JSON status file:
accepted or refused and why, size in bytes, SHA-256, and values from the header.

A refused exposure (damaged, malformed, wrong checksum) is recorded as such, so that frames.py can
report all refused ones of an item together. A failure of the archive is an error: only a file that
was received and checked can be refused.

With --together, other small exposures that are still missing are fetched in the same run by a few
worker processes, and noted, so that their own call of this program need not fetch them again.
manifest.tsv in the folder of all exposures lists what arrived, what did not, and why.
"""

import sys
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument("--exposure", required=True, help="name of the exposure in the lock")
    parser.add_argument("--folder", help="folder of a local archive, replaces that of the campaign")
    parser.add_argument(
        "--maker", default="", help="digest of the simulator, compared with that of the pins"
    )
    parser.add_argument(
        "--together", nargs="?", const=sys.maxsize, type=int, default=1, metavar="N",
        help="fetch other small exposures too, N in all (default: as many as come in a minute)",
    )  # fmt: skip
    parser.add_argument(
        "--code",
        default="",
        help="digest of this program; files noted by another one are verified again",
    )
    parser.add_argument("--output", required=True, type=Path, help="status file, JSON")
    arguments = parser.parse_args()

    from darkroom.archive.fetching import Fetching
    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.campaign.pins import read_pins
    from darkroom.campaign.status import write_status

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2], arguments.folder)
    lock = require_lock(campaign)
    exposure = lock.get(arguments.item, arguments.exposure)
    fetching = Fetching(
        campaign,
        lock,
        read_pins(campaign.pins_path),
        arguments.output.parents[1],
        arguments.maker,
        arguments.code,
    )
    several = arguments.together > 1
    status = fetching.together(exposure, arguments.together) if several else fetching.one(exposure)
    write_status(arguments.output, status)
    print(f"{exposure.file}: {'accepted' if status['accepted'] else status['reason']}")


if __name__ == "__main__":
    run(main)
