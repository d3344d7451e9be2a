"""List the accepted frames of one role, one path per line, for the @list arguments of programs."""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--role", required=True, help="bias, dark, flat, science or exposure")
    parser.add_argument("--output", required=True, type=Path, help="list of paths to write")
    parser.add_argument("frames", type=Path, metavar="FRAMES.tsv", help="frame table of the item")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.campaign.frames import OPTIONAL_ROLES, read_frames, role_list
    from darkroom.errors import InputError

    rows = read_frames(arguments.frames)
    text = role_list(rows, arguments.role)
    # An item that never had any goes on without: a dark rate may be that of darks alone.
    had = any(row["role"] == arguments.role for row in rows)
    if had and not text and arguments.role not in OPTIONAL_ROLES:
        raise InputError(arguments.frames, f"no {arguments.role} frame was accepted")
    write_text(arguments.output, text)


if __name__ == "__main__":
    run(main)
