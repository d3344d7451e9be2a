"""Measure the gain from pairs of flats by photon transfer, with full well and linearity.

Flats of one exposure time are taken in pairs. The variance of their difference, in blocks, against
their signal gives the gain; the read noise is that of the bias frames. The product holds the table
PTC, one row for each pair. Its cards: GAINPTC and GAINERR, in e-/ADU; GAINHDR, the gain that the
frames state; FULLWELL, a lower limit where FWLIMIT is true; LINWORST, the largest deviation of
the signal from proportionality to exposure time, and LINERR, the error of one. A pair without
light, or saturated, is left out; its sentence is a card (LEFT1, LEFT2 …). When none is left, or
no flat was accepted, GAINPTC is undefined.
"""

from __future__ import annotations

import argparse
from typing import Any

from darkroom.ccd import options
from darkroom.cli import ListFileParser, run


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    options.add_output(parser)
    options.add_settings(parser, "gain")
    for name, required in (
        ("master-bias", True),
        ("read-noise", True),
        ("dark-rate", False),
        ("hot-pixels", False),
    ):
        parser.add_argument(
            f"--{name}",
            required=required,
            metavar="FILE",
            help=f"product of {name.replace('-', '_')}",
        )
    parser.add_argument("frames", nargs="*", metavar="FILE", help="flats, in pairs")
    arguments = parser.parse_args()
    options.check(arguments, "gain")
    return arguments


def make(arguments: argparse.Namespace) -> list[Any]:
    """Return the HDUs of the product, of one amplifier."""
    import logging
    from functools import partial

    from darkroom.ccd.products import gain as gainfile
    from darkroom.provenance import stamp

    (frames,) = options.load(arguments, flat=arguments.frames) if arguments.frames else ([],)
    found, pairs, left_out = gainfile.make(frames, arguments)
    for sentence in left_out:
        logging.warning(sentence)
    logging.info("gain %.4f ± %.4f e-/ADU", found.gain, found.gain_error)
    used = [arguments.master_bias, arguments.read_noise, arguments.dark_rate, arguments.hot_pixels]
    record = partial(
        stamp,
        made_by="gain",
        inputs=[*(path for path in used if path), *arguments.frames],
        settings=options.settings(arguments, "gain"),
    )
    return gainfile.hdus(found, pairs, left_out, frames, arguments, record)


def main() -> None:
    """Make the product, with one part for each amplifier."""
    arguments = parse()
    from darkroom.ccd.products.amplifiers import by_amplifier, by_part
    from darkroom.fits.write import write

    if arguments.frames:
        made = by_amplifier(arguments, arguments.frames[0], make)
    else:
        made = by_part(arguments, arguments.master_bias, make)
    write(arguments.output, made)


if __name__ == "__main__":
    run(main)
