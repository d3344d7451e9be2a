"""Subtract the dark from science frames, propagate its error, and measure the improvement.

The dark is the master dark of the same exposure time and temperature group. For another exposure
time it is bias + dark rate x time from the dark-rate product, at the same temperature. It is an
error when no temperature matches.

Each product holds SCI, ERR and DQ (explained in DQ_DEF). ERR contains read noise, dark signal and
the error of the dark; the photon noise of sky and sources only with --gain-e-per-adu or --gain
(card ERRPHOT). Header cards ending in BEF and AFT compare the frame before and after.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__, epilog=options.UNITS)
    parser.add_argument(
        "--output-dir", required=True, metavar="DIR", help="folder of the products, NAME_dsub.fits"
    )
    parser.add_argument(
        "--list", metavar="FILE", help="list of the products to write, in the order of the frames"
    )
    parser.add_argument(
        "--master-dark", required=True, metavar="FILE", help="product of master_dark"
    )
    parser.add_argument("--dark-rate", required=True, metavar="FILE", help="product of dark_rate")
    parser.add_argument("--read-noise", required=True, metavar="FILE", help="product of read_noise")
    parser.add_argument("--hot-pixels", required=True, metavar="FILE", help="product of hot_pixels")
    parser.add_argument(
        "--gain", metavar="FILE", help="product of gain: ERR then holds photon noise, in ADU too"
    )
    options.add_settings(parser, "subtract_dark")
    parser.add_argument("frames", nargs="+", metavar="FILE", help="science frames")
    arguments = parser.parse_args()
    options.check(arguments, "subtract_dark")
    return arguments


def subtract(arguments: argparse.Namespace, path: str, output: Path) -> None:
    """Write the dark-subtracted product of one science frame.

    Parameters
    ----------
    arguments : argparse.Namespace
        The command line.
    path : str
        The science frame.
    output : pathlib.Path
        The product to write.
    """
    from functools import partial

    from darkroom.ccd.products.amplifiers import by_amplifier
    from darkroom.fits.write import write

    write(output, by_amplifier(arguments, path, partial(make, path=path)))


def make(arguments: argparse.Namespace, path: str) -> list[Any]:
    """Return the HDUs of the product of one science frame, of one amplifier."""
    import logging
    from functools import partial

    from darkroom.ccd.products import science as sciencefile
    from darkroom.provenance import stamp

    ((frame,),) = options.load(arguments, science=[path])
    made = sciencefile.make(frame, arguments)
    for keyword, value, comment in made.cards:
        logging.info("%s: %s = %s (%s)", frame.name, keyword, value, comment)
    record = partial(
        stamp,
        made_by="subtract_dark",
        inputs=[
            arguments.master_dark,
            arguments.dark_rate,
            arguments.read_noise,
            arguments.hot_pixels,
            *([arguments.gain] if arguments.gain else []),
            path,
        ],
        settings=options.settings(arguments, "subtract_dark"),
    )
    return sciencefile.hdus(frame, made, arguments.gain_e_per_adu, record)


def main() -> None:
    """Make the dark-subtracted frames, and their list."""
    arguments = parse()
    from darkroom.atomic import write_text
    from darkroom.fits.content import content_sha256
    from darkroom.fits.describe import stem
    from darkroom.integrity.watch import content_of
    from darkroom.memory import kept_large

    lines = []
    for path in arguments.frames:
        output = Path(arguments.output_dir) / f"{stem(path)}_dsub.fits"
        with kept_large():
            subtract(arguments, path, output)
        # Recorded as it was written: it is not read again.
        content = content_of(output) or content_sha256(output)
        lines += [f"# content sha256 {content}", str(output)]
    if arguments.list:
        write_text(arguments.list, "\n".join(lines) + "\n")


if __name__ == "__main__":
    run(main)
