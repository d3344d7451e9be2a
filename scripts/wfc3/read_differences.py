"""Measure the sky in each interval between two reads of a WFC3/IR exposure.

The sky is measured in the whole field and in a left and a right region: median rates in e-/s with
uncertainties (1.2533 sigma / sqrt(N), sigma robust), times in s, ratio and difference of left and
right. Two kinds of read difference are measured: the mean rate between two reads (instantaneous),
and the difference of cumulative rates r(j-1) - r(j) (cumulative).

--sources mask   exclude flagged pixels and those where a source is found
          limit  exclude rates beyond --source-limit (e-/s), as the WFC3 team's notebook does
          none   exclude nothing

Regions are x0 x1 y0 y1 in pixels of the full 1024 x 1024 array, upper ends excluded; for a subarray
they are scaled.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("ima", type=Path, help="IMA, or the status file beside it")
    parser.add_argument(
        "--raw",
        type=Path,
        help="RAW, searched for reads without data; default: that beside the IMA, if there is one",
    )
    add_options(parser, Wfc3Settings, PROGRAMS["read_differences"])
    parser.add_argument("--output", required=True, type=Path, help="measurements, JSON")
    add_batch_options(parser)
    make(STEP, parser.parse_args())


def prepare(_: argparse.Namespace) -> None:
    """Import what the measurement needs."""
    from darkroom.wfc3.files import reads
    from darkroom.wfc3.reads import diagnose, stale

    __ = reads, diagnose, stale


def measure_one(arguments: argparse.Namespace) -> None:
    """Measure the sky of an exposure, read by read."""
    from darkroom.wfc3.reads.records import ima_of, write_record

    ima, refusal = ima_of(arguments.ima)
    if refusal:
        write_record(arguments.output, {"accepted": False, "reason": refusal})
        print(f"not used: {refusal}")
        return

    from darkroom.wfc3.files.reads import METHODS, read_ima
    from darkroom.wfc3.reads.diagnose import measure_by, to_record
    from darkroom.wfc3.reads.stale import lost_words, without_data, without_rows

    cube = read_ima(ima)
    beside = [
        ima.with_name(ima.name.replace("_ima.fits", f"_raw.fits{end}")) for end in ("", ".gz")
    ]
    raw = arguments.raw or next((path for path in beside if path.is_file()), None)
    stale, lost = (None, {}) if raw is None else without_data(raw)
    cube = without_rows(cube, lost)
    record = {"accepted": True, "ima": ima.name}
    measured = measure_by(
        METHODS,
        cube,
        sources=arguments.sources,
        limit=arguments.source_limit,
        left=arguments.left,
        right=arguments.right,
        stale=stale,
    )
    for method, found in measured.items():
        record[method] = to_record(found)
    write_record(arguments.output, record)
    print(f"{cube.name}: {cube.nsamp} reads, {found.sky_share:.0%} of the pixels are sky")
    for extver, why in found.stale.items():
        print(f"EXTVER {extver} is {why}")
    for words in lost_words(lost):
        print(f"warning: {words}")


STEP = Step(["ima"], [], ["output"], measure_one, prepare)

if __name__ == "__main__":
    run(main)
