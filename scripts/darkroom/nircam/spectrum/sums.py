"""Sums for a straight line through every pixel of a ramp, what a row has in common kept apart.

1/f noise moves whole rows. Pixels are judged by what they do beside their row: that is nearly white
noise, so that weak telegraph noise and small cosmic rays stand out from it.
"""

from __future__ import annotations

import numpy as np


class LineSums:
    """Running sums over the groups of a ramp.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    ngroups : int
    noutputs : int
        Amplifiers.
    """

    def __init__(self, shape, ngroups, noutputs):
        self._ngroups, self._by_row = ngroups, (shape[0], noutputs, -1)
        # Level and hot pixels are off, so single precision is a hundred-thousandth of the noise.
        self._total, self._lever, self._squares = (np.zeros(shape, np.float32) for _ in range(3))
        self._highest = np.full(shape, -np.inf, np.float32)
        self._lowest = np.full(shape, np.inf, np.float32)
        self._before = np.zeros(shape, np.float32)
        self._rows = np.zeros((ngroups, shape[0], noutputs))
        self._length = ngroups * (ngroups**2 - 1) / 12

    def add(self, values, group, limit):
        """Add a group.

        Parameters
        ----------
        values : (ny, nx) float32 array
            DN above group 0, level of the amplifiers off; changed: the row's mean is taken off.
        group : int
            From 1 on, one after the other.
        limit : (noutputs,) array
            DN; pixels farther from 0 do not count in the mean of a row.

        Returns
        -------
        (ny, nx) float32 array
            Step down from the group before, DN.
        """
        by_row = values.reshape(self._by_row)
        means = row_means(by_row, limit)
        self._rows[group] = means
        by_row -= means[:, :, None].astype(np.float32)
        self._total += values
        self._lever += values * np.float32(group - (self._ngroups - 1) / 2)
        self._squares += np.square(values)
        step, self._before = self._before, values
        step -= values
        np.maximum(self._highest, -step, out=self._highest)
        np.minimum(self._lowest, -step, out=self._lowest)
        return step

    @property
    def slope(self):
        """Slope beside the row: (ny, nx) float32, DN per group."""
        return self._lever / np.float32(self._length)

    def judge(self):
        """Return the sum of squared residuals and the largest step, both beside the row.

        Returns
        -------
        squares : (ny, nx) float32 array
            DN².
        farthest : (ny, nx) float32 array
            Largest distance of a step from the slope, DN.
        """
        mean, slope = self._total / np.float32(self._ngroups), self.slope
        squares = self._squares - np.float32(self._ngroups) * np.square(mean)
        squares -= np.float32(self._length) * np.square(slope)
        return squares, np.maximum(self._highest - slope, slope - self._lowest)

    def line(self):
        """Return mean and slope of the whole line: (ny, nx) float32, DN and DN per group."""
        place = np.arange(self._ngroups) - (self._ngroups - 1) / 2
        rows = self._rows.mean(axis=0), np.tensordot(place, self._rows, 1) / self._length
        own = self._total / np.float32(self._ngroups), self.slope
        shape = self._total.shape
        return tuple(
            (image.reshape(self._by_row) + row.astype(np.float32)[:, :, None]).reshape(shape)
            for image, row in zip(own, rows, strict=True)
        )


def row_means(values, limit):
    """Return the mean of each row and amplifier, pixels far from 0 or without a value left out.

    Parameters
    ----------
    values : (ny, noutputs, width) array
        DN.
    limit : (noutputs,) array
        DN.

    Returns
    -------
    (ny, noutputs) float64 array
        0 for a row without such a pixel.
    """
    # A comparison with NaN is false.
    near = np.abs(values) < np.asarray(limit, values.dtype)[:, None]
    total = np.where(near, values, np.float32(0)).sum(axis=2)
    return total / np.maximum(np.count_nonzero(near, axis=2), 1)
