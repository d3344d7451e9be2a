"""Running statistics of a stack of frames: one pass, constant memory, mergeable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


@dataclass
class Moments:
    """Running statistics of every pixel of a stack; all arrays have one shape.

    Attributes
    ----------
    count : int32 array
        Number of usable samples: without a flag, and finite.
    total : float64 array
        Their sum.
    m2 : float64 array
        Sum of their squared deviations from their mean.
    err2 : float64 array or None
        Sum of their squared errors; None when errors are not read.
    seen : uint16 array
        Flags of all frames, joined; `units.NONFINITE` for samples that are not finite.
    """

    count: np.ndarray
    total: np.ndarray
    m2: np.ndarray
    err2: np.ndarray | None
    seen: np.ndarray

    @classmethod
    def zeros(cls, shape: int | tuple[int, ...], *, with_err: bool = True) -> Moments:
        """Return the statistics of zero frames, with or without errors."""
        return cls(
            np.zeros(shape, np.int32),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape) if with_err else None,
            np.zeros(shape, np.uint16),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the arrays."""
        return self.count.shape

    def rows(self, rows: slice | int | tuple[slice, slice]) -> Moments:
        """Return a view of some rows, or of another section of the arrays."""
        err2 = None if self.err2 is None else self.err2[rows]
        return Moments(self.count[rows], self.total[rows], self.m2[rows], err2, self.seen[rows])

    def reshaped(self, shape: tuple[int, ...]) -> Moments:
        """Return a view with another shape."""
        err2 = None if self.err2 is None else self.err2.reshape(shape)
        count, total, m2 = (a.reshape(shape) for a in (self.count, self.total, self.m2))
        return Moments(count, total, m2, err2, self.seen.reshape(shape))

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray | None, np.ndarray]:
        """Return all arrays, in the order of the attributes."""
        return self.count, self.total, self.m2, self.err2, self.seen

    def add(self, data: ArrayLike, err: ArrayLike | None, dq: ArrayLike) -> None:
        """Add frames, in their order.

        Parameters
        ----------
        data, err : (n, ...) or (...) arrays
            Samples and errors of one or more frames; float32 is not converted. `err` is ignored
            when these statistics have no errors.
        dq : array of integers
            Any non-zero value masks a sample.

        Raises
        ------
        ValueError
            When a shape does not fit.
        """
        data, dq = np.asarray(data), np.asarray(dq)
        if data.shape[-len(self.shape) :] != self.shape or dq.shape != data.shape:
            msg = f"frames of shape {data.shape} and flags of {dq.shape} for pixels {self.shape}"
            raise ValueError(msg)
        err = data[:0] if self.err2 is None else np.asarray(err)
        if self.err2 is not None and err.shape != data.shape:
            msg = f"errors of shape {err.shape} for frames of shape {data.shape}"
            raise ValueError(msg)
        single = data.dtype == np.float32 and err.dtype == np.float32
        dtype = np.float32 if single else np.float64
        npixels = self.count.size
        load_kernel("darkroom.cgi.stacks.moments_kernel").add(
            np.ascontiguousarray(data, dtype).reshape(-1, npixels),
            np.ascontiguousarray(err, dtype).reshape(-1, npixels),
            np.ascontiguousarray(dq, np.uint16).reshape(-1, npixels),
            self.count.reshape(-1),
            self.total.reshape(-1),
            self.m2.reshape(-1),
            self.total[:0].reshape(-1) if self.err2 is None else self.err2.reshape(-1),
            self.seen.reshape(-1),
        )

    def merge(self, other: Moments) -> None:
        """Add the statistics of other frames of the same stack, in place.

        `other` must have errors when these statistics have them.
        """
        n, k = self.count.astype(np.float64), other.count.astype(np.float64)
        between = self.total / np.maximum(n, 1) - other.total / np.maximum(k, 1)
        self.m2 += other.m2 + n * k / np.maximum(n + k, 1) * between**2
        self.total += other.total
        self.count += other.count
        if self.err2 is not None:
            self.err2 += other.err2
        self.seen |= other.seen

    def mean(self) -> np.ndarray:
        """Return the mean of the usable samples, 0 where there is none."""
        return _divide(self.total, self.count)

    def std0(self) -> np.ndarray:
        """Return the population standard deviation (ddof 0), 0 where there is no sample."""
        return np.sqrt(_divide(self.m2, self.count))

    def rms_error(self) -> np.ndarray:
        """Return the root mean square of the samples' errors, 0 where there is no sample."""
        return np.sqrt(_divide(self.err2, self.count))


def _divide(numerator, count):
    return np.divide(numerator, count, out=np.zeros_like(numerator), where=count != 0)
