"""Statistics of the frames of a stack, for the table UNITS of the products."""

from __future__ import annotations

import numpy as np

from darkroom import order
from darkroom.gates.rows import RowSums, statistics
from darkroom.gates.units import columns as unit_columns

# Rows added up at a time.
_BAND = 64


def frame_statistics(
    sample: np.ndarray, mean: np.ndarray, offsets: np.ndarray, noise: float, columns: slice
) -> dict[str, np.ndarray]:
    """Return statistics of frames, relative to the mean of the stack.

    Parameters
    ----------
    sample : (n, ny, m) float32 array
        Columns of every frame.
    mean : (ny, m) float32 array
        Their mean over the frames.
    offsets : (n,) array
        Level of each frame relative to the mean.
    noise : float
        Standard deviation of a pixel in time.
    columns : slice
        Which columns of the frames these are; their parity tells those of a readout by pairs.

    Returns
    -------
    dict of (n, 1) arrays
        By the names of `darkroom.gates.units.NUMBERS`.
    """
    n, ny, m = sample.shape
    numbers = np.arange(columns.start or 0, (columns.start or 0) + m * (columns.step or 1),
                        columns.step or 1)  # fmt: skip
    kind = np.broadcast_to((numbers % 2).astype(np.int8), (ny, m))
    place = np.linspace(-1, 1, m, dtype=np.float32) if m > 1 else np.zeros(1, np.float32)
    sums = RowSums(n, kind, place, 1)
    product = mean - np.float32(order.median(mean)) if np.isfinite(mean).any() else mean
    product = _without_far(product)
    scale = np.broadcast_to(np.float32(noise), (ny, m))
    for first in range(0, ny, _BAND):
        rows = slice(first, min(first + _BAND, ny))
        values = sample[:, rows] - offsets[:, None, None].astype(np.float32)
        sums.add(rows, values, mean[rows], scale[rows], product[rows])
    found = unit_columns(statistics(sums, np.repeat(offsets[:, None], 2, axis=1)))
    # A frame has no reference pixels.
    return {name: values for name, values in found.items() if not name.startswith("reference")}


def _without_far(product):
    """Return an image without what is far from most of it, which alone would make the slope."""
    if not np.isfinite(product).any():
        return product
    spread = 1.4826 * order.median_distance(product, order.median(product))
    far = np.abs(product) > 6 * spread
    return np.where(far, np.float32(0), product) if spread > 0 else product
