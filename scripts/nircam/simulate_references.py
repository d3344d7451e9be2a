"""Write a small CRDS cache for simulated exposures: references, mappings, server description.

CRDS and the JWST pipeline use it like a real one, without a server. The references describe the
simulated detectors as accurately as an earlier calibration would.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--campaign", required=True, help="name or YAML file of a simulated campaign"
    )
    parser.add_argument("--kinds", required=True, nargs="+", help="reference types, e.g. superbias")
    parser.add_argument("--context", required=True, help="name of the context to write, .pmap")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the cache to write")
    arguments = parser.parse_args()

    from darkroom.archive.simulated import simulator_settings
    from darkroom.campaign.campaign import open_campaign
    from darkroom.crds.cache import Cache
    from darkroom.errors import DarkroomError
    from darkroom.nircam.simulate.references import NOT_APPLICABLE, PARKEYS, write_references

    campaign = open_campaign(arguments.campaign, Path(__file__).parents[2])
    kinds = set(arguments.kinds) - set(NOT_APPLICABLE)
    if unknown := kinds - set(PARKEYS):
        raise DarkroomError(f"cannot simulate {', '.join(sorted(unknown))} references")
    simulated = [
        simulator_settings(campaign.archive, item)
        for item in campaign.items.values()
        if item["instrument"] == "nircam"
    ]
    cache = Cache(arguments.cache, "jwst")
    write_references(cache, arguments.context, simulated, kinds)
    print(f"{len(simulated)} detectors, {', '.join(sorted(kinds))}")


if __name__ == "__main__":
    run(main)
