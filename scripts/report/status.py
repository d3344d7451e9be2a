"""Show what a campaign has made, what was excluded, what failed, what is missing, and what to do.

Paths of all products of the campaign are read from the standard input when --planned is given.
"""

import sys
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", default="demo", help="name or YAML file")
    parser.add_argument("--results", default="results", type=Path, help="folder of the products")
    parser.add_argument("--planned", action="store_true", help="the standard input lists products")
    parser.add_argument("--command", default="snakemake", help="what to type to go on")
    arguments = parser.parse_args()

    from darkroom.campaign.campaign import open_campaign
    from darkroom.workflow.failures import last_run_log
    from darkroom.workflow.summary import summary

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    planned = sys.stdin.read().split() if arguments.planned else ()
    results = arguments.results / campaign.name
    print(summary(campaign, results, planned, last_run_log("."), arguments.command))


if __name__ == "__main__":
    run(main)
