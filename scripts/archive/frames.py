"""Make the frame table of an item from the status files of its exposures.

Frames that differ from the majority in instrument, shape or binning are refused here. A refused
frame is an error that names all refused ones; with --exclude they stay in the table, marked as
not accepted, with the reason.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--item", required=True, help="name of the work item, for messages")
    parser.add_argument(
        "--exclude", action="store_true", help="continue without the refused frames"
    )
    parser.add_argument("--output", required=True, type=Path, help="frame table, tab-separated")
    parser.add_argument("statuses", nargs="+", metavar="STATUS", help="status files (or @list)")
    arguments = parser.parse_args()

    from darkroom.campaign.frames import frame_table, require_accepted, write_frames
    from darkroom.campaign.status import read_status

    rows = frame_table([read_status(path) for path in arguments.statuses])
    if not arguments.exclude:
        require_accepted(arguments.item, rows)
    write_frames(arguments.output, rows)
    refused = [row for row in rows if row["accepted"] == "no"]
    print(f"{len(rows) - len(refused)} frames, {len(refused)} refused")
    for row in refused:
        print(f"refused: {row['reason']}")


if __name__ == "__main__":
    run(main)
