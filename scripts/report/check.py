"""Read every file of a campaign and compare it with what is recorded of it.

Compared are all exposures (status, pins, lock), products, tables and lists (records), references
and mappings of CRDS (table, pins), and the digests that lock, pins, statuses and records state of
themselves. Each file that is damaged, missing or stale, that has no record, or that no rule makes
is listed with the command that makes it again. Files are read, never changed.

Exit status: 0 every file is as it was recorded; 3 something is damaged; 4 something is missing,
stale or unrecorded; 1 the check could not be made.
"""

import sys
import time
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> int:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--campaign", default="demo", help="name or YAML file of the campaign (default: demo)"
    )
    parser.add_argument(
        "--results", default="results", help="folder of all results (default: results)"
    )
    parser.add_argument(
        "--planned", action="store_true", help="read the list of all products from standard input"
    )
    parser.add_argument("--folder", help="folder of a local archive, replaces that of the campaign")
    parser.add_argument("--threads", type=int, default=1, help="files read at once (default: 1)")
    arguments = parser.parse_args()

    from darkroom.campaign.campaign import open_campaign
    from darkroom.report.checking.campaign import check_campaign

    started = time.monotonic()
    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2], arguments.folder)
    planned = sys.stdin.read().split("\n") if arguments.planned else []
    findings, not_made = check_campaign(
        campaign, arguments.results, [path for path in planned if path], arguments.threads
    )
    print(findings.text(time.monotonic() - started, not_made))
    return findings.status()


if __name__ == "__main__":
    run(main)
