"""The gates that any product with a table UNITS has: one bad exposure, drift, repeats, change."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.gates import gate as make
from darkroom.gates.gate import Words
from darkroom.gates.repeats import TWIN, same_numbers
from darkroom.gates.statistic import shrunk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from darkroom.gates.gate import Gate
    from darkroom.gates.harms import Harm
    from darkroom.gates.units import Units

# Integrations of one exposure count as one unit when they are alike beyond this chance.
_ALIKE = 0.01
# Share of its pixels that a unit may lack, beside the usual share.
_LACKING = 0.02
# Share of a harm by which a level of the file may differ from that of the exposures: it is told
# from the same samples, so that nothing but rounding and the clip makes its error.
_ROUNDED = 0.1
# Least share of the variance of its residuals that is a unit's own.
_LEAST_NOISE = 1e-3


@dataclass(frozen=True)
class Statistic:
    """One statistic of units and the effect that matters.

    Attributes
    ----------
    family : str
        Key among the harms.
    label : str
        ``"level"``; the name of the amplifier follows.
    unit : str
        Of the statistic.
    measured, reason : str
        What it is, and why the harm matters.
    harm : float
        Smallest effect on the product that matters.
    values : callable
        Given units, returns (n, amplifiers).
    whole : bool
        The harm is that of a single unit.
    drifts : bool
        Halves are compared, too.
    changes : bool
        It is compared with the file in use, where there is one.
    change_harm : float or None
        Smallest change that matters; by default `harm`.
    """

    family: str
    label: str
    unit: str
    measured: str
    reason: str
    harm: float
    values: Callable[[Units], np.ndarray]
    whole: bool = False
    drifts: bool = True
    changes: bool = True

    @classmethod
    def of(
        cls,
        harm: Harm,
        label: str,
        unit: str,
        measured: str,
        values: Callable[[Units], np.ndarray],
        scale: float = 1.0,
        **more: bool,
    ) -> Statistic:
        """Return a statistic whose key, reason and usual size are those of a declared harm."""
        reason, size = harm.reason, harm.size({}, scale)
        return cls(harm.key, label, unit, measured, reason, size, values, **more)


def column(name: str, minus: str = "") -> Callable[[Units], np.ndarray]:
    """Return a function that gives a column of units, or the difference of two."""

    def values(units: Units) -> np.ndarray:
        found = units.values[name]
        return found - units.values[minus] if minus else found

    return values


def own_noise(units: Units) -> np.ndarray:
    """Return ln of the variance of each unit, from that of its residuals: (n, amplifiers).

    The mean of n units that is subtracted holds 1/n of each. Of the variance v_k of a unit its
    residuals keep (1 - 2/n) v_k + Σ v/n²; a noisier unit would seem less noisy by a tenth of ten.
    """
    found = units.values["lnvar"]
    n = np.isfinite(found).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        residual = np.exp(found)
        shared = np.nansum(residual, axis=0) / (n * (n - 1))
        # A unit with next to no noise of its own is odd, not without a value.
        own = np.maximum(residual - shared, _LEAST_NOISE * residual) * n / (n - 2)
        return np.where(n > 2, np.log(own), found)


def with_harms(statistics: Sequence[Statistic], harms: Mapping[str, float]) -> list[Statistic]:
    """Return statistics with the harms that a campaign sets."""
    return [
        replace(one, harm=harms[one.family]) if one.family in harms else one for one in statistics
    ]


def unit_gates(
    units: Units,
    statistics: Sequence[Statistic],
    change: Units | None = None,
    predicted: Mapping[str, np.ndarray] | None = None,
    weight: float = 0.0,
) -> list[Gate]:
    """Return the gates of the statistics of units, amplifier by amplifier.

    Parameters
    ----------
    units : Units
    statistics : sequence of Statistic
        Those of which no unit has a value are left out.
    change : Units, optional
        The same of the product minus the file in use.
    predicted : dict of (amplifiers,) arrays, optional
        Predicted scatter of a unit, by family.
    weight : float
        ν0, what the prediction counts.
    """
    gates = []
    for one in statistics:
        values = one.values(units)
        expected = (predicted or {}).get(one.family)
        for k, amplifier in enumerate(units.amplifiers):
            series = values[:, k]
            if not np.isfinite(series).any():
                continue
            name = f" of amplifier {amplifier}" if len(units.amplifiers) > 1 else ""
            words = Words(
                f"{one.label}{name}", one.family, one.unit, one.measured, one.harm, one.reason
            )
            kept, labels, order = independent(series, units)
            # A prediction is that of a ramp, not of exposures whose integrations are alike.
            alone = expected is not None and len(kept) == len(series)
            s0 = float(expected[k]) if expected is not None and alone else None
            gates.append(
                make.bad_exposure(words, kept, labels, whole=one.whole, predicted=s0, weight=weight)
            )
            if one.drifts:
                gates.append(make.two_halves(words, kept, order, predicted=s0, weight=weight))
            if change is not None and one.changes:
                gates += _changed(words, kept, one.values(change)[0, k], s0, weight)
    return gates


def _changed(words, values, found, predicted, weight):
    """Return the gate of a change; the file in use is taken to be known as well as the product."""
    values = values[np.isfinite(values)]
    if not np.isfinite(found):
        return []
    own = np.nan
    if len(values) > 1:
        variance, _ = shrunk(values.var(ddof=1), len(values) - 1, predicted, weight)
        own = np.sqrt(variance / len(values))
    return [
        make.mean_against(
            words,
            values - values.mean() + found if len(values) else values,
            0.0,
            float(own),
            question="changed",
            name=f"change: {words.label}",
            null="the product and the file in use show the same detector",
            predicted=predicted,
            weight=weight,
        )
    ]


def independent(values: np.ndarray, units: Units) -> tuple[np.ndarray, list[str], np.ndarray]:
    """Return values that are independent: of units, or of exposures where integrations are alike.

    Parameters
    ----------
    values : (n,) array
        NaN where a unit has none.
    units : Units

    Returns
    -------
    values : (m,) array
    labels : list of str
    order : (m,) array
        Times, or numbers where a time is not known.
    """
    order = np.where(np.isfinite(units.mjd).all(), units.mjd, np.arange(len(units), dtype=float))
    names, which = np.unique(np.array(units.exposure), return_inverse=True)
    labels = [units.label(k) for k in range(len(units))]
    good = np.isfinite(values)
    if not 1 < len(names) < len(units) or not _alike(values[good], which[good]):
        return values, labels, order
    means, times = np.full((2, len(names)), np.nan)
    for k in range(len(names)):
        here = good & (which == k)
        if here.any():
            means[k], times[k] = values[here].mean(), order[here].mean()
    return means, [str(name) for name in names], times


def _alike(values, which):
    """Whether values of one group are more alike than those of different ones (one-way F test)."""
    counts = np.bincount(which)
    counts = counts[counts > 0]
    n, groups = len(values), len(counts)
    if n - groups < 1 or groups < 2:
        return False
    numbers = np.unique(which, return_inverse=True)[1]
    means = np.bincount(numbers, values) / np.bincount(numbers)
    within = ((values - means[numbers]) ** 2).sum() / (n - groups)
    between = (np.bincount(numbers) * (means - values.mean()) ** 2).sum() / (groups - 1)
    if within <= 0:
        return between > 0
    return bool(special.fdtrc(groups - 1, n - groups, between / within) < _ALIKE)


def set_gates(units: Units, expected: Collection[str] | None = None) -> list[Gate]:
    """Return the gates of the set of exposures: repeated, incomplete, truncated.

    Parameters
    ----------
    units : Units
    expected : collection of str, optional
        Names of the exposures that the campaign accepted for the product.
    """
    gates = []
    twin = units.values.get("twin")
    measured = twin is not None and bool(np.isfinite(twin).any())
    if measured or len(units) > 1:
        found = _copies(twin) if measured else same_numbers(units)
        alike = [units.label(k) for k in found]
        what = "noise" if measured else "numbers"
        verb = "is" if measured else "are"
        gates.append(
            make.exact(
                "repeated exposure",
                "repeated",
                f"no two exposures have the same {what}",
                f"the {what} of {' and of '.join(alike[:4])} {verb} the same" if alike else "",
                "an exposure that counts twice makes the errors too small",
            )
        )
    valid = units.values.get("valid")
    if valid is not None and np.isfinite(valid).any():
        share = np.nanmin(valid, axis=1)
        lacking = [
            f"{units.label(k)} has {100 * share[k]:.3g} %"
            for k in np.flatnonzero(share < np.nanmedian(share) - _LACKING)
        ]
        gates.append(
            make.exact(
                "truncated exposure",
                "complete",
                "every exposure has a value in every pixel that the others have",
                "; ".join(lacking[:4]),
                "pixels that an exposure lacks have another mean and a larger error",
            )
        )
    if expected is not None:
        missing = sorted(name for name in expected if not _among(name, units.exposure))
        shown = ", ".join(missing[:4])
        gates.append(
            make.exact(
                "complete set",
                "complete",
                "the product was made of every exposure that the campaign accepted",
                f"{len(missing)} of {len(expected)} exposures are not in the product: {shown}"
                if missing
                else "",
                "a product of fewer exposures has larger errors than the campaign could give",
            )
        )
    return gates


def _copies(twin):
    """Return the units of which another is a copy."""
    return np.flatnonzero(np.where(np.isfinite(twin), twin, -np.inf).max(axis=1) > TWIN)


def _among(name, exposures):
    return any(one == name or one.startswith((f"{name}.", f"{name}_")) for one in exposures)


def written_gates(
    slopes: np.ndarray,
    parts: Sequence[str],
    harm: Harm,
    given: Mapping[str, float],
    *,
    tolerance: float,
    measured: str,
    expected: float = 1.0,
    scale: float = 1.0,
) -> list[Gate]:
    """Return the gates of the file as it is written against the exposures.

    Parameters
    ----------
    slopes : (n, m) array
        Slope of each exposure on the file, by part of the image; 1 expected.
    parts : sequence of str
        Names of the parts.
    harm : Harm
        Smallest deviation that matters.
    given : dict
        Harms that the campaign sets.
    tolerance : float
        By how much the expected value may be wrong: a deviation begins beyond it.
    measured : str
        As of `Gate`.
    expected : float
        The slope when nothing is wrong.
    scale : float
        What the usual harm is a multiple of.
    """
    gates = []
    for k, part in enumerate(parts):
        words = Words(part, "written", "", measured, harm.size(given, scale), harm.reason)
        values = slopes[np.isfinite(slopes[:, k]), k]
        gate = make.mean_against(
            words,
            values,
            expected,
            0.0,
            question="sound",
            name=f"file as written: {part}",
            null="the exposures show the image of the file, pixel by pixel, in its unit",
            tolerance=tolerance,
        )
        if not values.size:
            why = "too few pixels of the file stand out of the noise to compare exposures with it"
            gate = replace(gate, why=why)
        gates.append(gate)
    return gates


def level_gates(found: Units, stated: Units, statistics: Sequence[Statistic]) -> list[Gate]:
    """Return the gates of the levels of the file as it is written against those of the exposures.

    Parameters
    ----------
    found : Units
        Statistics of exposures relative to the file.
    stated : Units
        The same relative to the mean of the exposures, of which the file was made.
    statistics : sequence of Statistic
    """
    gates = []
    for one in statistics:
        values = one.values(found) - one.values(stated)
        for k, amplifier in enumerate(found.amplifiers):
            name = f" of amplifier {amplifier}" if len(found.amplifiers) > 1 else ""
            measured = f"{one.measured}, of an exposure minus the file, beyond that minus the mean"
            words = Words(
                f"{one.label}{name}", one.family, one.unit, measured, one.harm, one.reason
            )
            gates.append(
                make.mean_against(
                    words,
                    values[:, k],
                    0.0,
                    0.0,
                    question="sound",
                    name=f"file as written: {words.label}",
                    null="the file has the levels of its exposures",
                    tolerance=_ROUNDED * one.harm,
                )
            )
    return gates
