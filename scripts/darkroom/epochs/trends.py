"""What changed over the epochs of a series, when, and what that means for a product's validity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.epochs.segments import Partition, partition
from darkroom.epochs.series import LN, Errors, Series, errors
from darkroom.epochs.shapes import Shape, shape
from darkroom.epochs.steps import Line, Scan, apart, chance, discoveries, line, scan
from darkroom.epochs.validity import began_between, change_rate, good_for, start_of_validity

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from darkroom.epochs.folder import Epoch

#: Fewer epochs have no trend.
FEWEST = 3
_YEAR = 365.25
# Two-sided 95 % point of the normal law.
_TWO_SIDED = 1.96


@dataclass(frozen=True)
class Trend:
    """One series with what was found in it.

    Parameters
    ----------
    series : Series
    errors : Errors
    scan : Scan
    p : float
        Chance of a series as odd where nothing changed: one that steps, or has epochs that lie
        apart.
    line : Line
    partition : Partition
        Of the level of now, whatever changed.
    changed : bool
        Whether it counts among the changes, false ones being held over all series.
    shape : Shape or None
        What it did; None where nothing changed.
    """

    series: Series
    errors: Errors
    scan: Scan
    p: float
    line: Line
    partition: Partition
    changed: bool
    shape: Shape | None

    @property
    def word(self) -> str:
        """What it did in words; empty where nothing changed."""
        return self.shape.word if self.shape else ""

    @property
    def level(self) -> tuple[float, float, float]:
        """Level of now, and the low and high end of its interval of 95 %."""
        if self.shape is None or self.shape.changes:
            return self.partition.level, self.partition.low, self.partition.high
        level, error = self.shape.level()
        return level, level - _TWO_SIDED * error, level + _TWO_SIDED * error


@dataclass(frozen=True)
class Untold:
    """A number that an epoch does not tell.

    Parameters
    ----------
    epoch, series, why : str
        Names of both; no series where the epoch tells none. The reason, in words.
    """

    epoch: str
    series: str
    why: str


def series_of(epochs: Sequence[Epoch]) -> list[Series]:
    """Return the series of every quantity of the epochs.

    An epoch is left out of the series of a number that fewer than two of its units tell, see
    `untold`; a series of fewer than `FEWEST` epochs is left out.

    Parameters
    ----------
    epochs : sequence of Epoch
        In the order of time.

    Returns
    -------
    list of Series
    """
    found = []
    for name in _names(epochs):
        every = [(k, one, *_values(one, name)) for k, one in enumerate(epochs)]
        told = [one for one in every if len(one[3]) > 1]
        if len(told) < FEWEST:
            continue
        first = told[0][2]
        variance = np.array([values.var(ddof=1) for *_, values in told])
        found.append(
            Series(
                name,
                first.unit,
                np.array([values.mean() for *_, values in told]),
                np.maximum(variance, first.floor),
                np.array([len(values) for *_, values in told]),
                np.array([one.mjd.min() for _, one, *_ in told]),
                np.array([one.mjd.max() for _, one, *_ in told]),
                first.matters,
                tuple(k for k, *_ in told),
            )
        )
    return found


def untold(epochs: Sequence[Epoch]) -> list[Untold]:
    """Return the numbers that epochs do not tell, and why not."""
    found = []
    for one in epochs:
        for name in _names(epochs):
            count = len(_values(one, name)[1])
            if count == 0:
                found.append(Untold(one.name, name, "none of its units tells it"))
            elif count == 1:
                found.append(Untold(one.name, name, "one unit alone tells it, without a scatter"))
    return found


def _names(epochs):
    """Return the names of the quantities of all epochs, in their order."""
    return list(dict.fromkeys(one.name for epoch in epochs for one in epoch.quantities))


def _values(epoch, name):
    """Return a quantity of an epoch, and its values without those that are not known."""
    for one in epoch.quantities:
        if one.name == name:
            return one, one.values[~np.isnan(one.values)]
    return None, np.zeros(0)


def judge(every: Sequence[Series], false: float) -> list[Trend]:
    """Find changes in many series at once.

    Parameters
    ----------
    every : sequence of Series
        Of at least `FEWEST` epochs each.
    false : float
        Share of false ones that is allowed among those said to have changed.

    Returns
    -------
    list of Trend
        In the order given.
    """
    if not every:
        return []
    known = [errors(one) for one in every]
    scans = [scan(one.value, e.error, e.dof) for one, e in zip(every, known, strict=True)]
    chances = [
        chance(step, apart(one.value, e.error, e.dof))
        for one, e, step in zip(every, known, scans, strict=True)
    ]
    found = []
    for k, real in enumerate(discoveries(np.array(chances), false)):
        one, error = every[k], known[k]
        fit = line(one.time, one.value, error.error)
        did = shape(one.time, one.value, error.error, error.dof) if real else None
        parts = partition(one.value, error.error)
        found.append(Trend(one, error, scans[k], chances[k], fit, parts, bool(real), did))
    return found


def validity(trends: Sequence[Trend], tolerance: Callable[[Series], float]) -> dict[str, Any]:
    """Propose from which day a product of the current segment should serve, and how long.

    Parameters
    ----------
    trends : sequence of Trend
        Of one product. What its levels do counts; of a product without levels, what its noise does.
    tolerance : callable
        Given a series, the largest change of it that does no harm [its unit].

    Returns
    -------
    dict
        ``useafter``, ``after``, ``before`` [MJD], ``changed``, whether a level stepped;
        ``drifts``, names of the series that do; ``good_days``, the time within the
        tolerance at 95 % confidence, by the level that drifts most, and ``at_least`` where no slope
        is significant; ``rate``, change points a year with its interval; ``segment``, start of
        the first epoch that is after the last change of every series, with 95 % of its posterior
        [MJD], and ``segment_by``, the series that says so, None where nothing changed.
    """
    from scipy.special import ndtri

    levels = lasting(trends)
    begin = min(float(one.series.start[0]) for one in trends)
    end = max(float(one.series.end[-1]) for one in trends)
    steps = [one for one in trends if one.shape and one.shape.changes and one.series.matters]
    # The latest change counts: before it, at least one series was on another level.
    latest = max(steps or [trends[0]], key=lambda one: one.series.start[_began(one).argmax()])
    series, began = latest.series, _began(latest)
    start = start_of_validity(series.start, series.end, began, bool(steps), begin)
    current = float(series.start[began.argmax()]) if steps else begin
    # An epoch that may be before a change of any series is on neither side.
    sure = [(_surely(one), one.series.name) for one in steps]
    after, by = max(sure, default=(begin, None), key=lambda one: one[0])
    # A slope is measured within the current segment alone: a step before it is no drift.
    slopes = [_slope(one, current) for one in levels]
    days = [
        good_for(tolerance(one.series), *slope)
        for one, slope in zip(levels, slopes, strict=True)
        if slope is not None
    ]
    # Of many slopes, one is beyond two errors by chance.
    known = [slope for slope in slopes if slope is not None]
    limit = float(ndtri(1 - 0.025 / max(len(known), 1)))
    steady = all(abs(slope) < limit * error for slope, error in known)
    changes = {float(one.series.start[each.first]) for one in steps for each in one.shape.changes}
    years = (end - begin) / _YEAR
    return {
        "useafter": start.useafter,
        "after": start.after,
        "before": start.before,
        "changed": start.changed,
        "drifts": [one.series.name for one in trends if one.shape and one.shape.drifts],
        "good_days": min(days) if days and np.isfinite(min(days)) else None,
        "at_least": steady,
        "segment": after,
        "segment_by": by,
        "rate": list(change_rate(len(changes), years)) if years > 0 else None,
    }


def lasting(trends: Sequence[Trend]) -> list[Trend]:
    """Return the trends that limit how long a product is good."""
    able = [one for one in trends if one.series.matters and one.series.unit]
    return [one for one in able if one.series.unit != LN] or able


def _began(trend):
    """Return the posterior that the current segment began with each epoch."""
    return trend.shape.start if trend.shape else np.eye(len(trend.series))[0]


def _surely(trend):
    """Return the start of the first epoch that is after the last change, with 95 %."""
    return float(trend.series.start[began_between(trend.shape.start)[1]])


def _slope(trend, current):
    """Slope at the end of the current segment; None where it has fewer than three epochs."""
    series = trend.series
    if trend.shape and trend.shape.drifts:
        return trend.shape.rate, trend.shape.rate_error
    within = series.start >= current
    if trend.shape and trend.shape.apart is not None:
        within[trend.shape.apart] = False
    if within.sum() < FEWEST:
        return None
    fit = line(series.time[within], series.value[within], trend.errors.error[within])
    return fit.slope, fit.error
