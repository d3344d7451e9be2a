"""Compare a new superbias, read noise, dark or mask with the current one through the JWST pipeline.

Darks of which the new file was not made go through dq_init, saturation, superbias, refpix,
linearity, jump and ramp_fit, once with each file (a dark: through dark_current too); for superbias
and read noise so do the same darks with injected sources. The output has the shifts by class of
pixels, flags and jumps changed, and a score that tells which file is closer to the truth. A copy of
the current file must change nothing.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.counterfactual.options import accepted_exposures, add_options_of_comparison
from darkroom.counterfactual.settings import DeckSettings
from darkroom.gates.options import add_harm_option, harms

_SETTINGS = ("slopes_dn_s",)


def main() -> None:
    """Compare the file, and others of its item."""
    make(STEP, parse())


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__, epilog="units: DN, DN/s.")
    products = ("superbias", "readnoise", "dark", "mask")
    add_options_of_comparison(parser, products, "held-out darks, _uncal.fits", versions=True)
    parser.add_argument("--current", required=True, type=Path, help="file in use, FITS")
    parser.add_argument("--made-of", nargs="+", default=[], type=Path, metavar="LIST", help=(
        "list of the ramps of which the new file, or each version, was made (default: not known)"
    ))  # fmt: skip
    parser.add_argument("--spectrum", type=Path, metavar="FITS", help=(
        "read noise: noise spectrum of the detector, which predicts by how much rates scatter"
    ))  # fmt: skip
    add_harm_option(parser)
    add_options(parser, DeckSettings, _SETTINGS)
    add_batch_options(parser)
    return parser.parse_args(words)


def prepare(arguments: argparse.Namespace) -> None:
    """Give CRDS its environment, and import the steps, once for all files."""
    from darkroom.crds.environment import go_offline

    go_offline(arguments.cache, "jwst", arguments.context)
    from darkroom.nircam.counterfactual.consumer import load_steps

    load_steps()


def compare(arguments: argparse.Namespace) -> None:
    """Write what a file changes."""
    settings = read_options(arguments, DeckSettings, _SETTINGS)
    from importlib.metadata import version

    from darkroom.counterfactual.made_of import file_of_each
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.errors import InputError
    from darkroom.nircam.counterfactual import run as through_pipeline
    from darkroom.nircam.counterfactual.consumer import KINDS
    from darkroom.nircam.counterfactual.stack import DeckExposure
    from darkroom.nircam.gating.harms import HARMS

    cache = Cache(arguments.cache, "jwst")
    exposures = []
    for name, path, listed in accepted_exposures(arguments):
        chosen = read_references(listed)
        if lacking := [kind for kind in KINDS if not chosen.get(kind)]:
            raise InputError(listed, f"has no {', '.join(lacking)}, which the steps need")
        paths = {kind: cache.verified(chosen[kind]) for kind in KINDS}
        exposures.append(DeckExposure(name, path, paths))
    names = [one.name for one in exposures]
    versions_of = file_of_each(arguments.candidate, {name: f"input {name}." for name in names})
    low, high = settings.slopes_dn_s
    versions = {name: version(name) for name in ("jwst", "stcal", "numpy", "crds")}
    task = through_pipeline.Task(
        arguments.product, versions_of, arguments.current, (low, high),
        max((len(exposures_of(path)) for path in arguments.made_of), default=0), versions["jwst"],
        harms(arguments, HARMS, arguments.product), arguments.spectrum,
    )  # fmt: skip
    found = through_pipeline.run(task, exposures)
    files = arguments.candidate[0], arguments.current
    made = record(
        arguments.product, files, found, names, arguments.context, versions, arguments.current_bad
    )
    write_record(arguments.output, made)
    print(f"{made['score']['verdict']}: {made['score']['sentence']}.")


def exposures_of(path: Path) -> set[str]:
    """Return the exposures in a list of ramps; the segments of one count once."""
    from darkroom.nircam.planning import without_segment

    lines = path.read_text(encoding="utf-8").splitlines()
    return {
        without_segment(Path(line).name.partition(".")[0])
        for line in lines
        if line and line[0] != "#"
    }


STEP = Step([], [], ["output"], compare, prepare, parse)

if __name__ == "__main__":
    run(main)
