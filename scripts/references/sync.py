"""Fetch every reference that the exposures need into the CRDS cache, and verify each one.

A file gets its final name only when its size and SHA-1 are those stated by the server; a damaged
file is replaced. Without --server nothing is fetched, and the cache must be complete. With --pins,
a file whose SHA-256 differs from the pinned one is refused. The output is a table: name, size in
bytes, SHA-1 and SHA-256.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "references", nargs="+", type=Path, help="lists made by item_references.py, JSON"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--server", help="address of the CRDS server (default: none, offline)")
    parser.add_argument(
        "--timeout", type=float, default=600, help="longest time for one file [s] (default: 600)"
    )
    parser.add_argument("--pins", type=Path, help="pins beside the lock")
    parser.add_argument("--output", required=True, type=Path, help="table of verified references")
    arguments = parser.parse_args()

    from darkroom.campaign.pins import Pins, read_pins
    from darkroom.crds.cache import Cache
    from darkroom.crds.fill import ensure_references
    from darkroom.crds.references import read_references, write_table
    from darkroom.crds.server import Server
    from darkroom.provenance import sha256

    observatory = arguments.observatory
    pinned = read_pins(arguments.pins) if arguments.pins else Pins()
    cache = Cache(arguments.cache, observatory)
    server = arguments.server and Server(arguments.server, observatory, arguments.timeout)
    listed = [read_references(path).values() for path in arguments.references]
    wanted = {facts for references in listed for facts in references if facts}
    verified = [(facts, sha256(path)) for facts, path in ensure_references(cache, server, wanted)]
    for facts, total in verified:
        pinned.check(f"crds/{observatory}", facts.name, total, facts.name)
    write_table(arguments.output, observatory, arguments.context, verified)
    total = sum(facts.size for facts, _ in verified)
    print(f"{len(verified)} references are verified ({total / 1e6:.1f} MB)")


if __name__ == "__main__":
    run(main)
