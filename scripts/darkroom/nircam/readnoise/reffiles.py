"""Read noise as jwst_reffiles 1.0.1 makes it, to the last bit.

The sample is the difference of two groups of one integration (CDS); its noise is the standard
deviation after a clip about the median. ``stack`` takes all differences of a pixel together,
``ramp`` the clipped mean over files of each file's own deviation. Where the original fails or
writes 0, this does not: of an odd number of groups the last one is left out of independent pairs,
and a pixel without values is NaN.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from darkroom.combine import Clip, clip_block
from darkroom.nircam.readnoise.settings import ReadnoiseSettings
from darkroom.nircam.superbias.reffiles import CLIP, flat_clip

# Of NIRCam's four outputs the one that reads the subarrays, as the original takes it.
_OUTPUT_COLUMNS = 4
_STEP = {"independent": 2, "consecutive": 1}


@dataclass(frozen=True)
class CdsNoise:
    """Noise of the difference of two groups.

    Attributes
    ----------
    noise : (ny, nx) float64 array
        DN; NaN without a value.
    npairs : int
        Differences of a pixel, all files together.
    per_file : tuple of int
        Differences of a pixel in every file.
    """

    noise: np.ndarray
    npairs: int
    per_file: tuple


def clip_of(settings: ReadnoiseSettings) -> Clip:
    """Return the clip of the methods ``stack`` and ``ramp``."""
    return Clip("sigma", settings.clipping_sigma, settings.max_clipping_iters)


def differences(values, starts, pairs):
    """Subtract groups of every ramp from each other.

    Parameters
    ----------
    values : (ngroups, npixels) float32 array
        Groups of all ramps.
    starts : (nramps + 1,) int array
        First row of each ramp.
    pairs : str
        ``"independent"``: 1 - 0, 3 - 2, …; ``"consecutive"``: 1 - 0, 2 - 1, …

    Returns
    -------
    (npairs, npixels) float32 array
    """
    step, done = _STEP[pairs], 0
    result = np.empty((int(npairs_of(starts, pairs).sum()), values.shape[1]), np.float32)
    for first, stop in pairwise(starts):
        later = values[first + 1 : stop : step]
        earlier = values[first : stop - 1 : step]
        np.subtract(later, earlier, out=result[done : done + len(later)])
        done += len(later)
    return result


def npairs_of(starts, pairs):
    """Return the number of differences of every ramp, (nramps,) int."""
    return np.diff(starts) // 2 if pairs == "independent" else np.diff(starts) - 1


def measure(blocks, method, pairs="independent", clip=CLIP, *, threads=1):
    """Measure the CDS noise of every pixel.

    Parameters
    ----------
    blocks : RampBlocks
    method : str
        ``"stack"`` or ``"ramp"``.
    pairs : str
        See `pairs_of`.
    clip : Clip
    threads : int

    Returns
    -------
    CdsNoise
    """
    ramps = blocks.ramps
    counts = np.zeros(len(ramps.files), int)
    np.add.at(counts, [file for file, _ in ramps.ramps], npairs_of(blocks.starts, pairs))
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
    """Return what a clip leaves, as float64, by the sums of numpy's masked arrays."""
    return getattr(clip_block(values, clip, (name,), narrow=True), name)


def single_value(noise, layout, subarray, clip=CLIP):
    """Return the clipped mean over pixels, the same for all of them.

    Parameters
    ----------
    noise : (ny, nx) float64 array
        DN, DMS frame.
    layout : Readout
    subarray : str
        What the file is meant for: of ``FULL`` and ``GENERIC`` only the first quarter of the
        detector's columns counts, the output that reads the subarrays.
    clip : Clip

    Returns
    -------
    float
    """
    if subarray in ("FULL", "GENERIC"):
        noise = layout.flip(noise)[:, : noise.shape[1] // _OUTPUT_COLUMNS]
    return flat_clip(noise, clip)[0]
