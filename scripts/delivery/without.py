"""Copy a list of files without those of some exposures, for a version made without them."""

from __future__ import annotations

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("list", type=Path, help="list of files; a comment belongs to the next file")
    parser.add_argument(
        "--without", nargs="*", default=[], metavar="NAME", help="exposures that are left out"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="LIST", help="list to write")
    parser.add_argument("--left-out", type=Path, metavar="LIST", help="list of those left out")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.errors import InputError

    kept, comments, left_out = [], [], []
    for line in arguments.list.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            comments.append(line)
            continue
        if any(Path(line).name.startswith(f"{name}.") for name in arguments.without):
            left_out += [*comments, line]
        else:
            kept += [*comments, line]
        comments = []
    if arguments.without and not left_out:
        raise InputError(
            arguments.list,
            f"names none of the exposures held out ({', '.join(arguments.without)}): all of them "
            "are refused, or nothing would be held out",
            "hold out others (deck.held_out), or divide them into fewer parts (deck.folds)",
        )
    if not any(not line.startswith("#") for line in kept):
        raise InputError(arguments.list, "without the exposures held out it has none", (
            "hold out fewer (deck.held_out), or divide them into more parts (deck.folds)"
        ))  # fmt: skip
    write_text(arguments.output, "\n".join(kept) + "\n")
    if arguments.left_out:
        write_text(arguments.left_out, "\n".join(left_out) + "\n")


if __name__ == "__main__":
    run(main)
