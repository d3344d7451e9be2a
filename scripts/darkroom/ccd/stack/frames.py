"""Stacks of frames in the unit the products are to have."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from darkroom.fits.tiles import FrameStack


class Stack:
    """Frames read band by band, multiplied by the gain, saturated samples marked.

    Parameters
    ----------
    source : object
        With ``nframes``, ``shape`` and ``read(rows)`` in ADU: a `FrameStack`, or a cube wrapped
        in `Cube`.
    gain : float, optional
        e-/ADU. Without it values stay in ADU.
    """

    def __init__(self, source, gain=None):
        self.source, self.gain = source, 1.0 if gain is None else float(gain)
        self.nframes, self.shape = source.nframes, tuple(source.shape)

    def read(self, rows):
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        values = self.source.read(rows)
        return values if self.gain == 1 else values * np.float32(self.gain)


class Cube:
    """A (n, ny, nx) array that is read like a stack of files."""

    def __init__(self, values):
        self.values = np.asarray(values)
        self.nframes, self.shape = len(self.values), self.values.shape[1:]

    def read(self, rows):
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        return self.values[:, rows].astype(np.float32)


@contextmanager
def opened(paths, gain=None):
    """Open FITS frames as a `Stack`; what was unpacked is removed at the end."""
    with FrameStack(paths) as source:
        yield Stack(source, gain)


def saturation_level(level, step, gain=None):
    """Return the lowest value that a saturated sample can have.

    Parameters
    ----------
    level : float
        Saturation level in ADU, as the user states it.
    step : int
        Largest number that divides all values, in ADU: a 12-bit camera that writes multiples of
        16 cannot reach 65535, its highest value is 65520.
    gain : float, optional
        e-/ADU of the stack.

    Returns
    -------
    float
        In the unit of the stack.
    """
    return (level - level % step) * (1.0 if gain is None else gain)
