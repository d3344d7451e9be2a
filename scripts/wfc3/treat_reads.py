"""Calibrate a WFC3/IR exposure without its bad reads, and measure what that changed.

Each reference is verified (size, SHA-1) just before. The treatment is the one the choice was made
for:

mask      bad reads are left out of the fit up the ramp; for the start or the end of an exposure
subtract  the counts of bad intervals are taken off the last read; for the middle; cosmic rays stay,
          flagged 8192
flatten   the changing part of a sky that is alike over the field is taken off every read before the
          fit; no exposure time is lost

Written beside --status: the FLT (e-/s), whose header says which reads were treated and why, how
straight the sky's ramp is (RAMPDEV, sigma of a read), which fraction of the pixels CRCORR flagged
(RAMPCR) or gave up (RAMPGUP), and the times of the reads used. --record holds the measures before
and after: background left and right, noise, the ramp.

--engine both compares with calwf3 itself; that and calwf3 can only mask, with --mask-scope calwf3.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("original", type=Path, help="status file of calibrate_original")
    parser.add_argument("--differences", required=True, type=Path, help="of read_differences")
    parser.add_argument("--choice", required=True, type=Path, help="of choose_reads")
    parser.add_argument("--references", required=True, type=Path, help="made by bestrefs, JSON")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    add_options(parser, Wfc3Settings, PROGRAMS["treat_reads"])
    parser.add_argument("--threads", type=int, default=1, help="threads of the builtin engine")
    parser.add_argument("--record", required=True, type=Path, help="measures, JSON")
    parser.add_argument("--status", required=True, type=Path, help="what came of it, JSON")
    return parser.parse_args()


def main() -> None:
    """Run the program."""
    arguments = parse()
    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.status import write_status
    from darkroom.provenance import sha256
    from darkroom.wfc3.reads.records import read_record, write_record

    exposure, choice = read_exposure(arguments.original), read_record(arguments.choice)
    if exposure["accepted"]:
        flt = arguments.status.parent / exposure["file"]
        record = {"accepted": True, "exposure": exposure["exposure"]}
        record |= treated(exposure, choice, flt, arguments)
        exposure |= {"size": flt.stat().st_size, "sha256": sha256(flt)}
    else:
        record = {"accepted": False, "reason": exposure["reason"]}
    del exposure["path"]
    write_record(arguments.record, record)
    write_status(arguments.status, exposure)
    print(f"{exposure['file']}: {record.get('done') or exposure['reason']}; {choice.get('words')}")


def treated(
    exposure: dict[str, Any], choice: dict[str, Any], flt: Path, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Write the FLT of an exposure without its bad reads; return its measurements.

    Parameters
    ----------
    exposure : dict
        Status of the exposure, calibrated with every read.
    choice : dict
        Record of the program ``choose_reads``.
    flt : pathlib.Path
        The FLT to write.
    arguments : argparse.Namespace
        The command line.
    """
    import numpy as np

    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.wfc3.engine.working import verified_references
    from darkroom.wfc3.files.reads import read_ima
    from darkroom.wfc3.reads.diagnose import from_record, sky_pixels
    from darkroom.wfc3.reads.records import ima_of, read_record
    from darkroom.wfc3.reads.reprocess import reprocess
    from darkroom.wfc3.reads.treated import write_treated

    original = Path(exposure["path"])
    raw = original.with_name(original.name.replace("_flt.fits", "_raw.fits"))
    chosen = read_references(arguments.references)
    references = verified_references(chosen, Cache(arguments.cache, "hst"))["ccdtab"].parent
    differences = from_record(read_record(arguments.differences)["instantaneous"])
    made = reprocess(
        raw,
        references,
        choice,
        np.asarray(differences.full.median),
        sky_pixels(read_ima(ima_of(arguments.original)[0])),
        scope=arguments.mask_scope,
        regions=(arguments.left, arguments.right),
        threads=arguments.threads,
    )
    write_treated(made, raw, references, flt, arguments.engine)
    return made.record


if __name__ == "__main__":
    run(main)
