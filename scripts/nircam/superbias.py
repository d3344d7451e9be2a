"""Make a superbias reference file from dark ramps: the level of each pixel after its reset.

What --method chooses:
  aligned   (default) every integration is a sample. Offsets of ramps by amplifier and column
            parity are solved out, outliers are clipped about the median by the MAD, ERR is the
            standard error of the mean (compare through Student's t with count - 1 degrees of
            freedom). The file of --details holds scatter, counts, trend in time, offsets of every
            ramp, kTC noise, drift tests and reasons of flags.
  reffiles  jwst_reffiles 1.0.1 to the last bit: group 0 of each file's first integration, ERR is
            the scatter of one read. Only the flag UNRELIABLE_BIAS, which its files lose, is kept.

Give raw ramps (_uncal.fits), or better what dq_init and saturation made of them; no reference
pixel correction. Units are DN. Long lists of files go in as @names.list.
"""

from __future__ import annotations

from dataclasses import fields

from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared


def parse():
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    shared.add_files(parser, "superbias")
    parser.add_argument("--method", choices=("aligned", "reffiles"), default="aligned")
    add = parser.add_argument_group("sample and clip").add_argument
    add(
        "--sample",
        choices=("group0", "intercept"),
        default="group0",
        help="aligned: group 0, or the intercept at the reset of a line through the first groups "
        "(takes the dark current before group 0 off and finds hot pixels; leaves kTC noise, and of "
        "groups of one frame 1.05 of the read noise with 5, 0.68 with 10; default: group0)",
    )
    add("--intercept-groups", type=int, default=5, help="groups of that line (default: 5)")
    add("--clipping-sigma", type=float, help="deviations kept (default: aligned 4, reffiles 3)")
    add("--max-clipping-iters", type=int, default=3, help="rounds of clipping (default: 3)")
    add = parser.add_argument_group("flags").add_argument
    add("--bad-sigma-threshold", type=float, default=5.0, help="noisy above so many (default: 5)")
    add("--bad-clipping-sigma", type=float, default=3.0, help="reffiles, --filled (default: 3)")
    add("--bad-max-clipping-iters", type=int, default=3, help="reffiles, --filled (default: 3)")
    add("--drift-p", type=float, default=1e-5, help="aligned: probability (default: 1e-5)")
    add("--hot-sigma", type=float, default=5.0, help="aligned, intercept (default: 5)")
    add = parser.add_argument_group("further products").add_argument
    add("--save-filled", action="store_true", help="OUTPUT_filled: high pixels smoothed away")
    add("--box-width", type=int, default=3, help="box of that smoothing, pixels (default: 3)")
    add("--no-reffile", action="store_true", help="write only the details")
    add("--previous", metavar="FILE", help="superbias to compare with")
    add(
        "--previous-ramps",
        type=int,
        default=0,
        help="reads that file is made of, if its ERR is the scatter of one (default: 0, it is not)",
    )
    add("--coupling", type=float, default=0.005, help="IPC to each neighbour (default: 0.005)")
    add("--pixel", type=int, nargs=2, metavar=("X", "Y"), help="pixel to report, from 0")
    shared.add_facts(parser, "Super Bias Image", "2000-01-01T00:00:00")
    return parser.parse_args()


def main():
    """Make the superbias."""
    arguments = parse()
    facts = shared.facts_of(arguments)
    from darkroom.nircam.superbias import run as superbias_run
    from darkroom.nircam.superbias.quantities import report

    names = [field.name for field in fields(superbias_run.Choices)]
    choices = superbias_run.Choices(**{name: getattr(arguments, name) for name in names})
    made = superbias_run.run(
        arguments.files, facts, choices, previous=arguments.previous, threads=arguments.threads
    )
    superbias_run.write(
        made,
        None if arguments.no_reffile else arguments.output,
        arguments.details or shared.beside(arguments, "details"),
        shared.beside(arguments, "filled"),
    )
    report(made, choices, arguments.pixel, arguments.quantities)


if __name__ == "__main__":
    run(main)
