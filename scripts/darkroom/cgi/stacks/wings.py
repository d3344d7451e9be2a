"""Wings and tails of cosmic-ray hits that the mask of calibrated frames leaves.

In orbit a hit is a cloud of charge, and one that fills the register has a tail along the readout. A
mask by a threshold and a fixed length leaves the faint parts of both, and they raise the mean of a
stack. A single hit does not show them, all hits of a stack together do: the unmasked pixels around
and after masked ones are compared with the others of their rows. Where they are brighter, the mask
is grown until they are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.stacks.growth import Growth
from darkroom.cgi.units import COSMIC
from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.frame import Pixels

# Frames and rows in which a stack's hits are looked at: with them a bias of a tenth of the error of
# a pixel's mean in a thousand frames is seen at more than ten standard errors.
_FRAMES, _ROWS = 8, 256
# Pixels from a hit that belong to the cloud at most, and its pixels in a row (then comes the tail).
_AROUND = 6
# Beginnings of the blocks of a tail, in pixels after the mask; the last one ends it.
_BLOCKS = (1, 3, 5, 9, 17, 33, 65, 129, 257, 513, 1025, 2049)
# The number of the block that begins at or before a distance, by the distance.
_BLOCK_OF = np.searchsorted(_BLOCKS, np.arange(_BLOCKS[-1] + 1), side="right").astype(np.uint8)
# Significance of the first rings or blocks together for a mask to be grown, and of its last one.
_FIRST, _NEXT = 6.0, 3.0
# Rows of frames with hits that a measurement needs, and other pixels that such a row needs.
_HITS, _OTHERS = 20, 20
# Pixels that are flagged in all of at least so many frames are no hits.
_PERSISTENT = 4


def hit_mask(flags: np.ndarray, persistent: np.ndarray | None = None) -> np.ndarray:
    """Return where flags tell of a cosmic-ray hit; persistently flagged pixels are none.

    Parameters
    ----------
    flags : (..., ny, nx) uint16 array
    persistent : (ny, nx) bool array, optional
    """
    hits = (flags & COSMIC) > 0
    return hits if persistent is None else hits & ~persistent


def distances(hits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how far pixels are from hits.

    Parameters
    ----------
    hits : (..., ny, nx) bool array

    Returns
    -------
    around : (..., ny, nx) uint8 array
        Pixels (the larger of rows and columns) from the beginning of a masked run, at most
        `_AROUND` + 1. What follows the beginning is a tail, which has no wings.
    after : (..., ny, nx) int32 array
        Columns after the last masked pixel of the row; 0 in the mask, large before the first one.
    """
    columns = np.arange(hits.shape[-1], dtype=np.int32)
    never = np.int32(-(1 << 20))
    last = np.maximum.accumulate(np.where(hits, columns, never), axis=-1)
    free = np.maximum.accumulate(np.where(hits, np.int32(-1), columns), axis=-1)
    reached = hits & (columns - free <= _AROUND)
    around = np.where(reached, np.uint8(0), np.uint8(_AROUND + 1))
    for k in range(1, _AROUND + 1):
        wider = _dilated(reached)
        around[wider & ~reached] = k
        reached = wider
    return around, columns - last


def _dilated(mask):
    """Return a mask grown by one pixel on all sides."""
    wide = mask.copy()
    wide[..., 1:] |= mask[..., :-1]
    wide[..., :-1] |= mask[..., 1:]
    high = wide.copy()
    high[..., 1:, :] |= wide[..., :-1, :]
    high[..., :-1, :] |= wide[..., 1:, :]
    return high


@dataclass(frozen=True)
class GrownPixels:
    """The pixels of a frame, with the mask of its cosmic-ray hits grown.

    Attributes
    ----------
    pixels : darkroom.cgi.stacks.frame.Pixels
    growth : Growth
    persistent : (ny, nx) bool array or None
        Pixels that are flagged in all frames: no hits.
    """

    pixels: Pixels
    growth: Growth
    persistent: np.ndarray | None

    @property
    def single(self) -> bool:
        """True when float32 holds image and error exactly."""
        return self.pixels.single

    def read_into(
        self, first: int, data: np.ndarray, err: np.ndarray | None, dq: np.ndarray
    ) -> None:
        """Read a band of rows, as `darkroom.cgi.stacks.frame.Pixels.read_into`."""
        self.pixels.read_into(first, data, err, dq)
        dq |= self._grown(first, first + len(dq))

    def read_patch(self, rows: slice, columns: slice) -> tuple[np.ndarray, np.ndarray]:
        """Read a rectangle, as `darkroom.cgi.stacks.frame.Pixels.read_patch`."""
        data, dq = self.pixels.read_patch(rows, columns)
        flags = self._grown(rows.start, rows.stop)
        return data, dq | flags[:: rows.step or 1, columns]

    def _grown(self, first, stop):
        """Return the flag of cosmic rays where the grown mask has it."""
        low, high = max(first - _AROUND, 0), min(stop + _AROUND, self.pixels.shape[0])
        flags = np.empty((high - low, self.pixels.shape[1]), np.uint16)
        self.pixels.read_flags_into(low, flags)
        persistent = None if self.persistent is None else self.persistent[low:high]
        mask = grown(hit_mask(flags, persistent), self.growth)
        return np.where(mask[first - low : stop - low], COSMIC, 0).astype(np.uint16)


