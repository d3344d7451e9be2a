"""What changed over the epochs of a series, when, and what that means for a product's validity."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.dates import to_mjd
from darkroom.epochs.causes import candidates, facts_by_epoch
from darkroom.epochs.segments import Partition, partition
from darkroom.epochs.series import LN, Errors, Series, errors
from darkroom.epochs.steps import Line, Scan, discoveries, line, scan, shape
from darkroom.epochs.validity import began_between, change_rate, good_for, start_of_validity
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from darkroom.epochs.folder import Epoch
    from darkroom.epochs.settings import EpochSettings

#: Of the files; a change gets another number.
FORMAT = "darkroom trends 4"
#: Fewer epochs have no trend.
FEWEST = 3
_YEAR = 365.25


@dataclass(frozen=True)
class Trend:
    """One series with what was found in it.

    Parameters
    ----------
    series : Series
    errors : Errors
    scan : Scan
    line : Line
    partition : Partition
    changed : bool
        Whether it counts among the changes, false ones being held over all series.
    shape : {"step", "drift", "step or drift", ""}
        Empty where nothing changed.
    """

    series: Series
    errors: Errors
    scan: Scan
    line: Line
    partition: Partition
    changed: bool
    shape: str


def series_of(epochs: Sequence[Epoch]) -> list[Series]:
    """Return the series of every quantity of the epochs.

    Parameters
    ----------
    epochs : sequence of Epoch
        In the order of time.

    Returns
    -------
    list of Series
    """
    start = np.array([one.mjd.min() for one in epochs])
    end = np.array([one.mjd.max() for one in epochs])
    units = np.array([one.mjd.size for one in epochs])
    found = []
    for k, first in enumerate(epochs[0].quantities):
        values = [one.quantities[k].values for one in epochs]
        variance = np.array([one.var(ddof=1) for one in values])
        found.append(
            Series(
                first.name, first.unit, np.array([one.mean() for one in values]),
                np.maximum(variance, first.floor), units, start, end, first.matters,
            )
        )  # fmt: skip
    return found


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
    changed = discoveries(np.array([one.p for one in scans]), false)
    found = []
    for one, error, step, real in zip(every, known, scans, changed, strict=True):
        fit = line(one.time, one.value, error.error)
        kind = shape(step.gain, fit.gain, len(one)) if real else ""
        parts = partition(one.value, error.error)
        found.append(Trend(one, error, step, fit, parts, bool(real), kind))
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
        ``useafter``, ``after``, ``before`` [MJD], ``changed``; ``good_days``, the time within the
        tolerance at 95 % confidence, by the level that drifts most, and ``at_least`` where no slope
        is significant; ``rate``, change points a year with its interval; ``segment``, start of
        the first epoch that is after the last change of every series, with 95 % of its posterior
        [MJD], and ``segment_by``, the series that says so, None where nothing changed.
    """
    from scipy.special import ndtri

    levels = _lasting(trends)
    first, last = trends[0].series.start, trends[0].series.end
    steps = [one for one in trends if one.changed and one.shape != "drift" and one.series.matters]
    began = np.eye(len(first))[0]
    if steps:
        # The latest change counts: before it, at least one series was on another level.
        latest = max(steps, key=lambda one: int(one.partition.start.argmax()))
        began = latest.partition.start
    # An epoch that may be before a change of any series is on neither side.
    sure = [(began_between(one.partition.start)[1], one.series.name) for one in steps]
    after, by = max(sure, default=(0, None), key=lambda one: one[0])
    start = start_of_validity(first, last, began, bool(steps), float(first[0]))
    current = int(began.argmax())
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
    changes = {one.first for trend in steps for one in trend.partition.changes}
    years = float(last[-1] - first[0]) / _YEAR
    return {
        "useafter": start.useafter,
        "after": start.after,
        "before": start.before,
        "changed": start.changed,
        "good_days": min(days) if days and np.isfinite(min(days)) else None,
        "at_least": steady,
        "segment": float(first[after]),
        "segment_by": by,
        "rate": list(change_rate(len(changes), years)) if years > 0 else None,
    }


def _lasting(trends):
    """Return the trends that limit how long a product is good."""
    able = [one for one in trends if one.series.matters and one.series.unit]
    return [one for one in able if one.series.unit != LN] or able


def _tolerance(settings, series):
    # A logarithm of a variance changes twice as much as the noise.
    limits = {
        "e-/s": settings.dark_tolerance,
        "e-/frame": settings.charge_tolerance,
        "e-/ADU": settings.gain_tolerance * abs(float(series.value[-1])),
        LN: 2 * settings.noise_tolerance,
    }
    return limits.get(series.unit, settings.tolerance)


def _slope(trend, current):
    """Slope within the current segment; None where it has fewer than three epochs."""
    series = trend.series
    if len(series) - current < FEWEST:
        return None
    within = slice(current, None)
    fit = line(series.time[within], series.value[within], trend.errors.error[within])
    return fit.slope, fit.error


