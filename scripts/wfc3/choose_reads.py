"""Find the bad reads of a WFC3/IR exposure: those in which the sky differs from the others.

--choose quiet     compares each read with the quiet level of the same ramp. A read is bad when the
                   ratio left / right of the sky changes by more than --ratio-excess in either
                   direction, or the whole field is brighter or darker by more than --level-excess
                   (a fraction), or a satellite trail (bright pixels on a line) covers more than
                   --trail-excess of the pixels; the change must exceed --nsigma times its
                   uncertainty. Reads without data of their own (copies of an earlier read, filled
                   ones) are always bad. Intervals shorter than --min-step-s are not tested. Where
                   the sky cannot be measured, or left / right drifts slowly over the whole
                   exposure, no read is chosen ("undecidable, none chosen").
         notebook  every read with left / right above --notebook-ratio, whatever its uncertainty
         none      no read is bad

--treatment auto   by what was found: mask for light at the start or the end that differs between
                   left and right, flatten for a sky that changes alike over the field, both where
                   both are, subtract for the middle and for a trail

--reads (EXTVERs, which count backwards: 1 is the last read) overrides the choice. The zeroth read,
and all reads at once, are never chosen. quiet never chooses more than --max-masked-fraction of the
exposure time nor, for --treatment mask, reads in the middle of the exposure.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings


def main() -> None:
    """Run the program."""
    make(STEP, parse())


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("differences", type=Path, help="product of read_differences.py, JSON")
    add_options(parser, Wfc3Settings, PROGRAMS["choose_reads"])
    parser.add_argument(
        "--reads", metavar="EXTVERS", help='reads that are bad, e.g. 11-15; "" means none'
    )
    parser.add_argument("--output", required=True, type=Path, help="record of the choice, JSON")
    add_batch_options(parser)
    return parser.parse_args(words)


def prepare(_: argparse.Namespace) -> None:
    """Import what the choice needs."""
    from darkroom.wfc3.reads import choose, diagnose

    __ = choose, diagnose


def choose_one(arguments: argparse.Namespace) -> None:
    """Choose the bad reads of an exposure."""
    from darkroom.wfc3.reads.records import read_record, write_record

    record = read_record(arguments.differences)
    if not record["accepted"]:
        write_record(arguments.output, record)
        print(f"not used: {record['reason']}")
        return

    from dataclasses import asdict

    from darkroom.wfc3.files.mask import parse_reads
    from darkroom.wfc3.reads.choose import choose
    from darkroom.wfc3.reads.diagnose import from_record

    settings = read_options(arguments, Wfc3Settings, PROGRAMS["choose_reads"])
    rule = {name: getattr(settings, name) for name in PROGRAMS["choose_reads"]}
    given = None if arguments.reads is None else parse_reads(arguments.reads)
    differences = from_record(record["instantaneous"])
    choice = choose(differences, settings, given=given)
    write_record(
        arguments.output,
        {"accepted": True, "rule": rule} | asdict(choice),
    )
    print(f"{differences.name}: {choice.words}")


STEP = Step(["differences"], [], ["output"], choose_one, prepare, parse)

if __name__ == "__main__":
    run(main)
