"""Side reference pixels: correlation with the active rows, and of the left with the right ones."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.readout import OUTPUTS

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Numbers of rows over which row means are smoothed.
SMOOTHING = (1, 5, 11, 31, 101)
#: Names of the pairs of levels whose coherence is measured.
LEFT_RIGHT, SIDES_EDGES = "left and right", "sides and edges"
_PER_DECADE = 10
_MIN_INDEPENDENT = 4  # independent values in a bin of frame levels
_HANN_CORRELATED = 1.944  # values of a Hann periodogram for one independent value


class RowSums:
    """Second moments of row means of the side reference pixels and of each amplifier.

    Sums until `finish` is called, variances and covariances (DN²) after it.

    Parameters
    ----------
    noutputs : int
        Number of amplifiers.

    Attributes
    ----------
    side : (nsmoothing,) array
        Variance of the smoothed side means.
    active : (nsmoothing, noutputs) array
        Variance of the active row means, smoothed in the same way.
    cross : (nsmoothing, noutputs) array
        Covariance of the two.
    cross_unsmoothed : (nsmoothing, noutputs) array
        Covariance of the smoothed side means with the unsmoothed active row means.
    active_unsmoothed : (nsmoothing, noutputs) array
        Variance of the unsmoothed active row means.
    dof : float
        Divisor of the sums: degrees of freedom of the residuals, added by the caller.
    """

    #: Attributes that together are the sums.
    STORED = ("side", "active", "cross", "cross_unsmoothed", "active_unsmoothed", "dof")

    def __init__(self, noutputs: int = OUTPUTS) -> None:
        shape = (len(SMOOTHING), noutputs)
        self.side = np.zeros(len(SMOOTHING))
        self.active, self.cross = np.zeros(shape), np.zeros(shape)
        self.cross_unsmoothed, self.active_unsmoothed = np.zeros(shape), np.zeros(shape)
        self.dof = 0.0

    def add(self, side: np.ndarray, active: np.ndarray) -> None:
        """Add the row means of a frame: sides (nrows,) and active (nrows, noutputs), DN."""
        active = active - active.mean(axis=0)
        side = side - side.mean()
        for k, width in enumerate(SMOOTHING):
            if width > side.size // 4:
                continue
            s, a = _running_mean(side[:, None], width), _running_mean(active, width)
            middle = active[width // 2 : width // 2 + len(s)]
            self.side[k] += (s**2).mean()
            self.active[k] += (a**2).mean(axis=0)
            self.cross[k] += (s * a).mean(axis=0)
            self.cross_unsmoothed[k] += (s * middle).mean(axis=0)
            self.active_unsmoothed[k] += (middle**2).mean(axis=0)

    def finish(self) -> None:
        """Turn sums into variances."""
        unsmoothed = (self.cross_unsmoothed, self.active_unsmoothed)
        for values in (self.side, self.active, self.cross, *unsmoothed):
            values /= self.dof

    @property
    def correlation(self) -> np.ndarray:
        """Pearson's r, (nsmoothing, noutputs); NaN where the smoothing is too long."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.cross / np.sqrt(self.side[:, None] * self.active)

    @property
    def gain(self) -> np.ndarray:
        """Factor of the smoothed side means that minimises row noise, (nsmoothing, noutputs)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.cross_unsmoothed / self.side[:, None]

    @property
    def residual(self) -> np.ndarray:
        """Scatter of row means after that correction, DN, (nsmoothing, noutputs)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(self.active_unsmoothed - self.cross_unsmoothed**2 / self.side[:, None])

    def best(self) -> tuple[int, float]:
        """Return the smoothing (rows) and gain with the least row noise, common to all outputs."""
        gain = self.gain.mean(axis=1)
        with np.errstate(invalid="ignore"):
            residual = self.active_unsmoothed - 2 * gain[:, None] * self.cross_unsmoothed
            residual = residual.mean(axis=1)
            residual += gain**2 * self.side
        k = int(np.nanargmin(np.where(self.side > 0, residual, np.nan)))
        return SMOOTHING[k], float(gain[k])


