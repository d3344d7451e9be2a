"""Draft a campaign from a folder of exposures: what is there, and what can be made of it.

The headers of every FITS file in the folder and below it are read, in every usual form (.fits,
.fit, .fts, also .gz, .fz and .bz2). One table shows each set-up with its files: camera, size,
binning, temperature, what each frame is, exposure times and numbers; what took no role, and why.
The campaign is written as commented YAML with one item for each set-up; the exposures themselves
are not touched.

A campaign that exists for this folder is kept and used. No file is ever replaced.
"""

import sys
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("folder", help="folder of exposures")
    parser.add_argument("--name", help="name of the campaign (default: that of the folder)")
    parser.add_argument(
        "--output", type=Path, help="YAML file (default: config/campaigns/<name>.yaml)"
    )
    parser.add_argument(
        "--name-only",
        action="store_true",
        help="print what names the campaign in --config campaign=… alone; the table goes to "
        "standard error",
    )
    arguments = parser.parse_args()

    from darkroom.drafts import default_name, draft, write_draft

    found = draft(arguments.folder)
    name = arguments.name or default_name(arguments.folder)
    base = Path(__file__).parents[2]
    output = arguments.output or base / "config" / "campaigns" / f"{name}.yaml"
    shown = sys.stderr if arguments.name_only else sys.stdout
    print(found.text, file=shown)
    written = write_draft(found, output)
    said = "written" if written else "kept: the campaign of this folder that was there"
    print(f"{output}: {said}", file=shown)
    if arguments.name_only:
        print(arguments.output or name)


if __name__ == "__main__":
    run(main)
