"""Counters of each pixel: frames, and samples above a threshold. They merge by addition."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Iterator


class BandMeans(NamedTuple):
    """Sums over the samples of a frame, or of a part of it.

    Attributes
    ----------
    total, number : float
        Sum [e- after the register] and number of all finite samples.
    good_total, good_number : float
        Of those without a flag.
    """

    total: float
    number: float
    good_total: float
    good_number: float

    def __add__(self, other: tuple) -> BandMeans:  # type: ignore[override]
        """Return the sums over both parts."""
        return BandMeans(*(mine + theirs for mine, theirs in zip(self, other, strict=True)))


@dataclass
class Counters:
    """What photon counting keeps of any number of frames.

    Attributes
    ----------
    n : (ny, nx) uint32 array
        Frames in which the pixel had no flag.
    above, twice, four : (ny, nx) uint32 arrays
        Of these, samples above the threshold, twice and four times the threshold.
    up, low : (ny, nx) uint32 arrays
        Samples above it when the frame's error is added or subtracted (only counted for a dark as
        corgidrp makes it).
    early_n, early_above : (ny, nx) uint32 arrays
        Frames, and samples above the threshold, in the first half of the frames.
    seen : (ny, nx) uint16 array
        Flags of all frames, joined.
    """

    n: np.ndarray
    above: np.ndarray
    twice: np.ndarray
    four: np.ndarray
    up: np.ndarray
    low: np.ndarray
    early_n: np.ndarray
    early_above: np.ndarray
    seen: np.ndarray

    @classmethod
    def zeros(cls, shape: tuple[int, int]) -> Counters:
        """Return counters of no frames."""
        planes = [np.zeros(shape, np.uint32) for _ in fields(cls)[:-1]]
        return cls(*planes, np.zeros(shape, np.uint16))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.n.shape

    def planes(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield name and array of each counter."""
        for field in fields(self):
            yield field.name, getattr(self, field.name)

    def cut(self, section: tuple[slice, slice]) -> Counters:
        """Return a view of the counters of a region."""
        return Counters(*(plane[section] for _, plane in self.planes()))

    def add(
        self,
        first: int,
        value: np.ndarray,
        error: np.ndarray | None,
        dq: np.ndarray,
        threshold: float,
        pattern: np.ndarray | None = None,
    ) -> BandMeans:
        """Count the samples of a band of rows of one frame.

        Parameters
        ----------
        first : int
            First row of the band.
        value : (rows, nx) float32 or float64 array
            Electrons after the EM register.
        error : (rows, nx) array of the same type or None
            Errors; with them the counters `up` and `low` are kept, and samples that are not
            finite count as frames, as in corgidrp.
        dq : (rows, nx) uint16 array
            Flags; any flag leaves a sample out.
        threshold : float
            Threshold [e- after the register]; a sample must exceed it.
        pattern : (rows, nx) float64 array, optional
            Fixed pattern that is subtracted first [e-].

        Returns
        -------
        BandMeans
        """
        kernel = load_kernel("darkroom.cgi.counting.kernel")
        rows, found = slice(first, first + len(value)), value
        if pattern is not None:
            found = value - pattern  # in double precision
        n, above, twice, four, up, low = (getattr(self, f.name)[rows] for f in fields(self)[:6])
        sums = kernel.count_band(
            found, dq, _not_above(threshold, found.dtype), float(threshold), error is None,
            n, above, twice, four, self.seen[rows],
        )  # fmt: skip
        if error is not None:
            error = np.ascontiguousarray(error, found.dtype)
            kernel.count_bounds(found, error, dq, float(threshold), up, low)
        flagged, nflagged, good, ngood = sums.tolist()
        return BandMeans(flagged + good, nflagged + ngood, good, ngood)

    def end_first_half(self) -> None:
        """Note that the frames counted so far are the first half."""
        self.early_n, self.early_above = self.n.copy(), self.above.copy()

    def merge(self, other: Counters) -> None:
        """Add the counters of further frames of the same stack.

        Raises
        ------
        ValueError
            When their shape differs.
        """
        if other.shape != self.shape:
            raise ValueError(f"counters of {other.shape}, these are of {self.shape}")
        for name, plane in self.planes():
            if name == "seen":
                plane |= other.seen
            else:
                plane += getattr(other, name)


def _not_above(threshold: float, dtype: np.dtype) -> np.floating:
    """Return the largest number of a type that is not above a threshold."""
    found = dtype.type(threshold)
    return np.nextafter(found, dtype.type(-np.inf)) if float(found) > threshold else found
