"""Sweep every operation of every case; print the table of docs/durability.md.

    make test-durability

Options: names of cases (all), and `--every N` for every N-th operation only.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from durability import kernel, later
from durability.cases import CASES, archive_cases
from durability.sweep import Sweep

#: What the issue asks for.
FEWEST_POINTS = 10_000


def main():
    """Sweep; return an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if why := kernel.available():
        print(f"not swept: {why}")
        return 1
    results = []
    with archive_cases() as transfers:
        for case in (*transfers, *CASES, *later.CASES):
            if arguments.names and not any(name in case.name for name in arguments.names):
                continue
            with tempfile.TemporaryDirectory(dir=_memory()) as scratch:
                sweep = Sweep(case, Path(scratch, "box"), Path(scratch, "log"))
                results.append(sweep.run(arguments.every))
            for fault in results[-1].faults:
                print(f"{case.name}: {fault}", file=sys.stderr)
            print(f"{case.name}: {results[-1].points} points", file=sys.stderr, flush=True)
    print(table(results))
    points = sum(result.points for result in results)
    faults = any(result.faults for result in results)
    whole = not arguments.names and arguments.every == 1
    return int(faults or (whole and points < FEWEST_POINTS))


def _memory():
    """Return a folder in memory, where there is one: a sweep flushes a hundred thousand times."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def table(results):
    """Return the table of the outcomes."""
    lines = [
        "| program | operations | points | failed, said so | ended well in spite of it | "
        "power cuts | repeats | wrong |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    sums = [0] * 7
    for one in results:
        failed = sum(n for key, n in one.outcomes.items() if key.startswith("failed"))
        well = one.outcomes["ended well"]
        cuts = one.points - failed - well
        row = (one.operations, one.points, failed, well, cuts, one.repeats, len(one.faults))
        sums = [a + b for a, b in zip(sums, row, strict=True)]
        lines.append(f"| {one.name} | " + " | ".join(f"{n:,}" for n in row) + " |")
    lines.append("| **all** | " + " | ".join(f"**{n:,}**" for n in sums) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
