"""Put a whole campaign on one self-contained HTML page.

For each item: what was made, key numbers, figures, quantities, what was excluded and why, products
with their checksums, limits. An item's folder holds frames.tsv (its exposures) and, when a pipeline
took them further, item.json (written by the pipeline; see darkroom.report.item).

    report.py --campaign demo --output results/demo/report.html results/demo/st402
"""

from datetime import UTC, datetime
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", required=True, help="name or YAML file")
    parser.add_argument("--output", required=True, type=Path, help="the page, HTML")
    parser.add_argument(
        "--command",
        default="snakemake",
        help="command that makes page and products again, as a person types it",
    )
    parser.add_argument(
        "items", nargs="+", type=Path, metavar="DIR", help="folder of an item, named like the item"
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
