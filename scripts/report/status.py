"""Show the state of a campaign: products made, exposures excluded, failures, missing products.

The last line is the command that continues the work. With --planned, the paths of all products of
the campaign are read from standard input; without it, missing products are not known.
"""

import sys
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--campaign", default="demo", help="name or YAML file of the campaign (default: demo)"
    )
    parser.add_argument(
        "--results", default="results", type=Path, help="folder of all results (default: results)"
    )
    parser.add_argument(
        "--planned", action="store_true", help="read the list of all products from standard input"
    )
    parser.add_argument(
        "--command", default="snakemake", help="command shown to continue (default: snakemake)"
    )
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
