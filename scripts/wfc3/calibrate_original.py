"""Calibrate a WFC3/IR exposure with all its reads and the best references of the CRDS context.

The RAW is only read: a working copy, whose header names the references, and the products IMA and
FLT are written beside --status under the exposure's own name. Each reference is verified (size,
SHA-1) just before. --status records the result for the exposure. With --exclude an exposure that
cannot be calibrated is recorded there as refused, and the program succeeds.
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


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposure", type=Path, help="RAW, or its status file")
    parser.add_argument(
        "--refusal", type=Path, help="text file: why the exposure is refused; empty when it is not"
    )
    parser.add_argument(
        "--references", required=True, type=Path, help="list made by bestrefs.py, JSON"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    add_options(parser, Wfc3Settings, PROGRAMS["calibrate_original"])
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of engine builtin (default: 1)"
    )
    parser.add_argument(
        "--exclude", action="store_true", help="record a refused exposure instead of failing"
    )
    parser.add_argument("--status", required=True, type=Path, help="status file to write, JSON")
    add_batch_options(parser)
    make(STEP, parser.parse_args())


def prepare(_: argparse.Namespace) -> None:
    """Import what the calibration needs."""
    from darkroom.wfc3.engine import calibrate, working
    from darkroom.wfc3.reads import stale

    __ = calibrate, working, stale


def calibrate_one(arguments: argparse.Namespace) -> None:
    """Calibrate an exposure and write its status."""
    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.status import write_status
    from darkroom.errors import InputError

    exposure = read_exposure(arguments.exposure, arguments.refusal)
    try:
        if exposure["accepted"]:
            exposure |= calibrated(exposure, arguments)
    except InputError as error:
        # A faulty reference is no fault of the exposure.
        if not arguments.exclude or not error.path.removesuffix(".gz").endswith("_raw.fits"):
            raise
        exposure |= {"accepted": False, "reason": str(error), "size": None, "sha256": ""}
    del exposure["path"]
    write_status(arguments.status, exposure)
    print(f"{exposure['file']}: {'calibrated' if exposure['accepted'] else exposure['reason']}")
    for warning in exposure.get("warnings", ()):
        print(f"warning: {warning}")


def calibrated(exposure: dict[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Calibrate an exposure in a private folder, move the files to their place.

    Return what changes in the exposure's status.
    """
    from darkroom.atomic import private_folder, rename_durably
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.provenance import sha256
    from darkroom.wfc3.engine.calibrate import calibrate
    from darkroom.wfc3.engine.working import (
        references_folder,
        verified_references,
        working_copy,
    )
    from darkroom.wfc3.reads.stale import lost_words, without_data

    folder, name = arguments.status.parent, exposure["exposure"].removesuffix("_raw")
    chosen = read_references(arguments.references)
    cache = Cache(arguments.cache, "hst")
    references = verified_references(chosen, cache)
    with private_folder(folder, name) as private:
        raw = private / f"{name}_raw.fits"
        warnings = working_copy(exposure["path"], raw, references, arguments.context)
        made = calibrate(
            raw,
            references_folder(raw, cache),
            private,
            engine=arguments.engine,
            threads=arguments.threads,
            warn=warnings.append,
        )
        warnings += lost_words(without_data(raw)[1])
        for path in (raw, *made):
            rename_durably(path, folder / path.name)
    ima, flt = (folder / path.name for path in made)
    return {
        "file": flt.name,
        "size": flt.stat().st_size,
        "sha256": sha256(flt),
        # Later steps read these too.
        "beside": {name: sha256(folder / name) for name in (raw.name, ima.name)},
        "warnings": [*exposure.get("warnings", ()), *warnings],
    }


STEP = Step(["exposure", "refusal", "references"], ["status"], [], calibrate_one, prepare)

if __name__ == "__main__":
    run(main)
