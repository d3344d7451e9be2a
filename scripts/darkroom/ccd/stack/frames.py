"""A stack of frames, read band by band in the unit of the products (ADU or electrons)."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.overscan.amplifiers import Readout, TrimmedFrames, locate
from darkroom.fits.tiles import FrameStack
from darkroom.integrity import digests

if TYPE_CHECKING:
    from darkroom.hints import StrPath


class Stack:
    """Frames read band by band and multiplied by the gain.

    Parameters
    ----------
    source : FrameStack, TrimmedFrames or Cube
        Files, or an array in memory; ADU.
    gain : float, optional
        e-/ADU. Without it values stay in ADU.
    """

    def __init__(
        self, source: FrameStack | TrimmedFrames | Cube, gain: float | None = None
    ) -> None:
        self.source, self.gain = source, 1.0 if gain is None else float(gain)
        self.nframes, self.shape = source.nframes, tuple(source.shape)
        #: What tells this stack from others; None where nothing does.
        self.identity: tuple[Hashable, ...] | None = None

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of all frames: (nframes, nrows, nx) float32."""
        values = self.source.read(rows)
        return self._scaled(values)

    @property
    def trimmed(self) -> bool:
        """Whether the frames have parts that are no image, which are cut off."""
        return isinstance(self.source, TrimmedFrames)

    def read_marked(self, rows: slice, level: float) -> tuple[np.ndarray, np.ndarray]:
        """Read a band of all frames, and which samples are saturated.

        Parameters
        ----------
        rows : slice
            The band.
        level : float
            Saturation level in the unit of the stack. It is that of samples as the camera wrote
            them: the overscan is not subtracted from what it is compared with.

        Returns
        -------
        values : (nframes, nrows, nx) float32 array
        saturated : (nframes, nrows, nx) bool array
        """
        if not self.trimmed:
            values = self.read(rows)
            return values, values >= level
        stored = self.source.stored(rows)
        return self._scaled(self.source.subtract(stored, rows)), self._scaled(stored) >= level

    def written(self, columns: slice) -> np.ndarray | None:
        """Return columns of the first frame as written, ADU; None where `read` gives the same."""
        if not self.trimmed:
            return None
        height = max(1, (8 << 20) // (4 * self.nframes * self.shape[1]))
        bands = range(0, self.shape[0], height)
        return np.concatenate(
            [self.source.stored(slice(k, k + height))[0][:, columns] for k in bands]
        )

    @property
    def overscan_variance(self) -> float:
        """Mean variance that subtraction of the overscan added to a sample, unit squared."""
        return self.source.variance * self.gain**2 if self.trimmed else 0.0

    def _scaled(self, values):
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
def opened(
    paths: Sequence[StrPath], gain: float | None = None, readout: Readout | None = None
) -> Iterator[Stack]:
    """Open FITS frames as a `Stack`; files unpacked for it are removed at the end.

    Parameters
    ----------
    paths : sequence of path-like
        The frames.
    gain : float, optional
        e-/ADU.
    readout : darkroom.ccd.overscan.amplifiers.Readout, optional
        Amplifier, and what becomes of its overscan; by default the first image as it is stored.
    """
    hdu, parts = (None, None) if readout is None else locate(paths, readout)
    with FrameStack(paths, ext=hdu) as source:
        stack = Stack(source if parts is None else TrimmedFrames(source, parts, readout), gain)
        files = tuple((str(path), digests.signature(path)) for path in paths)
        # Sections of a readout may be lists.
        stack.identity = (files, gain, repr(readout))
        yield stack


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
