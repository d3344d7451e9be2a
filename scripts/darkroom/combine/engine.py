"""From a stack of frames to its clipped statistics, band by band."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np

from darkroom.combine.block import DEFAULT_OUTPUTS, Combined, reduce_into
from darkroom.errors import DarkroomError

# Memory of the bands in work at one time, all threads together.
_BAND_BYTES = 16 << 20


def combine_stack(
    stack,
    clip,
    *,
    offsets=None,
    masks=None,
    threads=1,
    tile_rows=None,
    outputs=DEFAULT_OUTPUTS,
):
    """Clip and average frames pixel by pixel, without ever holding them all.

    Parameters
    ----------
    stack : FrameStack
        Or any object with ``nframes``, ``shape`` (ny, nx) and ``read(rows)`` -> (nframes, nrows,
        nx) that may be called from several threads.
    clip : Clip
        What to reject.
    offsets : (nframes,) array, optional
        Subtracted from each frame, in its unit, before anything else (in float64).
    masks : object like `stack`, optional
        ``read(rows)`` gives the same shape; what is true is left out.
    threads : int
        Bands worked on at once.
    tile_rows : int, optional
        Rows per band; by default as many as keep all bands together near 16 MB.
    outputs : tuple of str
        Images wanted (see `Combined`); each costs 4 bytes a pixel.

    Returns
    -------
    Combined
        With arrays of shape (ny, nx). The same bits whatever `threads` and `tile_rows`: every
        pixel is worked out on its own, in one order.

    Raises
    ------
    DarkroomError
        When offsets or masks do not fit the stack.
    """
    shape = tuple(stack.shape)
    offsets = _checked_offsets(offsets, stack.nframes)
    _check_masks(masks, stack.nframes, shape)
    result = Combined.empty(stack.nframes, shape, outputs)
    if tile_rows is None:
        value_bytes = (8 if offsets is None else 16) + (0 if masks is None else 9)
        row_bytes = stack.nframes * shape[1] * value_bytes * threads
        tile_rows = max(1, min(shape[0], _BAND_BYTES // max(1, row_bytes)))

    def work(first):
        rows = slice(first, min(first + tile_rows, shape[0]))
        values = stack.read(rows)
        if offsets is not None:
            values = values - offsets[:, None, None]
        if masks is not None:
            values = np.where(masks.read(rows), np.float32(np.nan), values)
        reduce_into(values, clip, result, rows)

    firsts = range(0, shape[0], tile_rows)
    if threads == 1:
        for first in firsts:
            work(first)
    else:
        with ThreadPoolExecutor(threads) as pool:
            for _ in pool.map(work, firsts):
                pass
    return result


def combine_array(cube, clip, *, offsets=None, mask=None, threads=1, outputs=DEFAULT_OUTPUTS):
    """Clip and average a cube that is in memory already.

    Parameters
    ----------
    cube : (nframes, ny, nx) array
        Values; float32 is taken as it is, everything else is worked on as float64.
    clip : Clip
        What to reject.
    offsets : (nframes,) array, optional
        Subtracted from each frame first.
    mask : (nframes, ny, nx) bool array, optional
        What is true is left out.
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
    """A cube in memory that reads like a stack of files."""

    def __init__(self, cube):
        self._cube = np.asarray(cube)
        if self._cube.ndim != 3:
            msg = f"a stack needs 3 axes (frame, row, column), this array has {self._cube.ndim}"
            raise DarkroomError(msg)
        self.nframes, self.shape = self._cube.shape[0], self._cube.shape[1:]
        if self.nframes == 0:
            msg = "no frames to combine: the cube is empty"
            raise DarkroomError(msg)

    def read(self, rows):
        return self._cube[:, rows]


def _checked_offsets(offsets, nframes):
    """Return the offsets as float64, or None; refuse what cannot be meant."""
    if offsets is None:
        return None
    offsets = np.asarray(offsets, np.float64)
    if offsets.shape != (nframes,):
        msg = f"offsets of shape {offsets.shape} for {nframes} frames: one per frame is needed"
        raise DarkroomError(msg)
    if not np.isfinite(offsets).all():
        msg = f"offset of frame {int(np.argmin(np.isfinite(offsets)))} is not finite"
        raise DarkroomError(msg)
    return offsets


def _check_masks(masks, nframes, shape):
    if masks is not None and (masks.nframes, *masks.shape) != (nframes, *shape):
        msg = (
            f"masks of shape {(masks.nframes, *masks.shape)} for a stack of shape "
            f"{(nframes, *shape)}: they must be equal"
        )
        raise DarkroomError(msg)
