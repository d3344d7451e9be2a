"""Clip and reduce one block of pixels of a stack of frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine.clip import METHODS, Clip
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

# Outputs rounded to float32, and those in float64.
IMAGES = ("mean", "median", "std", "std0", "error")
EXACT = ("low", "high", "mean64", "std064")
DEFAULT_OUTPUTS = ("mean", "median", "std", "error")
_MOST_FRAMES = np.iinfo(np.int16).max


@dataclass
class Combined:
    """Statistics of the values that remain after the clip, per pixel; others than asked are None.

    Attributes
    ----------
    mean, median : float32 array
        Of the remaining values, in the unit of the frames; NaN where there are none.
    std : float32 array
        Standard deviation with count - 1 in its denominator; NaN where count < 2.
    std0 : float32 array
        The same with count in its denominator.
    error : float32 array
        Standard deviation of the mean, std / sqrt(count); NaN where count < 2.
    low, high : float64 array
        Last limits of the clip, in float64: the finite values outside are the rejected ones.
        Infinite where no value can reach them.
    mean64, std064 : float64 array
        Mean and std0, not rounded.
    count : int16 array
        Number of values used.
    nclipped : int16 array
        Number of finite values rejected by the clip. NaN, infinite and masked values are in
        neither number.
    """

    mean: np.ndarray | None
    median: np.ndarray | None
    std: np.ndarray | None
    std0: np.ndarray | None
    error: np.ndarray | None
    low: np.ndarray | None
    high: np.ndarray | None
    mean64: np.ndarray | None
    std064: np.ndarray | None
    count: np.ndarray
    nclipped: np.ndarray

    @classmethod
    def empty(
        cls, nframes: int, shape: tuple[int, ...], outputs: Sequence[str] = DEFAULT_OUTPUTS
    ) -> Combined:
        """Allocate the results of a stack; the arrays are not filled.

        Parameters
        ----------
        nframes : int
            Number of frames.
        shape : tuple of int
            Shape of a frame, or of a block of its pixels.
        outputs : sequence of str
            Images wanted, see `clip_block`.

        Raises
        ------
        ValueError
            For an unknown output.
        DarkroomError
            When there are more frames than an int16 count can represent.
        """
        unknown = set(outputs) - {*IMAGES, *EXACT}
        if unknown:
            msg = f"output {sorted(unknown)[0]!r} is none of {', '.join(IMAGES + EXACT)}"
            raise ValueError(msg)
        if nframes > _MOST_FRAMES:
            msg = f"{nframes} frames in one stack: at most {_MOST_FRAMES} can be counted"
            raise DarkroomError(msg)
        images = {k: np.empty(shape, np.float32) if k in outputs else None for k in IMAGES}
        exact = {k: np.empty(shape) if k in outputs else None for k in EXACT}
        return cls(
            **images, **exact, count=np.empty(shape, np.int16), nclipped=np.empty(shape, np.int16)
        )


def clip_block(
    values: np.ndarray,
    clip: Clip,
    outputs: Sequence[str] = DEFAULT_OUTPUTS,
    *,
    narrow: bool = False,
) -> Combined:
    """Clip the columns of a block and reduce the remaining values.

    Parameters
    ----------
    values : (n, npixels) array
        One row per frame, any unit. float32 is used as it is; other types are converted to float64.
        NaN and infinite values are ignored. The array is not changed.
    clip : Clip
        Rejection of outliers.
    outputs : sequence of str
        Images wanted, of ``"mean"``, ``"median"``, ``"std"``, ``"std0"``, ``"error"``,
        ``"low"``, ``"high"``, ``"mean64"``, ``"std064"``. Counts are always returned.
    narrow : bool
        Sum for the mean in the type of the values, and take deviations from that mean, as
        numpy.ma.mean and numpy.ma.std do for float32.

    Returns
    -------
    Combined
        With arrays of shape (npixels,).

    Notes
    -----
    All arithmetic is float64 and follows astropy.stats.sigma_clip, numpy.nanmean and
    numpy.nanstd (over the first axis) to the last bit; results are rounded to float32 once.
    Releases the GIL: blocks may be reduced in threads.
    """
    values = np.asarray(values)
    result = Combined.empty(values.shape[0], values.shape[1:], outputs)
    reduce_into(values, clip, result, slice(None), narrow=narrow)
    return result


def reduce_into(
    values: np.ndarray, clip: Clip, result: Combined, rows: slice, *, narrow: bool = False
) -> None:
    """Clip and reduce a block into part of a `Combined` (see `clip_block`).

    Parameters
    ----------
    values : (n, ...) array
        Values of the pixels that `rows` selects.
    clip : Clip
        Rejection of outliers.
    result : Combined
        Its arrays are written at ``[rows]``, which must be contiguous.
    rows : slice
        Rows of the result, or pixels of a flat one.
    narrow : bool
        See `clip_block`.

    Raises
    ------
    ValueError
        When the shape of the values is not that of the selected pixels.
    """
    values = np.asarray(values)
    if values.shape[1:] != result.count[rows].shape:
        msg = f"values of shape {values.shape} for pixels {result.count[rows].shape}"
        raise ValueError(msg)
    if values.dtype != np.float32:
        values = values.astype(np.float64, copy=False)
    values = np.ascontiguousarray(values.reshape(values.shape[0], -1))
    targets: list[np.ndarray] = []
    for name, dtype in (*((k, np.float32) for k in IMAGES), *((k, np.float64) for k in EXACT)):
        image = getattr(result, name)
        targets.append(np.empty(0, dtype) if image is None else image[rows].reshape(-1))
    counts = [result.count[rows].reshape(-1), result.nclipped[rows].reshape(-1)]
    load_kernel("darkroom.combine.kernel", values.dtype)(
        values, METHODS.index(clip.method), float(clip.nsigma), float(clip.floor),
        int(clip.iterations), narrow, *targets, *counts,
    )  # fmt: skip
