"""Noise model of the differences of neighbouring groups, and what a sample of ramps says of it.

A group is the mean of `nframes` frames. The charge of a ramp grows by a Poisson process, so that
the differences of neighbouring groups, even without read noise, are correlated: for a rate r, read
noise s and frames at times t (mean tbar, and tau the variance of their mean for r = 1)

  C_kk = r (tau_k + tau_(k+1) - 2 tbar_k) + 2 s²/nframes,
  C_(k,k+1) = r (tbar_(k+1) - tau_(k+1)) - s²/nframes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.nircam.ramps.robust import MAD_TO_STD, clipped_deviation

#: Ramps of one amplifier that the scatter of steps is measured on at most, and places apart.
_RAMPS, _ENOUGH = 4000, 200
#: Ramps with a step beyond so many standard deviations are left out of it.
_HIT = 8.0
#: Differences of a pixel from which its own scatter is meaningful.
_OWN_STEPS = 60


@dataclass(frozen=True)
class Timing:
    """When the frames of a group are read.

    Parameters
    ----------
    nframes, groupgap : int
        Frames averaged in a group, and left out after it.
    tframe : float
        Seconds.
    dropped : int
        Frames left out before the first group.
    """

    nframes: int
    groupgap: int
    tframe: float
    dropped: int = 0

    @property
    def tgroup(self) -> float:
        """Time from one group to the next, seconds."""
        return (self.nframes + self.groupgap) * self.tframe

    @property
    def first(self) -> float:
        """Mean time of the first group's frames after the reset, seconds."""
        return ((self.nframes + 1) / 2 + self.dropped) * self.tframe

    @property
    def covariance(self) -> tuple[float, float]:
        """What a rate of 1 e-/s adds to C_kk and C_(k,k+1), e-2: (seconds, seconds)."""
        n = self.nframes
        times = np.arange(1, n + 1) * self.tframe
        mean = times.mean()
        tau = float(((2 * (n - np.arange(1, n + 1)) + 1) * times).sum()) / n**2
        return 2 * tau + self.tgroup - 2 * mean, mean - tau

    def matrix(self, rate: float, read: float, steps: int) -> np.ndarray:
        """Return the covariance of the differences of a ramp, e-2.

        Parameters
        ----------
        rate : float
            e-/s.
        read : float
            Variance of a group from read noise (s²/nframes), e-2.
        steps : int
            Differences of the ramp.

        Returns
        -------
        (steps, steps) float64 array
        """
        a, b = self.covariance
        diagonal, beside = rate * a + 2 * read, rate * b - read
        full = np.diag(np.full(steps, diagonal))
        return full + beside * (np.eye(steps, k=1) + np.eye(steps, k=-1))


@dataclass(frozen=True)
class Usual:
    """What is usual for the ramps of one amplifier.

    Attributes
    ----------
    rate : float
        Median rate, e-/s.
    read : float
        Variance of a group from read noise, e-2.
    scales : (nsteps,) float64 array
        Scatter of the step test over that of the model, by the distance of the step from the nearer
        end of its ramp: above 1 where noise is not white.
    factor : float
        Variance of rates over that of the model, from all ramps of the sample.
    """

    rate: float
    read: float
    scales: np.ndarray
    factor: float


def usual(differences: np.ndarray, timing: Timing) -> Usual:
    """Measure what is usual for the ramps of one amplifier.

    Parameters
    ----------
    differences : (nramps, npixels, nsteps) array
        Differences of neighbouring groups, e-, without NaN; ramps with hits may be among them.
    timing : Timing

    Returns
    -------
    Usual

    Notes
    -----
    Medians and the MAD over pixels are used throughout, which the few ramps with a hit hardly
    change.
    """
    steps = differences.shape[-1]
    ramps = differences.reshape(-1, steps)
    scatter = _scatter(differences)
    rate = float(np.median(ramps.mean(axis=1))) / timing.tgroup
    a, _ = timing.covariance
    read = max((scatter**2 - max(rate, 0.0) * a) / 2, 0.01 * scatter**2)
    inverse = np.linalg.inv(timing.matrix(max(rate, 0.0), read, steps))
    weight = inverse.sum(axis=1)
    information = weight.sum()
    level = differences @ weight / information
    rate = float(np.median(level)) / timing.tgroup
    scales = np.ones(steps)
    if steps > 1:
        few = ramps[:: max(1, len(ramps) // _RAMPS)]
        full = inverse - np.outer(weight, weight) / information
        z = few @ full / np.sqrt(np.diag(full))
        quiet = z.max(axis=1) < _HIT
        z = z[quiet] if quiet.sum() >= _ENOUGH else z
        for distance in range((steps + 1) // 2):
            both = z[:, sorted({distance, steps - 1 - distance})]
            scales[distance] = MAD_TO_STD * np.median(np.abs(both - np.median(both)))
        # Only from many ramps is it known better than the model says.
        scales = np.maximum(scales, 1.0) if len(few) >= _ENOUGH else np.ones(steps)
        scales[(steps + 1) // 2 :] = scales[(steps - 1) // 2]
    # Of neighbouring integrations: a hit in one of them changes two differences, not all.
    alone = len(level) == 1
    deviation = level - np.median(level) if alone else np.diff(level, axis=0) / np.sqrt(2)
    spread = MAD_TO_STD * np.median(np.abs(deviation - np.median(deviation)))
    factor = max(float(spread**2 * information), 1e-3)
    return Usual(max(rate, 0.0), read, scales, factor)


def _scatter(differences):
    """Return the scatter of differences of a usual pixel: bright and noisy ones do not count."""
    nramps, npixels, steps = differences.shape
    if nramps * steps < _OWN_STEPS:
        return clipped_deviation(differences.ravel())
    own = differences.transpose(1, 0, 2).reshape(npixels, -1)
    middle = np.median(own, axis=1, keepdims=True)
    return float(MAD_TO_STD * np.median(np.median(np.abs(own - middle), axis=1)))
