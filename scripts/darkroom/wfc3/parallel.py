"""Rows of an image shared out to threads; the compiled steps release the interpreter's lock."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager


@contextmanager
def row_workers(threads):
    """Give a function that runs ``work(first_row, last_row)`` over all rows of an image.

    Parameters
    ----------
    threads : int
        Bands of rows worked on at once; each pixel is worked out on its own, so results do not
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

        def run(work, first, last):
            step = -(-(last - first) // threads)
            firsts = range(first, last, step)
            for _ in pool.map(lambda row: work(row, min(row + step, last)), firsts):
                pass

        yield run
