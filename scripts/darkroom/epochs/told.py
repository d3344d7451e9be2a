"""What is said of the series of an item's products: the content of ``trends.json``."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.dates import from_mjd, to_mjd
from darkroom.epochs.causes import candidates, facts_by_epoch
from darkroom.epochs.names import is_of
from darkroom.epochs.series import LN
from darkroom.epochs.trends import Trend, judge, lasting, series_of, untold, validity
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.epochs.folder import Epoch
    from darkroom.epochs.settings import EpochSettings

#: Of the files; a change gets another number.
FORMAT = "darkroom trends 5"
# Of times in a table of trends, which are rounded [days].
_ROUNDED = 1e-4


def as_json(
    epochs: Mapping[str, Sequence[Epoch]],
    settings: EpochSettings,
    absent: Mapping[str, Mapping[str, str]] | None = None,
    campaign: str = "",
) -> dict[str, Any]:
    """Return what a report shows of the trends of the series of one item.

    Parameters
    ----------
    epochs : dict of sequences of Epoch
        In the order of time, by product.
    settings : EpochSettings
    absent : dict of dicts of str, optional
        By product the names of epochs that are no part of its series, and why not.
    campaign : str
        Name of the campaign, whose own epochs are told apart.

    Returns
    -------
    dict
        ``products``: by name, its epochs and their times, its series with what was found, and the
        validity of a product of it; no series and no validity with fewer than `FEWEST` epochs.
        ``mixed``: whether this campaign has epochs on both sides of the last change. ``made_of``:
        the epochs that the product of the states is made of, those left out, and why.
        ``delivered`` is the number of the epoch of the last delivery, and ``since`` of a series
        what it has changed by since then, null where it has not. ``value`` and ``error`` are null
        where an epoch does not tell them; ``missing`` says why.
        Without NaN; numbers rounded to nine digits.

    Raises
    ------
    DarkroomError
        When a number of a series is infinite, or the day of the last delivery is no date.
    """
    delivered = _day(settings.delivered)
    series = {name: _checked(name, one) for name, one in epochs.items()}
    trends = iter(judge([one for every in series.values() for one in every], settings.false))
    found = {}
    for name, every in series.items():
        own = [next(trends) for _ in every]
        epoch = _epoch_of(delivered, epochs[name])
        told = validity(own, partial(_tolerance, settings)) if lasting(own) else None
        outside = [(one, "", why) for one, why in (absent or {}).get(name, {}).items()]
        inside = [(one.epoch, one.series, one.why) for one in untold(epochs[name])]
        found[name] = {
            "epochs": [one.name for one in epochs[name]],
            "start": [round(float(one.mjd.min()), 5) for one in epochs[name]],
            "end": [round(float(one.mjd.max()), 5) for one in epochs[name]],
            "units": [int(one.mjd.size) for one in epochs[name]],
            "missing": [
                {"epoch": one, "series": what, "why": why} for one, what, why in outside + inside
            ],
            "validity": told and {key: _rounded(value) for key, value in told.items()},
            "delivered": epoch,
            "mixed": _mixed(told, epochs[name], campaign),
            "made_of": _made_of(told, epochs[name], settings.product),
            "series": [_one(trend, epochs[name], epoch) for trend in own],
        }
    return {"format": FORMAT, "products": found}


def segment_of(validity: Mapping[str, Any] | None) -> tuple[float | None, str]:
    """Return when the current segment of a product begins, and by what.

    Parameters
    ----------
    validity : dict or None
        See `darkroom.epochs.trends.validity`.

    Returns
    -------
    begin : float or None
        Units from this time on belong to it [MJD]; None for all.
    why : str
    """
    if validity is None:
        return None, "no change can be told of so few epochs"
    if not validity["changed"]:
        return None, "no step was found, and a drift has no segments"
    begin = validity["segment"]
    day = from_mjd(begin).strftime("%Y-%m-%d")
    why = f"after the last change, from MJD {begin:.4f} ({day}) on, by "
    return validity["segment"] - _ROUNDED, why + validity["segment_by"]


def _mixed(validity, epochs, campaign):
    """Return whether a campaign has epochs on both sides of the last change."""
    begin, _ = segment_of(validity)
    if begin is None:
        return False
    # An epoch that is a part of a state has its number after a blank.
    own = [one for one in epochs if is_of(one.name.partition(" ")[0], campaign)]
    return len({one.mjd.min() >= begin for one in own}) > 1


def _made_of(validity, epochs, product):
    """Return which epochs the product of the states is made of."""
    begin, why = segment_of(validity)
    if product == "series":
        begin, why = None, "the whole series (epochs.product: series)"
    inside = [one.name for one in epochs if begin is None or one.mjd.min() >= begin]
    left_out = [one.name for one in epochs if one.name not in inside]
    return {"epochs": inside, "left_out": left_out, "why": why}


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

    It is what the fitted shape says: of a step the level of the current segment less that of the
    segment of the epoch. None where nothing changed since.

    Parameters
    ----------
    trend : Trend
    epoch : int
        Its number in the series, from 0.
    """
    return trend.shape.difference(epoch, -1) if trend.shape else None


