"""What a program says of the step that it does for an exposure or a product."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """The files of an exposure or a product among a program's arguments.

    Parameters
    ----------
    inputs : sequence of str
        Names of arguments: files of the exposure. Those of another exposure are beside them, under
        its own name.
    statuses, records : sequence of str
        Names of arguments: outputs that state their own digest, and others. They are not read again
        by `work`.
    work : callable
        ``work(arguments)`` makes the outputs of one exposure or product.
    prepare : callable
        ``prepare(arguments)`` imports what `work` needs, so that worker processes share it.
    parse : callable, optional
        ``parse(words)`` reads a command line, where those taken along have one each.
    """

    inputs: Sequence[str]
    statuses: Sequence[str]
    records: Sequence[str]
    work: Callable[[argparse.Namespace], None]
    prepare: Callable[[argparse.Namespace], None]
    parse: Callable[[Sequence[str]], argparse.Namespace] | None = None

    @property
    def outputs(self) -> list[str]:
        """Names of the arguments that are outputs, in the order in which the rule gives them."""
        return [*self.statuses, *self.records]


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `darkroom.batches.planning.Batches`."""
    group = parser.add_argument_group("batches")
    who = group.add_mutually_exclusive_group()
    who.add_argument("--names", nargs="+", default=[], metavar="EXPOSURE", help=(
        "names of the exposures of a batch: all of them are made"
    ))  # fmt: skip
    who.add_argument("--along", action="append", default=[], metavar="OPTIONS", help=(
        "the command line of another product that may be taken along, as one word"
    ))  # fmt: skip
    group.add_argument("--made", nargs="+", type=Path, default=[], metavar="LIST", help=(
        "lists to write of what is made of a batch of exposures, one for each kind of output"
    ))  # fmt: skip
    group.add_argument("--workers", type=int, default=1, help="exposures at once (default: 1)")
    group.add_argument("--own", action="append", default=[], metavar="OPTIONS", help=(
        "name of an exposure of a batch, and options that are its own, as one word"
    ))  # fmt: skip
    group.add_argument("--batch", type=int, default=1, help="products at most (default: 1)")
    add_key_options(group)


def add_key_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say what the outputs are made from."""
    parser.add_argument("--batch-key", default="", help="digest of settings and program")
    parser.add_argument(
        "--batch-file", action="append", default=[], type=Path, help=(
            "a file that the outputs are made from, beside those of the exposure"
        ),
    )  # fmt: skip
