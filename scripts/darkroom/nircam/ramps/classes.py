"""Classes of pixels that share electronics: amplifier and column parity, active or reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.ramps.ramps import read_pixeldq

if TYPE_CHECKING:
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.ramps.ramps import RampSet


@dataclass(frozen=True)
class Classes:
    """Classes of the pixels of one readout, in the DMS frame.

    Attributes
    ----------
    names : list of str
        Name of every class, ``"amplifier 0 even"`` …; class k is 2 × amplifier + parity.
    column : (nx,) int8 array
        Class of every column: a column belongs to one amplifier and has one parity.
    reference : (ny, nx) bool array
        Reference pixels.
    usable : (ny, nx) bool array
        Active pixels that the pipeline has not flagged DO_NOT_USE.
    noutputs : int
        Number of amplifiers.
    """

    names: list[str]
    column: np.ndarray
    reference: np.ndarray
    usable: np.ndarray
    noutputs: int

    @classmethod
    def from_ramps(cls, ramps: RampSet) -> Classes:
        """Return the classes of a set of ramps; bad pixels are those of its first file."""
        return cls.of_layout(ramps.readout, read_pixeldq(ramps.files[0]))

    @classmethod
    def of_layout(cls, layout: Readout, pixeldq: np.ndarray | None = None) -> Classes:
        """Return the classes of a readout.

        Parameters
        ----------
        layout : Readout
        pixeldq : (ny, nx) uint32 array, optional
            Bits of `Pixel`; pixels flagged DO_NOT_USE are not usable.
        """
        column = layout.flip(2 * layout.amplifiers() + layout.parity())[0]
        reference = layout.flip(layout.reference_pixels())
        usable = ~reference
        if pixeldq is not None:
            usable &= (pixeldq & Pixel.DO_NOT_USE) == 0
        names = [f"amplifier {a} {p}" for a in range(layout.noutputs) for p in ("even", "odd")]
        return cls(names, np.ascontiguousarray(column), reference, usable, layout.noutputs)

    def __len__(self) -> int:
        return len(self.names)

    @property
    def amplifier(self) -> np.ndarray:
        """Amplifier of every column, (nx,) int."""
        return self.column // 2

    def usable_class(self, rows: slice = slice(None)) -> np.ndarray:
        """Return the class of every pixel in `rows`, (nrows, nx) int8; -1 where not usable."""
        return np.where(self.usable[rows], self.column, np.int8(-1))
