"""Fit the noise spectrum of all epochs of a series, from their states.

No exposure is read: the states (`scripts/nircam/state.py spectrum`) hold the sum of the spectra of
the ramps at every frequency, and the binned spectra of each ramp. OUTPUT holds the tables of
`scripts/nircam/noise_spectrum.py`. Each ramp is corrected for its own gaps, where that program
corrects the sum: results agree to a small part of their errors.
"""

from __future__ import annotations

import argparse
import logging

from darkroom.cli import ListFileParser, run

log = logging.getLogger(__name__)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    parser.add_argument("states", nargs="+", metavar="STATE", help="states of all epochs")
    parser.add_argument(
        "--withdrawn", nargs="*", default=[], metavar="STATE", help="states of ramps to leave out"
    )
    parser.add_argument(
        "--of", metavar="STATE", help="leave out states of another series than that of this one"
    )
    parser.add_argument(
        "--segment",
        nargs=2,
        metavar=("TRENDS", "PRODUCT"),
        help="take the states after the last change of this product alone, by a table of trends",
    )
    parser.add_argument("--output", required=True, help="FITS file to write")
    return parser.parse_args()


def main() -> None:
    """Fit the noise spectrum."""
    arguments = parse()
    from darkroom.epochs.segment import chosen
    from darkroom.nircam.series.spectrum import write_product

    found = chosen(arguments.states, arguments.withdrawn, arguments.segment, arguments.of)
    write_product(found.state, found.cards, found.inputs, arguments.output, found.settings)
    log.info("noise spectrum of %d ramps in %s", len(found.state.units), arguments.output)


if __name__ == "__main__":
    run(main)
