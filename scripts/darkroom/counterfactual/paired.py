"""Paired differences of what a consumer makes of the same exposures with two files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

#: A shift is beyond its error where Student's p is below this.
LEVEL = 0.01
CHANGES = ("TRIVIAL", "MODERATE", "SEVERE")


@dataclass(frozen=True)
class Shift:
    """What the candidate changes, over exposures.

    Attributes
    ----------
    estimand : str
        The quantity.
    kind : str
        Class of pixels.
    shift : float
        Candidate minus current, mean over exposures.
    error : float or None
        Leave-one-out standard error; None with one exposure.
    unit : str
    harm : float or None
        Smallest shift that matters.
    exposures : int
    """

    estimand: str
    kind: str
    shift: float
    error: float | None
    unit: str
    harm: float | None
    exposures: int

    @property
    def beyond_error(self) -> bool:
        """Whether the shift is not explained by the scatter between exposures."""
        if self.shift == 0:
            return False
        if self.error is None:
            return True
        if self.error == 0:
            return True
        return 2 * stats.t.sf(abs(self.shift) / self.error, self.exposures - 1) < LEVEL

    @property
    def beyond_harm(self) -> bool:
        """Whether the shift is beyond its error and beyond what matters."""
        return self.beyond_error and self.harm is not None and abs(self.shift) > self.harm


def leave_one_out(values: np.ndarray) -> tuple[float, float | None, int]:
    """Return the mean of exposures, its error from leaving out one each, and their number.

    Parameters
    ----------
    values : (n,) or (n, 2) array
        One value of each exposure, or numerator and denominator of a ratio; rows that are not
        finite are not used.
    """
    values = np.asarray(values, float)
    rows = values[:, None] if values.ndim == 1 else values
    rows = rows[np.isfinite(rows).all(axis=1)]
    count = len(rows)
    if not count:
        return math.nan, None, 0
    sums = rows.sum(axis=0)
    whole = _ratio(sums) if rows.shape[1] == 2 else sums[0] / count
    if count < 2:
        return float(whole), None, count
    left = sums - rows
    parts = _ratio(left.T) if rows.shape[1] == 2 else left[:, 0] / (count - 1)
    error = math.sqrt((count - 1) / count * float(np.sum((parts - parts.mean()) ** 2)))
    return float(whole), error, count


def shifts(
    differences: Sequence[np.ndarray] | np.ndarray,
    classes: Mapping[str, np.ndarray],
    estimand: str,
    unit: str,
    harm: float | None = None,
) -> list[Shift]:
    """Return the mean difference of each class of pixels, over exposures.

    Parameters
    ----------
    differences : (n, ny, nx) array
        Candidate minus current of each exposure; NaN where either is not known.
    classes : dict
        Weights of each pixel, ``{name: (ny, nx) array}``: a mask, or a difference of two that are
        normalised, as `contrast` makes them.
    estimand, unit : str
        Name and unit of the differences.
    harm : float, optional
        Smallest shift that matters.
    """
    found = []
    for name, weights in classes.items():
        values = np.array([mean_of(one, weights) for one in differences])
        shift, error, count = leave_one_out(values)
        if count:
            found.append(Shift(estimand, name, shift, error, unit, harm, count))
    return found


def mean_of(values: np.ndarray, weights: np.ndarray) -> float:
    """Return the mean over a mask, or the difference of the means of two; NaN without pixels.

    Parameters
    ----------
    values : (ny, nx) array
        NaN where unknown.
    weights : (ny, nx) array
        A mask, or what `contrast` makes.
    """
    values = np.asarray(values, float)
    good = np.isfinite(values)
    parts = []
    for mask in (weights > 0, weights < 0):
        chosen = values[good & mask]
        parts.append(float(chosen.sum()) / chosen.size if chosen.size else math.nan)
    return parts[0] - parts[1] if (weights < 0).any() else parts[0]


def contrast(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the weights of the mean of one mask minus that of another."""
    return one.astype(float) - other.astype(float)


def classes_of(
    shape: tuple[int, int], reference: np.ndarray | None = None, outputs: int = 1
) -> dict[str, np.ndarray]:
    """Return the usual classes of pixels of a detector.

    Parameters
    ----------
    shape : (int, int)
        Rows and columns.
    reference : (ny, nx) bool array, optional
        Reference pixels, which belong to none of the classes but their own.
    outputs : int
        Amplifiers, side by side along rows.

    Returns
    -------
    dict
        Weights by name: all, each amplifier, odd minus even columns, top minus bottom, right minus
        left, and reference pixels where there are some.
    """
    active = np.ones(shape, bool) if reference is None else ~reference
    rows, columns = np.indices(shape)
    found = {"all pixels": active}
    if outputs > 1:
        width = shape[1] // outputs
        for number in range(outputs):
            found[f"amplifier {number + 1}"] = active & (columns // width == number)
    found["odd - even columns"] = contrast(active & (columns % 2 == 0), active & (columns % 2 == 1))
    high, right = rows >= shape[0] / 2, columns >= shape[1] / 2
    found["top - bottom"] = contrast(active & high, active & ~high)
    found["right - left"] = contrast(active & right, active & ~right)
    if reference is not None and reference.any():
        found["reference pixels"] = reference
    return found


def flag_shifts(
    before: Sequence[np.ndarray],
    after: Sequence[np.ndarray],
    bits: Mapping[str, int],
    classes: Mapping[str, np.ndarray],
    estimand: str,
) -> list[Shift]:
    """Return the flags that each exposure gains and loses, by bit and class of pixels.

    Parameters
    ----------
    before, after : sequence of (..., ny, nx) int arrays
        Flags with the current file and with the candidate, one array an exposure.
    bits : dict
        ``{name: value}``.
    classes : dict
        Masks of pixels.
    estimand : str
        Where the flags stand, e.g. ``flags of a group``.

    Returns
    -------
    list of Shift
        In flags an exposure, gained and lost apart; classes without a change are left out.
    """
    found = []
    for bit, value in bits.items():
        for sign, word in ((1, "gained"), (-1, "lost")):
            counts = []
            for old, new in zip(before, after, strict=True):
                had, has = (old & value) != 0, (new & value) != 0
                changed = (has & ~had) if sign > 0 else (had & ~has)
                counts.append(changed.reshape(-1, *changed.shape[-2:]).sum(axis=0))
            for name, mask in classes.items():
                shift, error, count = leave_one_out(np.array([one[mask].sum() for one in counts]))
                if shift:
                    what = f"{estimand}: {bit} {word}"
                    found.append(Shift(what, name, sign * shift, error, "flags", None, count))
    return found


def change_level(
    found: Iterable[Shift], flags_changed: float = 0.0, flags_harm: float = math.inf
) -> str:
    """Return how severe the changes of a file are, in CRDS's words.

    Parameters
    ----------
    found : iterable of Shift
    flags_changed : float
        Share of the flags that change.
    flags_harm : float
        Share above which the change is severe.
    """
    listed = list(found)
    if flags_changed > flags_harm or any(one.beyond_harm for one in listed):
        return "SEVERE"
    beyond = any(one.beyond_error for one in listed)
    return "MODERATE" if beyond or flags_changed > 0 else "TRIVIAL"


def _ratio(pair: np.ndarray) -> np.ndarray:
    with np.errstate(divide="ignore", invalid="ignore"):
        return pair[0] / pair[1]
