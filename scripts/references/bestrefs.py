"""Choose the best CRDS references of one exposure under a pinned context.

The selection rules (mappings) are applied offline, from the cache; the exposure is only read. The
output lists for each reference type the file name, size (bytes) and SHA-1 stated by the server, or
null where the rules say that the type does not apply. A type for which the rules have no file is an
error, except for those of --optional-kinds. The list of a refused exposure is empty.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from darkroom.batches.making import make
from darkroom.batches.step import Step, add_batch_options
from darkroom.cli import ListFileParser, run


def main() -> None:
    """Choose the references of the exposure, and of others of its item."""
    make(STEP, parse())


def parse(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read a command line; that of the program by default."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("exposure", type=Path, help="raw exposure, FITS, or its status file")
    parser.add_argument(
        "--refusal", type=Path, help="text file: why the exposure is refused; empty when it is not"
    )
    parser.add_argument("--kinds", required=True, nargs="+", help="reference types, e.g. superbias")
    parser.add_argument(
        "--optional-kinds", nargs="*", default=(), help="types for which the rules may have no file"
    )
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--output", required=True, type=Path, help="list of references, JSON")
    add_batch_options(parser)
    return parser.parse_args(words)


def prepare(arguments: argparse.Namespace) -> None:
    """Give CRDS its environment, once for all exposures, and import what the choice needs."""
    from darkroom.crds.environment import go_offline, learn_keywords

    go_offline(arguments.cache, arguments.observatory, arguments.context)
    import crds
    from astropy.io import fits

    from darkroom.crds.bestrefs import best_references
    from darkroom.crds.cache import Cache

    __ = crds, fits, best_references, Cache
    learn_keywords(arguments.observatory)


def choose(arguments: argparse.Namespace) -> None:
    """Write the list of an exposure's references."""
    from darkroom.campaign.exposure import read_exposure
    from darkroom.crds.bestrefs import NOT_APPLICABLE, best_references
    from darkroom.crds.cache import Cache
    from darkroom.crds.references import write_references

    exposure = read_exposure(arguments.exposure, arguments.refusal)
    if not exposure["accepted"]:
        write_references(arguments.output, {})
        print(f"{exposure['file']}: refused, no references are needed")
        return
    cache = Cache(arguments.cache, arguments.observatory)
    names = best_references(
        exposure["path"],
        arguments.kinds,
        arguments.context,
        arguments.observatory,
        arguments.optional_kinds,
    )
    chosen = {
        kind: None if name == NOT_APPLICABLE else cache.record(name) for kind, name in names.items()
    }
    write_references(arguments.output, chosen)
    for kind, name in names.items():
        print(f"{kind}: {name}")


STEP = Step(["exposure", "refusal"], [], ["output"], choose, prepare, parse)

if __name__ == "__main__":
    run(main)
