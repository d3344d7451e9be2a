"""Fetch the CRDS mappings of a pinned context into the cache, and verify each one.

Mappings are the rules that choose references. Each contains its own SHA-1, and the server states
size and SHA-1 of each; a damaged one is fetched again. Without --server nothing is fetched, and the
cache must be complete. The output lists the context and the verified mappings.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument(
        "--instruments",
        required=True,
        nargs="+",
        help="instruments whose mappings are needed, e.g. nircam",
    )
    parser.add_argument("--server", help="address of the CRDS server (default: none, offline)")
    parser.add_argument(
        "--timeout", type=float, default=600, help="longest time for one file [s] (default: 600)"
    )
    parser.add_argument("--output", required=True, type=Path, help="list of verified mappings")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.crds.cache import Cache
    from darkroom.crds.fill import ensure_context
    from darkroom.crds.server import Server

    cache = Cache(arguments.cache, arguments.observatory)
    server = arguments.server and Server(arguments.server, arguments.observatory, arguments.timeout)
    names = ensure_context(cache, server, arguments.context, arguments.instruments)
    write_text(arguments.output, f"# context: {arguments.context}\n" + "\n".join(names) + "\n")
    print(f"{len(names)} mappings of {arguments.context} are verified")
    now = cache.description().operational
    if now != arguments.context:
        print(f"the observatory uses {now} at present, which may choose newer references")


if __name__ == "__main__":
    run(main)
