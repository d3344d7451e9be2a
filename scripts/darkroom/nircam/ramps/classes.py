"""Classes of pixels that share electronics: amplifier and column parity, active or reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.ramps.ramps import read_pixeldq


@dataclass(frozen=True)
class Classes:
    """Classes of the pixels of one readout, in the DMS frame.

    Attributes
    ----------
    names : list of str
        Of every class, ``"amplifier 0 even"`` …; class k is 2 × amplifier + parity.
    column : (nx,) int8 array
        Class of every column (a column belongs to one amplifier and has one parity).
    reference : (ny, nx) bool array
        Reference pixels.
    usable : (ny, nx) bool array
        Active pixels that the pipeline has not marked DO_NOT_USE.
    noutputs : int
        Amplifiers.
    """

    names: list
    column: np.ndarray
    reference: np.ndarray
    usable: np.ndarray
    noutputs: int

    @classmethod
    def from_ramps(cls, ramps):
        """Return the classes of a `RampSet`; bad pixels are those of its first file."""
        return cls.of_layout(ramps.readout, read_pixeldq(ramps.files[0]))

    @classmethod
    def of_layout(cls, layout, pixeldq=None):
        """Return the classes of a `Readout`; pixels that `pixeldq` marks bad are not usable."""
        column = layout.flip(2 * layout.amplifiers() + layout.parity())[0]
        reference = layout.flip(layout.reference_pixels())
        usable = ~reference
        if pixeldq is not None:
            usable &= (pixeldq & Pixel.DO_NOT_USE) == 0
        names = [f"amplifier {a} {p}" for a in range(layout.noutputs) for p in ("even", "odd")]
        return cls(names, np.ascontiguousarray(column), reference, usable, layout.noutputs)

    def __len__(self):
        return len(self.names)

    @property
    def amplifier(self):
        """Amplifier of every column, (nx,) int."""
        return self.column // 2

    def of_usable(self, rows=slice(None)):
        """Return the class of every pixel in some rows, -1 where it is not usable."""
        return np.where(self.usable[rows], self.column, np.int8(-1))
