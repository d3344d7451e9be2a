"""Calibrate a WFC3/IR exposure: RAW to IMA and FLT, bad reads left out.

Answers: what is the count rate (e-/s) of each pixel of an exposure, without the reads that
scattered light or anything else spoiled?

--engine builtin  our own implementation of calwf3's chain; the same pixels, on any machine
         calwf3   the real calwf3.e (must be on PATH), on a copy in a private folder
         both     runs the two, stops on any differing pixel, keeps the builtin's files

Reads are named by EXTVER, which counts backwards: the last read is 1, the zeroth is NSAMP (it can
never be left out). --mask-reads 11-15 of a 16-read exposure leaves out its first five.

--mask-scope all     masked reads are left out for every pixel (default, builtin only); FLT DQ has
                     no 1024
             calwf3  exactly as calwf3: pixels with any other flag keep the masked reads, and 1024
                     is set in nearly all of the FLT's DQ

EXPTIME (s), EXPSTART and EXPEND (days) of the FLT are those of the reads used. Nothing is
overwritten.
"""

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
    parser.add_argument("--mask-scope", choices=scopes, help="default: all; calwf3 where it runs")
    parser.add_argument(
        "--references", required=True, type=Path, help="folder of the reference files (iref$)"
    )
    parser.add_argument(
        "--mask-reads", default="", metavar="EXTVERS", help="e.g. 11-15 or 1,2,3 (default: none)"
    )
    parser.add_argument("--mask-reason", default="", help="why, for the products' HISTORY")
    parser.add_argument("--output-dir", required=True, type=Path, help="made when missing")
    parser.add_argument("--threads", type=int, default=1, help="threads of the builtin engine")
    arguments = parser.parse_args()

    from darkroom.wfc3.engine.calibrate import calibrate
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
    )
    for path in products:
        print(path)


if __name__ == "__main__":
    run(main)
