"""Work shared out to threads: bands of rows of an image, within a bounded memory.

The compiled loops release the interpreter's lock.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

# Memory of the bands in work at one time, all threads together.
_BYTES = 16 << 20


def over_bands(work, ny, row_bytes, threads=1, rows=None):
    """Call `work(slice)` for every band of rows.

    Parameters
    ----------
    work : callable
        Given a slice of rows; must depend on no other band.
    ny : int
        Rows of the image.
    row_bytes : int
        Memory that one row of a band takes.
    threads : int
        Bands in work at once.
    rows : int, optional
        Rows of a band; by default as many as keep all bands together near 16 MB.
    """
    if not rows:
        rows = max(1, min(ny, _BYTES // max(1, row_bytes * threads)))
    bands = [slice(first, min(first + rows, ny)) for first in range(0, ny, rows)]
    over(work, bands, threads)


def over(work, items, threads=1):
    """Call `work(item)` for every item on several threads; the first exception ends it."""
    if threads == 1:
        for item in items:
            work(item)
        return
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(work, items):
            pass


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
