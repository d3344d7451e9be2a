"""Show what a campaign has made: its products, what was excluded, and what is missing."""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main():
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--campaign", default="demo", help="name or YAML file")
    parser.add_argument("--results", default="results", type=Path, help="folder of the products")
    arguments = parser.parse_args()

    from darkroom.campaign import open_campaign
    from darkroom.summary import summary

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[1])
    print(summary(campaign, arguments.results / campaign.name))


if __name__ == "__main__":
    run(main)
