"""Sums over rows of every unit, and the statistics of units that are made from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.gates.repeats import likeness

if TYPE_CHECKING:
    from collections.abc import Sequence

# Sums that the kernel makes of a row.
_N, _R, _RR, _RU, _RB, _UU, _BB, _CUT, _ALL = range(9)
_FIELDS = 9
# Residuals beyond this many times the noise of a sample are counted as clipped.
REACH = 4.0
# Units are compared with each other, pixel by pixel, in one row of so many, and in fewer when there
# are more than so many units: their pairs grow with the square.
_PAIR_STEP, _PAIR_UNITS = 8, 20


@dataclass
class RowSums:
    """Sums of the residuals of units, row by row, so that they do not depend on bands or threads.

    Parameters
    ----------
    nunits : int
        Ramps or frames.
    kind : (ny, nx) int8 array
        Kind of each pixel: 2 × amplifier + parity of active pixels, the same plus 2 × amplifiers of
        reference pixels, −1 for pixels that are left out.
    place : (nx,) float32 array
        Place of a column within its amplifier, from −1 to 1.
    amplifiers : int
        Number of amplifiers.

    Attributes
    ----------
    sums : (nunits, ny, 4 × amplifiers, 9) float32 array
        As the kernel makes them.
    pairs : (nrows, nunits, nunits) float32 array
        Sums of products of the residuals of two units, of every `step`-th row.
    step : int
    """

    nunits: int
    kind: np.ndarray
    place: np.ndarray
    amplifiers: int
    sums: np.ndarray = field(init=False)
    pairs: np.ndarray = field(init=False)
    step: int = field(init=False)

    def __post_init__(self) -> None:
        ny = len(self.kind)
        self.step = _PAIR_STEP * max(1, -(-(self.nunits**2) // _PAIR_UNITS**2))
        self.sums = np.zeros((self.nunits, ny, 4 * self.amplifiers, _FIELDS), np.float32)
        self.pairs = np.zeros((-(-ny // self.step), self.nunits, self.nunits), np.float32)

    def add(
        self,
        rows: slice,
        values: np.ndarray,
        mean: np.ndarray,
        scale: np.ndarray,
        product: np.ndarray | None = None,
    ) -> None:
        """Add up a band of rows; bands may be added by several threads.

        Parameters
        ----------
        rows : slice
            The band.
        values : (nunits, nrows, nx) float32 array
            Samples, the offset of each unit subtracted.
        mean : (nrows, nx) float32 array
            What the units have in common; NaN where nothing is known.
        scale : (nrows, nx) float32 array
            Noise of a sample.
        product : (nrows, nx) float32 array, optional
            The product, its level subtracted; by default `mean`.
        """
        product = mean if product is None else product
        kind = self.kind[rows]
        out = np.empty((self.nunits, len(kind), self.sums.shape[2], _FIELDS))
        load_kernel("darkroom.gates.kernel").row_sums(
            values, mean, scale, product, kind, self.place, REACH, out
        )
        self.sums[:, rows] = out
        first = rows.start + -rows.start % self.step
        for y in range(first, rows.start + len(kind), self.step):
            line = y - rows.start
            with np.errstate(invalid="ignore"):
                residual = values[:, line] - mean[line]
                good = (kind[line] >= 0) & (kind[line] < 2 * self.amplifiers)
                residual[~(np.abs(residual) <= REACH * scale[line]) | ~good] = 0
            # Sums over columns by numpy's own loop: those of a linear algebra library depend on
            # its threads.
            for i, one in enumerate(residual):
                self.pairs[y // self.step, i] = np.einsum("x,jx->j", one, residual)


@dataclass(frozen=True)
class Statistics:
    """Statistics of units by amplifier: arrays (nunits, amplifiers), NaN where there is none.

    Attributes
    ----------
    active, reference : arrays
        Level of active and of reference pixels, relative to the mean of the units.
    parity, reference_parity : arrays
        Odd minus even columns, active and reference.
    slow, fast : arrays
        Gradient along the slow and the fast axis, edge minus centre.
    curvature : array
        Quadratic term along the slow axis, edge minus centre.
    lnvar : array
        ln of the variance of the residuals.
    clipped, valid : arrays
        Share of the samples that are clipped, and of the pixels that have a sample.
    slope : array
        Slope of the unit on the product, 1 expected.
    half : (nunits, amplifiers, 2) array
        The same of the lower and the upper half of the rows.
    twin : (nunits,) array
        Likeness to the unit that is most like it (`darkroom.gates.repeats.likeness`): 1 for a copy.
    """

    active: np.ndarray
    reference: np.ndarray
    parity: np.ndarray
    reference_parity: np.ndarray
    slow: np.ndarray
    fast: np.ndarray
    curvature: np.ndarray
    lnvar: np.ndarray
    clipped: np.ndarray
    valid: np.ndarray
    slope: np.ndarray
    half: np.ndarray
    twin: np.ndarray


def statistics(sums: RowSums, offsets: np.ndarray | None = None) -> Statistics:
    """Return the statistics of units.

    Parameters
    ----------
    sums : RowSums
        With every row added.
    offsets : (nunits, 2 × amplifiers) array, optional
        What was subtracted of each unit before, by amplifier and parity; it belongs to the levels.

    Returns
    -------
    Statistics
    """
    amplifiers = sums.amplifiers
    offsets = np.zeros((sums.nunits, 2 * amplifiers)) if offsets is None else np.asarray(offsets)
    offset = offsets.reshape(sums.nunits, amplifiers, 2)
    whole = sums.sums.astype(np.float64).reshape(sums.nunits, -1, 2, amplifiers, 2, _FIELDS)
    active, reference = whole[:, :, 0], whole[:, :, 1]
    levels, reference_levels = (
        _ratio(part[..., _R].sum(axis=1), part[..., _N].sum(axis=1)) + offset
        for part in (active, reference)
    )
    both = active.sum(axis=3)  # (nunits, ny, amplifiers, fields)
    total = both.sum(axis=1)
    count = total[..., _N]
    mean = _ratio(total[..., _R], count)
    slow, curvature = _along_rows(both)
    return Statistics(
        active=levels.mean(axis=2),
        reference=reference_levels.mean(axis=2),
        parity=levels[..., 1] - levels[..., 0],
        reference_parity=reference_levels[..., 1] - reference_levels[..., 0],
        slow=slow,
        fast=_ratio(total[..., _RU], total[..., _UU]),
        curvature=curvature,
        lnvar=_log(_ratio(total[..., _RR], count) - mean**2),
        clipped=_ratio(total[..., _CUT], count + total[..., _CUT]),
        valid=_ratio(count + total[..., _CUT], total[..., _ALL]),
        slope=1 + _ratio(total[..., _RB], total[..., _BB]),
        half=_halves(both),
        twin=likeness(sums.pairs.sum(axis=0, dtype=np.float64), (count > 0).any(axis=1)),
    )


def _ratio(above, below):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(below > 0, above / below, np.nan)


def _log(values):
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(values > 0, np.log(values), np.nan)


def _along_rows(both):
    """Return the linear and the quadratic term of the row means, edge minus centre."""
    ny = both.shape[1]
    y = np.linspace(-1, 1, ny) if ny > 1 else np.zeros(1)
    weight = both[..., _N]
    means = np.nan_to_num(_ratio(both[..., _R], weight))
    # Orthogonal for the weights of each unit and amplifier: rows may lack pixels.
    shape = (1, ny, 1)
    linear = y.reshape(shape) - _centre(y.reshape(shape), weight)
    square = (y**2).reshape(shape) * np.ones_like(weight)
    square = square - _centre(square, weight)
    share = _ratio((weight * square * linear).sum(axis=1), (weight * linear**2).sum(axis=1))
    square = square - np.nan_to_num(share)[:, None] * linear
    return tuple(
        _ratio((weight * basis * means).sum(axis=1), (weight * basis**2).sum(axis=1))
        for basis in (linear, square)
    )


def _centre(values, weight):
    return np.nan_to_num(_ratio((weight * values).sum(axis=1), weight.sum(axis=1)))[:, None]


def _halves(both):
    middle = both.shape[1] // 2
    parts = [both[:, :middle].sum(axis=1), both[:, middle:].sum(axis=1)]
    return np.stack([1 + _ratio(part[..., _RB], part[..., _BB]) for part in parts], axis=-1)


def places(amplifier: np.ndarray) -> np.ndarray:
    """Return the place of each column within its amplifier, from −1 to 1: (nx,) float32.

    Parameters
    ----------
    amplifier : (nx,) int array
        Amplifier of each column.
    """
    found = np.zeros(len(amplifier), np.float32)
    for number in np.unique(amplifier):
        columns = np.flatnonzero(amplifier == number)
        if len(columns) > 1:
            found[columns] = np.linspace(-1, 1, len(columns))
    return found


def kinds(
    amplifier: Sequence[int] | np.ndarray, parity: np.ndarray, reference: np.ndarray,
    usable: np.ndarray,
) -> np.ndarray:  # fmt: skip
    """Return the kind of every pixel as `RowSums` takes it: (ny, nx) int8.

    Parameters
    ----------
    amplifier, parity : (nx,) arrays
        Amplifier and parity of each column.
    reference, usable : (ny, nx) bool arrays
        Reference pixels, and active pixels that are not bad.
    """
    amplifier = np.asarray(amplifier)
    column = (2 * amplifier + parity).astype(np.int8)
    number = 2 * (int(amplifier.max()) + 1)
    found = np.where(usable, column, np.int8(-1)).astype(np.int8)
    return np.where(reference, column + np.int8(number), found).astype(np.int8)
