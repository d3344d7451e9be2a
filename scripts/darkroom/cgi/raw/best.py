"""Bias and cosmic rays of raw frames by the physics of the EM register and the read noise.

Bias: the median of each row's prescan; rows that are off their neighbours take the neighbours'.
Clock-induced charge of the prescan, which shifts its median, is taken back.

Cosmic rays: a sample of a dark is noise plus a Poisson number of electrons, each amplified to an
exponential of mean g. It exceeds 6 σ + g (√λ + √12)² with a probability of some 1e-6, whatever its
mean λ; what does is a hit. λ is the nominal dark signal or, where the pixel's other frames tell
more, theirs: hot pixels are not cut. Hits of two pixels or more, or of a saturated one, are strong:
their surroundings are flagged too, and the tail behind them as far as it stands out from the rows
above and below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from darkroom.cgi.raw.peer import COSMIC, SATURATED, Bias, prescan_columns
from darkroom.cgi.units import NONFINITE
from darkroom.compiled import load_kernel

#: Noise part of the threshold [σ], and the exponent of the probability that dark signal exceeds it.
NOISE, DEPTH = 6.0, 12.0
#: A frame is bad when more of its imaging area is masked.
MOST_MASKED = 0.2
#: Nominal clock-induced charge [e-] and dark current [e-/s].
CIC, DARK_CURRENT = 0.0088, 0.001
# Exponent for what the register cannot hold: a pixel that saturates more often is left out.
_MARGIN = 6.0
# Levels of a tail's blocks stand out by so many standard errors.
_TAIL = 3.0
# From this amplified mean on, in units of the noise, the prescan's electrons can be counted.
_COUNTABLE, _COUNTED_FROM = 3.0, 4.0
_NEIGHBOURS, _ODD_ROW = 5, 6.0
_BINS, _STEP = 8192, 3
_PER_SIGMA = 0.15865525393145707


@dataclass(frozen=True)
class Noise:
    """What rows and pixels of a frame scatter by.

    Attributes
    ----------
    prescan, image : float
        Noise of a pixel [DN], from the lower half of its distribution.
    charge : float
        Clock-induced charge of a prescan pixel [e-].
    """

    prescan: float
    image: float
    charge: float


@dataclass(frozen=True)
class Found:
    """What the search finds in a frame; levels in DN.

    Attributes
    ----------
    dq : (ny, nx) uint16 array
    saturation, threshold : float
        Level of saturation, and of hits where a pixel has the nominal dark signal.
    bad : bool
        Too much is masked.
    hits, tails : int
        Groups of pixels in a row that were hit, and pixels of tails.
    masked : float
        Part of the imaging area that is flagged.
    noise : Noise
    """

    dq: np.ndarray
    saturation: float
    threshold: float
    bad: bool
    hits: int
    tails: int
    masked: float
    noise: Noise


def row_bias(raw, gain, geometry, calibration):
    """Return the bias of a frame's rows, and its noise.

    Parameters
    ----------
    raw : darkroom.cgi.raw.frames.Raw
    gain : float
    geometry, calibration

    Returns
    -------
    darkroom.cgi.raw.peer.Bias
        Its errors are those of a median; of a row that was replaced, the scatter of rows about
        their neighbours.
    Noise
    """
    first, stop = prescan_columns(geometry)
    ny = raw.counts.shape[0]
    median, std = np.empty(ny), np.empty(ny)
    load_kernel("darkroom.cgi.raw.kernel").row_levels(raw.counts, first, stop, median, std)
    rows = np.ones(ny, bool)
    rows[geometry.telemetry_rows] = False
    smooth = _running_median(median, rows)
    off = median - smooth
    scatter = 1.4826 * float(np.median(np.abs(off[rows]))) or 1.0
    level = median.copy()
    odd = ~rows | (np.abs(off) > _ODD_ROW * scatter)
    level[odd] = smooth[odd]
    # What spoils a row's prescan is no noise and no charge of it.
    good, (rows, columns) = ~odd, geometry.imaging
    prescan = _spread(raw.counts, level, good, (0, ny), (first, stop), 1)
    image = _spread(
        raw.counts, level, good, (rows.start, rows.stop), (columns.start, columns.stop), _STEP
    )
    unit = gain / calibration.kgain
    charge = _prescan_charge(raw.counts, level, good, (first, stop), prescan, unit)
    shift = _median_shift(charge, prescan, unit)
    error = np.full(ny, math.sqrt(math.pi / 2) * prescan / math.sqrt(stop - first))
    error[odd] = scatter
    bias = Bias(
        level - shift - calibration.bias_offset, np.hypot(error, calibration.bias_offset_error)
    )
    return bias, Noise(prescan, max(image, prescan), charge)


def _running_median(values, use):
    """Return the median of each value's neighbours (and itself), unusable ones left out."""
    known = np.where(use, values, np.nan)
    padded = np.pad(known, _NEIGHBOURS, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 2 * _NEIGHBOURS + 1)
    full = np.isfinite(windows).all(axis=1)
    smooth = np.empty_like(values)
    smooth[full] = np.median(windows[full], axis=1)
    for r in np.flatnonzero(~full):
        near = windows[r][np.isfinite(windows[r])]
        smooth[r] = np.median(near) if near.size else np.median(values[use])
    return smooth


