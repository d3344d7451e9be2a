"""List the references that the exposures of an item need, each once."""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "references", nargs="+", type=Path, help="lists made by bestrefs.py, JSON; or @list"
    )
    parser.add_argument("--output", required=True, type=Path, help="references by name, JSON")
    arguments = parser.parse_args()

    from darkroom.crds.references import needed_references, write_references

    write_references(arguments.output, needed_references(arguments.references))


if __name__ == "__main__":
    run(main)
