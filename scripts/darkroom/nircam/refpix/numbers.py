"""Instability of reference pixels by amplifier, compared with its prediction; frame scatter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.refpix import predict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.refpix.levels import Levels
    from darkroom.nircam.spectrum.model import FittedModel

_FLAGGED = 0.999
# Frequency (Hz) below which the spectrum of the common noise of NIRCam's detectors is steeper. A
# spectrum that begins above it does not constrain the scatter of whole frames. Nor does one that
# does not tell where the steeper part ends, its knee, within _KNEE: of ten ramps of four groups of
# 128 rows, one fit in eight predicts half of the scatter that there is, as if within 10 %.
_STEEPENS, _KNEE = 8.0, 0.4


@dataclass(frozen=True)
class Scatter:
    """Frame-to-frame scatter of one quantity.

    Attributes
    ----------
    name : str
        Name of the quantity.
    value, error : float
        Standard deviation of differences of frames / sqrt(2), and its standard error, DN.
    ndiff : int
        Number of differences of frames.
    nu : float
        Degrees of freedom of value².
    """

    name: str
    value: float
    error: float
    ndiff: int
    nu: float


def frame_scatter(name: str, series: Sequence[np.ndarray]) -> Scatter:
    """Return the frame-to-frame scatter of a quantity; a constant slope of each ramp is subtracted.

    Parameters
    ----------
    name : str
        Name of the quantity.
    series : sequence of (ngroups, ...) arrays
        The quantity in the frames of each ramp, DN.
    """
    squares = scale = nu = 0.0
    ndiff, width = 0, 1
    for values in series:
        steps = np.diff(values, axis=0)
        n = len(steps)
        width = steps[0].size
        squares += ((steps - steps.mean(axis=0)) ** 2).sum()
        scale += 2 * n * (1 - 1 / n**2) * width
        # Consecutive differences share a frame, which reduces the degrees of freedom to two thirds.
        nu += 2 / 3 * (n - 1) * width
        ndiff += n
    value = float(np.sqrt(squares / scale))
    return Scatter(name, value, value / np.sqrt(2 * nu), ndiff, nu)


@dataclass(frozen=True)
class Instability:
    """Instability of the reference pixels of an amplifier.

    Attributes
    ----------
    amplifier : int
        Amplifier.
    value, error : float
        Scatter of active - reference pixels from frame to frame / sqrt(2), and its error, DN.
    predicted, predicted_error : float
        Value predicted for perfect reference pixels from the noise spectrum, and its error from
        that of the fit, DN.
    excess : float
        sqrt(value² - predicted²), 0 where negative, DN.
    p : float
        Probability of so large a value by chance.
    judged : bool
        True if the spectrum determines the common noise below 8 Hz, which is steeper; otherwise
        the prediction may be too low.
    flagged : bool
        True if `judged` and p < 0.001.
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


def bottom_and_top(edges: np.ndarray) -> np.ndarray:
    """Return the mean of bottom and top reference pixels: (ngroups, noutputs), DN."""
    return _mean_known(edges[:, :2], (1, 3))


def _mean_known(values, axis):
    """Return the mean of finite values, NaN where there is none."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0).sum(axis=axis) / known.sum(axis=axis)


def _side_above(edges, edge, amplifier):
    """Return the mean of a side minus that of bottom and top of its amplifier: (ngroups,), DN."""
    side = _mean_known(edges[:, edge, amplifier], 1)
    return side - _mean_known(edges[:, :2, amplifier], (1, 2))


def sides_and_edges(edges: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the levels of the sides, and of bottom and top of the same amplifiers, by frame.

    Parameters
    ----------
    edges : sequence of (ngroups, 4, noutputs, 2) arrays
        As in `darkroom.nircam.refpix.levels.Levels`.

    Returns
    -------
    list of (ngroups, 2) arrays
        One for each ramp, DN; empty if either kind of pixels does not exist.
    """
    series = []
    for ramp in edges:
        sides = [_mean_known(ramp[:, edge, a], 1) for edge, a in ((2, 0), (3, -1))]
        rows = [_mean_known(ramp[:, :2, a], (1, 2)) for a in (0, -1)]
        series.append(np.stack([np.mean(sides, axis=0), np.mean(rows, axis=0)], axis=1))
    return series if np.isfinite(series[0]).all() else []


def instabilities(
    levels: Levels, readout: Readout, fit: FittedModel, sigma: float
) -> list[Instability]:
    """Return the instability of every amplifier.

    Parameters
    ----------
    levels : darkroom.nircam.refpix.levels.Levels
        Measured levels.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the ramps.
    fit : darkroom.nircam.spectrum.model.FittedModel
        Fit of the noise spectrum, see `darkroom.nircam.spectrum.written.read_fit`.
    sigma : float
        Noise of one read of a reference pixel, DN.

    Returns
    -------
    list of Instability
        Without amplifiers that have no usable reference pixels at the bottom and top.
    """
    regions = levels.regions
    outer = regions.edge < 2
    if not outer.any():
        return []
    pixels = np.bincount(regions.amplifier[outer], minlength=readout.noutputs)
    noise = (float(np.mean(levels.noise)), sigma)
    counts = np.stack([levels.nactive, pixels])
    expected, relative_error = predict.instability(fit, readout, noise, counts)
    judged = fit.lowest_frequency < _STEEPENS and _knee_error(fit) < _KNEE
    found = []
    for amplifier in range(readout.noutputs):
        series = [
            active[:, amplifier].mean(axis=1) - bottom_and_top(edges)[:, amplifier]
            for active, edges in zip(levels.active, levels.edges, strict=True)
        ]
        one = frame_scatter("", series)
        if not np.isfinite(one.value):
            continue
        # Measured and predicted variance have nu and 2 / (relative error)² degrees of freedom.
        nu = 2 / relative_error[amplifier] ** 2
        p = float(special.fdtrc(one.nu, nu, (one.value / expected[amplifier]) ** 2))
        excess = float(np.sqrt(max(one.value**2 - expected[amplifier] ** 2, 0.0)))
        found.append(
            Instability(
                amplifier=amplifier,
                value=one.value,
                error=one.error,
                predicted=float(expected[amplifier]),
                predicted_error=float(expected[amplifier] * relative_error[amplifier] / 2),
                excess=excess,
                p=p,
                judged=judged,
                flagged=judged and p < 1 - _FLAGGED,
            )
        )
    return found


def _knee_error(fit):
    """Return the relative error of the knee of the low-frequency excess; infinite without one."""
    if not fit.layout.excess:
        return np.inf
    place = fit.layout.names.index("excess_knee")
    return float(np.sqrt(fit.covariance[place, place]))


def scatters(levels: Levels) -> list[Scatter]:
    """Return the frame-to-frame scatter of pedestals, even - odd columns, top - bottom, sides."""
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
