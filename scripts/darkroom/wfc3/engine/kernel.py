"""Compiled steps of the calibration of single reads: all steps before CRCORR.

Results must equal those of calwf3 bit for bit. calwf3 works in C `float`: each + - * / of two
floats is rounded to float, square roots are taken in double and rounded when stored (the same as a
float root), and a few sums run in double. numba does the same: without fast math and without
contraction to fused operations, and with float32 constants below wherever those of C are floats.
Sums run in the order of pixels in memory.

All functions work on one row or one plane at a time; rows are C-contiguous, so that the loops
become vector instructions. Arrays of steps that are switched off are (1, 1) and never used. numba's
on-disk cache notices changes of this file only: nothing compiled may be imported here.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float32, float64, int16, int64, njit, types, uint8, void

_F = types.Array(float32, 2, "C")
_D = types.Array(int16, 2, "C")
_B = types.Array(uint8, 2, "C")
_F1 = types.Array(float32, 1, "C")
_WINDOW = types.UniTuple(int64, 4)

_SATURATED, _ZEROTH_SIGNAL = np.int16(256), np.int16(2048)
# What ZSIGCORR found in a pixel: signal in the zeroth read, saturation in the zeroth, in the first.
SIGNAL, SATURATED_ZEROTH, SATURATED_FIRST = 1, 2, 4

# Called by compiled code alone: without what Python or C would call, it compiles in half the time.
_helper = njit(nogil=True, error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True)
_kernel = {"nogil": True, "error_model": "numpy", "cache": True, "no_cfunc_wrapper": True}


@_helper
def _noise(signal, gain, variance):
    """Return the noise of a signal (DN), DN; `variance` is the read noise squared, e-²."""
    return np.float32(math.sqrt(np.float64(variance) + np.float64(abs(signal * gain)))) / gain


@_helper
def _row_noise(signal, noise, first, middle, stop, gains, variances):
    """Fill the noise of a row; pixels left of `middle` belong to the first amplifier."""
    gain, variance = gains[0], variances[0]
    for x in range(first, middle):
        noise[x] = _noise(signal[x], gain, variance)
    gain, variance = gains[1], variances[1]
    for x in range(middle, stop):
        noise[x] = _noise(signal[x], gain, variance)


@_helper
def _amplifiers(y, split, gains, variances):
    """Return gains and read variances left and right of the split in row y (order A B C D)."""
    if y < split:
        return (gains[1], gains[2]), (variances[1], variances[2])
    return (gains[0], gains[3]), (variances[0], variances[3])


@njit(
    void(_WINDOW, int64, int64, _F1, _F1, _F, _F, _F, _F, _F, _F, _B, float32),
    **_kernel,
)
def zeroth_signal(
    window, split_x, split_y, gains, variances, zeroth, first, super_zero, super_error, node,
    signal, found, threshold,
):  # fmt: skip
    """ZSIGCORR: find the signal collected before the zeroth read, and saturated pixels.

    Parameters
    ----------
    window : tuple of int
        (y0, y1, x0, x1): rows to work on, columns inside the border.
    split_x, split_y : int
        First column and row of the right and upper amplifiers, inside the window.
    gains, variances : (4,) float32 arrays
        e-/DN and e-² of amplifiers A B C D.
    zeroth, first : (ny, nx) float32 arrays
        Zeroth and first read, uncorrected, DN.
    super_zero, super_error, node : (ny, nx) float32 arrays
        ZSCI, ZERR, NODE of NLINFILE.
    signal : (ny, nx) float32 array
        Output: DN, 0 below the threshold.
    found : (ny, nx) uint8 array
        Output: bits `SIGNAL`, `SATURATED_ZEROTH`, `SATURATED_FIRST`.
    threshold : float32
        Smallest signal, in units of the noise.
    """
    y0, y1, x0, x1 = window
    for y in range(y0, y1):
        gain, variance = _amplifiers(y, split_y, gains, variances)
        for x in range(x0, x1):
            side = 0 if x < split_x else 1
            q = zeroth[y, x] - super_zero[y, x]
            e = _noise(q, gain[side], variance[side])
            z = super_error[y, x]
            bits = 0
            if q >= threshold * math.sqrt(e * e + z * z):
                bits |= SIGNAL
            else:
                q = np.float32(0.0)
            if q > node[y, x]:
                bits |= SATURATED_ZEROTH
            elif first[y, x] - super_zero[y, x] > node[y, x]:
                bits |= SATURATED_FIRST
            signal[y, x] = q
            found[y, x] = bits


@_helper
def _row_offset(raw, bias, zero, use_zero, sci):
    """Subtract the bias level and the zeroth read."""
    for x in range(sci.size):
        sci[x] = raw[x] - bias
    if use_zero:
        for x in range(sci.size):
            sci[x] -= zero[x]


@_helper
def _row_zeroth(raw, signal, bias, zero, use_zero, sci):
    """Do the same for the zeroth read, after adding its signal."""
    for x in range(sci.size):
        sci[x] = (raw[x] + signal[x]) - bias
    if use_zero:
        for x in range(sci.size):
            sci[x] -= zero[x]


@_helper
def _row_flag_zeroth(k, found, dq):
    """Flag what ZSIGCORR found, in the zeroth and the first read."""
    for x in range(dq.size):
        if k == 0:
            if found[x] & (SIGNAL | SATURATED_ZEROTH):
                dq[x] |= _ZEROTH_SIGNAL
            if found[x] & SATURATED_ZEROTH:
                dq[x] |= _SATURATED
        elif found[x] & (SATURATED_ZEROTH | SATURATED_FIRST):
            dq[x] |= _SATURATED


@_helper
def _row_linearity_flags(with_signal, found, zeroth_dq, nlin_dq, dq):
    """Add the flags of NLINFILE and, after the zeroth read, the flag of the zeroth signal."""
    for x in range(dq.size):
        dq[x] |= nlin_dq[x]
    if with_signal:
        for x in range(dq.size):
            if found[x] != 0 or zeroth_dq[x] & _ZEROTH_SIGNAL:
                dq[x] |= _ZEROTH_SIGNAL


@_helper
def _row_stay_saturated(saturated, dq):
    """Flag pixels that were saturated in an earlier read."""
    for x in range(dq.size):
        if saturated[x]:
            dq[x] |= _SATURATED


@_helper
def _row_keep_saturated(dq, saturated):
    """Record for later reads which pixels are saturated now."""
    for x in range(dq.size):
        saturated[x] = (dq[x] & _SATURATED) != 0


@_helper
def _row_correction(value, c1, c2, c3, c4, factor):
    """Evaluate the cubic correction factor: terms in double, each sum rounded to float."""
    for x in range(value.size):
        v = np.float64(value[x])
        c = np.float32(np.float32(1.0) + np.float64(c1[x]))
        c = np.float32(np.float64(c) + np.float64(c2[x]) * v)
        c = np.float32(np.float64(c) + np.float64(c3[x]) * (v * v))
        factor[x] = np.float32(np.float64(c) + np.float64(c4[x]) * (v * v * v))


@_helper
def _row_correction_any(value, coefficients, y, first, factor):
    """Do the same for any number of coefficients."""
    for x in range(value.size):
        c = np.float32(1.0)
        for j in range(coefficients.shape[0]):
            term = math.pow(np.float64(value[x]), np.float64(j))
            c = np.float32(np.float64(c) + np.float64(coefficients[j, y, first + x]) * term)
        factor[x] = c


@_helper
def _row_linear(value, factor, signal, with_signal, node, sci, dq):
    """Store linearised values where a pixel is not saturated; flag where it is from now on."""
    for x in range(sci.size):
        saturated = (dq[x] & _SATURATED) != 0
        linear = value[x] * factor[x]
        if with_signal:
            linear -= signal[x]
        if value[x] > node[x]:
            dq[x] |= _SATURATED
        if not saturated and value[x] <= node[x]:
            sci[x] = linear


@_helper
def _row_copy(source, target):
    for x in range(target.size):
        target[x] = source[x]


@_helper
def _row_add(source, other, target):
    for x in range(target.size):
        target[x] = source[x] + other[x]


@_helper
def _row_dark(sci, err, dq, dark_sci, dark_err, dark_dq):
    for x in range(sci.size):
        err[x] = math.sqrt(err[x] * err[x] + dark_err[x] * dark_err[x])
        sci[x] -= dark_sci[x]
        dq[x] |= dark_dq[x]


@_helper
def _row_rate(sci, err, k, time):
    """Divide by the time; the zeroth read is multiplied by the inverse of its own."""
    if k == 0:
        inverse = np.float32(1.0 / time)
        for x in range(sci.size):
            sci[x] *= inverse
            err[x] *= inverse
        return
    seconds = np.float32(time)
    for x in range(sci.size):
        sci[x] = sci[x] / seconds if seconds != 0 else np.float32(0.0)
        err[x] = err[x] / seconds if seconds != 0 else np.float32(0.0)


@_helper
def _linearise(y, x0, x1, signal, found, zeroth_dq, coefficients, node, nlin_dq,
               with_signal, value, factor, sci, dq):  # fmt: skip
    """NLINCORR of one row inside the border; `with_signal`: account for the zeroth signal."""
    seen = found[y, x0:x1] if with_signal else found[0, 0:0]
    before = zeroth_dq[y, x0:x1] if with_signal else zeroth_dq[0, 0:0]
    _row_linearity_flags(with_signal, seen, before, nlin_dq[y, x0:x1], dq)
    extra = signal[y, x0:x1] if with_signal else sci
    if with_signal:
        _row_add(sci, extra, value)
    else:
        _row_copy(sci, value)
    if coefficients.shape[0] == 4:
        _row_correction(
            value, coefficients[0, y, x0:x1], coefficients[1, y, x0:x1],
            coefficients[2, y, x0:x1], coefficients[3, y, x0:x1], factor,
        )  # fmt: skip
    else:
        _row_correction_any(value, coefficients, y, x0, factor)
    _row_linear(value, factor, extra, with_signal, node[y, x0:x1], sci, dq)


@njit(
    void(
        int64, int64, int64, _WINDOW, int64, int64, _F1, _F1, _F, float32, _F, _F, _B, _D, _B,
        types.Array(float32, 3, "C"), _F, _D, _F, _F, _D, float64,
        types.UniTuple(boolean, 5), _F, _F, _D,
    ),
    **_kernel,
)  # fmt: skip
def calibrate_rows(
    k, first_row, last_row, window, split_x, split_y, gains, variances,
    raw, bias, zero, signal, found, zeroth_dq, saturated,
    coefficients, node, nlin_dq, dark_sci, dark_err, dark_dq, time,
    steps, sci, err, dq,
):  # fmt: skip
    """Calibrate rows of read k: offsets, noise, linearity, dark, rate.

    Parameters
    ----------
    k : int
        Read in time order, 0 the zeroth.
    first_row, last_row : int
        Rows to work on, border included.
    window : tuple of int
        (y0, y1, x0, x1) inside the border; outside only the offsets are subtracted.
    split_x, split_y, gains, variances
        As for `zeroth_signal`.
    raw : (ny, nx) float32 array
        The read, DN.
    bias : float32
        Bias level of the read, from its reference pixels, DN.
    zero : (ny, nx) float32 array
        Zeroth read minus its bias level, DN.
    signal, found
        From `zeroth_signal`.
    zeroth_dq : (ny, nx) int16 array
        Flags of the zeroth read before ZSIGCORR.
    saturated : (ny, nx) uint8 array
        Pixels saturated in an earlier read; updated.
    coefficients, node, nlin_dq : (ncoef, ny, nx), (ny, nx), (ny, nx) arrays
        COEF, NODE and DQ of NLINFILE.
    dark_sci, dark_err, dark_dq : (ny, nx) arrays
        The dark of this read.
    time : float
        Seconds since the zeroth read; for k = 0 those between reset and zeroth read.
    steps : tuple of bool
        Whether to run ZSIGCORR, ZOFFCORR, NLINCORR, DARKCORR, UNITCORR.
    sci, err : (ny, nx) float32 arrays
        Output: DN/s (DN without UNITCORR).
    dq : (ny, nx) int16 array
        Flags; updated.
    """
    y0, y1, x0, x1 = window
    use_signal, use_zero, use_linearity, use_dark, use_rate = steps
    value = np.empty(x1 - x0, np.float32)
    factor = np.empty(x1 - x0, np.float32)
    for y in range(first_row, last_row):
        zero_row = zero[y] if use_zero else zero[0]
        if use_signal and k == 0:
            _row_zeroth(raw[y], signal[y], bias, zero_row, use_zero, sci[y])
        else:
            _row_offset(raw[y], bias, zero_row, use_zero, sci[y])
        err[y, :] = 0.0
        if use_linearity:
            _row_stay_saturated(saturated[y], dq[y])
        if y0 <= y < y1:
            gain, variance = _amplifiers(y, split_y, gains, variances)
            _row_noise(sci[y], err[y], x0, split_x, x1, gain, variance)
            s, e, d = sci[y, x0:x1], err[y, x0:x1], dq[y, x0:x1]
            if use_signal and k < 2:
                _row_flag_zeroth(k, found[y, x0:x1], d)
            if use_linearity:
                _linearise(y, x0, x1, signal, found, zeroth_dq, coefficients, node, nlin_dq,
                           use_signal and k > 0, value, factor, s, d)  # fmt: skip
                _row_keep_saturated(dq[y], saturated[y])
            if use_dark:
                _row_dark(s, e, d, dark_sci[y, x0:x1], dark_err[y, x0:x1], dark_dq[y, x0:x1])
            if use_rate:
                _row_rate(s, e, k, time)
        elif use_linearity:
            _row_keep_saturated(dq[y], saturated[y])
