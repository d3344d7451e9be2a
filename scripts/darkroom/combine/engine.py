"""Clipped statistics of a stack of frames, band by band."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np

from darkroom.combine.block import DEFAULT_OUTPUTS, Combined, reduce_into
from darkroom.errors import DarkroomError
from darkroom.threads import over_bands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from darkroom.combine.clip import Clip


class Stack(Protocol):
    """Frames of one shape that are read in bands of rows, e.g. `darkroom.fits.tiles.FrameStack`."""

    nframes: int
    shape: tuple[int, int]

    def read(self, rows: slice) -> np.ndarray:
        """Return rows of every frame: (nframes, nrows, nx) array."""


def combine_stack(
    stack: Stack,
    clip: Clip,
    *,
    offsets: ArrayLike | None = None,
    masks: Stack | None = None,
    threads: int = 1,
    tile_rows: int | None = None,
    outputs: Sequence[str] = DEFAULT_OUTPUTS,
) -> Combined:
    """Clip and average frames pixel by pixel, without all of them in memory.

    Parameters
    ----------
    stack : FrameStack
        Or any object with ``nframes``, ``shape`` (ny, nx) and ``read(rows)`` -> (nframes, nrows,
        nx) that may be called from several threads.
    clip : Clip
        Rejection of outliers.
    offsets : (nframes,) array, optional
        Subtracted from each frame, in its unit, before anything else (in float64).
    masks : object like `stack`, optional
        ``read(rows)`` returns the same shape; values where it is true are ignored.
    threads : int
        Bands processed at once.
    tile_rows : int, optional
        Rows per band; by default as many as keep all bands together near 16 MB.
    outputs : sequence of str
        Images wanted (see `clip_block`); each takes 4 bytes per pixel, or 8 in float64.

    Returns
    -------
    Combined
        With arrays of shape (ny, nx). They are the same to the last bit whatever `threads` and
        `tile_rows`: every pixel is computed on its own, in one order.

    Raises
    ------
    DarkroomError
        When offsets or masks do not fit the stack.
    """
    shape = stack.shape[0], stack.shape[1]
    shifts = _checked_offsets(offsets, stack.nframes)
    _check_masks(masks, stack.nframes, shape)
    result = Combined.empty(stack.nframes, shape, outputs)
    value_bytes = (8 if shifts is None else 16) + (0 if masks is None else 9)

    def work(rows: slice) -> None:
        values = stack.read(rows)
        if shifts is not None:
            values = values - shifts[:, None, None]
        if masks is not None:
            values = np.where(masks.read(rows), np.float32(np.nan), values)
        reduce_into(values, clip, result, rows)

    over_bands(work, shape[0], stack.nframes * shape[1] * value_bytes, threads, tile_rows)
    return result


def combine_array(
    cube: np.ndarray,
    clip: Clip,
    *,
    offsets: ArrayLike | None = None,
    mask: np.ndarray | None = None,
    threads: int = 1,
    outputs: Sequence[str] = DEFAULT_OUTPUTS,
) -> Combined:
    """Clip and average frames that are in memory.

    Parameters
    ----------
    cube : (nframes, ny, nx) array
        Values; float32 is used as it is, other types are converted to float64.
    clip : Clip
        Rejection of outliers.
    offsets : (nframes,) array, optional
        Subtracted from each frame first.
    mask : (nframes, ny, nx) bool array, optional
        Values where it is true are ignored.
    threads, outputs
        As for `combine_stack`.

    Returns
    -------
    Combined
        With arrays of shape (ny, nx).
    """
    masks = None if mask is None else _ArrayStack(mask)
    return combine_stack(
        _ArrayStack(cube), clip, offsets=offsets, masks=masks, threads=threads, outputs=outputs
    )


class _ArrayStack:
    """A cube in memory, read like a stack of files."""

    def __init__(self, cube: np.ndarray) -> None:
        self._cube = np.asarray(cube)
        if self._cube.ndim != 3:
            msg = f"a stack needs 3 axes (frame, row, column), this array has {self._cube.ndim}"
            raise DarkroomError(msg)
        self.nframes, *shape = self._cube.shape
        self.shape = shape[0], shape[1]
        if self.nframes == 0:
            msg = "no frames to combine: the cube is empty"
            raise DarkroomError(msg)

    def read(self, rows: slice) -> np.ndarray:
        return self._cube[:, rows]


def _checked_offsets(offsets: ArrayLike | None, nframes: int) -> np.ndarray | None:
    """Return the offsets as float64, or None; refuse a wrong shape and values not finite."""
    if offsets is None:
        return None
    shifts = np.asarray(offsets, np.float64)
    if shifts.shape != (nframes,):
        msg = f"offsets of shape {shifts.shape} for {nframes} frames: one per frame is needed"
        raise DarkroomError(msg)
    if not np.isfinite(shifts).all():
        msg = f"offset of frame {int(np.argmin(np.isfinite(shifts)))} is not finite"
        raise DarkroomError(msg)
    return shifts


def _check_masks(masks: Stack | None, nframes: int, shape: tuple[int, int]) -> None:
    """Refuse masks of another shape than the frames."""
    if masks is not None and (masks.nframes, *masks.shape) != (nframes, *shape):
        msg = (
            f"masks of shape {(masks.nframes, *masks.shape)} for a stack of shape "
            f"{(nframes, *shape)}: they must be equal"
        )
        raise DarkroomError(msg)
