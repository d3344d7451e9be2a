"""Side reference pixels: how rows follow them, and how the left ones follow the right ones."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.detector.readout import OUTPUTS

#: Rows over which row means are smoothed.
SMOOTHING = (1, 5, 11, 31, 101)
#: Names of pairs whose coherence is measured.
LEFT_RIGHT, SIDES_EDGES = "left and right", "sides and edges"
_PER_DECADE = 10
_LEAST_WORTH = 4  # independent values that a bin of frames has at least
_HANN_ALIKE = 1.944  # neighbours of the Hann periodogram that say the same


class RowSums:
    """Second moments of row means: of smoothed side reference pixels and of each amplifier.

    Attributes
    ----------
    side : (nsmoothing,) array
        Variance of the smoothed side means, DN².
    active, cross : (nsmoothing, noutputs) arrays
        Variance of the active row means smoothed alike; their covariance with the side.
    follow : (nsmoothing, noutputs) array
        Covariance of the smoothed side means with the active row means as they are.
    single : (nsmoothing, noutputs) array
        Variance of those.
    """

    def __init__(self, noutputs=OUTPUTS):
        shape = (len(SMOOTHING), noutputs)
        self.side = np.zeros(len(SMOOTHING))
        self.active, self.cross, self.follow, self.single = (np.zeros(shape) for _ in range(4))
        self.dof = 0.0

    def add(self, side, active):
        """Add a frame's row means: (nrows,) and (nrows, noutputs), DN."""
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
            self.follow[k] += (s * middle).mean(axis=0)
            self.single[k] += (middle**2).mean(axis=0)

    def finish(self):
        """Turn sums into variances."""
        for values in (self.side, self.active, self.cross, self.follow, self.single):
            values /= self.dof

    @property
    def correlation(self):
        """Pearson's r, (nsmoothing, noutputs); NaN where the smoothing is too long."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.cross / np.sqrt(self.side[:, None] * self.active)

    @property
    def gain(self):
        """What to multiply the smoothed side means with to leave least noise in rows."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.follow / self.side[:, None]

    @property
    def left(self):
        """Scatter of row means after that, DN, (nsmoothing, noutputs)."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.sqrt(self.single - self.follow**2 / self.side[:, None])

    def best(self):
        """Return the smoothing (rows) and the gain that leave least noise, one for all outputs."""
        gain = self.gain.mean(axis=1)
        with np.errstate(invalid="ignore"):
            left = (self.single - 2 * gain[:, None] * self.follow).mean(axis=1)
            left += gain**2 * self.side
        k = int(np.nanargmin(np.where(self.side > 0, left, np.nan)))
        return SMOOTHING[k], float(gain[k])


def _running_mean(values, width):
    sums = np.cumsum(np.vstack([np.zeros((1, values.shape[1])), values]), axis=0)
    return (sums[width:] - sums[:-width]) / width


class SideSpectra:
    """Cross spectrum of the row means of left and right reference pixels.

    Parameters
    ----------
    nrows : int
        Rows with side pixels.
    row_time : float
        Time from row to row, s.
    """

    def __init__(self, nrows, row_time):
        self.frequency = np.fft.rfftfreq(nrows, row_time)
        self._taper = np.hanning(nrows + 2)[1:-1]
        self._powers = np.zeros((2, self.frequency.size))
        self._cross = np.zeros(self.frequency.size, np.complex128)
        self.dof = 0.0

    def add(self, left, right):
        """Add a frame's row means, (nrows,) each, DN."""
        one, other = (np.fft.rfft((v - v.mean()) * self._taper) for v in (left, right))
        self._powers += np.abs(one) ** 2, np.abs(other) ** 2
        self._cross += one * np.conj(other)

    def table(self):
        """Return the coherence by bins of frequency, as dictionaries.

        ``coherence`` |C|² / (C_left C_right) and ``by_chance``, its mean for unrelated noise.
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
            worth = max(here.size * self.dof / _HANN_ALIKE, 1.0)
            rows.append(
                {
                    "frequency": float(self.frequency[here].mean()),
                    "coherence": float(abs(self._cross[here].sum()) ** 2 / power.prod()),
                    "by_chance": 1 / worth,
                }
            )
        return rows


def frame_coherence(series, group_time):
    """Return the coherence of two levels from frame to frame, as dictionaries.

    Parameters
    ----------
    series : list of (ngroups, 2) arrays
        One a ramp, DN; a straight line is taken off each.
    group_time : float
        Time from group to group, s.

    Returns
    -------
    list of dict
        As of `SideSpectra.table`; ramps as long as the first one count.
    """
    ngroups = len(series[0])
    place = np.vander(np.arange(ngroups), 2)
    powers, cross, count = np.zeros((2, ngroups // 2)), np.zeros(ngroups // 2, complex), 0
    for values in series:
        if len(values) == ngroups:
            left = values - place @ np.linalg.lstsq(place, values, rcond=None)[0]
            one, other = np.fft.rfft(left, axis=0)[1:].T
            powers += np.abs(one) ** 2, np.abs(other) ** 2
            cross += one * np.conj(other)
            count += 1
    frequency = np.fft.rfftfreq(ngroups, group_time)[1:]
    size = max(1, -(-_LEAST_WORTH // count))
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
