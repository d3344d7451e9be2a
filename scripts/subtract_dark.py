"""Subtract the dark from a science frame, with its error, and say whether that improved the frame.

Takes the master dark of the same exposure time and a matching temperature; where the exposure time
differs, bias + rate x time of a matching temperature from the dark-rate product. Refuses when no
temperature matches. Writes SCI, ERR, DQ with DQ_DEF. ERR holds read noise, dark counts and the
error of the dark; photon noise of sky and sources only with --gain (card ERRPHOT). Cards that end
in BEF and AFT compare the frame before and after.
"""

from __future__ import annotations

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


def parse():
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    options.add_output(parser)
    parser.add_argument(
        "--master-dark", required=True, metavar="FILE", help="product of master_dark"
    )
    parser.add_argument("--dark-rate", required=True, metavar="FILE", help="product of dark_rate")
    parser.add_argument("--read-noise", required=True, metavar="FILE", help="product of read_noise")
    parser.add_argument("--hot-pixels", required=True, metavar="FILE", help="product of hot_pixels")
    options.add_tolerance(parser)
    options.add_saturation(parser)
    options.add_gain(parser)
    options.add_recover(parser)
    parser.add_argument("frame", metavar="FILE", help="science frame")
    arguments = parser.parse_args()
    options.check(arguments)
    return arguments


def main():
    """Make the dark-subtracted frame."""
    arguments = parse()
    import logging
    from functools import partial

    from darkroom.ccd import sciencefile
    from darkroom.fits.describe import describe
    from darkroom.fits.write import write
    from darkroom.provenance import stamp

    frame = describe(arguments.frame, options.recover(arguments))
    made = sciencefile.make(frame, arguments)
    for keyword, value, comment in made.cards:
        logging.info("%s = %s (%s)", keyword, value, comment)
    record = partial(
        stamp,
        made_by="subtract_dark",
        inputs=[
            arguments.master_dark,
            arguments.dark_rate,
            arguments.read_noise,
            arguments.hot_pixels,
            arguments.frame,
        ],
        settings=options.settings(arguments),
    )
    write(arguments.output, sciencefile.hdus(frame, made, arguments.gain, record))


if __name__ == "__main__":
    run(main)
