"""Judge the exposures of an item, and make its frame table from their status files.

Each exposure is judged by its header and structure and compared with the others of the item: what
must be so, what must be alike, what is repeated, what stands out. The checks are those of the
instrument. --judgements lists each with the value found, the limit and the verdict.

A refused exposure is an error; one message names all of them. Their status files are removed, so
that repaired ones are fetched again. With --exclude they stay in the table, marked as not accepted,
with the reason.
"""

import json
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--item", required=True, help="name of the work item, for messages")
    parser.add_argument(
        "--exclude", action="store_true", help="continue without the refused frames"
    )
    parser.add_argument("--instrument", default="", help="instrument whose checks are made")
    parser.add_argument(
        "--settings", default="{}", help="JSON: settings of the instrument's checks"
    )
    parser.add_argument(
        "--keep", nargs="*", default=[], metavar="EXPOSURE", help="exposures used in any case"
    )
    parser.add_argument("--judgements", type=Path, help="table of all judgements, tab-separated")
    parser.add_argument("--output", required=True, type=Path, help="frame table, tab-separated")
    parser.add_argument("statuses", nargs="+", metavar="STATUS", help="status files (or @list)")
    arguments = parser.parse_args()

    from darkroom.campaign.frames import (
        frame_table,
        require_accepted,
        require_some,
        write_frames,
    )
    from darkroom.campaign.judging import checks_of, require_known
    from darkroom.campaign.status import read_status
    from darkroom.errors import DarkroomError
    from darkroom.judge.judgement import write_judgements

    statuses = [read_status(path) for path in arguments.statuses]
    require_known(arguments.item, arguments.keep, statuses)
    checks = checks_of(arguments.instrument, json.loads(arguments.settings))
    rows, judgements = frame_table(statuses, checks, arguments.keep)
    try:
        if arguments.exclude:
            require_some(arguments.item, rows)
        else:
            require_accepted(arguments.item, rows)
    except DarkroomError:
        for path, row in zip(arguments.statuses, rows, strict=True):
            if row["accepted"] == "no":
                Path(path).unlink()
        raise
    if arguments.judgements:
        write_judgements(arguments.judgements, judgements)
    write_frames(arguments.output, rows)
    refused = [row for row in rows if row["accepted"] == "no"]
    print(f"{len(rows) - len(refused)} frames, {len(refused)} refused")
    for row in refused:
        print(f"refused: {row['reason']}")
    for row in rows:
        if row["warnings"]:
            print(f"warning: {row['warnings']}")


if __name__ == "__main__":
    run(main)
