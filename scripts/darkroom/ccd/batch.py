"""Products of one CCD item made by one program: each keeps its job, its result and its failure.

Master bias, read noise, master darks and dark rate are made of the same frames. The program of the
first of them takes the others along (`darkroom.batches.making`), so Python starts once and the
stack of each cell is surveyed once.
"""

from __future__ import annotations

import argparse
from importlib import import_module
from typing import TYPE_CHECKING

from darkroom.batches.making import make
from darkroom.batches.step import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

# The programs that take one another along, by the names of their files.
_PROGRAMS = ("master_bias", "read_noise", "master_dark", "dark_rate")


def make_together(
    parse: Callable[[Sequence[str] | None], argparse.Namespace],
    work: Callable[[argparse.Namespace], None],
) -> None:
    """Make the product of the command line, after those of others of its item.

    Parameters
    ----------
    parse : callable
        ``parse(words)`` reads a command line of the program that was started: its own for None.
    work : callable
        ``work(arguments)`` makes its product.
    """
    arguments = parse(None)
    step = Step([], [], ["output"], _work(work), _prepare, _parse(arguments.threads))
    make(step, arguments)


def _parse(threads: int) -> Callable[[Sequence[str]], argparse.Namespace]:
    def parse(words: Sequence[str]) -> argparse.Namespace:
        """Read the command line of another program, which its first option names."""
        names = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
        names.add_argument("--program", required=True, choices=_PROGRAMS)
        given, rest = names.parse_known_args(words)
        other = import_module(given.program)
        arguments: argparse.Namespace = other.parse(rest)
        arguments.work, arguments.threads = other.work, threads
        return arguments

    return parse


def _work(own: Callable[[argparse.Namespace], None]) -> Callable[[argparse.Namespace], None]:
    def work(arguments: argparse.Namespace) -> None:
        """Make one product by its own program."""
        from darkroom.memory import kept_large

        # Bands of frames are read again and again, of one size.
        with kept_large():
            getattr(arguments, "work", own)(arguments)

    return work


def _prepare(_: argparse.Namespace) -> None:
    """Load what the products need, so that it is there before the worker process begins."""
    import numpy as np

    from darkroom.ccd import cells
    from darkroom.ccd.products import amplifiers, master
    from darkroom.compiled import load_kernel
    from darkroom.fits import write

    __ = cells, amplifiers, master, write
    load_kernel("darkroom.order_kernel")
    load_kernel("darkroom.gates.kernel")
    # Offsets are subtracted in float64.
    load_kernel("darkroom.combine.kernel", np.dtype(np.float64))
