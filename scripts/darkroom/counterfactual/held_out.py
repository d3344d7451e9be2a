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


def by_version(exposures: Sequence[str], held: int, folds: int) -> dict[str, list[str]]:
    """Return what each version of a product is made without.

    Parameters
    ----------
    exposures : sequence of str
        Names in the order of time.
    held, folds : int
        `deck.held_out` and `deck.folds` of the campaign.

    Returns
    -------
    dict
        ``{end of the version's name: exposures}``: ``_1``, ``_2`` … for parts of the exposures,
        empty where there is one version.
    """
    if folds:
        return {f"_{k}": part for k, part in enumerate(parts(exposures, folds), 1)}
    return {"": held_out(exposures, held)}


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


def of_versions(count: int) -> list[str]:
    """Return what is to be said where every part of the exposures has a version of its own.

    Parameters
    ----------
    count : int
        Number of versions.
    """
    if count < 2:
        return []
    return [
        f"Each of {count} versions of the file was compared on the exposures that it was made "
        f"without. The product is made of all of them: its squared error is {count - 1}/{count} of "
        "theirs."
    ]
