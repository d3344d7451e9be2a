"""Bring one exposure from the archive, believe it only when verified, and say what came of it.

The exposure is written beside --output under its own name; --output is a small JSON status file:
accepted or refused, why, size, SHA-256, and what its header says. Without --exclude a refused
exposure is an error; with it, the refusal is recorded and the program ends well. A failing archive
is always an error: only bytes that were looked at can be refused.

With --together, small exposures that are still to come are brought along, by a few processes that
bring one after the other, and noted for their own call of this program. manifest.tsv in the folder
above says what arrived, what did not, and why.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument("--exposure", required=True, help="exposure, as named in the lock")
    parser.add_argument("--folder", help="folder of a local archive, instead of the campaign's")
    parser.add_argument("--maker", default="", help="digest of the simulator, for the pins")
    parser.add_argument("--exclude", action="store_true", help="record a refusal, do not fail")
    parser.add_argument("--together", action="store_true", help="take small ones along")
    parser.add_argument("--code", default="", help="digest of this program, for the notes")
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
        arguments.exclude,
        arguments.code,
    )
    status = fetching.together(exposure) if arguments.together else fetching.one(exposure)
    write_status(arguments.output, status)
    print(f"{exposure.file}: {'accepted' if status['accepted'] else status['reason']}")


if __name__ == "__main__":
    run(main)
