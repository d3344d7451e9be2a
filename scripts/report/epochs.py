"""Merge states of a series, withdraw exposures from one, make its product.

merge    states of several epochs, or of several sites, become one; in any order to the same bits
remove   the units of one state are withdrawn from another
product  of all the states given, or (--segment) of those after the last change that a table of
         trends tells: of means the clipped mean, error, counts and certificate of each
         pixel; of read noise the noise, error and degrees of freedom

No exposure is read again. A pixel without certificate has moved so far from the template of its
series that samples may have been summed that should have been clipped: make it from the exposures.
"""

from __future__ import annotations

import argparse
import logging

from darkroom.cli import ListFileParser, run

log = logging.getLogger(__name__)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = ListFileParser(description=__doc__)
    actions = parser.add_subparsers(dest="action", required=True)
    merge = actions.add_parser("merge", help="merge states")
    merge.add_argument("states", nargs="+", metavar="STATE")
    remove = actions.add_parser("remove", help="withdraw units")
    remove.add_argument("state", metavar="STATE")
    remove.add_argument("withdrawn", metavar="WITHDRAWN", help="state of the units to withdraw")
    product = actions.add_parser("product", help="make the product of a state")
    product.add_argument("states", nargs="+", metavar="STATE", help="states of all epochs")
    product.add_argument(
        "--withdrawn", nargs="*", default=[], metavar="STATE", help="states of units to leave out"
    )
    product.add_argument(
        "--of", metavar="STATE", help="leave out states of another series than that of this one"
    )
    product.add_argument(
        "--segment",
        nargs=2,
        metavar=("TRENDS", "PRODUCT"),
        help="take the states after the last change of this product alone, by a table of trends",
    )
    for action in (merge, remove, product):
        action.add_argument("--output", required=True, help="file to write")
    return parser.parse_args()


def main() -> None:
    """Do what is asked."""
    arguments = parse()
    from darkroom.epochs.merging import merge_files, remove_file, write_product
    from darkroom.epochs.segment import chosen

    if arguments.action == "merge":
        units = merge_files(arguments.states, arguments.output)
        log.info("%d units in %s", units, arguments.output)
    elif arguments.action == "remove":
        units = remove_file(arguments.state, arguments.withdrawn, arguments.output)
        log.info("%d units left in %s", units, arguments.output)
    else:
        found = chosen(arguments.states, arguments.withdrawn, arguments.segment, arguments.of)
        write_product(found.state, found.cards, found.inputs, arguments.output, found.settings)
        log.info("product of %d units in %s", len(found.state.units), arguments.output)


if __name__ == "__main__":
    run(main)
