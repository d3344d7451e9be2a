"""What a series that changed did: a step, several, a drift, a drift with a step, one epoch apart.

Each has an evidence: its likelihood summed over all dates, and integrated over its levels with one
prior for all: the levels of segments, and the ends of every straight part, are normal about the
mean of the series with the width of `darkroom.epochs.segments`. More dates and more levels then
cost what they are worth, and no penalty is chosen by hand. What remains to be chosen is how usual a
shape is before the data (`USUAL`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.epochs import segments

if TYPE_CHECKING:
    from darkroom.epochs.segments import Change

STEP, STEPS, DRIFT = "step", "several steps", "drift"
BOTH, APART = "drift with a step", "one epoch apart"
#: How usual each shape is among changes, before the data; only ratios count.
USUAL = {STEP: 1.0, STEPS: 0.05, DRIFT: 0.4, BOTH: 0.025, APART: 0.5}
# The drifts among drifts: a line, a parabola, and a line with a bend.
_DRIFTS = {"line": 0.75, "curve": 0.15, "bend": 0.1}
#: Posterior from which a shape is said; below it the two most probable are.
SURE = 0.9
# Points of the variance's own uncertainty at which evidences are averaged.
_POINTS = 9


@dataclass(frozen=True)
class Shape:
    """What a series did, and the levels that it says.

    Parameters
    ----------
    word : str
        One of the shapes, or two of them with "or" between: neither has a posterior of `SURE`.
    posterior : dict of float
        Of every shape.
    changes : tuple of Change
        Dates at which the level changed at once; none of a drift.
    start : array, shape (n,)
        Posterior chance that the current segment began with each epoch.
    fitted : array, shape (n,)
        The most probable shape, fitted.
    design, covariance : array, shape (n, p) and (p, p)
        Of that fit; `coefficients` are its p numbers.
    coefficients : array, shape (p,)
    rate, rate_error : float
        Slope at the last epoch, of a shape that drifts; else 0 [1/day].
    curved : bool
        Whether the slope was another one before.
    apart : int or None
        Number of the epoch that lies apart.
    """

    word: str
    posterior: dict[str, float]
    changes: tuple[Change, ...]
    start: np.ndarray
    fitted: np.ndarray
    design: np.ndarray
    covariance: np.ndarray
    coefficients: np.ndarray
    rate: float
    rate_error: float
    curved: bool
    apart: int | None

    @property
    def drifts(self) -> bool:
        """Whether the fitted shape has a slope."""
        return self.rate_error > 0

    def difference(self, first: int, second: int) -> tuple[float, float] | None:
        """Return what the level of one epoch has more than that of another, with its error.

        None where the shape has one level for both. An epoch apart counts with the level of the
        others.
        """
        rows = self.design.copy()
        if self.apart is not None:
            rows[self.apart, -1] = 0.0
        row = rows[second] - rows[first]
        if not row.any():
            return None
        return float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row))

    def jump(self, first: int) -> tuple[float, float]:
        """Return by how much the level changed at once right before an epoch, with its error."""
        row = self.design[first] - self.design[first - 1]
        if self.drifts:
            row = np.eye(len(row))[-1]
        return float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row))

    def level(self) -> tuple[float, float]:
        """Return the level of now, and its error."""
        row = self.design[-1].copy()
        if self.apart is not None:
            row[-1] = 0.0
        return float(row @ self.coefficients), float(np.sqrt(row @ self.covariance @ row))


def shape(time: np.ndarray, value: np.ndarray, error: np.ndarray, dof: float = np.inf) -> Shape:
    """Say what a series did that is known to have changed.

    Parameters
    ----------
    time, value, error : array, shape (n,)
        At least three epochs in the order of time [days], with standard errors.
    dof : float
        Degrees of freedom of the variance that the errors share.

    Returns
    -------
    Shape

    Raises
    ------
    ValueError
        For fewer than three epochs, or times that do not differ.
    """
    if len(value) < 3 or not time[-1] > time[0]:
        raise ValueError("the shape of a change needs at least three epochs of different times")
    value, error = np.asarray(value, np.float64), np.asarray(error, np.float64)
    posterior, which = _posterior(_place(time), value, error, dof)
    order = sorted(posterior, key=lambda name: -posterior[name])
    said = order[:1] if posterior[order[0]] >= SURE else order[:2]
    word = " or ".join(name for name in USUAL if name in said)
    # A product is made of the epochs after the last date that is probable at all.
    dated = [name for name in said if name in (STEP, STEPS, BOTH)]
    return _fitted(dated[0] if dated else said[0], which, time, value, error, word, posterior)


def _place(time):
    """Return times as places between 0, the first epoch, and 1, the last."""
    return (time - time[0]) / (time[-1] - time[0])


def _posterior(place, value, error, dof):
    """Return the posterior of each shape, and of each kind of drift."""
    scales = [1.0]
    if np.isfinite(dof):
        from scipy.stats import chi2

        scales = chi2.ppf((np.arange(_POINTS) + 0.5) / _POINTS, dof) / dof
    every = [_evidences(place, value, error / np.sqrt(scale)) for scale in scales]
    logs = {name: np.logaddexp.reduce([one[name] for one in every]) for name in every[0]}
    kinds = {
        name: np.log(share) + logs.pop(name) for name, share in _DRIFTS.items() if name in logs
    }
    logs[DRIFT] = np.logaddexp.reduce(list(kinds.values()))
    logs = {name: np.log(USUAL[name]) + logs[name] for name in USUAL if name in logs}
    total = np.logaddexp.reduce(list(logs.values()))
    found = {name: float(np.exp(one - total)) for name, one in logs.items()}
    return found, max(kinds, key=lambda name: kinds[name])


def _evidences(place, value, error):
    """Return the log evidence of each shape, and of each kind of drift."""
    n = len(value)
    mean, width = segments.level_prior(value, error)
    residual, terms = value - mean, segments.terms(value, error)
    hazard = segments.HAZARD
    one = np.log(n - 1) + np.log(hazard) + (n - 2) * np.log1p(-hazard)
    more = np.log(-np.expm1(np.logaddexp((n - 1) * np.log1p(-hazard), one)))
    found = {
        STEP: segments.evidence(terms, 1, 1) - one,
        STEPS: segments.evidence(terms, 2) - more,
        "line": _linear(_line(place)[None], residual, error, width),
    }
    if n > 3:
        found["curve"] = _linear(_curve(place)[None], residual, error, width)
        found["bend"] = _linear(_bends(place)[1], residual, error, width)
        found[BOTH] = _linear(_both(place), residual, error, width, steps=1)
        found[APART] = _linear(_apart(n), residual, error, width, steps=1)
    return found


def _linear(designs, residual, error, width, steps=0):
    """Log evidence of linear models, (nmodels, n, p), of which one is true; any of them."""
    logs = _each(designs, residual, error, width, steps)
    return float(np.logaddexp.reduce(logs) - np.log(len(logs)))


def _each(designs, residual, error, width, steps=0):
    """Log evidence of each of some linear models; their last `steps` numbers are of two levels."""
    size = designs.shape[2]
    scale = np.full(size, width)
    scale[size - steps :] *= np.sqrt(2)
    weight = 1 / error**2
    wide = designs * scale
    matrix = np.einsum("kni,n,knj->kij", wide, weight, wide) + np.eye(size)
    right = np.einsum("kni,n->ki", wide, weight * residual)
    gain = (right * np.linalg.solve(matrix, right[..., None])[..., 0]).sum(axis=1)
    logs = gain - np.linalg.slogdet(matrix)[1]
    same = (weight * residual**2).sum() + np.log(2 * np.pi * error**2).sum()
    return (logs - same) / 2


def _line(place):
    """Levels at both ends."""
    return np.stack([1 - place, place], axis=1)


def _curve(place):
    """Levels at both ends and in the middle, with a parabola through them."""
    middle = 4 * place * (1 - place)
    return np.stack([(1 - 2 * place) * (1 - place), middle, place * (2 * place - 1)], axis=1)


def _bends(place):
    """Places of bends, (nbends,), and levels at both ends and at each of them."""
    bends = place[(place > 0) & (place < 1)]
    bend = bends[:, None]
    before = np.maximum(1 - place / bend, 0)
    after = np.maximum((place - bend) / (1 - bend), 0)
    return bends, np.stack([before, 1 - before - after, after], axis=2)


def _after(n):
    """Return steps before each epoch but the first, (n - 1, n, 1)."""
    return (np.arange(n) >= np.arange(1, n)[:, None])[..., None].astype(np.float64)


def _both(place):
    """Return a line with a step before each epoch but the first."""
    n = len(place)
    return np.concatenate([np.broadcast_to(_line(place), (n - 1, n, 2)), _after(n)], axis=2)


def _apart(n):
    """One level, and another of each epoch."""
    return np.stack([np.ones((n, n)), np.eye(n)], axis=2)


def _fitted(name, drift, time, value, error, word, posterior):
    """Return a shape with what its fit says."""
    n, place = len(value), _place(time)
    changes: tuple[Change, ...] = ()
    start, apart, slope = np.eye(n)[0], None, None
    if name in (STEP, STEPS):
        parts = (
            segments.partition(value, error, fewest=1, most=1)
            if name == STEP
            else segments.partition(value, error, fewest=2)
        )
        changes, start = parts.changes, parts.start
        edges = [0, *(one.first for one in changes), n]
        number = np.searchsorted(edges, np.arange(n), side="right") - 1
        design = (number[:, None] == np.arange(len(edges) - 1)).astype(np.float64)
    elif name == BOTH:
        designs = _both(place)
        chance = _chances(designs, value, error, steps=1)
        start = np.concatenate([[0.0], chance])
        first = int(start.argmax())
        changes = (segments.Change(first, float(start[first]), *segments.hull(start, 1, n)),)
        design, slope = designs[first - 1], np.array([-1.0, 1.0, 0.0])
    elif name == APART:
        designs = _apart(n)
        apart = int(_chances(designs, value, error, steps=1).argmax())
        design = designs[apart]
    elif drift == "line":
        design, slope = _line(place), np.array([-1.0, 1.0])
    elif drift == "curve":
        design, slope = _curve(place), np.array([1.0, -4.0, 3.0])
    else:
        bends, designs = _bends(place)
        best = int(_chances(designs, value, error).argmax())
        design = designs[best]
        slope = np.array([0.0, -1.0, 1.0]) / (1 - bends[best])
    coefficients, covariance = _least_squares(design, value, error)
    rate = rate_error = 0.0
    if slope is not None:
        slope = slope / (time[-1] - time[0])
        rate, rate_error = float(slope @ coefficients), float(np.sqrt(slope @ covariance @ slope))
    return Shape(
        word, posterior, changes, start, design @ coefficients, design, covariance, coefficients,
        rate, rate_error, name == DRIFT and drift != "line", apart,
    )  # fmt: skip


def _chances(designs, value, error, steps=0):
    """Return the posterior of each of some designs, (nmodels,)."""
    mean, width = segments.level_prior(value, error)
    logs = _each(designs, value - mean, error, width, steps)
    return np.exp(logs - np.logaddexp.reduce(logs))


def _least_squares(design, value, error):
    """Return the coefficients of a weighted fit, and their covariance."""
    weighted = design / error[:, None]
    covariance = np.linalg.pinv(weighted.T @ weighted)
    return covariance @ (weighted.T @ (value / error)), covariance
