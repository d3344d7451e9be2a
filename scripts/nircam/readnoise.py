"""Measure the read noise of each pixel from dark ramps and make a reference file of it.

What --method chooses:
  line   (default) residuals of a straight line through every ramp, variances averaged by degrees
         of freedom; ramps are cut at cosmic rays; telegraph and noisy pixels are flagged. Any
         number of groups from 3 on. The file of --details holds the noise of one read with its
         error, degrees of freedom, measured pair noise, tables by amplifier, the noise ramp by
         ramp, and the scatter over pixels as a check.
  stack  jwst_reffiles 1.0.1 to the last bit: clipped standard deviation of all differences of
         groups of a pixel.
  ramp   the same for each file, then the clipped mean over files (too small by 5 to 20 % for
         few groups).
Where jwst_reffiles fails (odd number of groups) or writes 0 (no value), stack and ramp do not.

What --pairs chooses: differences 1-0, 3-2, … (independent) or 1-0, 2-1, … (consecutive).

Give ramps after superbias, reference pixels and linearity. The reference file holds CDS noise in
DN, as the pipeline expects: sqrt(2) times the noise of one read. Long lists go in as @names.list.
"""

from __future__ import annotations

from dataclasses import fields

from darkroom.cli import ListFileParser, run
from darkroom.nircam import options as shared


def parse():
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    shared.add_files(parser, "read noise")
    parser.add_argument("--method", choices=("line", "stack", "ramp"), default="line")
    parser.add_argument("--pairs", choices=("independent", "consecutive"), default="independent")
    add = parser.add_argument_group("stack and ramp").add_argument
    add("--clipping-sigma", type=float, default=3.0, help="deviations kept (default: 3)")
    add("--max-clipping-iters", type=int, default=3, help="rounds of clipping (default: 3)")
    add = parser.add_argument_group("line").add_argument
    add("--noisy-sigma", type=float, default=5.0, help="noisy above so many (default: 5)")
    add(
        "--telegraph-gain",
        type=float,
        default=12.0,
        help="log-likelihood that two levels must gain over one (default: 12)",
    )
    add("--spatial-pairs", type=int, default=8, help="differences of that check (default: 8)")
    add = parser.add_argument_group("further").add_argument
    add("--single-value", action="store_true", help="one value for all pixels")
    add("--previous", metavar="FILE", help="read noise file to compare with")
    add("--pixel", type=int, nargs=2, metavar=("X", "Y"), help="pixel to report, from 0")
    shared.add_facts(parser, "CDS Noise Image", "2015-10-01T00:00:00")
    return parser.parse_args()


def main():
    """Measure the read noise."""
    arguments = parse()
    facts = shared.facts_of(arguments)
    from darkroom.nircam.readnoise import run as readnoise_run
    from darkroom.nircam.readnoise.quantities import report

    names = [field.name for field in fields(readnoise_run.Choices)]
    choices = readnoise_run.Choices(**{name: getattr(arguments, name) for name in names})
    made = readnoise_run.run(
        arguments.files, facts, choices, previous=arguments.previous, threads=arguments.threads
    )
    readnoise_run.write(
        made, arguments.output, arguments.details or shared.beside(arguments, "details")
    )
    report(made, choices, arguments.pixel, arguments.quantities)


if __name__ == "__main__":
    run(main)