def _running_mean(values, width):
    sums = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), values]), axis=0)
    return (sums[width:] - sums[:-width]) / width


class SideSpectra:
    """Cross spectrum of the row means of left and right reference pixels.

    Parameters
    ----------
    nrows : int
        Number of rows with side pixels.
    row_time : float
        Time from row to row, s.
    """

    #: Attributes that together are the sums.
    STORED = ("_powers", "_cross", "dof")

    def __init__(self, nrows: int, row_time: float) -> None:
        self.frequency = np.fft.rfftfreq(nrows, row_time)
        self._taper = np.hanning(nrows + 2)[1:-1]
        self._powers = np.zeros((2, self.frequency.size))
        self._cross = np.zeros(self.frequency.size, np.complex128)
        self.dof = 0.0

    def add(self, left: np.ndarray, right: np.ndarray) -> None:
        """Add the row means of a frame, (nrows,) each, DN."""
        one, other = (np.fft.rfft((v - v.mean()) * self._taper) for v in (left, right))
        self._powers += np.abs(one) ** 2, np.abs(other) ** 2
        self._cross += one * np.conj(other)

    def table(self) -> list[dict[str, float]]:
        """Return a row for each frequency bin.

        ``frequency`` (Hz), ``coherence`` |C|² / (C_left C_right), and its expectation for
        independent noise, ``by_chance``.
        """
        inside = np.arange(2, self.frequency.size - 1)
        if not inside.size:
            return []
        first, last = self.frequency[[inside[0], inside[-1]]]
        count = max(1, round(_PER_DECADE * np.log10(last / first)))
        edges = np.geomspace(first, last * 1.001, count + 1)
        where = np.searchsorted(edges, self.frequency[inside], side="right") - 1
        rows = []
        for k in np.unique(where):
            here = inside[where == k]
            power = self._powers[:, here].sum(axis=1)
            if not power.all():
                continue
            n_independent = max(here.size * self.dof / _HANN_CORRELATED, 1.0)
            rows.append(
                {
                    "frequency": float(self.frequency[here].mean()),
                    "coherence": float(abs(self._cross[here].sum()) ** 2 / power.prod()),
                    "by_chance": 1 / n_independent,
                }
            )
        return rows


def frame_coherence(series: Sequence[np.ndarray], group_time: float) -> list[dict[str, Any]]:
    """Return the coherence of two levels from frame to frame.

    Parameters
    ----------
    series : sequence of (ngroups, 2) arrays
        The two levels in each ramp, DN; a straight line is subtracted from each.
    group_time : float
        Time from group to group, s.

    Returns
    -------
    list of dict
        Rows as of `SideSpectra.table`. Only ramps of the length of the first one are used.
    """
    ngroups = len(series[0])
    place = np.vander(np.arange(ngroups), 2)
    powers, cross, count = np.zeros((2, ngroups // 2)), np.zeros(ngroups // 2, complex), 0
    for values in series:
        if len(values) == ngroups:
            residual = values - place @ np.linalg.lstsq(place, values, rcond=None)[0]
            one, other = np.fft.rfft(residual, axis=0)[1:].T
            powers += np.abs(one) ** 2, np.abs(other) ** 2
            cross += one * np.conj(other)
            count += 1
    frequency = np.fft.rfftfreq(ngroups, group_time)[1:]
    size = max(1, -(-_MIN_INDEPENDENT // count))
    rows = []
    for first in range(0, frequency.size - size + 1, size):
        here = slice(first, first + size)
        power = powers[:, here].sum(axis=1)
        if power.all():
            rows.append(
                {
                    "frequency": float(frequency[here].mean()),
                    "coherence": float(abs(cross[here].sum()) ** 2 / power.prod()),
                    "by_chance": 1 / (size * count),
                }
            )
    return rows
