"""Which exposures are held out: chosen from the lock, before anything is read."""

from __future__ import annotations

from collections.abc import Sequence

# The rest must still make a product.
_LEAST_OTHERS = 3


def held_out(exposures: Sequence[str], count: int) -> list[str]:
    """Return the exposures that are held out: every k-th in time.

    Parameters
    ----------
    exposures : sequence of str
        Names in the order of time.
    count : int
        Number wanted; at most a third of the exposures are held out.

    Returns
    -------
    list of str
        Never the last ones alone: a drift would be taken for an error of the product.
    """
    names = list(exposures)
    number = min(count, len(names) // _LEAST_OTHERS)
    return [names[int((i + 0.5) * len(names) / number)] for i in range(number)]


def parts(exposures: Sequence[str], count: int) -> list[list[str]]:
    """Return the exposures in parts, each of which is held out of a version of its own.

    Parameters
    ----------
    exposures : sequence of str
        Names in the order of time.
    count : int
        Number of parts, 2 or more; there are at most as many as exposures.

    Returns
    -------
    list of list of str
        Every k-th exposure each; none where the others would be too few to make a product.
    """
    names = list(exposures)
    number = min(max(count, 2), len(names))
    return [names[k::number] for k in range(number)] if len(names) >= _LEAST_OTHERS else []
