"""Compare a new dark or flat of WFC3/IR with the one in use, on the exposures of a visit.

Each exposure, of which neither file was made, is calibrated from RAW to FLT by darkroom's
implementation of calwf3 with the new file, with the one in use, and with a copy of that, which must
change nothing. The output has the shifts of the sky, flags changed, and a score that tells which
file is closer to the truth.
"""

from __future__ import annotations

from pathlib import Path

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposures", nargs="+", type=Path, metavar="FILE", help=(
        "exposures, _raw.fits, or their status files"
    ))  # fmt: skip
    parser.add_argument("--product", required=True, choices=("dark", "flat"))
    parser.add_argument("--candidate", required=True, type=Path, help="new file, FITS")
    parser.add_argument("--references", required=True, type=Path, metavar="FOLDER", help=(
        "lists made by bestrefs.py: <exposure>.json; the file in use is that which they name"
    ))  # fmt: skip
    parser.add_argument("--refusals", type=Path, metavar="FOLDER", help=(
        "why exposures are refused: <exposure>.txt, empty when they are not"
    ))  # fmt: skip
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--current-bad", action="store_true", help="the file in use is bad")
    parser.add_argument("--output", required=True, type=Path, metavar="JSON", help="comparison")
    arguments = parser.parse_args()

    from darkroom import __version__
    from darkroom.campaign.exposure import read_exposure
    from darkroom.counterfactual.made_of import require_held_out
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.errors import DarkroomError
    from darkroom.wfc3.counterfactual.compare import KINDS, compare
    from darkroom.wfc3.counterfactual.run import calibrated, in_use
    from darkroom.wfc3.engine.working import verified_references

    cache, exposures = Cache(arguments.cache, "hst"), []
    for path in arguments.exposures:
        refusal = arguments.refusals and arguments.refusals / f"{path.name.partition('.')[0]}.txt"
        one = read_exposure(path, refusal)
        if one["accepted"]:
            listed = arguments.references / f"{one['exposure']}.json"
            references = verified_references(read_references(listed), cache)
            exposures.append((one["exposure"], one["path"], references))
    if not exposures:
        raise DarkroomError("every exposure was refused: nothing to compare with")
    kind = KINDS[arguments.product].lower()
    pair = arguments.candidate, in_use(kind, [(name, one) for name, _, one in exposures])
    names = [name for name, _, _ in exposures]
    for path in pair:
        require_held_out(path, {name: name.removesuffix("_raw") for name in names})
    found = compare(
        arguments.product, calibrated(kind, pair, exposures, arguments.context), __version__
    )
    made = record(
        arguments.product, pair, found, names, arguments.context, {"darkroom": __version__},
        arguments.current_bad,
    )  # fmt: skip
    write_record(arguments.output, made)
    print(f"{made['score']['verdict']}: {made['score']['sentence']}.")


if __name__ == "__main__":
    run(main)
