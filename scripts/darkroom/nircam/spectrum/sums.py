"""Running sums for a straight-line fit to pixels of a ramp, with row means kept apart.

1/f noise moves whole rows. Pixels are tested on their residuals about the mean of their row: these
are nearly white noise, in which weak telegraph noise and small cosmic rays stand out.
"""

from __future__ import annotations

import numpy as np

from darkroom.compiled import load_kernel


class LineFitSums:
    """Running sums over the groups of a ramp.

    Parameters
    ----------
    shape : tuple of int
        Rows and columns.
    ngroups : int
        Number of groups of the ramp.
    noutputs : int
        Number of amplifiers.

    Attributes
    ----------
    rows : (ngroups, ny, noutputs) float64 array
        Mean of each row and amplifier, DN; 0 for group 0.
    """

    def __init__(self, shape: tuple[int, int], ngroups: int, noutputs: int) -> None:
        self._ngroups = ngroups
        # With levels subtracted and hot pixels left out, the error of single precision is
        # about 1e-5 of the noise.
        self._total, self._lever, self._squares = (np.zeros(shape, np.float32) for _ in range(3))
        self._highest = np.full(shape, -np.inf, np.float32)
        self._lowest = np.full(shape, np.inf, np.float32)
        self._before = np.zeros(shape, np.float32)
        self.rows = np.zeros((ngroups, shape[0], noutputs))
        self._length = ngroups * (ngroups**2 - 1) / 12
        # Rows and columns of the sums run as those of the groups do in memory.
        self._order: tuple[slice, ...] = (slice(None), slice(None))
        self._kernel = load_kernel("darkroom.nircam.spectrum.kernel")

    def add(
        self,
        values: np.ndarray,
        group: int,
        limit: np.ndarray,
        first: np.ndarray,
        offsets: np.ndarray,
    ) -> None:
        """Add a group.

        Parameters
        ----------
        values : (ny, nx) float32 array
            DN; all groups are in the same order in memory.
        group : int
            Number of the group; from 1 on, in order.
        limit : (noutputs,) array
            Pixels farther from the level than this do not count in the mean of a row, DN.
        first : (ny, nx) float32 array
            Group 0, DN.
        offsets : (noutputs,) array
            Level of each amplifier above group 0, DN.
        """
        self._order = tuple(slice(None, None, -1 if step < 0 else 1) for step in values.strides)
        columns = self._order[1]
        means = np.empty(self.rows.shape[1:])
        self._kernel.add_group(
            *(np.ascontiguousarray(image[self._order]) for image in (values, first)),
            *(np.ascontiguousarray(each[columns], np.float32) for each in (offsets, limit)),
            group - (self._ngroups - 1) / 2, columns.step == -1,
            self._before, self._highest, self._lowest,
            self._total, self._lever, self._squares, means,
        )  # fmt: skip
        self.rows[group] = means[self._order]

    @property
    def last(self) -> np.ndarray:
        """The group added last about its rows, DN: (ny, nx) float32; not to be written to."""
        return self._before[self._order]

    @property
    def slope(self) -> np.ndarray:
        """Slope about that of the row: (ny, nx) float32, DN per group."""
        return (self._lever / np.float32(self._length))[self._order]

    def residual_statistics(self) -> tuple[np.ndarray, np.ndarray]:
        """Return statistics of the residuals about the line and the mean of the row.

        No group can be added afterwards: the images that only these statistics need are freed.

        Returns
        -------
        squares : (ny, nx) float32 array
            Sum of squared residuals, DN².
        largest_step : (ny, nx) float32 array
            Largest deviation of a step between groups from the slope, DN.
        """
        # In place where possible: each image of a full frame takes 17 MB.
        slope = self._lever / np.float32(self._length)
        part = self._total / np.float32(self._ngroups)
        np.square(part, out=part)
        part *= np.float32(self._ngroups)
        squares, highest, lowest = self._squares, self._highest, self._lowest
        del self._squares, self._highest, self._lowest, self._before
        squares -= part
        np.square(slope, out=part)
        part *= np.float32(self._length)
        squares -= part
        highest -= slope
        np.subtract(slope, lowest, out=lowest)
        return squares[self._order], np.maximum(highest, lowest, out=highest)[self._order]

    @property
    def line(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and slope of the line about those of the row: (ny, nx) float32, DN, DN per group."""
        return (self._total / np.float32(self._ngroups))[self._order], self.slope


def add_rows(mean: np.ndarray, slope: np.ndarray, rows: np.ndarray) -> None:
    """Add the lines of the rows to those of their pixels, in place.

    Parameters
    ----------
    mean, slope : (ny, nx) float32 arrays
        Lines about those of the rows (`LineFitSums.line`), DN, DN per group.
    rows : (ngroups, ny, noutputs) array
        Mean of each row, DN.
    """
    ngroups = len(rows)
    place = np.arange(ngroups) - (ngroups - 1) / 2
    lines = rows.mean(axis=0), np.tensordot(place, rows, 1) / (ngroups * (ngroups**2 - 1) / 12)
    for image, line in zip((mean, slope), lines, strict=True):
        by_row = image.reshape(*line.shape, -1)
        by_row += line.astype(np.float32)[:, :, None]
