"""A superbias that was made and can be written, by either method."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.ramps.ramps import read_pixeldq
from darkroom.nircam.superbias.reffiles import fill_high

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.superbias.reffiles import Threshold


@dataclass
class SuperbiasResult:
    """Everything that a run produces.

    Attributes
    ----------
    ramps : RampSet
    reference, details : callable
        Return the HDUs of the reference file and of the file of details. They are made when
        written, since both at once would take twice the memory.
    mean : (ny, nx) float32 array
        Superbias, DN.
    flagged : (ny, nx) int array
        Bits of `darkroom.nircam.superbias.products.Bit`.
    filled : (ny, nx) float64 array or None
        Superbias in which high pixels are replaced (see `filled_superbias`), DN.
    numbers : dict
        Results by name, for `darkroom.nircam.superbias.quantities.report`.
    refusal : str
        Why no reference file is to be made of them; empty when there is no reason.
    """

    ramps: RampSet
    reference: Callable[[], list]
    details: Callable[[], list]
    mean: np.ndarray
    flagged: np.ndarray
    filled: np.ndarray | None = None
    numbers: dict[str, Any] = field(default_factory=dict)
    refusal: str = ""


def filled_superbias(
    mean: np.ndarray, ramps: RampSet, rule: Threshold, box_width: int
) -> np.ndarray:
    """Return a superbias in which pixels far above their neighbours are replaced by a median.

    Parameters
    ----------
    mean : (ny, nx) array
        Superbias, DN.
    ramps : RampSet
        The exposures; PIXELDQ of the first one tells the reference pixels, which are not filled.
    rule : Threshold
        Pixels this far above the running median are replaced by it.
    box_width : int
        Side of the box of the running median, pixels.

    Returns
    -------
    (ny, nx) float64 array
        DN.
    """
    pixeldq = read_pixeldq(ramps.files[0])
    reference = np.zeros(mean.shape, bool)
    if pixeldq is not None:
        reference = (pixeldq & Pixel.REFERENCE_PIXEL) != 0
    return fill_high(mean.astype(np.float64), reference, rule, box_width)
