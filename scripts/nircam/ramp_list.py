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

    from darkroom.atomic import write_text
    from darkroom.campaign.frames import accepted_exposures, role_list
    from darkroom.campaign.status import read_status
    from darkroom.errors import InputError

    accepted = accepted_exposures(arguments.frames)
    rows, refused = [], []
    for path in arguments.statuses:
        status = read_status(path)
        used = status["accepted"] and status["exposure"] in accepted
        rows.append(status | {"accepted": "yes" if used else "no", "file": status["path"]})
        if not used:
            refused.append(status["reason"] or f"{status['exposure']}: see the frame table")
    text = role_list(rows, arguments.role)
    if not text:
        raise InputError(arguments.frames, f"no exposure is left to use: {'; '.join(refused)}")
    write_text(arguments.output, text)
    print(f"{len(rows) - len(refused)} of {len(rows)} exposures are used")
    for reason in refused:
        print(f"not used: {reason}")


if __name__ == "__main__":
    run(main)
