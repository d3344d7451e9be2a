"""Combine the exposures of a WFC3/IR visit with updatewcs and AstroDrizzle.

AstroDrizzle works on copies in a private folder; the FLTs are never changed. The defaults of the
parameters are those of the WFC3 team's notebook. With --cache the distortion reference is verified
(size, SHA-1) just before.

Positions of stars are compared: an exposure whose stars lie more than a pixel beside those of the
others lost its guide stars; it is an error, or left out with --exclude. It is an error when
AstroDrizzle silently uses another method of sky matching, or drops an exposure: the median weight
must equal the summed exposure time of the exposures that cover a pixel, within 0.5 %. A warning is
given for holes that remain at the position of blobs.

FLTs given by hand are judged by their headers as a campaign judges its exposures: those without
guide stars, spectra, spatial scans and the like are refused, all in one message. --exclude leaves
them out, --keep uses those named. With --frames the judgement of the campaign is taken. Where the
weight is 0 the image has values of flagged pixels, unless --final-fillval replaces them.

--output is the image (e-/s), NAME_sci.fits; beside it are written the weights NAME_wht.fits (s) and
the report NAME.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.visit.settings import DrizzleSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.wfc3.visit.skies import Kept


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposures", nargs="+", type=Path, help="FLTs or status files; or @list")
    parser.add_argument(
        "--frames", type=Path, help="frame table; frames refused there are left out"
    )
    parser.add_argument("--exclude", action="store_true", help="leave refused exposures out")
    parser.add_argument(
        "--keep", nargs="*", default=[], metavar="EXPOSURE", help="exposures used in any case"
    )
    parser.add_argument("--references", type=Path, help="folder of the references (iref$)")
    parser.add_argument(
        "--cache", type=Path, help="folder of the CRDS cache, instead of --references"
    )
    add_options(parser, DrizzleSettings)
    parser.add_argument("--output", required=True, type=Path, help="image to write, NAME_sci.fits")
    parser.add_argument("--weight", type=Path, help="weights to write (default: NAME_wht.fits)")
    parser.add_argument("--report", type=Path, help="report to write (default: NAME.json)")
    add_batch_options(parser)
    arguments = parser.parse_args(words)
    if not (arguments.references or arguments.cache):
        parser.error("give --references or --cache")
    if not arguments.output.name.endswith("_sci.fits"):
        parser.error("--output must end in _sci.fits")
    arguments.stem = arguments.output.name.removesuffix("_sci.fits")
    beside = arguments.output.with_name
    arguments.weight = arguments.weight or beside(f"{arguments.stem}_wht.fits")
    arguments.report = arguments.report or beside(f"{arguments.stem}.json")
    return arguments


def main() -> None:
    """Combine the exposures, after those of the other version of the visit."""
    arguments = parse()
    import tempfile

    from darkroom.wfc3.visit.skies import Kept

    with tempfile.TemporaryDirectory(prefix="darkroom-") as folder:
        shared = Kept(Path(folder) if arguments.along else None)
        step = Step(
            [], [], ["output", "weight", "report"], lambda one: work(one, shared), prepare, parse
        )
        make(step, arguments)


def prepare(arguments: argparse.Namespace) -> None:
    """Import what two versions need, so that it is there before the worker process begins."""
    from darkroom.wfc3.visit import drizzle, judged, visit

    __ = drizzle, judged, visit
    if arguments.along:
        from drizzlepac import astrodrizzle
        from stwcs import updatewcs

        __ = astrodrizzle, updatewcs


def work(arguments: argparse.Namespace, kept: Kept) -> None:
    """Combine the exposures of one version.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line.
    kept : darkroom.wfc3.visit.skies.Kept
        What the versions have in common.
    """
    from darkroom.atomic import private_folder
    from darkroom.campaign.exposure import read_exposure
    from darkroom.campaign.frames import read_frames
    from darkroom.crds.cache import Cache
    from darkroom.errors import DarkroomError
    from darkroom.judge.judgement import REFUSED, require_good, sentences
    from darkroom.wfc3.engine.working import references_folder, verify_distortion
    from darkroom.wfc3.reads.records import write_record
    from darkroom.wfc3.visit.drizzle import combine
    from darkroom.wfc3.visit.judged import judge_flts
    from darkroom.wfc3.visit.visit import write_visit

    given = [read_exposure(path) for path in arguments.exposures]
    left_out = {one["exposure"]: one["reason"] for one in given if not one["accepted"]}
    used = [one for one in given if one["accepted"]]
    warnings = []
    if arguments.frames:
        rows = {row["exposure"]: row for row in read_frames(arguments.frames)}
        refused = {n: row["reason"] for n, row in rows.items() if row["accepted"] != "yes"}
        left_out |= {
            one["exposure"]: refused.get(one["exposure"], "") or "not in the frame table"
            for one in used
            if rows.get(one["exposure"], {}).get("accepted") != "yes"
        }
    else:
        judgements = judge_flts(used, arguments.keep)
        if not arguments.exclude:
            warnings = require_good(judgements, "combined image")
        refused = sentences(judgements, REFUSED)
        left_out |= {name: "; ".join(faults) for name, faults in refused.items()}
    used = [one for one in used if one["exposure"] not in left_out and one["path"] not in left_out]
    for reason in left_out.values():
        print(f"left out: {reason}")
    if not used:
        reasons = "\n  ".join(left_out.values())
        raise DarkroomError(
            f"there is no exposure to combine: all {len(given)} are left out:\n  {reasons}"
        )
    flts = [Path(one["path"]) for one in used]
    references = arguments.references
    if references is None and flts:
        cache = Cache(arguments.cache, "hst")
        verify_distortion(flts, cache)
        references = references_folder(flts[0], cache)
    chosen = vars(read_options(arguments, DrizzleSettings))
    chosen = {name: value for name, value in chosen.items() if value is not None}
    database = chosen.pop("astrometry")
    with private_folder(arguments.output.parent, arguments.stem) as private:
        visit = combine(
            flts, references, private, parameters=chosen, database=database,
            exclude=arguments.exclude, keep=arguments.keep, kept=kept,
        )  # fmt: skip
    settings = visit.report["parameters"] | {"astrometry": database}
    names = set(visit.report["exposures"])
    flts = [path for path in flts if path.name.removesuffix("_flt.fits") in names]
    files = {
        f"{arguments.stem}_sci.fits": arguments.output,
        f"{arguments.stem}_wht.fits": arguments.weight,
    }
    write_visit(files, visit, flts, settings)
    visit.report["warnings"] += warnings
    for reason in visit.report["left_out"].values():
        print(f"left out: {reason}")
    visit.report["warnings"] += [f"left out: {r}" for r in visit.report["left_out"].values()]
    visit.report["left_out"] |= left_out
    write_record(arguments.report, {"accepted": True} | visit.report)
    print(f"{len(visit.report['exposures'])} exposures, {visit.report['exptime']:.1f} s")
    for warning in visit.report["warnings"]:
        print(f"WARNING {warning}")


if __name__ == "__main__":
    run(main)
