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

from darkroom.combine import clip_block
from darkroom.nircam.compiled import kernel
from darkroom.nircam.superbias_reffiles import CLIP, flat_clip

# Of NIRCam's four outputs the one that reads the subarrays, as the original takes it.
_OUTPUT_COLUMNS = 4


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


def pairs_of(starts, pairs):
    """Return the rows of a block that are subtracted from each other: (later, earlier).

    Parameters
    ----------
    starts : (nramps + 1,) int array
        First row of each ramp.
    pairs : str
        ``"independent"``: 1 - 0, 3 - 2, …; ``"consecutive"``: 1 - 0, 2 - 1, …
    """
    step = 2 if pairs == "independent" else 1
    later = [np.arange(a + 1, b, step) for a, b in pairwise(starts)]
    later = np.concatenate(later)
    return later, later - 1


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
    later, earlier = pairs_of(blocks.starts, pairs)
    file_of_row = np.repeat([file for file, _ in ramps.ramps], np.diff(blocks.starts))
    file_of_pair = file_of_row[later]
    counts = np.bincount(file_of_pair, minlength=len(ramps.files))
    result = CdsNoise(np.empty(ramps.shape), len(later), tuple(int(n) for n in counts))
    cuts = np.concatenate([[0], np.cumsum(counts)])

    def work(values, rows, columns):
        differences = values[later]
        differences -= values[earlier]
        if method == "stack":
            noise = _deviation(differences, clip, narrow=True)
        else:
            parts = [differences[a:b] for a, b in pairwise(cuts)]
            each = np.stack([_deviation(part, clip, narrow=True) for part in parts])
            noise = _moments(each, clip, narrow=False)[0]
        target = result.noise[rows, columns]
        target[...] = noise.reshape(target.shape)

    blocks.over(work, threads)
    return result


def _deviation(differences, clip, *, narrow):
    return _moments(differences, clip, narrow=narrow)[1]


def _moments(values, clip, *, narrow):
    """Return mean and deviation (n in its denominator) of what a clip leaves."""
    limits = clip_block(values, clip, ("low", "high"))
    mean, deviation = np.empty(values.shape[1]), np.empty(values.shape[1])
    count = np.empty(values.shape[1], np.int16)
    moments = kernel("superbias").moments
    moments(values, limits.low, limits.high, narrow, mean, deviation, count)
    return mean, deviation


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
