"""Choose the bad reads of a WFC3/IR exposure from its read differences.

Answers: in which reads is the sky not what it is in the rest of the exposure?

--method quiet     against the ramp's own quiet level: left / right must change by --ratio-excess,
                   either way, or the whole field be brighter by --level-excess (a fraction), and
                   that by --nsigma times its uncertainty, in intervals of --min-step seconds at
                   least. Where the sky cannot be measured: "undecidable, none chosen".
         notebook  every read with left / right above --notebook-ratio, whatever its error
         none      do not look

--reads (EXTVERs, which count backwards: 1 is the last read) overrides the choice. Nothing takes the
zeroth read or all reads; quiet never takes more than --most of the exposure time nor, for
--treatment mask, reads in its middle; a trail is only taken by --treatment subtract.
"""

from pathlib import Path

from darkroom.cli import ListFileParser, run

NUMBERS = (
    ("ratio_excess", 0.1, "change of left / right"),
    ("level_excess", 0.1, "excess of the level, fraction"),
    ("trail_excess", 0.002, "more bright pixels, fraction of all"),
    ("nsigma", 5.0, "times the uncertainty"),
    ("min_step_s", 3.0, "shortest interval judged, s"),
    ("most", 0.5, "largest fraction of the exposure time"),
    ("notebook_ratio", 1.1, "cut of method notebook"),
)


def main():
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("differences", type=Path, help="made by read_differences, JSON")
    parser.add_argument("--method", choices=("quiet", "notebook", "none"), default="quiet")
    parser.add_argument(
        "--treatment", choices=("mask", "subtract", "flatten"), default="mask",
        help="what will be done (default mask)",
    )  # fmt: skip
    for name, default, what in NUMBERS:
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=float, default=default, help=f"{what} ({default:g})")
    parser.add_argument("--reads", metavar="EXTVERS", help='these, e.g. 11-15; "" means none')
    parser.add_argument("--output", required=True, type=Path, help="choice, JSON")
    arguments = parser.parse_args()

    from darkroom.wfc3.reads.records import read_record, write_record

    record = read_record(arguments.differences)
    if not record["accepted"]:
        write_record(arguments.output, record)
        print(f"not used: {record['reason']}")
        return

    from dataclasses import asdict

    from darkroom.wfc3.files.mask import parse_reads
    from darkroom.wfc3.reads.choose import Rule, choose
    from darkroom.wfc3.reads.diagnose import from_record

    rule = Rule(arguments.method, **{name: getattr(arguments, name) for name, *_ in NUMBERS})
    given = None if arguments.reads is None else parse_reads(arguments.reads)
    differences = from_record(record["instantaneous"])
    choice = choose(differences, rule, treatment=arguments.treatment, given=given)
    write_record(
        arguments.output,
        {"accepted": True, "rule": asdict(rule), "treatment": arguments.treatment} | asdict(choice),
    )
    print(f"{differences.name}: {choice.words}")


if __name__ == "__main__":
    run(main)
