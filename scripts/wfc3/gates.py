"""Judge an FLT, the combined image of a visit, a superdark, or a new dark or flat by gates.

An FLT: the intervals between its reads, its time, noise and pixels. The image of a visit: its
exposures, weights, shifts, background. A superdark: its darks, values and times. A new dark or
flat: its values; whether it is better than that in use is told by the comparison
(counterfactual.py).

Writes one JSON file with every gate. The verdict is given when the gates of the whole campaign are
known, since they share one budget of false alarms (judge/verdict.py).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.batches.gates import make_gates
from darkroom.batches.step import add_batch_options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.gate import Gate


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    from darkroom.gates.options import add_gate_options

    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "--product",
        required=True,
        help="what is judged: reprocessed, <exposure>_flt, superdark, dark or flat",
    )
    parser.add_argument("--file", type=Path, help="combined image, or superdark, FITS")
    parser.add_argument("--details", type=Path, help="superdark: its details, FITS")
    parser.add_argument("--status", type=Path, help="FLT: status file of the treated exposure")
    parser.add_argument(
        "--original", type=Path, help="FLT: status file of the exposure with every read; "
        "reprocessed: the image of the visit with every read"
    )  # fmt: skip
    parser.add_argument("--original-record", type=Path, help="reprocessed: record of that, JSON")
    parser.add_argument("--record", type=Path, help="record of the product, JSON")
    parser.add_argument("--candidate", type=Path, help="new dark or flat, FITS")
    parser.add_argument("--quantities", type=Path, help="reprocessed: of the exposures, JSON")
    add_gate_options(parser)
    add_batch_options(parser)
    return parser.parse_args(words)


def main() -> None:
    """Judge the product, and others of its item."""
    make_gates("wfc3", parse, judged, prepare)


def prepare(_: argparse.Namespace) -> None:
    """Import what gates need."""
    from darkroom.wfc3.gating import candidate, gates, single, superdark

    __ = candidate, gates, single, superdark


def judged(arguments: argparse.Namespace) -> tuple[Path, list[Gate]]:
    """Return the file that is judged, and its gates."""
    from darkroom.campaign.exposure import read_exposure
    from darkroom.gates.options import accepted, harms
    from darkroom.wfc3.gating.candidate import candidate
    from darkroom.wfc3.gating.gates import combined
    from darkroom.wfc3.gating.harms import HARMS
    from darkroom.wfc3.gating.single import single
    from darkroom.wfc3.gating.superdark import superdark

    kind = "flt" if arguments.status else arguments.product
    sizes = harms(arguments, HARMS, kind)
    if arguments.candidate:
        return arguments.candidate, candidate(arguments.product, arguments.candidate)
    if arguments.details:
        found = superdark(arguments.file, arguments.details, accepted(arguments), sizes)
        return arguments.file, found
    if arguments.status is None:
        found = combined(
            arguments.record, arguments.quantities, accepted(arguments), sizes,
            (arguments.file, arguments.original), arguments.original_record,
        )  # fmt: skip
        return arguments.file, found
    treated, original = read_exposure(arguments.status), read_exposure(arguments.original)
    if not treated["accepted"]:
        # There is no FLT: nothing is judged, and the status says why.
        return arguments.status, []
    file = Path(treated["path"])
    return file, single(file, arguments.record, original["path"], sizes)


if __name__ == "__main__":
    run(main)
