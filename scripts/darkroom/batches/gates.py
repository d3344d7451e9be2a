"""What programs of gates share: the gates of a product, and those of others in the same run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.batches.making import make
from darkroom.batches.step import Step

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from darkroom.gates.gate import Gate


def make_gates(
    instrument: str,
    parse: Callable[[Sequence[str] | None], argparse.Namespace],
    judged: Callable[[argparse.Namespace], tuple[Path, list[Gate]]],
    prepare: Callable[[argparse.Namespace], None],
) -> None:
    """Write the gates of the product of the command line, after those of others of its item.

    Parameters
    ----------
    instrument : str
        Name of the instrument.
    parse : callable
        ``parse(words)`` reads a command line: that of the program for None.
    judged : callable
        ``judged(arguments)`` returns the file that is judged, and its gates.
    prepare : callable
        ``prepare(arguments)`` imports what `judged` needs.
    """

    def work(arguments: argparse.Namespace) -> None:
        """Write the gates of one product."""
        from darkroom.gates.gate import write_gates
        from darkroom.gates.options import head

        file, found = judged(arguments)
        write_gates(arguments.output, head(arguments, instrument, arguments.product, file), found)
        print(f"{arguments.product} of {arguments.item}: {len(found)} gates")

    make(Step([], [], ["output"], work, prepare, parse), parse(None))
