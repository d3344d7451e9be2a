"""A stack of frames, read band by band in the unit of the products (ADU or electrons)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from darkroom.fits.tiles import FrameStack

if TYPE_CHECKING:
    from darkroom.hints import StrPath


class Stack:
    """Frames read band by band and multiplied by the gain.

    Parameters
    ----------
    source : FrameStack or Cube
        Files, or an array in memory; ADU.
    gain : float, optional
        e-/ADU. Without it values stay in ADU.
    """

    def __init__(self, source: FrameStack | Cube, gain: float | None = None) -> None:
        self.source, self.gain = source, 1.0 if gain is None else float(gain)
        self.nframes, self.shape = source.nframes, tuple(source.shape)

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        values = self.source.read(rows)
        return values if self.gain == 1 else values * np.float32(self.gain)


class Cube:
    """A (n, ny, nx) array with the interface of a stack of files."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = np.asarray(values)
        self.nframes, self.shape = len(self.values), self.values.shape[1:]

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        return self.values[:, rows].astype(np.float32)


@contextmanager
def opened(paths: Sequence[StrPath], gain: float | None = None) -> Iterator[Stack]:
    """Open FITS frames as a `Stack`; files unpacked for it are removed at the end."""
    with FrameStack(paths) as source:
        yield Stack(source, gain)


def saturation_level(level: float, step: int, gain: float | None = None) -> float:
    """Return the lowest value that a saturated sample can have.

    Parameters
    ----------
    level : float
        Saturation level as the user states it, ADU.
    step : int
        Largest number that divides all values, ADU: a 12-bit camera that writes multiples of 16
        cannot reach 65535, its highest value is 65520.
    gain : float, optional
        e-/ADU of the stack.

    Returns
    -------
    float
        In the unit of the stack.
    """
    return (level - level % step) * (1.0 if gain is None else gain)
