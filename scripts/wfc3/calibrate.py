"""Calibrate a WFC3/IR exposure from RAW to IMA and FLT, optionally without bad reads.

The FLT holds the count rate (e-/s) of each pixel, fitted up the ramp without the reads that are
named as bad (scattered light, airglow, satellites).

--engine builtin  darkroom's implementation of the calwf3 steps; identical pixels, on any machine
         calwf3   calwf3.e itself (must be on PATH), run on a copy in a private folder
         both     runs both, fails on any differing pixel, keeps the files of builtin

Reads are named by EXTVER, which counts backwards: the last read is 1, the zeroth read is NSAMP (it
cannot be left out). For a 16-read exposure --mask-reads 11-15 leaves out the first five reads after
the zeroth.

--mask-scope all     masked reads are left out for every pixel (default, builtin only); the flag
                     1024 is not set in the DQ of the FLT
             calwf3  exactly as calwf3: pixels with any other flag keep the masked reads, and 1024
                     is set in nearly all of the FLT's DQ

EXPTIME (s), EXPSTART and EXPEND (days) of the FLT are those of the reads used. Existing files are
not overwritten: they are accepted when their content is the same, else refused.
"""

import sys
from pathlib import Path

from darkroom.campaign.settings import add_options, declared
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import Wfc3Settings


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("raw", metavar="RAW", type=Path, help="RAW file (.fits or .fits.gz)")
    add_options(parser, Wfc3Settings, ("engine",))
    scopes = declared(Wfc3Settings)["mask_scope"].choices
    parser.add_argument(
        "--mask-scope", choices=scopes, help="default: all, or calwf3 where that engine runs"
    )
    parser.add_argument(
        "--references", required=True, type=Path, help="folder of the reference files (iref$)"
    )
    parser.add_argument(
        "--mask-reads",
        default="",
        metavar="EXTVERS",
        help="reads to leave out, e.g. 11-15 or 1,2,3 (default: none)",
    )
    parser.add_argument(
        "--mask-reason", default="", help="reason, written to HISTORY of the products"
    )
    parser.add_argument(
        "--output-dir",
        required=True,
        type=Path,
        help="folder of the products, created when missing",
    )
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of engine builtin (default: 1)"
    )
    arguments = parser.parse_args()

    from darkroom.wfc3.engine.calibrate import calibrate
    from darkroom.wfc3.engine.references import missing_delta_flat
    from darkroom.wfc3.files.mask import parse_reads

    products = calibrate(
        arguments.raw,
        arguments.references,
        arguments.output_dir,
        engine=arguments.engine,
        masked=parse_reads(arguments.mask_reads),
        scope=arguments.mask_scope,
        reason=arguments.mask_reason,
        threads=arguments.threads,
        warn=_warn,
    )
    if doubt := missing_delta_flat(arguments.raw):
        _warn(doubt)
    for path in products:
        print(path)


def _warn(text: str) -> None:
    """Tell a person on stderr."""
    print(f"warning: {text}", file=sys.stderr)


if __name__ == "__main__":
    run(main)
