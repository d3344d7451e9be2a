"""Tables beside a dark: levels by amplifier, settling of integrations, comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.ramps.robust import mad_deviation

if TYPE_CHECKING:
    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet


def levels(found: DarkRates, classes: Classes) -> list[dict]:
    """Return the distribution of rates in each amplifier.

    The pixels of a row share residual noise of the reference pixels, so that their median is known
    worse than that of independent pixels: `row_error` is the scatter of the medians of rows over
    the square root of their number. Those of an amplifier share drifts of a whole integration:
    `ramp_error` is the standard error of the medians of the integrations, NaN for one of them.
    The median is as uncertain as the largest of the three says.
    """
    rows = []
    for a in range(classes.noutputs):
        columns = classes.amplifier == a
        image = np.where(classes.usable[:, columns], found.rate[:, columns], np.nan)
        values = image[np.isfinite(image)]
        lines = image[np.isfinite(image).any(axis=1)]
        medians = np.nanmedian(lines, axis=1) if len(lines) else np.array([np.nan])
        low, middle, p95, p99 = (
            np.percentile(values, [5, 50, 95, 99]) if values.size else np.full(4, np.nan)
        )
        usual = found.usual[a]
        ramps = found.by_ramp[:, a][np.isfinite(found.by_ramp[:, a])]
        common = ramps.std(ddof=1) / np.sqrt(ramps.size) if ramps.size > 1 else np.nan
        rows.append({
            "amplifier": a,
            "npixels": int(values.size),
            "median": float(middle),
            "p5": float(low),
            "p95": float(p95),
            "p99": float(p99),
            "error": float(np.sqrt(np.pi / 2 / max(values.size, 1)) * mad_deviation(values)),
            "row_error": float(mad_deviation(medians) / np.sqrt(max(medians.size, 1))),
            "ramp_error": float(common),
            "factor": float(found.factor[a]),
            "read": float(np.sqrt(usual.read)),
        })  # fmt: skip
    return rows


def settling(found: DarkRates, ramps: RampSet) -> list[dict]:
    """Return the level of integrations by their number in the exposure, by amplifier.

    `difference` is the mean of their medians minus that of all; `first_p` the chance (Welch's t)
    that integration 1 differs as much from 3 and later if it is like them.
    """
    number, rows = ramps.integrations + 1, []
    for a in range(found.by_ramp.shape[1]):
        level, error = found.by_ramp[:, a], found.by_ramp_error[:, a]
        good = np.isfinite(level)
        centre = float(np.median(level[good])) if good.any() else np.nan
        first, later = level[good & (number == 1)], level[good & (number >= 3)]
        tested = first.size > 1 and later.size > 1
        p = _welch(first, later) if tested else np.nan
        for j in np.unique(number):
            here = good & (number == j)
            n = int(here.sum())
            rows.append({
                "integration": int(j),
                "amplifier": a,
                "n": n,
                "difference": float(level[here].mean() - centre) if n else np.nan,
                "error": float(np.sqrt((error[here] ** 2).sum()) / n) if n else np.nan,
                "first_p": p if j == 1 else np.nan,
            })  # fmt: skip
    return rows


def _welch(first, later):
    from scipy.stats import ttest_ind  # large: most darks have one integration an exposure

    return float(ttest_ind(first, later, equal_var=False).pvalue)


def compared(found: DarkRates, previous: np.ndarray, classes: Classes) -> list[dict]:
    """Compare rates with those of a previous dark, amplifier by amplifier.

    Parameters
    ----------
    found : DarkRates
    previous : (ny, nx) array
        e-/s.
    classes : Classes
    """
    rows = []
    for a in range(classes.noutputs):
        where = classes.usable & (classes.amplifier == a)
        difference = (found.rate - previous)[where]
        pull = difference / found.error[where]
        pull = pull[np.isfinite(pull)]
        difference = difference[np.isfinite(difference)]
        rows.append({
            "amplifier": a,
            "npixels": int(difference.size),
            "shift": float(np.median(difference)) if difference.size else np.nan,
            "scatter": mad_deviation(difference),
            "pull": mad_deviation(pull),
            "beyond": float((np.abs(pull) > 5).mean()) if pull.size else np.nan,
        })  # fmt: skip
    return rows
