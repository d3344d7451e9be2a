"""Exposures that were given twice: found by the noise of their pixels, or by their numbers.

Two exposures have noise of their own, so that their difference scatters by that of both. The
difference of an exposure and its copy does not scatter, whatever header or constant level the copy
has. What exposures share beside that (a pattern that some of a group have and others not) makes
them alike without making them equal: it is the difference that counts, not the correlation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.gates.units import Units

#: Likeness from which two units are one exposure. Residuals are cut at four deviations, so that the
#: difference of two units with the least noise has at least 1/32 of the variance of any other.
TWIN = 0.98
# Below this share of the largest variance the usual one is no noise: most pairs are copies.
_NOISELESS = 1e-3
# Columns of levels, which a constant shifts.
_LEVELS = ("active", "reference", "level")
# Numbers are the same within a part of what they usually differ by, at most the first number; as
# many numbers as there are agree so well by the second chance.
_SAME, _CHANCE = 1e-3, 1e-6


def likeness(products: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return how alike each unit is to the one that is most like it: 1 for a copy, else about 0.

    It is 1 minus the variance of the difference of the two over that of two usual units.

    Parameters
    ----------
    products : (n, n) array
        Sums over pixels of the products of the residuals of two units.
    known : (n,) bool array
        Units that have pixels.

    Returns
    -------
    (n,) array
        NaN for units that cannot be compared.
    """
    n = len(products)
    found = np.full(n, np.nan)
    own = np.diag(products)
    variance = np.maximum(own[:, None] + own[None, :] - products - products.T, 0.0)
    usable = known[:, None] & known[None, :] & ~np.eye(n, dtype=bool) & np.isfinite(variance)
    if not usable.any():
        return found
    pairs = variance[usable]
    usual = float(np.median(pairs))
    if usual <= _NOISELESS * pairs.max():
        usual = float(pairs.max())
    # Rounding of single precision, of residuals that are all but equal.
    alike = 1 - variance / usual if usual > 0 else np.ones((n, n))
    alike = np.where(usable, alike, -np.inf).max(axis=1)
    return np.where(np.isfinite(alike), alike, np.nan)


def same_numbers(units: Units) -> np.ndarray:
    """Return the units whose numbers are all those of another unit, levels up to a constant.

    Parameters
    ----------
    units : Units

    Returns
    -------
    (m,) int array
    """
    levels = [units.values[name] for name in _LEVELS if name in units.values]
    others = [units.values[name] for name in sorted(units.values) if name not in _LEVELS]
    if levels:
        level = np.concatenate(levels, axis=1)
        known = np.isfinite(level).any(axis=1)
        middle = np.zeros(len(level))
        middle[known] = np.nanmedian(level[known], axis=1)
        # A single level is all constant: it tells copies only where nothing else was measured.
        alone = level.shape[1] == 1 and not others
        others.append(level if alone else level - middle[:, None])
    return same_rows(np.concatenate(others, axis=1))


def same_rows(numbers: np.ndarray) -> np.ndarray:
    """Return the rows whose numbers are those of another row, up to rounding.

    Rows without any number but 0 tell nothing: those of frames that are alone of their kind.

    Parameters
    ----------
    numbers : (n, k) array
        Not finite where there is none.

    Returns
    -------
    (m,) int array
    """
    rows = np.nan_to_num(numbers, posinf=0.0, neginf=0.0)
    scatter = np.array([_scatter(column) for column in rows.T])
    told = scatter > 0
    pairs = max(len(rows) * (len(rows) - 1) / 2, 1)
    # One number alone is the same to the last digit, or not.
    allowed = min((_CHANCE / pairs) ** (1 / told.sum()), _SAME) if told.sum() > 1 else 0.0
    scaled = rows / np.where(told, scatter, 1.0)
    alike = np.zeros(len(rows), bool)
    for k, one in enumerate(scaled[:-1]):
        far = np.abs(scaled[k + 1 :] - one)[:, told] if allowed else np.abs(scaled[k + 1 :] - one)
        same = np.flatnonzero((far <= allowed).all(axis=1) & rows[k + 1 :].any(axis=1))
        if same.size:
            alike[[k, *(k + 1 + same)]] = True
    return np.flatnonzero(alike)


def _scatter(column):
    """Return what the numbers of a column differ by; 0 where most are the same by their kind."""
    if 2 * len(np.unique(column)) < len(column):
        return 0.0
    spread = float(np.subtract(*np.percentile(column, [75, 25])))
    return spread or float(column.std())


def same_pieces(digests: Sequence[str | None]) -> np.ndarray:
    """Return the frames of which more than a third of the pieces are those of another frame.

    Parameters
    ----------
    digests : sequence of str or None
        Digests of the pieces of each frame, with ``-`` between; an empty one says nothing.

    Returns
    -------
    (n,) bool array
    """
    pieces = [[] if one is None else one.split("-") for one in digests]
    seen: dict[tuple[int, str], list[int]] = {}
    for frame, own in enumerate(pieces):
        for place, piece in enumerate(own):
            if piece:
                seen.setdefault((place, piece), []).append(frame)
    shared: dict[tuple[int, int], int] = {}
    for frames in seen.values():
        for k, first in enumerate(frames):
            for second in frames[k + 1 :]:
                shared[first, second] = shared.get((first, second), 0) + 1
    alike = np.zeros(len(pieces), bool)
    for (first, second), count in shared.items():
        have = min(sum(map(bool, pieces[first])), sum(map(bool, pieces[second])))
        if 3 * count > have:
            alike[[first, second]] = True
    return alike
