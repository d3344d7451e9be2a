"""Work distributed over threads: bands of rows of an image, within bounded memory.

Threads help because the compiled loops release the interpreter's lock (GIL).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")

# Memory of the bands being processed at one time, all threads together.
_BYTES = 16 << 20


def over_bands(
    work: Callable[[slice], Any],
    ny: int,
    row_bytes: int,
    threads: int = 1,
    rows: int | None = None,
) -> None:
    """Call `work(slice)` for every band of rows.

    Parameters
    ----------
    work : callable
        Given a slice of rows; must depend on no other band.
    ny : int
        Rows of the image.
    row_bytes : int
        Memory that one row of a band takes, in bytes.
    threads : int
        Bands processed at once.
    rows : int, optional
        Rows of a band; by default as many as keep all bands together near 16 MB.
    """
    if not rows:
        rows = max(1, min(ny, _BYTES // max(1, row_bytes * threads)))
    bands = [slice(first, min(first + rows, ny)) for first in range(0, ny, rows)]
    over(work, bands, threads)


def over(work: Callable[[T], Any], items: Iterable[T], threads: int = 1) -> None:
    """Call `work(item)` for every item on several threads; the first exception ends it.

    Parameters
    ----------
    work : callable
        Given an item; must depend on no other item.
    items : iterable
        What to work on.
    threads : int
        Items processed at once.
    """
    if threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, items):
            pass


#: ``work(first_row, last_row)``.
RowWork = Callable[[int, int], Any]


@contextmanager
def row_workers(threads: int) -> Iterator[Callable[[RowWork, int, int], None]]:
    """Give a function that runs ``work(first_row, last_row)`` over all rows of an image.

    Parameters
    ----------
    threads : int
        Bands of rows processed at once; each pixel is computed on its own, so results do not
        depend on it.

    Yields
    ------
    callable
        ``run(work, first, last)``.
    """
    if threads < 2:
        yield lambda work, first, last: work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:

        def run(work: RowWork, first: int, last: int) -> None:
            step = -(-(last - first) // threads)
            firsts = range(first, last, step)
            for _ in pool.map(lambda row: work(row, min(row + step, last)), firsts):
                pass

        yield run