def _one(trend, epochs, epoch):
    did, step, series = trend.shape, trend.scan, trend.series
    # Numbers of epochs in the series become those in the product.
    at = series.epochs
    before = max([k for k, place in enumerate(at) if place <= epoch], default=0)
    facts = facts_by_epoch([epochs[place] for place in at])

    def placed(values):
        found = [None] * len(epochs)
        for place, value in zip(at, values, strict=True):
            found[place] = _rounded(value)
        return found

    level, low, high = trend.level
    return {
        "name": series.name,
        "unit": "" if series.unit == LN else series.unit,
        "value": placed(series.value),
        "error": placed(trend.errors.error),
        "fitted": placed(did.fitted) if did else None,
        "pooled": trend.errors.pooled,
        "changed": trend.changed,
        "shape": trend.word,
        "shapes": {name: _rounded(share) for name, share in did.posterior.items()} if did else {},
        "p": _rounded(trend.p),
        "step": {
            "first": at[step.first],
            "size": _rounded(step.size),
            "error": _rounded(step.error),
        },
        "slope": {"value": _rounded(trend.line.slope), "error": _rounded(trend.line.error)},
        "rate": {"value": _rounded(did.rate), "error": _rounded(did.rate_error)}
        if did and did.drifts
        else None,
        "curved": bool(did and did.curved),
        "apart": None if did is None or did.apart is None else at[did.apart],
        "changes": [_change(did, one, at) for one in (did.changes if did else ())],
        "since": _rounded(since(trend, before)),
        "candidates": [
            {
                "fact": one.name,
                "correlation": _rounded(one.correlation),
                "chance": _rounded(one.chance),
            }
            for one in (candidates(series.value, facts) if trend.changed else ())
        ],
        "level": {"value": _rounded(level), "low": _rounded(low), "high": _rounded(high)},
    }


def _change(did, one, at):
    """Return a date with its interval, and by how much the level changed there at once."""
    size, error = did.jump(one.first)
    return {
        "first": at[one.first],
        "posterior": _rounded(one.posterior),
        "earliest": at[one.earliest],
        "latest": at[one.latest],
        "size": _rounded(size),
        "error": _rounded(error),
    }


def _rounded(value):
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, list | tuple | np.ndarray):
        return [_rounded(one) for one in value]
    return float(f"{float(value):.9g}")


def _tolerance(settings, series):
    # A logarithm of a variance changes twice as much as the noise.
    limits = {
        "e-/s": settings.dark_tolerance,
        "e-/frame": settings.charge_tolerance,
        "e-/ADU": settings.gain_tolerance * abs(float(series.value[-1])),
        LN: 2 * settings.noise_tolerance,
    }
    return limits.get(series.unit, settings.tolerance)
