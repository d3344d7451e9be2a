"""Bring every reference that the exposures need into the CRDS cache, and verify each one.

One process fills the cache, within a time limit; then every file's size and SHA-1 are compared with
what the server states of it, whatever the client said. A damaged file is removed and fetched once
more. Without --server nothing is fetched: all must be there. The output is a table: name, size in
bytes, SHA-1.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main():
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("references", nargs="+", type=Path, help="made by bestrefs, JSON; or @list")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--server", help="address of the CRDS server (default: ask nobody)")
    parser.add_argument("--timeout", type=float, default=3600, help="seconds a call may take")
    parser.add_argument("--output", required=True, type=Path, help="table of verified references")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.crds.sync import Server, ensure_references

    cache = Cache(arguments.cache, arguments.observatory)
    server = Server(cache, arguments.server, arguments.context, arguments.timeout)
    listed = [read_references(path).values() for path in arguments.references]
    wanted = {facts for references in listed for facts in references if facts}
    verified = ensure_references(server, wanted)
    rows = [f"{facts.name}\t{facts.size}\t{facts.sha1}" for facts, _ in verified]
    head = [f"# context: {arguments.context}", "name\tsize\tsha1"]
    write_text(arguments.output, "\n".join([*head, *rows]) + "\n")
    total = sum(facts.size for facts, _ in verified)
    print(f"{len(verified)} references are verified ({total / 1e6:.1f} MB)")


if __name__ == "__main__":
    run(main)
