"""Compiled sums over the pixels of a row, from which the statistics of units are made."""

from __future__ import annotations

import math

import numpy as np
from numba import float32, float64, int8, njit, types, void

_samples = types.Array(float32, 3, "A", readonly=True)
_image = types.Array(float32, 2, "A", readonly=True)
_place = types.Array(float32, 1, "A", readonly=True)
_kinds = types.Array(int8, 2, "A", readonly=True)


@njit(
    void(_samples, _image, _image, _image, _kinds, _place, float64, float64[:, :, :, ::1]),
    nogil=True,
    error_model="numpy",
    cache=True,
    no_cfunc_wrapper=True,
)
def row_sums(
    values: np.ndarray,
    mean: np.ndarray,
    scale: np.ndarray,
    product: np.ndarray,
    kind: np.ndarray,
    place: np.ndarray,
    reach: float,
    out: np.ndarray,
) -> None:
    """Add up the residuals of every unit, row and kind of pixels.

    Parameters
    ----------
    values : (n, nrows, nx) float32 array
        Samples of n units, in the unit of the product; those not finite are left out.
    mean : (nrows, nx) float32 array
        What the units have in common.
    scale : (nrows, nx) float32 array
        Noise of a sample; a residual beyond `reach` times it is counted as clipped.
    product : (nrows, nx) float32 array
        The product, its level subtracted.
    kind : (nrows, nx) int8 array
        Kind of each pixel; −1 where it is left out.
    place : (nx,) float32 array
        Place of a column within its amplifier, from −1 to 1.
    reach : float
        In units of `scale`.
    out : (n, nrows, nkinds, 9) float64 array
        Written to: the number of residuals r, the sums of r, r², r·place, r·product, place²,
        product², the number of clipped samples, and the number of pixels.
    """
    nunits, nrows, nx = values.shape
    out[:] = 0.0
    for i in range(nunits):
        for y in range(nrows):
            row = out[i, y]
            for x in range(nx):
                k = kind[y, x]
                if k < 0:
                    continue
                row[k, 8] += 1.0
                r = np.float64(values[i, y, x]) - np.float64(mean[y, x])
                if not math.isfinite(r):
                    continue
                if abs(r) > reach * scale[y, x]:
                    row[k, 7] += 1.0
                    continue
                u = np.float64(place[x])
                b = np.float64(product[y, x])
                row[k, 0] += 1.0
                row[k, 1] += r
                row[k, 2] += r * r
                row[k, 3] += r * u
                row[k, 4] += r * b
                row[k, 5] += u * u
                row[k, 6] += b * b
