"""Test whether the bias depends on the number of the integration, or repeats every few of them.

After the resets of small subarrays the bias can repeat every P integrations. A superbias averages
over such a pattern, and every integration is left with its own part of it.

The test needs no model of the pattern. Two integrations that share a pattern are more alike than
two that do not: the mean product of their residuals from the mean of all integrations is larger by
the mean square of the pattern. The products of all pairs are compared, by least squares, with
whether the numbers of the two integrations differ by a multiple of P; smooth trends with these
numbers and the first integration of an exposure are fitted along. Four quantities are tested: the
level of all pixels, the levels of amplifiers and column parities beside it, the means of rows, and
the pixels beside the mean of their row.

The null hypothesis is that integrations are exchangeable within their exposure. Pixels are many and
independent, so that their products are normal: their p-value is that of Student's t with the
scatter of the pairs. The 1/f noise of levels and rows is made of few numbers: their p-value is the
fraction of random permutations of the integrations (within exposures, without the first) that
give a pattern as strong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.ramps.robust import MAD_TO_STD

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet, SampleStack

#: Chance of a warning about a set of exposures in which the bias is constant.
FALSE_ALARM = 1e-3
#: Longest period tested.
LONGEST = 8
# Most integrations used, and memory of the sample of their rows.
_MOST_RAMPS, _BYTES, _MOST_ROWS = 200, 48 << 20, 256
# Pixels noisier than the typical one by more than this factor are left out, and samples that
# deviate from the mean by more than so many standard deviations.
_NOISY, _REACH = 2.0, 4.0
# Permutations: the first ones, after which a pattern that is no rarer than so many of them is
# given up, and all.
_FIRST, _ENOUGH, _ALL = 200, 4, 9999
_QUANTITIES = ("common level", "levels of amplifiers and parities", "row means", "pixels")


@dataclass(frozen=True)
class CycleRow:
    """Dependence of one quantity on the number of the integration.

    Attributes
    ----------
    quantity : str
        What was tested.
    period : int
        Number of integrations after which the most significant pattern repeats; 0: a pattern that
        depends on the number of the integration, the same in every exposure, without a period.
    amplitude : float
        Its rms over pixels, rows or levels, and over the period, DN.
    t : float
        Difference in the products of alike and other pairs, over its error.
    p : float
        Chance of one as significant in any of the quantities and periods, if there is none.
    pairs : int
        Number of pairs of integrations that would share the pattern.
    phases : str
        Rms of the pattern in each integration of the period, DN.
    warning : str
        What was found and what to do about it; empty unless this is the most significant row, and
        significant.
    """

    quantity: str
    period: int
    amplitude: float
    t: float
    p: float
    pairs: int
    phases: str
    warning: str


def find_cycles(
    stack: SampleStack, ramps: RampSet, classes: Classes, error: float, seed: int = 0
) -> list[CycleRow]:
    """Test whether the bias depends on the number of the integration.

    Parameters
    ----------
    stack : GroupStack
        Group 0 of every ramp, DN.
    ramps : RampSet
        The ramps of the stack, in the same order.
    classes : Classes
    error : float
        Typical error of a pixel of the superbias, DN, for the warning.
    seed : int
        Of the permutations.

    Returns
    -------
    list of CycleRow
        One for each quantity; empty when there are too few integrations to test any period.
    """
    which = _choose(ramps)
    exposure, integration = ramps.exposures[which], ramps.integrations[which]
    pairs = _Pairs.of(exposure, integration)
    if not pairs.tests:
        return []
    matrices = _likeness(_sample(stack, which), classes)
    rng = np.random.default_rng(seed)
    rows = []
    for name, matrix in zip(_QUANTITIES, matrices, strict=True):
        if matrix is None:
            continue
        chance = _by_t if name == "pixels" else _by_permutation
        found = chance(pairs, matrix, rng)
        if found is not None:
            rows.append(_row(name, pairs, matrix, *found))
    if rows:
        least = min(rows, key=lambda row: (row.p, -row.t))
        if least.p < FALSE_ALARM:
            warned = replace(least, warning=_sentence(least, error, ramps.files[0].path.name))
            rows[rows.index(least)] = warned
    return rows


def _choose(ramps):
    """Return the ramps that are compared: of whole exposures as long as they fit."""
    exposure, integration = ramps.exposures, ramps.integrations
    exposures = max(1, _MOST_RAMPS // (integration.max() + 1))
    chosen = (exposure < exposures) & (integration < _MOST_RAMPS)
    return np.flatnonzero(chosen).tolist()


def _sample(stack, which):
    """Return evenly spaced rows of the frames `which`: rows and (nframes, nrows, nx) float32."""
    ny, nx = stack.shape
    most = max(1, min(_MOST_ROWS, _BYTES // (4 * nx * len(which))))
    rows = np.arange(0, ny, -(-ny // most))
    values = np.empty((len(which), len(rows), nx), np.float32)
    for frame, image in zip(which, values, strict=True):
        for y, line in zip(rows, image, strict=True):
            stack.read_frame(frame, int(y), line[None])
    return rows, values


def _likeness(sample, classes):
    """Return the mean products of the residuals of all pairs of frames, one matrix a quantity.

    (nframes, nframes) float64, DN²; None for a quantity that these frames do not have.
    """
    rows, values = sample
    usable = classes.usable[rows]
    values -= np.nanmedian(values, axis=0) if np.isnan(values).any() else np.median(values, axis=0)
    column, levels = classes.column, np.zeros((len(values), len(classes)))
    for k in range(len(classes)):
        where = usable & (column == k)
        if where.any():
            levels[:, k] = np.nanmedian(values[:, where], axis=1)
    values -= levels.astype(np.float32)[:, None, column]
    spread = MAD_TO_STD * np.nanmedian(np.abs(values), axis=0)
    typical = float(np.nanmedian(spread[usable])) if usable.any() else 0.0
    good = usable & (spread < _NOISY * typical)
    with np.errstate(invalid="ignore"):
        inside = (np.abs(values) < _REACH * typical) & good
    values[~inside] = 0
    counts = inside.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(counts > 0, values.sum(axis=0) / np.maximum(counts, 1), 0)
    values -= mean * inside
    width = values.shape[2] // classes.noutputs
    blocks = values.reshape(*values.shape[:2], classes.noutputs, width)
    number = inside.reshape(blocks.shape).sum(axis=3)
    means = blocks.sum(axis=3) / np.maximum(number, 1)
    blocks -= means[..., None] * inside.reshape(blocks.shape)
    pixels = values.reshape(len(values), -1)
    levels -= levels.mean(axis=0)
    common = levels.mean(axis=1, keepdims=True)
    lines = means.reshape(len(values), -1)
    lines = lines - lines.mean(axis=0)
    return (
        common @ common.T,
        _products(levels - common, levels.shape[1]),
        _products(lines, (number.max(axis=0) > 0).sum()),
        _products(pixels, good.sum()),
    )


def _products(parts, n):
    return (parts @ parts.T).astype(np.float64) / n if n else None


@dataclass(frozen=True)
class _Pairs:
    """Pairs of integrations, and what is tested of them.

    Attributes
    ----------
    first, second : (npairs,) int arrays
        Numbers of the frames.
    exposure, integration : (nframes,) int arrays
    base : (npairs, n) array
        Regressors of products without any pattern.
    tests : dict
        ``{period: (npairs,) bool array}``, the pairs that share a pattern.
    """

    first: np.ndarray
    second: np.ndarray
    exposure: np.ndarray
    integration: np.ndarray
    base: np.ndarray
    tests: dict[int, np.ndarray]

    @classmethod
    def of(cls, exposure, integration):
        """Return the pairs of integrations, with the periods that they can show."""
        first, second = np.triu_indices(len(exposure), 1)
        same = exposure[first] == exposure[second]
        i, j = integration[first], integration[second]
        begin = (i == 0) | (j == 0)
        total, product = i + j, i * j
        base = np.stack(
            [part * where for where in (same, ~same) for part in (1, total, product, begin)], axis=1
        ).astype(np.float64)
        lag, tests = np.abs(i - j), {}
        longest = int(integration.max(initial=0)) + 1
        for period in range(2, min(LONGEST, longest // 2) + 1):
            tests[period] = (lag > 0) & (lag % period == 0)
        if longest > 1:
            tests[0] = (lag == 0) & ~same
        # Base columns of pairs that do not exist, and tests that the base explains, are left out.
        base = base[:, base.any(axis=0)]
        kept = {}
        for period, alike in tests.items():
            rest = _rest(base, alike.astype(np.float64))
            if alike.sum() > 2 and (rest @ rest) > 0.05 * alike.sum():
                kept[period] = alike
        return cls(first, second, exposure, integration, base, kept)

    def values(self, matrix, order=None):
        """Return the products of the pairs, of frames in another order if one is given."""
        if order is None:
            return matrix[self.first, self.second]
        return matrix[order[self.first], order[self.second]]

    def weights(self):
        """Return rows whose products with the values are t times their noise: (ntests, npairs)."""
        found = [_rest(self.base, alike.astype(np.float64)) for alike in self.tests.values()]
        return np.stack([rest / np.sqrt(rest @ rest) for rest in found])


def _rest(base, column):
    """Return the part of a regressor that is orthogonal to the base."""
    return column - base @ np.linalg.lstsq(base, column, rcond=None)[0]


def _noise(pairs, values, weight):
    """Return the scatter of the products of pairs about the fit, and its degrees of freedom."""
    rest = _rest(pairs.base, values)
    freedom = max(values.size - pairs.base.shape[1] - 1, 1)
    return math.sqrt(max(rest @ rest - (weight @ values) ** 2, 0.0) / freedom), freedom


def _strongest(pairs, matrix):
    """Return the weights of all tests, the number of the strongest, its t, and its p-value."""
    values, weights = pairs.values(matrix), pairs.weights()
    scores = weights @ values
    top = int(np.argmax(scores))
    noise, freedom = _noise(pairs, values, weights[top])
    t = scores[top] / noise if noise > 0 else 0.0
    return weights, scores, top, float(t), float(special.stdtr(freedom, -t))


def _by_t(pairs, matrix, _):
    """Return the strongest test, its t and the p-value of the largest of all tests."""
    weights, _, top, t, p = _strongest(pairs, matrix)
    return top, t, min(1.0, len(weights) * p)


def _by_permutation(pairs, matrix, rng):
    """Return the strongest test, its t and the fraction of permutations in which one is stronger.

    None when there are too few permutations.
    """
    if _possible(pairs) < math.log(_ALL):
        return None
    weights, scores, top, t, _ = _strongest(pairs, matrix)
    order = np.arange(len(pairs.exposure))
    groups = [
        np.flatnonzero((pairs.exposure == e) & (pairs.integration > 0))
        for e in np.unique(pairs.exposure)
    ]
    beyond = done = 0
    for done in range(1, _ALL + 1):
        for group in groups:
            order[group] = rng.permutation(group)
        beyond += (weights @ pairs.values(matrix, order)).max() >= scores[top]
        if done >= _FIRST and beyond >= _ENOUGH * done / _FIRST:
            break
    return top, t, (1 + beyond) / (1 + done)


def _possible(pairs):
    """Return the logarithm of the number of permutations."""
    counts = np.bincount(pairs.exposure[pairs.integration > 0], minlength=1)
    return float(sum(math.lgamma(n + 1) for n in counts))


def _row(name, pairs, matrix, top, t, p):
    period = list(pairs.tests)[top]
    alike = pairs.tests[period]
    values = pairs.values(matrix)
    design = np.column_stack([pairs.base, alike])
    fitted = np.linalg.lstsq(design, values, rcond=None)[0]
    # Parts of a pattern add up to zero: pairs that are not alike have negative products.
    length = period or int(pairs.integration.max()) + 1
    unlike = float(fitted[-1]) / length
    amplitude = math.sqrt(max(float(fitted[-1]) - unlike, 0.0))
    extra = values - pairs.base @ fitted[:-1] - unlike
    number = pairs.integration[pairs.first] % length
    phases = []
    for phase in range(length):
        mine = alike & (number == phase)
        phases.append(math.sqrt(max(float(extra[mine].mean()), 0.0)) if mine.any() else math.nan)
    words = ", ".join(f"{value:.2g}" for value in phases[:LONGEST])
    p = min(1.0, len(_QUANTITIES) * float(p))
    return CycleRow(name, period, amplitude, t, p, int(alike.sum()), words, "")


def _sentence(row, error, first):
    """Return the warning for a significant row; `first` is the name of the first exposure."""
    first = first.encode("ascii", "backslashreplace").decode()  # as tables of FITS need it
    repeats = (
        f"repeats every {row.period} integrations"
        if row.period
        else "depends on the number of the integration in its exposure"
    )
    return (
        f"{first} and the others: the bias {repeats} ({row.quantity}): {row.amplitude:.2g} DN rms, "
        f"{row.amplitude / error:.2g} times the error of a pixel of the superbias; {row.t:.1f} "
        f"standard deviations, p = {row.p:.1g}; by integration: {row.phases} DN. The "
        "superbias is the mean over all integrations, and wrong by as much in each of them"
    )
