"""Reduction of images to the size of the page, with single hot pixels kept visible."""

from __future__ import annotations

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.plot import measures

# Device pixels of the longer side of an image that is reduced: 350 CSS pixels, 1.7 for each, for
# sharp screens. A small image, whose file is small however large its dots, has a little more.
SIDE, _SMALL_SIDE = 600, 700
# A pixel this many robust sigma from the image's median replaces the mean of its block, in at most
# this fraction of the blocks, so that the mean level stays visible. The strongest are always shown.
_KEEP = 8.0
_MOST_KEPT = 0.02
_STRONGEST = 10
# Median and sigma are measured in about so many pixels, spread over the image.
_SAMPLED = 1 << 17


def block_factor(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return the side of the blocks that an image is reduced by, and the side of a dot.

    Returns
    -------
    factor, dot : int
        A block of `factor` × `factor` pixels is drawn as a square of `dot` × `dot` device pixels.
    """
    side = max(shape)
    if side <= _SMALL_SIDE // 2:
        return 1, max(2, _SMALL_SIDE // side)
    factors = range(1, side + 1)
    best = min(factors, key=lambda f: abs(np.log(2 * -(-side // f) / SIDE)))
    return best, 2


def reduce_blocks(image: np.ndarray, factor: int) -> np.ndarray:
    """Average blocks of pixels, but show an outlier instead of its block's mean.

    A plain mean dims a hot pixel by the area of the block; a plain maximum makes noise look like
    signal. Here a block shows its mean, unless it holds a pixel more than 8 robust sigma from the
    image's median: then it shows that pixel. Where that applies to more than 2 % of the blocks,
    only the ten strongest outliers and an even selection of the others are shown, so that the
    image keeps its level (the strongest alone would follow a gradient of the image). NaN are left
    out.

    Parameters
    ----------
    image : (ny, nx) array
    factor : int
        Side of a block, pixels.

    Returns
    -------
    (ceil(ny/factor), ceil(nx/factor)) array
        float64; an image that is not reduced is returned as it is.
    """
    image = np.asarray(image)
    image = image if image.dtype == np.float32 else image.astype(float)
    if factor == 1:
        return image
    # An odd step, so that not the same columns are taken in each row.
    step = image.size // _SAMPLED | 1
    median, sigma = measures.level_and_spread(image.ravel()[::step])
    shape = -(-image.shape[0] // factor), -(-image.shape[1] // factor)
    mean, extreme = np.empty(shape), np.empty(shape)
    load_kernel("darkroom.plot.reduction_kernel").reduce(image, factor, median, mean, extreme)
    deviation = np.nan_to_num(np.abs(extreme - median))
    kept = np.flatnonzero((deviation > _KEEP * sigma) & (deviation > 0))
    most = max(_STRONGEST, int(_MOST_KEPT * deviation.size))
    if kept.size > most:
        strongest = np.argsort(-deviation.ravel()[kept], kind="stable")[:_STRONGEST]
        kept = np.concatenate([kept[strongest], kept[:: -(-kept.size // most)]])
    mean.ravel()[kept] = extreme.ravel()[kept]
    return mean


def reduce_flags(codes: np.ndarray, factor: int) -> np.ndarray:
    """Return the largest code of each block: one flagged pixel flags its block."""
    return _blocks(np.asarray(codes), factor, 0).max(axis=(1, 3))


def _blocks(image, factor, fill):
    """View an image as (rows of blocks, factor, columns of blocks, factor), padded with `fill`."""
    ny, nx = image.shape
    pad = ((0, -ny % factor), (0, -nx % factor))
    padded = np.pad(image, pad, constant_values=fill)
    return padded.reshape(padded.shape[0] // factor, factor, padded.shape[1] // factor, factor)
