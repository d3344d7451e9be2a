"""Levels of the reference pixels of each frame: what the step refpix subtracts (pass 1)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.chain import flags as bits
from darkroom.nircam.detector.readout import BORDER, OUTPUTS, SIZE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.nircam.chain.exposure import RawExposure
    from darkroom.nircam.chain.parameters import Refpix
    from darkroom.nircam.chain.sirs import Kernels

_WIDTH = SIZE // OUTPUTS


@dataclass(frozen=True)
class Levels:
    """What is subtracted from one frame.

    Attributes
    ----------
    column : (nx,) float64 array
        Level of each column, DN.
    side : (ny, 1) or (ny, OUTPUTS) float64 array, or None
        Level of each row, of all columns or of those of each output of the detector frame; None
        when rows are not corrected.
    rounded : bool
        The frame is the first of its file, whose arithmetic is in float32: the difference to
        `column` is rounded to float32 before `side` is subtracted.
    """

    column: np.ndarray
    side: np.ndarray | None
    rounded: bool


class ReferencePixels:
    """The reference pixels of an exposure, frame by frame.

    Parameters
    ----------
    raw : RawExposure
    chosen : Refpix
    pixeldq : (ny, nx) uint32 array
        PIXELDQ as it is before this step.
    kernels : Kernels, optional
        SIRS kernels of the detector; without them rows are corrected by running medians.

    Raises
    ------
    InputError
        For an exposure on which the pipeline fails.
    """

    def __init__(
        self,
        raw: RawExposure,
        chosen: Refpix,
        pixeldq: np.ndarray,
        kernels: Kernels | None = None,
    ) -> None:
        self.chosen, self.kernels = chosen, kernels
        self._window = window = raw.window
        self._flip_x, self._flip_y = raw.flip_x, raw.flip_y
        full = (window.ny, window.nx) == (SIZE, SIZE)
        self.by_output = full or raw.noutputs == OUTPUTS
        self.sided = chosen.use_side_ref_pixels and self.by_output
        # Row and column of the window of each row and column of the detector frame; -1: outside.
        self._rows = _places(window.row, window.ny, raw.flip_y)
        self._columns = _places(window.column, window.nx, raw.flip_x)
        #: Output of the detector frame that reads each column of the window.
        self.output = np.zeros(window.nx, np.uint8)
        held = self._columns >= 0
        self.output[self._columns[held]] = np.flatnonzero(held) // _WIDTH
        self._parity = np.zeros(window.nx, np.int8)
        self._parity[self._columns[held]] = np.flatnonzero(held) % 2
        if self.by_output:
            self._ends = [
                _Border(self, rows, slice(None), pixeldq)
                for rows in (slice(SIZE - BORDER, SIZE), slice(0, BORDER))
            ]
            self._sides = [
                _Border(self, slice(None), columns, pixeldq)
                for columns in (slice(0, BORDER), slice(SIZE - BORDER, SIZE))
            ]
        else:
            wanted = bits.DO_NOT_USE | bits.REFERENCE_PIXEL
            self._good = self._to_detector((pixeldq & wanted) == bits.REFERENCE_PIXEL)
            if chosen.odd_even_columns:
                self._check_parities(raw)

    def _check_parities(self, raw):
        parity = self._detector_parity()
        held = [bool(self._good[:, parity == k].any()) for k in (0, 1)]
        if held[0] != held[1]:
            raise InputError(
                raw.path,
                f"its usable reference pixels are in {'even' if held[0] else 'odd'} columns only, "
                "and the step refpix needs both",
                "leave refpix out of the item's steps, or set odd_even_columns: false",
            )

    def _to_detector(self, image):
        """Return an image of the window as the detector frame has it."""
        return image[:: -1 if self._flip_y else 1, :: -1 if self._flip_x else 1]

    def _detector_parity(self):
        return self._parity[:: -1 if self._flip_x else 1]

    @property
    def parts(self) -> list[tuple[slice, slice]]:
        """Rows and columns of the window that `levels` needs."""
        ny, nx = self._window.ny, self._window.nx
        if not self.by_output:
            return [(slice(0, ny), slice(0, nx))]
        found = [(rows, slice(0, nx)) for rows in _runs(self._ends, "rows")]
        if self.sided:
            found += [(slice(0, ny), columns) for columns in _runs(self._sides, "held")]
        return found

    def levels(self, frame: np.ndarray, first: bool) -> Levels:
        """Return what is subtracted from a frame.

        Parameters
        ----------
        frame : (ny, nx) float32 array
            DN, DMS frame, after the steps before refpix; only `parts` of it are used.
        first : bool
            The frame is the first group of the first integration of its file.
        """
        if not self.by_output:
            return Levels(self._of_one_output(frame), None, False)
        single = first or not self.sided
        kind = np.float32 if single else np.float64
        column, detector = np.zeros(self._window.nx), np.zeros(SIZE)
        ends = [border.read(frame).astype(kind) for border in self._ends]
        for output in range(OUTPUTS):
            for step, level in self._of_output(ends, output):
                detector[output * _WIDTH : (output + 1) * _WIDTH][step] = level
        held = self._columns >= 0
        column[self._columns[held]] = detector[held]
        if not self.sided:
            return Levels(column, None, False)
        return Levels(column, self._of_rows(frame, detector, single), single)

    def _of_output(self, ends, output):
        """Return the levels of the columns of one output: (slice, level) of each parity."""
        steps = [slice(0, None, 2), slice(1, None, 2)]
        steps = steps if self.chosen.odd_even_columns else [slice(None)]
        found = []
        for step in steps:
            columns = np.arange(output * _WIDTH, (output + 1) * _WIDTH)[step]
            means = [
                clipped_mean(values[:, columns][border.good[:, columns]], self.chosen.siglimit)
                for values, border in zip(ends, self._ends, strict=True)
            ]
            both = [mean for mean in means if mean is not None]
            if not both:
                # Without a level of one parity, neither is corrected.
                return []
            level = both[0] if len(both) == 1 else 0.5 * (both[0] + both[1])
            found.append((step, float(level)))
        return found

    def _of_rows(self, frame, detector, single):
        """Return the levels of the rows of the window: (ny, 1) or (ny, OUTPUTS) float64."""
        sides = []
        for border in self._sides:
            values = border.read(frame).astype(np.float64) - detector[border.columns]
            sides.append(values.astype(np.float32).astype(np.float64) if single else values)
        if self.kernels is not None:
            found = self.kernels.templates(*sides, self.chosen)
        else:
            kernel = load_kernel("darkroom.nircam.chain.kernel")
            length = self.chosen.side_smoothing_length
            medians = np.empty((2, SIZE))
            for values, border, out in zip(sides, self._sides, medians, strict=True):
                kernel.running_median(
                    np.ascontiguousarray(values), border.good.astype(np.uint8), length // 2, length,
                    single, out,
                )  # fmt: skip
            left, right = medians
            level = 0.5 * (left + right)
            level = np.where(np.isnan(left), right, np.where(np.isnan(right), left, level))
            level = np.where(np.isnan(level), 0.0, level)
            found = (self.chosen.side_gain * level)[:, None]
        held = self._rows >= 0
        rows = np.empty((self._window.ny, found.shape[1]))
        rows[self._rows[held]] = found[held]
        return rows

    def _of_one_output(self, frame):
        values, parity = self._to_detector(frame), self._detector_parity()
        kinds = (0, 1) if self.chosen.odd_even_columns else (None,)
        column = np.zeros(self._window.nx)
        for kind in kinds:
            chosen = np.ones(parity.size, bool) if kind is None else parity == kind
            level = clipped_mean(values[:, chosen][self._good[:, chosen]], self.chosen.siglimit)
            if level is not None:
                column[self._parity == kind if kind is not None else slice(None)] = float(level)
        return column


class _Border:
    """A border of the detector frame, of which an exposure reads a part or nothing."""

    def __init__(self, pixels, rows, columns, pixeldq):
        self.columns = np.arange(SIZE)[columns]
        row, column = pixels._rows[rows], pixels._columns[columns]
        self._row, self._column = row, column
        #: Rows and columns of the window.
        self.rows, self.held = row[row >= 0], column[column >= 0]
        inside = (row >= 0)[:, None] & (column >= 0)
        flags = pixeldq[np.ix_(np.maximum(row, 0), np.maximum(column, 0))]
        self.good = inside & ((flags & bits.DO_NOT_USE) == 0)
        self._inside = inside

    def read(self, frame):
        """Return the values of the border, (rows, columns) float32; 0 outside the window."""
        if self._inside.all():
            return frame[np.ix_(self._row, self._column)]
        values = np.zeros(self._inside.shape, np.float32)
        held, beside = self._row >= 0, self._column >= 0
        part = frame[np.ix_(self._row[held], self._column[beside])]
        values[np.ix_(held, beside)] = part
        return values


def _runs(borders: Sequence[_Border], axis: str) -> list[slice]:
    """Return the rows or columns of borders as slices."""
    held = np.unique(np.concatenate([getattr(border, axis) for border in borders]))
    if not held.size:
        return []
    breaks = np.flatnonzero(np.diff(held) > 1) + 1
    return [slice(int(part[0]), int(part[-1]) + 1) for part in np.split(held, breaks)]


def _places(start: int, size: int, flipped: bool) -> np.ndarray:
    """Return the place within a window of each row (or column) of the detector frame, or -1."""
    place = np.arange(SIZE) - start
    place[(place < 0) | (place >= size)] = -1
    return place[::-1].copy() if flipped else place


def clipped_mean(values: np.ndarray, limit: float) -> np.floating | None:
    """Return the mean of values without outliers, in their own type; None of no values.

    Values beyond `limit` standard deviations of the mean are left out until none is. The sums are
    numpy's own, on contiguous arrays: their rounding is part of the result.

    Parameters
    ----------
    values : (n,) array of float32 or float64
    limit : float
        Standard deviations.
    """
    kept = np.ascontiguousarray(values)
    if not kept.size:
        return None
    if kept.std(dtype=np.float64) == 0:
        # The pipeline does not clip constant values, and returns their mean in float64.
        return kept.mean(dtype=np.float64)
    removed = 1
    while removed:
        mean, reach = kept.mean(), kept.std() * limit
        inside = kept[(kept >= mean - reach) & (kept <= mean + reach)]
        removed, kept = kept.size - inside.size, inside
    return kept.mean()
