"""Compiled loops for `darkroom.nircam.spectrum.long`, in double precision."""

from __future__ import annotations

import numpy as np
from numba import complex64, complex128, float32, float64, njit, types, void

_jit = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}
_part = types.Array(float32, 2, "C", readonly=True)
_lags = types.Array(float64, 1, "C", readonly=True)
_roots = types.Array(complex128, 1, "C", readonly=True)


@njit(void(complex128[:, ::1], _roots, _roots), **_jit)
def turn(waves: np.ndarray, coarse: np.ndarray, fine: np.ndarray) -> None:
    """Multiply row k and column m by the root of unity to the power k × m, in place.

    Parameters
    ----------
    waves : (nrows, ncolumns) complex128 array
    coarse, fine : (n,) and (ncolumns,) complex128 arrays
        Powers of that root: in steps of `ncolumns`, and in steps of 1.
    """
    ncolumns = waves.shape[1]
    for k in range(waves.shape[0]):
        row = waves[k]
        step = rest = 0
        for m in range(ncolumns):
            row[m] *= coarse[step] * fine[rest]
            rest += k
            while rest >= ncolumns:
                rest -= ncolumns
                step += 1


@njit(void(_part, _part, complex128[:, ::1]), **_jit)
def spread(real: np.ndarray, imaginary: np.ndarray, waves: np.ndarray) -> None:
    """Write sums of products, as `transform.ProductSums` keeps them, as complex numbers.

    Parameters
    ----------
    real, imaginary : (nrows, ncolumns) float32 arrays
        `imaginary` may be empty. In the second half of the columns it has the opposite sign.
    waves : (nrows, ncolumns) complex128 array
        Written.
    """
    nrows, ncolumns = waves.shape
    for k in range(nrows):
        for m in range(ncolumns):
            found = np.float64(imaginary[k, m]) if imaginary.size else 0.0
            waves[k, m] = complex(real[k, m], found if 2 * m < ncolumns else -found)


@njit(void(_lags, _lags, _lags, float64, float64, float64[::1]), **_jit)
def corrected(
    power: np.ndarray,
    window: np.ndarray,
    overlap: np.ndarray,
    min_pairs: float,
    min_overlap: float,
    out: np.ndarray,
) -> None:
    """Write correlations over the fraction of the pairs of samples that are valid.

    Lag t and lag t - ticks are added: they are equivalent on the clock of the frame.

    Parameters
    ----------
    power, window, overlap : (n,) float64 arrays
        Correlation of samples, of masks and of the taper, at lags 0 … and -1 … from the end.
    min_pairs : float
        A lag is used where `window` is above this × `overlap` ...
    min_overlap : float
        ... and `overlap` is above this × that at lag 0.
    out : (ticks,) float64 array
    """
    ticks, n = out.size, power.size
    for t in range(ticks):
        out[t] = 0.0
        for lag in (t, n - ticks + t):
            share = overlap[lag] / overlap[0]
            if window[lag] > min_pairs * overlap[lag] and share > min_overlap:
                out[t] += power[lag] * share / window[lag]


@njit(void(_roots, float64, complex64[::1], complex64[::1]), **_jit)
def parted(waves: np.ndarray, scale: float, first: np.ndarray, second: np.ndarray) -> None:
    """Write the transforms of two real series from that of first + i second, doubled and scaled.

    Parameters
    ----------
    waves : (n,) complex128 array
    scale : float
    first, second : (n // 2 + 1,) complex64 arrays
        Written; `second` may be empty.
    """
    n = waves.size
    for k in range(first.size):
        here, there = scale * waves[k], scale * np.conj(waves[(n - k) % n])
        first[k] = here + there
        if second.size:
            second[k] = -1j * (here - there)
