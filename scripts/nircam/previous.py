"""Copy the reference file that CRDS has for an item's exposures, to compare a new one with it.

All exposures must have the same reference. It is verified (size, SHA-1) and copied to --output.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "references", nargs="+", type=Path, help="lists made by bestrefs.py, JSON; or @list"
    )
    parser.add_argument("--kind", required=True, help="reference type, e.g. superbias")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument(
        "--output", required=True, type=Path, help="copy of the reference file to write"
    )
    arguments = parser.parse_args()

    import shutil

    from darkroom.atomic import written_atomically
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.errors import DarkroomError

    kind = arguments.kind
    # An exposure that was refused has no references at all.
    chosen = {read_references(path).get(kind) for path in arguments.references} - {None}
    if not chosen:
        raise DarkroomError(
            f"CRDS has no {kind} for these exposures to compare with; set the item's "
            f"{kind}: previous: none, or give a file"
        )
    if len(chosen) > 1:
        names = ", ".join(sorted(facts.name for facts in chosen))
        raise DarkroomError(
            f"the exposures have different {kind} references ({names}); compare with one of them "
            f"by its path ({kind}: previous), or make items of the exposures of one epoch"
        )
    source = Cache(arguments.cache, arguments.observatory).verified(chosen.pop())
    with written_atomically(arguments.output) as temporary:
        shutil.copyfile(source, temporary)
    print(f"{arguments.output}: {source.name}")


if __name__ == "__main__":
    run(main)
