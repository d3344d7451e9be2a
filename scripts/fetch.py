"""Bring one exposure from the archive, believe it only when verified, and say what came of it.

The exposure is written beside --output under its own name; --output is a small JSON status file:
accepted or refused, why, size, SHA-256, and what its header says. Without --exclude a refused
exposure is an error; with it, the refusal is recorded and the program ends well. A failing archive
is always an error: only bytes that were looked at can be refused.
"""

from importlib import import_module
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main():
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file")
    parser.add_argument("--item", required=True, help="work item of the campaign")
    parser.add_argument("--exposure", required=True, help="exposure, as named in the lock")
    parser.add_argument("--folder", help="folder of a local archive, instead of the campaign's")
    parser.add_argument("--maker", default="", help="digest of the simulator, for the pins")
    parser.add_argument("--exclude", action="store_true", help="record a refusal, do not fail")
    parser.add_argument("--output", required=True, type=Path, help="status file, JSON")
    arguments = parser.parse_args()

    from darkroom.archive.lock import require_lock
    from darkroom.archive.pins import read_pins
    from darkroom.archive.receive import receive
    from darkroom.archive.status import refusal, write_status
    from darkroom.campaign import open_campaign
    from darkroom.errors import InputError

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[1], arguments.folder)
    exposure = require_lock(campaign).get(arguments.item, arguments.exposure)
    archive = import_module(f"darkroom.archive.{campaign.archive['kind']}")
    item = campaign.items[arguments.item]
    pins = read_pins(campaign.pins_path)
    try:
        status = receive(
            exposure,
            arguments.output.with_name(exposure.file),
            lambda path: archive.deliver(exposure, path, campaign.archive, item),
            item,
            lambda found: pins.check(
                exposure.item, exposure.exposure, found, exposure.file, arguments.maker
            ),
            # Simulated bytes follow from the simulator's code, not from what was made before.
            known=None if arguments.maker else pins.sums.get((exposure.item, exposure.exposure)),
        )
    except InputError as error:
        if not arguments.exclude:
            raise
        status = refusal(exposure, error)
    write_status(arguments.output, status)
    print(f"{exposure.file}: {'accepted' if status['accepted'] else status['reason']}")


if __name__ == "__main__":
    run(main)
