"""Query the archive once for the exposures of a campaign, and write its lock.

An existing lock is never replaced silently: when the archive's answer differs from it, the
differences are printed and the program exits with status 1; --replace accepts them. An empty answer
to a query that found exposures before is reported as such and never accepted.
"""

from importlib import import_module
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--folder", help="folder of a local archive, replaces that of the campaign")
    parser.add_argument(
        "--replace", action="store_true", help="accept the differences and replace the lock"
    )
    arguments = parser.parse_args()

    from darkroom.archive.entering import cleaned
    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.changes import differences, total_size
    from darkroom.campaign.lock import Lock, read_lock
    from darkroom.campaign.lock_rows import NothingFound, check_exposures
    from darkroom.errors import DarkroomError

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2], arguments.folder)
    archive = import_module(f"darkroom.archive.{campaign.archive['kind']}")
    old = read_lock(campaign.lock_path)
    kept = f"{campaign.lock_path} with its {len(old.exposures)} exposures is kept" if old else ""
    try:
        exposures = cleaned(archive.find(campaign.archive, campaign.items))
        check_exposures(exposures)
    except NothingFound as error:
        if not old or old.head.get("query") != campaign.query_digest():
            raise
        raise DarkroomError(
            f"{error}; the same query found exposures before, so the archive's catalogue is "
            f"incomplete at the moment, or the data were withdrawn: {kept}, try again later"
        ) from error
    except DarkroomError as error:
        raise DarkroomError(f"{error}; {kept}" if old else str(error)) from error
    head = {
        "campaign": campaign.name,
        "archive": campaign.archive["kind"],
        "query": campaign.query_digest(),
    }
    new = Lock(campaign.lock_path, head, exposures)
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
    print(f"{campaign.lock_path}: {len(exposures)} exposures locked{total_size(exposures)}")


if __name__ == "__main__":
    run(main)
