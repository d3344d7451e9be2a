"""Compare a new dark or flat of WFC3/IR with the one in use, on the exposures of a visit.

Each exposure, of which neither file was made, is calibrated from RAW to FLT by darkroom's
implementation of calwf3 with the new file, with the one in use, and with a copy of that, which must
change nothing. The output has the shifts of the sky, flags changed, and a score that tells which
file is closer to the truth.
"""

from __future__ import annotations

from darkroom.cli import ListFileParser, run
from darkroom.counterfactual.options import accepted_exposures, add_options_of_comparison
from darkroom.gates.options import add_harm_option, harms


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    add_options_of_comparison(
        parser, ("dark", "flat"), "exposures, _raw.fits",
        "; the file in use is that which they name",
    )  # fmt: skip
    add_harm_option(parser)
    arguments = parser.parse_args()

    from darkroom import __version__
    from darkroom.counterfactual.made_of import require_held_out
    from darkroom.counterfactual.record import record
    from darkroom.counterfactual.records import write_record
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import read_references
    from darkroom.wfc3.counterfactual.compare import KINDS, compare
    from darkroom.wfc3.counterfactual.run import calibrated, in_use
    from darkroom.wfc3.engine.working import verified_references
    from darkroom.wfc3.gating.harms import HARMS

    cache = Cache(arguments.cache, "hst")
    exposures = [
        (name, path, verified_references(read_references(listed), cache))
        for name, path, listed in accepted_exposures(arguments)
    ]
    kind = KINDS[arguments.product].lower()
    pair = arguments.candidate, in_use(kind, [(name, one) for name, _, one in exposures])
    names = [name for name, _, _ in exposures]
    for path in pair:
        require_held_out(path, {name: name.removesuffix("_raw") for name in names})
    sizes = harms(arguments, HARMS, f"wfc3_{arguments.product}")
    made = calibrated(kind, pair, exposures, arguments.context)
    found = compare(arguments.product, made, __version__, sizes)
    made = record(
        arguments.product, pair, found, names, arguments.context, {"darkroom": __version__},
        arguments.current_bad,
    )  # fmt: skip
    write_record(arguments.output, made)
    print(f"{made['score']['verdict']}: {made['score']['sentence']}.")


if __name__ == "__main__":
    run(main)
