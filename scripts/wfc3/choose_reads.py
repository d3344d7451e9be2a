"""Choose the bad reads of a WFC3/IR exposure from its read differences.

Answers: in which reads is the sky not what it is in the rest of the exposure?

--choose quiet     against the ramp's own quiet level: left / right must change by --ratio-excess,
                   either way, or the whole field be brighter by --level-excess (a fraction), and
                   that by --nsigma times its uncertainty, in intervals of --min-step-s seconds at
                   least. Where the sky cannot be measured: "undecidable, none chosen".
         notebook  every read with left / right above --notebook-ratio, whatever its error
         none      do not look

--reads (EXTVERs, which count backwards: 1 is the last read) overrides the choice. Nothing takes the
zeroth read or all reads; quiet never takes more than --max-masked-fraction of the exposure time
nor, for --treatment mask, reads in its middle; a trail is only taken by --treatment subtract.
"""

from pathlib import Path

from darkroom.campaign.settings import add_options, read_options
from darkroom.cli import ListFileParser, run
from darkroom.wfc3.settings import PROGRAMS, Wfc3Settings


def main() -> None:
    """Run the program."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("differences", type=Path, help="made by read_differences, JSON")
    add_options(parser, Wfc3Settings, PROGRAMS["choose_reads"])
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
    from darkroom.wfc3.reads.choose import choose
    from darkroom.wfc3.reads.diagnose import from_record

    settings = read_options(arguments, Wfc3Settings, PROGRAMS["choose_reads"])
    rule = {name: getattr(settings, name) for name in PROGRAMS["choose_reads"]}
    given = None if arguments.reads is None else parse_reads(arguments.reads)
    differences = from_record(record["instantaneous"])
    choice = choose(differences, settings, given=given)
    write_record(
        arguments.output,
        {"accepted": True, "rule": rule, "treatment": settings.treatment} | asdict(choice),
    )
    print(f"{differences.name}: {choice.words}")


if __name__ == "__main__":
    run(main)
