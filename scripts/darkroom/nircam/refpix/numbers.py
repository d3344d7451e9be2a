"""How far reference pixels are from following: instability against its prediction, by amplifier."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from darkroom.nircam.refpix import predict

_FLAGGED = 0.999
# Below about this frequency the common noise of NIRCam's detectors steepens, Hz; a spectrum that
# begins above does not tell what whole frames do.
_STEEPENS = 8.0


@dataclass(frozen=True)
class Scatter:
    """Frame-to-frame scatter of one quantity.

    Attributes
    ----------
    name : str
    value, error : float
        Standard deviation of differences of frames / sqrt(2) and its standard error, DN.
    ndiff : int
        Differences of frames.
    nu : float
        Degrees of freedom that value² has.
    """

    name: str
    value: float
    error: float
    ndiff: int
    nu: float


def frame_scatter(name, series):
    """Return the `Scatter` of series, one (ngroups, …) a ramp; a steady slope is taken off."""
    squares = scale = nu = 0.0
    ndiff, width = 0, 1
    for values in series:
        steps = np.diff(values, axis=0)
        n = len(steps)
        width = steps[0].size
        squares += ((steps - steps.mean(axis=0)) ** 2).sum()
        scale += 2 * n * (1 - 1 / n**2) * width
        # Neighbouring differences share a frame: they are worth two thirds.
        nu += 2 / 3 * (n - 1) * width
        ndiff += n
    value = float(np.sqrt(squares / scale))
    return Scatter(name, value, value / np.sqrt(2 * nu), ndiff, nu)


@dataclass(frozen=True)
class Instability:
    """How an amplifier's reference pixels follow its active ones.

    Attributes
    ----------
    amplifier : int
    value, error : float
        Scatter of active - reference from frame to frame / sqrt(2), DN.
    predicted, predicted_error : float
        What the noise spectrum says perfect reference pixels show, DN; from the errors of its fit.
    excess : float
        sqrt(value² - predicted²), 0 where negative, DN.
    p : float
        Chance of so much more than predicted.
    judged : bool
        Whether the spectrum reaches down to where the common noise steepens.
    flagged : bool
        Judged, and p < 0.001.
    """

    amplifier: int
    value: float
    error: float
    predicted: float
    predicted_error: float
    excess: float
    p: float
    judged: bool
    flagged: bool


def above_and_below(edges):
    """Return the mean of bottom and top pixels of each amplifier: (ngroups, noutputs)."""
    return _mean_known(edges[:, :2], (1, 3))


def _mean_known(values, axis):
    """Return the mean of what is not NaN, NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def _side_above(edges, edge, amplifier):
    """Return the mean of a side above bottom and top pixels of its amplifier: (ngroups,)."""
    side = _mean_known(edges[:, edge, amplifier], 1)
    return side - _mean_known(edges[:, :2, amplifier], (1, 2))


def sides_and_edges(edges):
    """Return levels of the sides, and of bottom and top of the same amplifiers, frame by frame.

    Parameters
    ----------
    edges : list of (ngroups, 4, noutputs, 2) arrays
        Of `darkroom.nircam.refpix.levels.Levels`.

    Returns
    -------
    list of (ngroups, 2) arrays
        One a ramp; empty where either is not there.
    """
    series = []
    for ramp in edges:
        sides = [_mean_known(ramp[:, edge, a], 1) for edge, a in ((2, 0), (3, -1))]
        rows = [_mean_known(ramp[:, :2, a], (1, 2)) for a in (0, -1)]
        series.append(np.stack([np.mean(sides, axis=0), np.mean(rows, axis=0)], axis=1))
    return series if np.isfinite(series[0]).all() else []


def instabilities(levels, readout, fit, sigma):
    """Return the instability of every amplifier.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
    readout : darkroom.nircam.detector.readout.Readout
    fit : object
        Of the noise spectrum, see `darkroom.nircam.refpix.predict.read_fit`.
    sigma : float
        Noise of one read of a reference pixel, DN.

    Returns
    -------
    list of Instability
        None of an amplifier without usable reference pixels below and above.
    """
    regions = levels.regions
    outer = regions.edge < 2
    if not outer.any():
        return []
    pixels = np.bincount(regions.amplifier[outer], minlength=readout.noutputs)
    noise = (float(np.mean(levels.noise)), sigma)
    expected, unsure = predict.instability(fit, readout, noise, np.stack([levels.nactive, pixels]))
    judged = fit.lowest_frequency < _STEEPENS
    found = []
    for amplifier in range(readout.noutputs):
        series = [
            active[:, amplifier].mean(axis=1) - above_and_below(edges)[:, amplifier]
            for active, edges in zip(levels.active, levels.edges, strict=True)
        ]
        one = frame_scatter("", series)
        if not np.isfinite(one.value):
            continue
        # Measured and predicted squares scatter as mean squares of so many values.
        p = float(
            stats.f.sf((one.value / expected[amplifier]) ** 2, one.nu, 2 / unsure[amplifier] ** 2)
        )
        excess = float(np.sqrt(max(one.value**2 - expected[amplifier] ** 2, 0.0)))
        found.append(
            Instability(
                amplifier=amplifier,
                value=one.value,
                error=one.error,
                predicted=float(expected[amplifier]),
                predicted_error=float(expected[amplifier] * unsure[amplifier] / 2),
                excess=excess,
                p=p,
                judged=judged,
                flagged=judged and p < 1 - _FLAGGED,
            )
        )
    return found


def scatters(levels):
    """Return the frame-to-frame scatter of pedestals, even - odd, top - bottom: list of Scatter."""
    active = [values.mean(axis=2) for values in levels.active]
    n = active[0].shape[1]
    found = [frame_scatter("common pedestal", [a.mean(axis=1) for a in active])]
    if n > 1:
        scale = np.sqrt(n / (n - 1))
        own = [scale * (a - a.mean(axis=1, keepdims=True)) for a in active]
        found.append(frame_scatter("pedestal of an amplifier", own))
    found.append(
        frame_scatter("even - odd, active", [a[..., 0] - a[..., 1] for a in levels.active])
    )
    outer = [edges[:, :2] for edges in levels.edges]
    for name, values in (
        ("even - odd, reference", [_mean_known(e[..., 0] - e[..., 1], 1) for e in outer]),
        ("top - bottom", [_mean_known(e[:, 1] - e[:, 0], 2) for e in outer]),
        ("left side - bottom and top", [_side_above(e, 2, 0) for e in levels.edges]),
        ("right side - bottom and top", [_side_above(e, 3, -1) for e in levels.edges]),
    ):
        if np.isfinite(values[0]).all():
            found.append(frame_scatter(name, values))
    return found
