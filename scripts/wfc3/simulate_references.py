"""Write a small CRDS cache for simulated WFC3/IR exposures: references, mappings, checksums.

CRDS, calwf3 and AstroDrizzle use it like a real one, without a server. All exposures of a campaign
are of one detector: its seed and settings must not differ between items.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--campaign", required=True, help="name or YAML file of a simulated campaign"
    )
    parser.add_argument("--kinds", required=True, nargs="+", help="reference types, e.g. darkfile")
    parser.add_argument("--context", required=True, help="name of the context to write, .pmap")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the cache to write")
    arguments = parser.parse_args()

    from darkroom.archive.simulated import simulator_settings
    from darkroom.campaign.campaign import open_campaign
    from darkroom.crds.cache import Cache
    from darkroom.wfc3.simulate.references import write_references

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    simulated = [
        simulator_settings(campaign.archive, item)
        for item in campaign.items.values()
        if item["instrument"] == "wfc3"
    ]
    write_references(Cache(arguments.cache, "hst"), arguments.context, simulated, arguments.kinds)
    print(f"{len(simulated)} sets of exposures, {', '.join(sorted(arguments.kinds))}")


if __name__ == "__main__":
    run(main)
