"""Command-line options that the superbias and read noise programs share."""

from __future__ import annotations

from pathlib import Path


def add_files(parser, product):
    """Add the exposures, the product's name and what bounds time and memory."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="dark ramps of one detector")
    parser.add_argument("--output", required=True, help=f"{product} reference file to write")
    parser.add_argument(
        "--details",
        help="richer product beside it (default: OUTPUT with _details before .fits)",
    )
    parser.add_argument("--quantities", help="JSON file for the numbers of the report")
    parser.add_argument("--threads", type=int, default=1, help="threads (default: 1)")


def add_facts(parser, description, useafter):
    """Add what CRDS asks to know, with the notebook's defaults."""
    group = parser.add_argument_group("what CRDS asks to know (checked before any work)")
    group.add_argument("--author", default="darkroom", help="who made it (default: darkroom)")
    group.add_argument("--description", default=description, help=f"default: {description}")
    group.add_argument(
        "--pedigree",
        default="GROUND",
        help="GROUND, DUMMY, or INFLIGHT (first and last date are filled in; default: GROUND)",
    )
    group.add_argument(
        "--useafter", default=useafter, help=f"YYYY-MM-DDThh:mm:ss (default: {useafter})"
    )
    group.add_argument("--history", default="", help="a remark for HISTORY")
    group.add_argument("--subarray", help="subarray it is meant for (default: the exposures')")
    group.add_argument("--readpatt", default="ANY", help="pattern it is meant for (default: ANY)")


def facts_of(options):
    """Return the `ReferenceMetadata` of parsed options, checked."""
    from darkroom.nircam.products import ReferenceMetadata

    return ReferenceMetadata(
        author=options.author,
        description=options.description,
        pedigree=options.pedigree,
        useafter=options.useafter,
        history=options.history,
        subarray=options.subarray,
        readpatt=options.readpatt,
    )


def beside(options, word):
    """Return the name of a file beside the output: a word before its suffix."""
    output = Path(options.output)
    return output.with_name(f"{output.stem}_{word}{output.suffix}")