def _spread(counts, level, use, rows, columns, step):
    """Return the lower standard deviation of an area [DN]."""
    bins, low = np.zeros(_BINS, np.int64), -_BINS / 4.0
    load_kernel("darkroom.cgi.raw.best_kernel").histogram(
        counts, level, use, np.array(rows), np.array(columns), step, low, bins
    )
    if not bins.any():
        return 0.5
    sums = np.cumsum(bins) / bins.sum()
    edges = low + 0.5 * np.arange(1, _BINS + 1)
    below, middle = np.interp([_PER_SIGMA, 0.5], sums, edges)
    return max(middle - below, 0.5)


def _prescan_charge(counts, level, use, columns, sigma, unit):
    """Return the clock-induced charge of the prescan: counted if the gain allows, else nominal."""
    if unit < _COUNTABLE * sigma or not use.any():
        return CIC
    bins, low = np.zeros(2, np.int64), _COUNTED_FROM * sigma - 0.5
    load_kernel("darkroom.cgi.raw.best_kernel").histogram(
        counts, level, use, np.array((0, len(counts))), np.array(columns), 1, low, bins
    )
    part = bins[1] / bins.sum()
    ratio = sigma / unit
    return part / math.exp(-_COUNTED_FROM * ratio + 0.5 * ratio**2)


def _median_shift(charge, sigma, unit):
    """Return by how much amplified electrons in few pixels shift the median of their noise."""
    ratio = sigma / unit
    if ratio > 10:
        above = (1 - ratio**-2) / (ratio * math.sqrt(2 * math.pi))
    else:
        above = 0.5 * math.exp(0.5 * ratio**2) * math.erfc(ratio / math.sqrt(2))
    return charge * sigma * math.sqrt(2 * math.pi) * above


def find_cosmic_rays(counts, biases, noises, gains, exptime, geometry, calibration):
    """Flag saturation and cosmic rays in a few frames of one stack.

    Parameters
    ----------
    counts : (n, ny, nx) uint16 array
    biases : list of Bias
    noises : list of Noise
    gains : list of float
        EM gain of each frame.
    exptime : float
        Seconds.
    geometry, calibration

    Returns
    -------
    list of Found
    """
    special = load_kernel("darkroom.cgi.raw.best_kernel")
    rows, columns = (np.array([s.start, s.stop]) for s in geometry.imaging)
    level = np.ascontiguousarray([bias.level for bias in biases])
    slope = float(calibration.nonlinearity.curve(gains[0])[0])
    unit = float(np.mean(gains)) / calibration.kgain / slope
    base = NOISE * float(np.median([noise.image for noise in noises]))
    electrons = CIC + DARK_CURRENT * exptime
    wells = [0.95 * calibration.well_dn(gain) for gain in gains]
    saturation = min(wells)
    limit = min(_threshold(electrons, base, unit), saturation)
    marks = np.zeros(counts.shape, np.uint8)
    special.find_hits(
        counts, level, rows, columns, min(base + 4 * unit, limit), base, unit, DEPTH, electrons,
        saturation, _MARGIN, marks,
    )  # fmt: skip
    telemetry = np.array(geometry.telemetry)
    end = (telemetry[0] if telemetry[1] > telemetry[0] else counts.shape[1]) * counts.shape[2]
    found = []
    area = (rows[1] - rows[0]) * (columns[1] - columns[0])
    for frame, bias, noise, well, bits in zip(counts, biases, noises, wells, marks, strict=True):
        hits, tails = special.grow(
            frame, bias.level, rows, columns, well, noise.image, _TAIL, end, bits
        )
        dq = np.empty(frame.shape, np.uint16)
        rays = special.quality(
            frame, bias.level, well, bits, telemetry, SATURATED, COSMIC, NONFINITE, dq
        )
        masked = np.count_nonzero(dq[geometry.imaging]) / area
        bad = max(masked, rays / area) > MOST_MASKED
        found.append(Found(dq, well, limit, bool(bad), hits, tails, masked, noise))
    return found


def _threshold(electrons, base, unit):
    return base + unit * (math.sqrt(electrons) + math.sqrt(DEPTH)) ** 2


def expected_loss():
    """Return the part of a single electron's mean signal that the threshold cuts away."""
    return (1 + DEPTH) * math.exp(-DEPTH)
