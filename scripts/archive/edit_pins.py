"""Remove pins, so that other files than the pinned ones are accepted, or write old pins anew.

The pins state the digest of their rows, so that a file that was cut or edited by accident is
refused; this program writes it anew. A pins file of the format before, without that digest, is
written in the present format.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("--pins", required=True, type=Path, help="pins beside the lock; replaced")
    parser.add_argument(
        "--remove",
        nargs="*",
        default=[],
        metavar="ITEM/EXPOSURE",
        help="pins to remove, as the message names them",
    )
    arguments = parser.parse_args()

    from darkroom.campaign.pins import read_pins
    from darkroom.errors import InputError

    if not arguments.pins.is_file():
        raise InputError(arguments.pins, "no such file")
    pins = read_pins(arguments.pins, old_format=True)
    for name in arguments.remove:
        item, _, exposure = name.rpartition("/")
        if pins.sums.pop((item, exposure), None) is None:
            raise InputError(arguments.pins, f"has no pin of {name}")
    pins.write(arguments.pins)
    print(f"{arguments.pins}: {len(pins.sums)} pins, {len(arguments.remove)} removed")


if __name__ == "__main__":
    run(main)
