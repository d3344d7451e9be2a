"""Ask the archive once which exposures a campaign has, and write its lock.

A lock that is there is never replaced silently: when the archive's answer differs, the differences
are printed and the program ends with status 1; --replace accepts them.
"""

from importlib import import_module
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main():
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file")
    parser.add_argument("--folder", help="folder of a local archive, instead of the campaign's")
    parser.add_argument("--replace", action="store_true", help="accept what changed")
    arguments = parser.parse_args()

    from darkroom.archive.lock import Lock, check_exposures, differences, read_lock
    from darkroom.campaign import open_campaign
    from darkroom.errors import DarkroomError

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[1], arguments.folder)
    archive = import_module(f"darkroom.archive.{campaign.archive['kind']}")
    exposures = archive.find(campaign.archive, campaign.items)
    check_exposures(exposures)
    head = {
        "campaign": campaign.name,
        "archive": campaign.archive["kind"],
        "query": campaign.query_digest(),
    }
    new = Lock(campaign.lock_path, head, exposures)
    old = read_lock(campaign.lock_path)
    changes = differences(old, new) if old else []
    if old and not changes:
        print(f"{campaign.lock_path}: {len(exposures)} exposures, nothing has changed")
        return
    for line in changes:
        print(line)
    if changes and not arguments.replace:
        raise DarkroomError(
            f"{campaign.lock_path} is kept: the archive's answer differs from it in {len(changes)} "
            "places (above); accept them with: snakemake lock --config replace_lock=true"
        )
    new.write()
    print(f"{campaign.lock_path}: {len(exposures)} exposures locked")


if __name__ == "__main__":
    run(main)