def as_json(epochs: Mapping[str, Sequence[Epoch]], settings: EpochSettings) -> dict[str, Any]:
    """Return what a report shows of the trends of the series of one item.

    Parameters
    ----------
    epochs : dict of sequences of Epoch
        In the order of time, by product.
    settings : EpochSettings

    Returns
    -------
    dict
        ``products``: by name, its epochs and their times, its series with what was found, and the
        validity of a product of it; no series and no validity with fewer than `FEWEST` epochs.
        ``delivered`` is the number of the epoch of the last delivery, and ``since`` of a series
        what it has changed by since then, null where it has not.
        Without NaN; numbers rounded to nine digits.

    Raises
    ------
    DarkroomError
        When a number of a series is not finite, or the day of the last delivery is no date.
    """
    delivered = _day(settings.delivered)
    series = {name: _checked(name, e) if len(e) >= FEWEST else [] for name, e in epochs.items()}
    trends = iter(judge([one for every in series.values() for one in every], settings.false))
    found = {}
    for name, every in series.items():
        own = [next(trends) for _ in every]
        epoch = _epoch_of(delivered, epochs[name])
        told = validity(own, partial(_tolerance, settings)) if _lasting(own) else None
        found[name] = {
            "epochs": [one.name for one in epochs[name]],
            "start": [round(float(one.mjd.min()), 5) for one in epochs[name]],
            "end": [round(float(one.mjd.max()), 5) for one in epochs[name]],
            "units": [int(one.mjd.size) for one in epochs[name]],
            "validity": told and {key: _rounded(value) for key, value in told.items()},
            "delivered": epoch,
            "series": [_one(trend, facts_by_epoch(epochs[name]), epoch) for trend in own],
        }
    return {"format": FORMAT, "products": found}


def _checked(product, epochs):
    """Return the series of a product; numbers of which none can be made are named."""
    try:
        return series_of(epochs)
    except ValueError as error:
        raise DarkroomError(f"the series of {product}: {error}") from error


def _day(text):
    """Return the MJD of the end of a day; None without one."""
    if not text:
        return None
    try:
        return to_mjd(datetime.strptime(text, "%Y-%m-%d")) + 1
    except ValueError:
        raise DarkroomError(f"epochs.delivered is {text!r}: give a day as YYYY-MM-DD") from None


def _epoch_of(delivered, epochs):
    """Return the last epoch that began before a delivery; the first without one."""
    if delivered is None:
        return 0
    return max(sum(bool(one.mjd.min() < delivered) for one in epochs) - 1, 0)


def since(trend: Trend, epoch: int) -> tuple[float, float] | None:
    """Return what a series has changed by since an epoch, with its standard error.

    Of a step the level of the current segment less that of the segment of the epoch; of a drift
    what its slope makes of the time between. None where nothing changed since.

    Parameters
    ----------
    trend : Trend
    epoch : int
        Its number, from 0.
    """
    series, error = trend.series, trend.errors.error
    if not trend.changed:
        return None
    if trend.shape == "drift":
        days = float(series.time[-1] - series.time[epoch])
        return (trend.line.slope * days, trend.line.error * days) if days > 0 else None
    edges = [0, *(one.first for one in trend.partition.changes), len(series)]
    start = max(edge for edge in edges if edge <= epoch)
    stop = min(edge for edge in edges if edge > epoch)
    if stop == len(series):
        return None
    before, now = slice(start, stop), slice(edges[-2], None)
    weights = 1 / error**2
    then, level = (np.average(series.value[one], weights=weights[one]) for one in (before, now))
    return float(level - then), float(np.sqrt(sum(1 / weights[one].sum() for one in (before, now))))


def _one(trend, facts, epoch):
    parts, step = trend.partition, trend.scan
    return {
        "name": trend.series.name,
        "unit": "" if trend.series.unit == LN else trend.series.unit,
        "value": _rounded(trend.series.value),
        "error": _rounded(trend.errors.error),
        "pooled": trend.errors.pooled,
        "changed": trend.changed,
        "shape": trend.shape,
        "p": _rounded(step.p),
        "step": {
            "first": step.first,
            "size": _rounded(step.size),
            "error": _rounded(step.error),
        },
        "slope": {
            "value": _rounded(trend.line.slope),
            "error": _rounded(trend.line.error),
        },
        "changes": [
            {
                "first": one.first,
                "posterior": _rounded(one.posterior),
                "earliest": one.earliest,
                "latest": one.latest,
            }
            for one in (parts.changes if trend.changed and trend.shape != "drift" else ())
        ],
        "since": _rounded(since(trend, epoch)),
        "candidates": [
            {
                "fact": one.name,
                "correlation": _rounded(one.correlation),
                "chance": _rounded(one.chance),
            }
            for one in (candidates(trend.series.value, facts) if trend.changed else ())
        ],
        "level": {
            "value": _rounded(parts.level),
            "low": _rounded(parts.low),
            "high": _rounded(parts.high),
        },
    }


def _rounded(value):
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(one) for one in value]
    return float(f"{float(value):.9g}")
