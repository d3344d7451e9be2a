"""Read noise of jwst_reffiles 1.0.1, reproduced to the last bit.

The sample is the difference of two groups of one integration (CDS). Its noise is the standard
deviation after a clip about the median. Method ``stack`` combines all differences of a pixel;
method ``ramp`` takes the clipped mean over files of the standard deviation in each file. Two
failures of the original are avoided: with an odd number of groups the last one is left out of
independent pairs, and a pixel without values is NaN, not 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.superbias.reffiles import CLIP, flat_clip

if TYPE_CHECKING:
    from darkroom.nircam.detector.readout import Readout
    from darkroom.nircam.ramps.blocks import RampBlocks

# One quarter of the columns, in the detector frame, belongs to the output that reads the subarrays.
_OUTPUT_COLUMNS = 4
_STEP = {"independent": 2, "consecutive": 1}


@dataclass(frozen=True)
class CdsNoise:
    """Noise of the difference of two groups (CDS noise).

    Attributes
    ----------
    noise : (ny, nx) float64 array
        DN; NaN without a value.
    npairs : int
        Number of differences of a pixel in all files.
    per_file : tuple of int
        Number of differences of a pixel in every file.
    """

    noise: np.ndarray
    npairs: int
    per_file: tuple[int, ...]


def clip_of(settings: ReadnoiseSettings) -> Clip:
    """Return the clip of the methods ``stack`` and ``ramp``."""
    return Clip("sigma", settings.clipping_sigma, settings.max_clipping_iters)


def differences(values: np.ndarray, starts: np.ndarray, pairs: str) -> np.ndarray:
    """Return the differences between groups of the same ramp.

    Parameters
    ----------
    values : (ngroups, npixels) float32 array
        Groups of all ramps, DN.
    starts : (nramps + 1,) int array
        First row of each ramp.
    pairs : str
        Groups to subtract, ``"independent"``: 1 - 0, 3 - 2, …; ``"consecutive"``: 1 - 0, 2 - 1, …

    Returns
    -------
    (npairs, npixels) float32 array
        DN.
    """
    step, done = _STEP[pairs], 0
    result = np.empty((int(count_pairs(starts, pairs).sum()), values.shape[1]), np.float32)
    for first, stop in pairwise(starts):
        later = values[first + 1 : stop : step]
        earlier = values[first : stop - 1 : step]
        np.subtract(later, earlier, out=result[done : done + len(later)])
        done += len(later)
    return result


def count_pairs(starts: np.ndarray, pairs: str) -> np.ndarray:
    """Return the number of differences of every ramp, (nramps,) int (see `differences`)."""
    return np.diff(starts) // 2 if pairs == "independent" else np.diff(starts) - 1


def measure(
    blocks: RampBlocks,
    method: str,
    pairs: str = "independent",
    clip: Clip = CLIP,
    *,
    threads: int = 1,
) -> CdsNoise:
    """Measure the CDS noise of every pixel.

    Parameters
    ----------
    blocks : RampBlocks
        The samples of all ramps.
    method : str
        ``"stack"`` or ``"ramp"``.
    pairs : str
        See `differences`.
    clip : Clip
    threads : int
        Blocks worked on at once.

    Returns
    -------
    CdsNoise
    """
    ramps = blocks.ramps
    counts = np.zeros(len(ramps.files), int)
    np.add.at(counts, [file for file, _ in ramps.ramps], count_pairs(blocks.starts, pairs))
    result = CdsNoise(np.empty(ramps.shape), int(counts.sum()), tuple(int(n) for n in counts))
    cuts = np.concatenate([[0], np.cumsum(counts)])

    def work(values, rows, columns):
        pairwise_differences = differences(values, blocks.starts, pairs)
        if method == "stack":
            noise = _clipped(pairwise_differences, clip, "std064")
        else:
            parts = [pairwise_differences[a:b] for a, b in pairwise(cuts)]
            each = np.stack([_clipped(part, clip, "std064") for part in parts])
            noise = _clipped(each, clip, "mean64")
        target = result.noise[rows, columns]
        target[...] = noise.reshape(target.shape)

    blocks.over(work, threads)
    return result


def _clipped(values, clip, name):
    """Return a statistic of the clipped values, float64, summed in the order of masked arrays."""
    return getattr(clip_block(values, clip, (name,), narrow=True), name)


def single_value(noise: np.ndarray, layout: Readout, subarray: str, clip: Clip = CLIP) -> float:
    """Return the clipped mean over pixels, for a reference file with one value everywhere.

    Parameters
    ----------
    noise : (ny, nx) float64 array
        CDS noise, DN, DMS frame.
    layout : Readout
    subarray : str
        Subarray that the file applies to. For ``FULL`` and ``GENERIC`` only the first quarter of
        the detector's columns is used, the output that reads the subarrays.
    clip : Clip

    Returns
    -------
    float
        DN.
    """
    if subarray in ("FULL", "GENERIC"):
        noise = layout.flip(noise)[:, : noise.shape[1] // _OUTPUT_COLUMNS]
    return flat_clip(noise, clip)[0]
