"""Write the report of a campaign: one self-contained HTML page.

It shows for each item what was made, key numbers, figures, quantities, excluded exposures with the
reason, products with their checksums, and limitations. The folder of an item holds frames.tsv (its
exposures) and, once its pipeline has run, item.json (see darkroom.report.item).

    report.py --campaign demo --output results/demo/report.html results/demo/st402
"""

from datetime import UTC, datetime
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file of the campaign")
    parser.add_argument("--output", required=True, type=Path, help="page to write, HTML")
    parser.add_argument(
        "--command",
        default="snakemake",
        help="command shown on the page that makes page and products again (default: snakemake)",
    )
    parser.add_argument(
        "items", nargs="+", type=Path, metavar="DIR", help="folder of an item, named after the item"
    )
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.campaign.campaign import open_campaign
    from darkroom.campaign.lock import require_lock
    from darkroom.report.campaign import page_context
    from darkroom.report.page import render

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    written = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    context = page_context(
        campaign, require_lock(campaign), arguments.items, arguments.command, written
    )
    write_text(arguments.output, render(context))
    print(f"{arguments.output}: {context['verdict']}")


if __name__ == "__main__":
    run(main)
