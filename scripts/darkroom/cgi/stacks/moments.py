"""Running statistics of a stack of frames: in one pass, in constant memory, and mergeable."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.compiled import load_kernel


@dataclass
class Moments:
    """What is known of every pixel of a stack; all arrays have one shape.

    Attributes
    ----------
    count : int32 array
        Usable samples: no flag, finite.
    total : float64 array
        Their sum.
    m2 : float64 array
        Sum of their squared deviations from their mean.
    err2 : float64 array or None
        Sum of their squared errors; None when errors were left unread.
    seen : uint16 array
        Every flag that any frame has there (and `units.NONFINITE`).
    """

    count: np.ndarray
    total: np.ndarray
    m2: np.ndarray
    err2: np.ndarray | None
    seen: np.ndarray

    @classmethod
    def zeros(cls, shape, *, with_err=True):
        """Return the statistics of no frame at all."""
        return cls(
            np.zeros(shape, np.int32),
            np.zeros(shape),
            np.zeros(shape),
            np.zeros(shape) if with_err else None,
            np.zeros(shape, np.uint16),
        )

    @property
    def shape(self):
        """Shape of the arrays."""
        return self.count.shape

    def rows(self, rows):
        """Return a view of some rows."""
        return Moments(*(None if a is None else a[rows] for a in self.arrays()))

    def reshaped(self, shape):
        """Return a view of another shape."""
        return Moments(*(None if a is None else a.reshape(shape) for a in self.arrays()))

    def arrays(self):
        """Return all arrays, in the order of the attributes."""
        return self.count, self.total, self.m2, self.err2, self.seen

    def add(self, data, err, dq):
        """Add frames, in their order.

        Parameters
        ----------
        data, err : (n, ...) or (...) arrays
            Samples and errors of one or more frames; float32 is taken as it is. `err` is not
            looked at when errors are left unread.
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

    def merge(self, other):
        """Join the statistics of other frames of the same stack to these, in place.

        Errors that were left unread here may be there in `other`, but not the other way round.
        """
        n, k = self.count.astype(np.float64), other.count.astype(np.float64)
        between = self.total / np.maximum(n, 1) - other.total / np.maximum(k, 1)
        self.m2 += other.m2 + n * k / np.maximum(n + k, 1) * between**2
        self.total += other.total
        self.count += other.count
        if self.err2 is not None:
            self.err2 += other.err2
        self.seen |= other.seen

    def mean(self):
        """Return the mean of the usable samples, 0 where there is none."""
        return _divide(self.total, self.count)

    def std0(self):
        """Return the population standard deviation (ddof 0), 0 where there is no sample."""
        return np.sqrt(_divide(self.m2, self.count))

    def rms_error(self):
        """Return the root mean square of the samples' errors, 0 where there is no sample."""
        return np.sqrt(_divide(self.err2, self.count))


def _divide(numerator, count):
    return np.divide(numerator, count, out=np.zeros_like(numerator), where=count != 0)
