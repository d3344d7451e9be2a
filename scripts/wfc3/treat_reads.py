"""Calibrate a WFC3/IR exposure with its bad reads treated, and measure the effect.

Each reference is verified (size, SHA-1) just before. The treatment is that of --choice:

mask      bad reads are left out of the up-the-ramp fit; for the start or the end of an exposure
subtract  the counts of bad intervals are subtracted from the last read; for the middle of an
          exposure; cosmic rays remain and are flagged 8192
flatten   the varying part of a sky that is uniform over the field is subtracted from every read
          before the fit; no exposure time is lost
mask_and_flatten   both: some reads are left out, the sky of the others is flattened
last_minus_first   the last read minus the zeroth, as by calwf3 with CRCORR OMIT; no fit; cosmic
          rays remain and are flagged 8192

The FLT (e-/s) is written beside --status. Its header lists the treated reads with the reason, the
deviation of the sky's ramp from a straight line (RAMPDEV, sigma of a read), the fractions of the
pixels that CRCORR flagged (RAMPCR) or gave up (RAMPGUP), and the times of the reads used. --record
holds measurements before and after: background left and right, noise, and the ramp.

--engine both also runs calwf3 with the same reads masked, and fails on any differing pixel. Engines
calwf3 and both can mask only with --mask-scope calwf3; calwf3 can do nothing else.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.settings import add_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("original", type=Path, help="status file of calibrate_original")
    parser.add_argument(
        "--differences", required=True, type=Path, help="product of read_differences.py, JSON"
    )
    parser.add_argument(
        "--choice", required=True, type=Path, help="record of choose_reads.py, JSON"
    )
    parser.add_argument(
        "--references", required=True, type=Path, help="list made by bestrefs.py, JSON"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    add_options(parser, Wfc3Settings, PROGRAMS["treat_reads"])
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of engine builtin (default: 1)"
    )
    parser.add_argument(
        "--record", required=True, type=Path, help="measurements before and after, JSON"
    )
    parser.add_argument("--status", required=True, type=Path, help="status file to write, JSON")
    add_batch_options(parser)
    return parser.parse_args()


def main() -> None:
    """Run the program."""
    make(STEP, parse())


def prepare(_: argparse.Namespace) -> None:
    """Import what the treatment needs."""
    from darkroom.wfc3.engine import working
    from darkroom.wfc3.reads import diagnose, reprocess, sky, treated

    __ = working, diagnose, reprocess, sky, treated


def treat_one(arguments: argparse.Namespace) -> None:
    """Treat the bad reads of an exposure; write its measurements and its status."""
    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.status import write_status
    from darkroom.provenance import sha256
    from darkroom.wfc3.reads.records import read_record, write_record

    exposure, choice = read_exposure(arguments.original), read_record(arguments.choice)
    if exposure["accepted"]:
        flt = arguments.status.parent / exposure["file"]
        record = {"accepted": True, "exposure": exposure["exposure"]}
        record |= treated(exposure, choice, flt, arguments)
        record["warnings"] = [*exposure.get("warnings", ()), *record["warnings"]]
        exposure |= {"size": flt.stat().st_size, "sha256": sha256(flt)}
        # The original calibration's: none is made beside this FLT.
        exposure.pop("beside", None)
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
    from darkroom.wfc3.engine.working import references_folder, verified_references
    from darkroom.wfc3.files.reads import read_ima
    from darkroom.wfc3.reads.diagnose import from_record, with_data
    from darkroom.wfc3.reads.records import ima_of, read_record
    from darkroom.wfc3.reads.reprocess import reprocess
    from darkroom.wfc3.reads.sky import sky_pixels
    from darkroom.wfc3.reads.treated import write_treated

    original = Path(exposure["path"])
    raw = original.with_name(original.name.replace("_flt.fits", "_raw.fits"))
    chosen = read_references(arguments.references)
    cache = Cache(arguments.cache, "hst")
    verified_references(chosen, cache)
    references = references_folder(raw, cache)
    differences = from_record(read_record(arguments.differences)["instantaneous"])
    made = reprocess(
        raw,
        references,
        choice,
        np.asarray(differences.full.median),
        sky_pixels(with_data(read_ima(ima_of(arguments.original)[0]), differences.stale)),
        scope=arguments.mask_scope,
        regions=(arguments.left, arguments.right),
        threads=arguments.threads,
    )
    write_treated(made, raw, references, flt, arguments.engine)
    return made.record


STEP = Step(
    ["original", "differences", "choice", "references"], ["status"], ["record"], treat_one, prepare
)

if __name__ == "__main__":
    run(main)
