"""Run steps of the JWST pipeline on one raw exposure, and verify that each of them was effective.

The steps run offline with the references that were chosen for the exposure; each reference is
verified (size, SHA-1) just before. A step that did not complete, or that corrected nothing, is an
error (only group_scale may be skipped). Steps, run in the order given:
  group_scale   scales groups of averaged frames
  dq_init       flags of the mask
  saturation    flags of saturated groups
  ipc           inter-pixel capacitance
  superbias     subtracts the superbias
  refpix        corrects by reference pixels
  linearity     corrects non-linearity
  dark_current  subtracts the dark

The output holds the ramps in DN (SCI) with PIXELDQ and GROUPDQ.

--status records the result for the exposure. With --exclude an exposure that the steps cannot use
is recorded there as refused, and the program succeeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.cli import ListFileParser, run

if TYPE_CHECKING:
    from astropy.io import fits


def main() -> None:
    """Run the program."""
    make(STEP, parse())


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposure", type=Path, help="raw exposure, _uncal.fits, or its status file")
    parser.add_argument("--steps", required=True, nargs="+", help="names of steps, in order")
    parser.add_argument(
        "--references", required=True, type=Path, help="list made by bestrefs.py, JSON"
    )
    parser.add_argument(
        "--refusal", type=Path, help="text file: why the exposure is refused; empty when it is not"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument(
        "--superbias", type=Path, help="superbias to subtract instead of that of CRDS"
    )
    parser.add_argument(
        "--sirs-kernel", type=Path, help="SIRS kernel to use where CRDS has none for the detector"
    )
    parser.add_argument("--parameters", default="{}", help='JSON: {"step": {"parameter": value}}')
    parser.add_argument("--output", type=Path, help="ramps, FITS (default: beside --status)")
    parser.add_argument("--status", type=Path, help="status file to write, JSON")
    parser.add_argument(
        "--exclude", action="store_true", help="record a refused exposure instead of failing"
    )
    parser.add_argument("--maker", default="", help="digest of this program, for the provenance")
    add_batch_options(parser)
    arguments = parser.parse_args()
    if not (arguments.output or arguments.status):
        parser.error("give --output, --status or both")
    return arguments


def prepare(arguments: argparse.Namespace) -> None:
    """Give CRDS its environment, once for all exposures, and import what the steps need."""
    from darkroom.crds.environment import go_offline

    go_offline(arguments.cache, "jwst", arguments.context)
    from darkroom.nircam import steps

    __ = steps


def calibrate_one(arguments: argparse.Namespace) -> None:
    """Calibrate an exposure and write its status."""
    arguments.output = arguments.output or arguments.status.with_suffix(".fits")

    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.status import write_status
    from darkroom.errors import InputError

    exposure = read_exposure(arguments.exposure, arguments.refusal)
    try:
        if exposure["accepted"]:
            exposure |= calibrated(exposure["path"], arguments)
    except InputError as error:
        # A faulty reference or superbias is no fault of the exposure.
        if not arguments.exclude or error.path != exposure["path"]:
            raise
        exposure |= {"accepted": False, "reason": str(error), "size": None, "sha256": ""}
    if arguments.status:
        del exposure["path"]
        write_status(arguments.status, exposure)
    print(f"{exposure['file']}: {'calibrated' if exposure['accepted'] else exposure['reason']}")


def calibrated(path: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Run the steps, write the ramps, and return what changes in the exposure's status."""
    from astropy.io import fits

    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.fits.verify import verify
    from darkroom.nircam.refpix import sirs_choice as sirs
    from darkroom.nircam.steps import verified_references
    from darkroom.nircam.up_to_date import is_up_to_date
    from darkroom.provenance import sha256, stamp

    verify(path)
    chosen = read_references(arguments.references)
    cache = Cache(arguments.cache, "jwst")
    references = verified_references(arguments.steps, chosen, cache)
    parameters = json.loads(arguments.parameters)
    if sirs.asks_for_sirs(arguments.steps, parameters):
        best = cache.verified(chosen[sirs.KIND]) if chosen.get(sirs.KIND) else None
        references[sirs.KIND] = sirs.choose_kernel(path, (best, arguments.sirs_kernel))
    stamped = fits.Header()
    stamp(
        stamped,
        made_by="calibrate",
        inputs=[path, *references.values(), *filter(None, [arguments.superbias])],
        settings={
            "steps": arguments.steps,
            "parameters": parameters,
            "program": arguments.maker,
        },
        packages=("numpy", "astropy", "jwst", "stcal", "crds"),
    )
    if is_up_to_date(arguments.output, stamped):
        print(f"{arguments.output.name}: up to date, made from the same inputs before")
    else:
        make_ramps(path, references, stamped, parameters, arguments)
    output = arguments.output
    return {"file": output.name, "size": output.stat().st_size, "sha256": sha256(output)}


def make_ramps(
    path: str,
    references: dict[str, Path],
    stamped: fits.Header,
    parameters: dict[str, Any],
    arguments: argparse.Namespace,
) -> None:
    """Run the steps on an exposure and write the ramps.

    Parameters
    ----------
    path : str
        The raw exposure.
    references : dict
        Reference files by reference type.
    stamped : astropy.io.fits.Header
        Provenance cards for the primary header.
    parameters : dict
        Parameters of the steps: ``{step: {parameter: value}}``.
    arguments : argparse.Namespace
        The command line.
    """
    from contextlib import ExitStack

    from darkroom.fits.write import write
    from darkroom.nircam.ramps.files import plain_copy
    from darkroom.nircam.refpix.sirs_choice import KIND
    from darkroom.nircam.steps import ramp_hdus, run_steps

    names = {kind: f"crds://{reference.name}" for kind, reference in references.items()}
    if arguments.superbias and "superbias" in arguments.steps:
        names["superbias"] = arguments.superbias.name
    if arguments.sirs_kernel and references.get(KIND) == arguments.sirs_kernel:
        names[KIND] = arguments.sirs_kernel.name
    with ExitStack() as copies:
        plain = plain_copy(path, copies)
        model = run_steps(
            path, arguments.steps, references, parameters, arguments.superbias, plain,
            keep=arguments.refusal is not None,
        )  # fmt: skip
        hdus = ramp_hdus(model, arguments.output.name, names, plain)
        hdus[0].header.extend(stamped)
        write(arguments.output, hdus, date=model.meta.date)
        model.close()


STEP = Step(["exposure", "refusal", "references"], ["status"], [], calibrate_one, prepare)

if __name__ == "__main__":
    run(main)
