"""Pin the files of a campaign: the SHA-256 of every accepted exposure and of every reference.

A file whose SHA-256 differs from the pinned one is refused; new files are added. The pins are kept
beside the lock: with both, two people work on identical files, or get an error that says which
file differs.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--pins", required=True, type=Path, help="pins beside the lock; extended")
    parser.add_argument(
        "--maker", default="", help="digest of the simulator, for simulated exposures"
    )
    parser.add_argument("--output", required=True, type=Path, help="copy of the pins to write")
    parser.add_argument(
        "--references", nargs="*", type=Path, default=(), help="tables made by sync.py"
    )
    parser.add_argument("statuses", nargs="+", metavar="STATUS", help="status files (or @list)")
    arguments = parser.parse_args()

    from darkroom.campaign.pins import Pins, read_pins
    from darkroom.campaign.status import read_status
    from darkroom.crds.references import read_table

    pinned = read_pins(arguments.pins)
    pinned.require_real(arguments.maker)
    found = Pins(arguments.maker)
    for path in arguments.statuses:
        status = read_status(path)
        if status["accepted"]:
            key = (status["item"], status["exposure"])
            pinned.check(*key, status["sha256"], status["path"], arguments.maker)
            found.sums[key] = status["sha256"]
    for path in arguments.references:
        for key, total in read_table(path).items():
            pinned.check(*key, total, key[1])
            found.sums[key] = total
    kept = pinned.sums if pinned.maker == arguments.maker else {}
    found.sums = kept | found.sums
    if (found.maker, found.sums) != (pinned.maker, pinned.sums):
        found.write(arguments.pins)
    found.write(arguments.output)


if __name__ == "__main__":
    run(main)
