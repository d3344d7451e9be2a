"""Write the report of a campaign: a folder of HTML pages and pictures, which can be sent as it is.

Its first page, index.html, has a line for each item; the page of an item shows what was made, key
numbers, figures, quantities, excluded exposures with the reason, products with their checksums, and
limitations. The folder of an item holds frames.tsv (its exposures) and, once its pipeline has run,
item.json (see darkroom.report.item); an item that lacks them is shown as one without products.

    report.py --campaign demo --output results/demo/report results/demo/st402
"""

from datetime import UTC, datetime
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--output", required=True, type=Path, metavar="DIR", help="folder")
    parser.add_argument(
        "--command",
        default="snakemake",
        help="command that makes all of it again, for the first page (default: snakemake)",
    )
    parser.add_argument(
        "items", nargs="+", type=Path, metavar="DIR", help="folder of an item, named after the item"
    )
    arguments = parser.parse_args()

    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.report.campaign import INDEX, write_report

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    said = write_report(
        arguments.output,
        campaign,
        require_lock(campaign),
        arguments.items,
        arguments.command,
        written,
    )
    print(f"{arguments.output / INDEX}: {said}")


if __name__ == "__main__":
    run(main)
