"""List the calibrated ramps of an item that are used.

An exposure is used when it is accepted in the frame table and was not refused in calibration. The
SHA-256 of each file is in a comment, so that the list changes when a file's content does.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "statuses", nargs="+", type=Path, help="status files of calibrate.py, JSON; or @list"
    )
    parser.add_argument("--frames", required=True, type=Path, help="frame table of the item")
    parser.add_argument("--role", default="dark", help="role of the exposures (default: dark)")
    parser.add_argument(
        "--output", required=True, type=Path, help="list to write, for @list arguments"
    )
    arguments = parser.parse_args()

    from darkroom.nircam.ramps.listing import write_list

    write_list(arguments.output, arguments.statuses, arguments.frames, arguments.role)


if __name__ == "__main__":
    run(main)
