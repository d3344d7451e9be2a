"""Check the exposures of an item for the built-in engine, and list their ramps.

Nothing is calibrated on disk. For every exposure the steps, parameters, references (verified: size,
SHA-1) and the raw file are written as a recipe, from which the programs that make products compute
what they need of the ramps while they read the raw file. The numbers are those of the JWST
pipeline's steps, to the last bit (docs/nircam-engine.md). Refused are exposures that the steps
cannot correct: no usable reference pixels, a first group that is lost or saturated, references that
do not fit, and what only the pipeline itself can do (engine: jwst).

The LIST holds the exposures that are used. With --exclude an exposure that the steps cannot use is
recorded as refused in its status beside the recipe, and the program succeeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument(
        "exposures", nargs="+", type=Path, metavar="STATUS", help="status files of raw exposures"
    )
    parser.add_argument("--steps", required=True, nargs="+", help="names of steps, in order")
    parser.add_argument("--parameters", default="{}", help='JSON: {"step": {"parameter": value}}')
    parser.add_argument(
        "--references", required=True, type=Path, metavar="FOLDER",
        help="lists made by bestrefs.py, EXPOSURE.json",
    )  # fmt: skip
    parser.add_argument(
        "--refusals", type=Path, metavar="FOLDER",
        help="EXPOSURE.txt: why an exposure is refused; empty when it is not",
    )  # fmt: skip
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", default="", help="pinned CRDS context, .pmap (not used)")
    parser.add_argument(
        "--superbias", type=Path, help="superbias to subtract instead of that of CRDS"
    )
    parser.add_argument(
        "--sirs-kernel", type=Path, help="SIRS kernel to use where CRDS has none for the detector"
    )
    parser.add_argument(
        "--output", required=True, type=Path, metavar="FOLDER", help="recipes and statuses to write"
    )
    parser.add_argument("--list", type=Path, help="list of the ramps that are used, to write")
    parser.add_argument("--frames", type=Path, help="frame table of the item, for --list")
    parser.add_argument("--role", default="dark", help="role of the exposures (default: dark)")
    parser.add_argument(
        "--against", type=Path, metavar="FOLDER",
        help="statuses of the pipeline's ramps: fail on the first bit that differs from them",
    )  # fmt: skip
    parser.add_argument(
        "--keep-ramps", action="store_true", help="write the ramps as FITS beside the recipes"
    )
    parser.add_argument(
        "--exclude", action="store_true", help="record a refused exposure instead of failing"
    )
    arguments = parser.parse_args()
    if bool(arguments.list) != bool(arguments.frames):
        parser.error("give --list and --frames, or neither")
    return arguments


def main() -> None:
    """Run the program."""
    arguments = parse()

    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.status import write_status
    from darkroom.crds.cache import Cache
    from darkroom.errors import InputError
    from darkroom.nircam.chain.prepare import Preparation, Wanted
    from darkroom.nircam.ramps.listing import write_list

    wanted = Wanted(
        arguments.steps, json.loads(arguments.parameters), arguments.superbias,
        arguments.sirs_kernel,
    )  # fmt: skip
    preparation = Preparation(Cache(arguments.cache, "jwst"))
    arguments.output.mkdir(parents=True, exist_ok=True)
    statuses = []
    for path in arguments.exposures:
        refusal = arguments.refusals and arguments.refusals / f"{path.stem}.txt"
        exposure = read_exposure(path, refusal)
        raw = exposure["path"]
        try:
            if exposure["accepted"]:
                exposure = checked(exposure, wanted, preparation, arguments)
        except InputError as error:
            # A faulty reference or superbias is no fault of the exposure.
            if not arguments.exclude or str(error.path) != str(raw):
                raise
            exposure |= {"accepted": False, "reason": str(error), "size": None, "sha256": ""}
        exposure.pop("path", None)
        status = arguments.output / f"{exposure['exposure']}.json"
        write_status(status, exposure)
        statuses.append(status)
        print(f"{exposure['file']}: {'checked' if exposure['accepted'] else exposure['reason']}")
    if arguments.list:
        write_list(arguments.list, statuses, arguments.frames, arguments.role)


def checked(
    exposure: dict[str, Any], wanted: Any, preparation: Any, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Check an exposure, write its recipe, and return its status."""
    from darkroom.campaign.status import read_status
    from darkroom.crds.references import read_references
    from darkroom.errors import InputError
    from darkroom.nircam.chain.prepare import accepted, recipe_path

    name = exposure["exposure"]
    recipe = recipe_path(arguments.output, name)
    chosen = read_references(arguments.references / f"{name}.json")
    other = read_status(arguments.against / f"{name}.json") if arguments.against else None
    keep = arguments.refusals is not None
    try:
        ramp = preparation.ramp(exposure, wanted, chosen, recipe, keep)
    except InputError as error:
        if other and other["accepted"] and str(error.path) == str(exposure["path"]):
            fault = f"the pipeline accepts it, the built-in engine does not: {error.fault}"
            raise InputError(other["path"], fault) from error
        raise
    if other:
        from darkroom.nircam.chain.agree import check_agreement

        if not other["accepted"]:
            fault = f"the pipeline refuses it, the built-in engine does not: {other['reason']}"
            raise InputError(exposure["exposure"], fault)
        count = check_agreement(ramp, other["path"])
        print(f"{name}: all {count} samples, and all flags, are those of the pipeline")
    if arguments.keep_ramps:
        from darkroom.nircam.chain.write import write_ramps

        write_ramps(ramp)
    return accepted(exposure, ramp, recipe)


if __name__ == "__main__":
    run(main)
