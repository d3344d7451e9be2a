"""Bands of rows of calibrated groups, computed from raw bytes when they are asked for (pass 2)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.errors import InputError
from darkroom.nircam.chain.dark import DarkSignal
from darkroom.nircam.chain.groups import RawGroups
from darkroom.nircam.chain.memory import new_number
from darkroom.nircam.chain.reading import BAND, Packed
from darkroom.nircam.chain.refpix import Levels, ReferencePixels
from darkroom.nircam.detector.readout import BORDER, SIZE

if TYPE_CHECKING:
    from darkroom.nircam.chain.references import Coefficients


@dataclass(eq=False)
class Chain(RawGroups):
    """One exposure after some steps, computed by bands of rows; parameters as of `RawGroups`.

    Raises
    ------
    InputError
        For what only the pipeline itself can do.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        raw, steps, references, inputs = self.raw, self.steps, self.references, self.inputs
        self._own = new_number()
        window, files = raw.window, inputs.references
        shape, parts = self.shape[2:], self._parts
        self._coupling = references.kernel(files["ipc"], window) if "ipc" in steps else None
        self._level = None
        if "superbias" in steps:
            superbias = inputs.superbias or files["superbias"]
            parts.append(references.bias(superbias, window)[1])
            self._level = references.subtracted(superbias, window)
        # Exposures of the same steps and files have the same flags.
        key = "pixeldq", *self._names, window
        self._pixels: ReferencePixels | None = None
        self._levels: dict[tuple[int, int], Levels] = {}
        if "refpix" in steps:
            flags = references.shared(
                (*key, self._before), partial(Packed.of_all, shape, tuple(parts))
            )
            self._pixels = ReferencePixels(raw, steps.refpix, flags.image, inputs.kernels)
        self._polynomials: Coefficients | None = None
        if "linearity" in steps:
            averaged = self._whole("nframes") > 1
            found = references.linearity(files["linearity"], window, averaged)
            if found.inverse is not None and self.shape[1] < 2:
                raise InputError(
                    raw.path, "has one group: the step linearity of averaged groups needs two"
                )
            self._polynomials = found
            parts.append(found.flags)
        self._dark: DarkSignal | None = None
        dark_flags = None
        if "dark_current" in steps:
            dark = references.dark(files["dark"], window)
            numbers = self._whole("nframes"), self._whole("groupgap")
            signal = DarkSignal(dark, self.shape[1], *numbers)
            if signal.skipped:
                self.statuses["dark_current"] = "SKIPPED"
            else:
                self._dark, dark_flags = signal, dark.flags
        key = *key, tuple(self.statuses.items()), raw.nframes
        every = partial(Packed.of_all, shape, tuple(parts), dark_flags)
        self._pixeldq = references.shared(key, every)

    @property
    def pixeldq(self) -> np.ndarray:
        """PIXELDQ, a new (ny, nx) uint32 array."""
        return self._pixeldq.image

    def block(self, integration: int, group: int, first: int, nrows: int) -> tuple[Any, Any]:
        """Return rows of a group: values (nrows, nx) float32, DN, and flags, uint8."""
        values = np.empty((nrows, self.shape[3]), np.float32)
        flags = self.read_into(integration, group, first, values)
        return values, flags

    def read_into(self, integration: int, group: int, first: int, values: np.ndarray) -> np.ndarray:
        """Write rows of a group into `values` as `values_into` does; return their flags."""
        where = integration, group, first, len(values)
        if self.memory.shared(self._number) or self._coupling is not None:
            # Flags first: they need more rows.
            flags, stored = self.flags(*where), None
        else:
            flags, stored = self._flagged(*where)
        self.values_into(integration, group, first, values, stored)
        return flags

    def values_into(
        self,
        integration: int,
        group: int,
        first: int,
        values: np.ndarray,
        stored: np.ndarray | None = None,
    ) -> None:
        """Write rows of a group into `values`, (nrows, nx) float32, DN.

        Parameters
        ----------
        integration, group, first : int
        values : (nrows, nx) float32 array
        stored : (nrows, nx) uint16 array, optional
            The rows as they are stored, where they have been read.
        """
        self._measured_into(integration, group, first, values, stored)
        if self._polynomials is not None:
            self._linearise(integration, group, first, values)
        if self._dark is not None:
            values[:] = values - self._dark.rows(group, first, len(values))

    def _measured_into(self, integration, group, first, values, stored=None):
        """Write rows of a group as they are before linearity."""
        self._uncorrected_into(integration, group, first, values, stored)
        if self._pixels is None:
            return
        levels = self.levels(integration, group)
        output, side = self._pixels.output, levels.side
        if side is None or side.shape[1] == 1:
            output = np.zeros_like(output)
        self._kernel.correct(
            values, levels.column, side is not None, levels.rounded,
            np.zeros((1, 1)) if side is None else side, output, first,
        )  # fmt: skip

    def _uncorrected(self, integration, group, rows, columns):
        """Return rows of a group, of some columns by number, as they are before refpix."""
        first, nrows = rows.start, rows.stop - rows.start
        if columns.size == self.shape[3] or self._coupling is not None:
            values = np.empty((nrows, self.shape[3]), np.float32)
            self._uncorrected_into(integration, group, first, values)
            return values[:, columns]
        stored = np.empty((nrows, columns.size), np.uint16)
        for start in range(0, nrows, BAND):
            # In bands: the system would clear the memory of a whole frame for each.
            part = stored[start : start + BAND]
            part[:] = self._raw(integration, group, first + start, len(part))[:, columns]
        values = self._values_of(stored)
        if self._level is not None:
            level = self._level[first : first + nrows, columns]
            self._kernel.subtract(values, np.ascontiguousarray(level), 0)
        return values

    def _uncorrected_into(self, integration, group, first, values, stored=None):
        """Write rows of a group as they are before refpix."""
        if not self.memory.shared(self._number):
            self._uncorrected_anew(integration, group, first, values, stored)
            return

        def make() -> np.ndarray:
            made = np.empty_like(values)
            self._uncorrected_anew(integration, group, first, made)
            return made

        key = self._number, integration, group, first, len(values)
        values[:] = self.memory.last("values", key, make)

    def _uncorrected_anew(self, integration, group, first, values, stored=None):
        if self._coupling is None:
            if stored is None:
                stored = self._raw(integration, group, first, len(values))
            self._kernel.values(stored, self.raw.bzero, self._scale, values)
        else:
            self._decoupled_into(integration, group, first, values)
        if self._level is not None:
            self._kernel.subtract(values, self._level, first)

    def _decoupled_into(self, integration, group, first, values):
        kernel, window, nrows = self._coupling, self.raw.window, len(values)
        size = len(kernel)
        low, high = self._within(first, nrows, size // 2)
        band = np.zeros((nrows + size - 1, self.shape[3]), np.float32)
        start = low - (first - size // 2)
        stored = self._raw(integration, group, low, high - low)
        self._kernel.values(stored, self.raw.bzero, self._scale, band[start : start + high - low])
        top, left = max(0, BORDER - window.row), max(0, BORDER - window.column)
        bottom = min(window.ny, SIZE - BORDER - window.row)
        right = min(window.nx, SIZE - BORDER - window.column)
        shift = size // 2 - first
        weights = kernel if kernel.ndim == 2 else kernel[:, :, first : first + nrows]
        weights = weights.reshape(size * size, *(weights.shape[2:] or (1, 1)))
        load_kernel("darkroom.nircam.chain.rare_kernel").coupled(
            band, np.ascontiguousarray(weights), kernel.ndim == 2, top + shift, left,
            bottom + shift, right, values,
        )  # fmt: skip

    def around_refpix(
        self, integration: int, group: int, first: int, nrows: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return rows of a group before and after the step refpix, DN."""
        before = np.empty((nrows, self.shape[3]), np.float32)
        after = np.empty_like(before)
        self._uncorrected_into(integration, group, first, before)
        self._measured_into(integration, group, first, after)
        return before, after

    def levels(self, integration: int, group: int) -> Levels:
        """Return what the step refpix subtracts from a frame; it is measured once."""
        pixels: Any = self._pixels
        found = self._levels.get((integration, group))
        if found is None:
            frame = self._border(integration, group)
            found = pixels.levels(frame, integration == group == 0)
            self._levels[integration, group] = found
        return found

    def _border(self, integration, group):
        """Return a frame before refpix, filled where it has reference pixels; read it at once."""

        def fill(frame: np.ndarray) -> np.ndarray:
            for rows, columns in of_rows.items():
                part = slice(*rows)
                frame[part, columns] = self._uncorrected(integration, group, part, columns)
            return frame

        parts = self._pixels.parts
        # Columns on both sides are read together.
        of_rows: dict[tuple[int, int], Any] = {}
        for rows, columns in parts:
            numbers, key = np.arange(columns.start, columns.stop), (rows.start, rows.stop)
            of_rows[key] = np.append(of_rows[key], numbers) if key in of_rows else numbers
        if not self.memory.shared(self._number):
            return fill(self.memory.scratch(self.shape[2:]))
        # Corrections by fewer pixels may come first.
        where = tuple((part.start, part.stop) for both in parts for part in both)
        key = self._number, integration, group, where
        return self.memory.last("border", key, lambda: fill(np.zeros(self.shape[2:], np.float32)))

    def _linearise(self, integration, group, first, values):
        polynomials, nrows = self._polynomials, len(values)
        low, _ = self._within(first, nrows, 2 * self._reach)
        here = slice(first - low, first - low + nrows)
        if polynomials.inverse is None:
            key, band = self._band(integration, first, nrows, group)
            self._kernel.linearise(values, polynomials.forward, first, band.early[here], group)
        else:
            key, band = self._band(integration, first, nrows, self.shape[1] - 1)
            if self._own not in band.lines:
                band.lines[self._own] = self._lines(integration, first, nrows, band.early[here])
            load_kernel("darkroom.nircam.chain.rare_kernel").linearise_frames(
                values, polynomials.forward, polynomials.inverse, first, band.early[here], group,
                self.raw.nframes, *band.lines[self._own],
            )  # fmt: skip
        self.memory.keep(key, band)

    def _lines(self, integration, first, nrows, early):
        """Return the linear signal of group 0, and from frame to frame, of averaged groups."""
        ngroups, forward = self.shape[1], self._polynomials.forward
        last = np.maximum(np.minimum(early, ngroups).astype(np.int64) - 1, 2) - 1
        values = np.empty((nrows, self.shape[3]), np.float32)
        start = end = None
        for group in range(ngroups):
            if group and not (last == group).any():
                continue
            self._measured_into(integration, group, first, values)
            self._kernel.linearise(values, forward, first, early, group)
            if start is None:
                start, end = values.copy(), np.zeros_like(values)
            end = np.where(last == group, values, end)
        frames = self.raw.nframes
        # The means of the frames of two groups are a whole number of frames apart.
        rate = (end - start).astype(np.float64) / (last * frames).astype(np.float64)
        return start, rate
