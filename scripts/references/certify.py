"""Certify a reference file with CRDS: format, keywords, data model, and the rules' acceptance.

CRDS's own certification is run offline, and its text is written to --output. A file that does not
pass is an error.

--rules records which file of the pinned rules it would replace, and whether the context is older
than the pipeline that is installed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from darkroom.cli import ListFileParser, run


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("reference", type=Path, help="reference file, FITS")
    parser.add_argument("--cache", required=True, type=Path, help="folder of the CRDS cache")
    parser.add_argument("--context", required=True, help="pinned CRDS context, .pmap")
    parser.add_argument("--observatory", choices=("hst", "jwst"), default="jwst")
    parser.add_argument("--output", required=True, type=Path, help="text of CRDS's certification")
    parser.add_argument("--rules", type=Path, help="JSON: what it would replace, and warnings")
    parser.add_argument(
        "--simulated", action="store_true", help="the context is simulated: it has no age"
    )
    arguments = parser.parse_args()

    from darkroom.atomic import write_text
    from darkroom.crds.certify import certify
    from darkroom.crds.environment import go_offline, learn_keywords
    from darkroom.errors import InputError

    go_offline(arguments.cache, arguments.observatory, arguments.context)
    learn_keywords(arguments.observatory)
    said, passed = certify(arguments.reference, arguments.context)
    print(said)
    if not passed:
        faults = [line for line in said.splitlines() if "ERROR" in line]
        raise InputError(
            arguments.reference, f"CRDS does not certify it: {faults[0] if faults else said[-200:]}"
        )
    if arguments.rules:
        write_text(arguments.rules, json.dumps(_among_rules(arguments), indent=1) + "\n")
    write_text(arguments.output, said)


def _among_rules(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what a reference file would replace, and what is odd about the context."""
    from importlib.metadata import version

    from darkroom.crds.releases import old_context_warning
    from darkroom.crds.replaced import Place, place_of
    from darkroom.errors import DarkroomError

    try:
        place = place_of(arguments.reference, arguments.context)
    except DarkroomError as error:
        place = Place("", str(error))
    print(place.sentence)
    warning = ""
    if arguments.observatory == "jwst" and not arguments.simulated:
        warning = old_context_warning(arguments.context, version("jwst"))
    return {
        "file": arguments.reference.name,
        "replaces": place.replaces,
        "place": place.sentence,
        "context": warning,
    }


if __name__ == "__main__":
    run(main)
