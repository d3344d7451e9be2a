"""A superdark against the dark in use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.files.imsets import Imsets

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.wfc3.superdark.combine import Superdark
    from darkroom.wfc3.superdark.ramps import Reads

_MAD_SIGMA = 1.4826
_SAME_TIME = 0.01


@dataclass(frozen=True)
class Comparison:
    """A superdark minus the dark in use, in the last read.

    Parameters
    ----------
    name : str
        File of the dark in use.
    difference : dict
        Median difference by amplifier, e-/s.
    pull : float
        Robust scatter of the pixels' differences from it, in units of their errors.
    """

    name: str
    difference: dict[str, float]
    pull: float


def compare(path: StrPath, dark: Superdark, reads: Reads) -> Comparison:
    """Compare a superdark with the dark in use.

    Parameters
    ----------
    path : path-like
        The DARKFILE in use.
    dark : Superdark
    reads : Reads

    Raises
    ------
    InputError
        When it has another size, or no read at the time of the last one.
    """
    with Imsets(path) as imsets:
        count = int(imsets.primary["NUMEXPOS"])
        times = [float(imsets.primary[f"EXPOS_{i}"]) for i in range(1, count + 1)]
        near = [i for i, t in enumerate(times, 1) if abs(t - reads.times[-1]) <= _SAME_TIME]
        if not near:
            raise InputError(path, f"has no dark of {reads.times[-1]:g} s, the last read's time")
        if imsets.shape("SCI", near[0]) != reads.full_shape:
            raise InputError(path, "is of another size than the darks")
        y0, y1, x0, x1 = reads.window
        sci, err = (imsets.plane(name, near[0])[y0:y1, x0:x1] for name in ("SCI", "ERR"))
        flags = imsets.plane("DQ", near[0], np.int16)[y0:y1, x0:x1]
    good = (flags == 0) & (dark.dq[-1] == 0) & np.isfinite(sci)
    difference = dark.sci[-1] - sci
    rate = difference * reads.noise.gain / reads.times[-1]
    found, residual = {}, difference.copy()
    for number, name in enumerate("ABCD"):
        own = good & (reads.noise.amplifier == number)
        if own.any():
            found[name] = float(np.median(rate[own]))
            residual[own] -= np.median(difference[own])
    pull = residual[good] / np.hypot(dark.err[-1], err)[good]
    spread = _MAD_SIGMA * np.median(np.abs(pull)) if pull.size else 0.0
    return Comparison(str(path).rpartition("/")[2], found, float(spread))