def find_growth(
    frames: Sequence[Pixels], geometry: Geometry
) -> tuple[Growth | None, np.ndarray | None]:
    """Look at some frames of a stack for what their masks leave of cosmic-ray hits.

    Parameters
    ----------
    frames : sequence of darkroom.cgi.stacks.frame.Pixels
        Frames that `sampled` chooses.
    geometry : darkroom.cgi.geometry.Geometry

    Returns
    -------
    growth : Growth or None
        None when nothing is left.
    persistent : (ny, nx) bool array or None
        Pixels that are flagged in all of these frames, when they are enough to tell.
    """
    rows, columns = geometry.imaging
    margin = max((rows.stop - rows.start - _ROWS) // 2, 0)
    first, stop = rows.start + margin, rows.stop - margin
    data = np.empty((len(frames), stop - first, geometry.shape[1]))
    flags = np.empty(data.shape, np.uint16)
    for frame, values, dq in zip(frames, data, flags, strict=True):
        frame.read_into(first, values, None, dq)
    data, flags = data[..., columns], flags[..., columns]
    if not (flags & COSMIC).any():
        return None, None
    enough = len(frames) >= _PERSISTENT
    always = np.bitwise_and.reduce(flags & COSMIC) > 0 if enough else None
    growth = measure(data, flags, always)
    if growth is None or not enough:
        return growth, None
    persistent, dq = np.ones(geometry.shape, bool), np.empty(geometry.shape, np.uint16)
    for frame in frames:
        frame.read_flags_into(0, dq)
        persistent &= (dq & COSMIC) > 0
    return growth, persistent


def sampled(number: int) -> list[int]:
    """Return which of a number of frames `find_growth` looks at, evenly spread."""
    return sorted({round(k) for k in np.linspace(0, number - 1, min(number, _FRAMES))})


def grown(hits: np.ndarray, growth: Growth) -> np.ndarray:
    """Return the mask of hits, grown."""
    around, after = distances(hits)
    return hits | (around <= growth.around) | (after <= growth.after)


def measure(data: np.ndarray, flags: np.ndarray, persistent: np.ndarray | None) -> Growth | None:
    """Measure what the masks of a stack leave of cosmic-ray hits.

    Parameters
    ----------
    data : (n, ny, nx) float array
        Some rows of the imaging area of some frames.
    flags : (n, ny, nx) uint16 array
        Their flags; a sample counts when it has none.
    persistent : (ny, nx) bool array or None
        Pixels that are flagged in all frames.

    Returns
    -------
    Growth or None
        None when nothing significant is left. `Growth.nframes` is `n`.
    """
    hits = hit_mask(flags, persistent)
    around, after = distances(hits)
    good = (flags == 0) & np.isfinite(data)
    blocks, rings = len(_BLOCKS) - 1, _AROUND
    # Place of a sample: ring (1 to 6) or block (7 on); 0 is far from all hits.
    block = _BLOCK_OF[np.minimum(after, _BLOCKS[-1])]
    tail = (block >= 1) & (block <= blocks) & ((after <= rings) | (around > rings))
    place = np.where(tail, rings + block, np.where(around <= rings, around, np.uint8(0)))
    rows = _Rows(data, good, place, 1 + rings + blocks)
    reach = _reach(rows, range(1, rings + 1))
    length = _reach(rows, range(rings + 1, rings + 1 + blocks))
    if not (reach or length):
        return None
    chosen = [*range(1, reach + 1), *range(rings + 1, rings + 1 + length)]
    excess, error = rows.excess(chosen)
    share = rows.numbers[:, chosen].sum() / rows.numbers.sum()
    after_pixels = _BLOCKS[length] - 1
    return Growth(reach, after_pixels, excess, error, excess * share, len(data))


class _Rows:
    """Sums of samples in the rows of all frames, by their place, above the other ones of the row.

    The error of an excess is that of samples without an excess: that hits differ does not make
    theirs less significant. The pixels of a row share the error of its bias, which drops out.
    """

    def __init__(self, data, good, place, nplaces):
        shape = data.shape[:2]
        sums, numbers = np.zeros((*shape, nplaces)), np.zeros((*shape, nplaces), np.int64)
        squares = np.zeros(shape)
        # The median of three frames or more takes off what a pixel always has.
        load_kernel("darkroom.cgi.stacks.wings_kernel").add_up(
            data, good, place, len(data) > 2, sums, numbers, squares
        )
        sums, numbers = sums.reshape(-1, nplaces), numbers.reshape(-1, nplaces)
        squares = squares.reshape(-1)
        kept = numbers[:, 0] >= _OTHERS
        self.numbers, far = numbers[kept], numbers[kept, 0]
        level = sums[kept, 0] / np.maximum(far, 1)
        self._sums = sums[kept] - self.numbers * level[:, None]
        freedom = np.maximum((far - 1).sum(), 1)
        self._variance = (squares[kept] - far * level**2).sum() / freedom

    def excess(self, places):
        """Return the mean of samples above the others, and its error; infinite for too few."""
        number = self.numbers[:, places].sum(axis=1)
        total = number.sum()
        if (number > 0).sum() < _HITS:
            return 0.0, np.inf
        scatter = self._variance * (number + number**2 / self.numbers[:, 0]).sum()
        return float(self._sums[:, places].sum() / total), float(np.sqrt(scatter) / total)


def _reach(rows, places):
    """Return the number of places, counted from the hit, up to the last one that is brighter.

    That any is must be significant of the first ones together; their faint ends are then found at
    a lower significance.
    """
    places = list(places)
    together = [rows.excess(places[: k + 1]) for k in range(len(places))]
    if not any(excess > _FIRST * error for excess, error in together):
        return 0
    single = [rows.excess([place]) for place in places]
    return max((k + 1 for k, (excess, error) in enumerate(single) if excess > _NEXT * error),
               default=0)  # fmt: skip
