"""Compare the superdarks of a campaign with the rules by which CRDS chooses darks of WFC3/IR.

The table --output has each row of the pinned context (sample sequence and subarray, at the usual
gain): the item that makes its superdark, or that it is lacking, and the file in use. A superdark of
which two items make one, or for which there is no row, is said.
"""

from __future__ import annotations

import json
from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Write the table."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "numbers", nargs="+", type=Path, help="numbers of the superdarks (superdark.json)"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--output", required=True, type=Path, help="table to write, TSV")
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.crds.cache import Cache
    from darkroom.wfc3.superdark.rules import coverage, rows_of, table

    made, keys = {}, []
    for path in arguments.numbers:
        numbers = json.loads(path.read_text(encoding="utf-8"))
        key = numbers["samp_seq"], numbers["subtype"]
        keys.append(key)
        made[key] = path.parent.name, numbers["useafter"]
    found = coverage(rows_of(Cache(arguments.cache, "hst"), arguments.context), keys)
    write_text(arguments.output, table(found, made))
    total = len(found.covered) + len(found.lacking)
    print(f"{len(found.covered)} of the {total} rows of {arguments.context} have a superdark")
    for key in found.new:
        print(f"warning: {arguments.context} has no row for {' '.join(key)}")
    for key in found.twice:
        print(f"warning: several items make the superdark of {' '.join(key)}")


if __name__ == "__main__":
    run(main)
