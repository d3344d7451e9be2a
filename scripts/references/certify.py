"""Certify a reference file with CRDS: format, keywords, data model, and the rules' acceptance.

CRDS's own certification is run offline, and its text is written to --output. A file that does not
pass is an error.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("reference", type=Path, help="reference file, FITS")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--output", required=True, type=Path, help="text of CRDS's certification")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.crds.certify import certify
    from darkroom.errors import InputError

    said, passed = certify(
        arguments.reference, arguments.cache, arguments.observatory, arguments.context
    )
    print(said)
    if not passed:
        faults = [line for line in said.splitlines() if "ERROR" in line]
        raise InputError(
            arguments.reference, f"CRDS does not certify it: {faults[0] if faults else said[-200:]}"
        )
    write_text(arguments.output, said)


if __name__ == "__main__":
    run(main)
