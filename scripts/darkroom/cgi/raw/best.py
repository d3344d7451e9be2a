"""Bias and cosmic rays of raw frames by the physics of the EM register (mode ``best``).

Bias: the median of each row's prescan, corrected for the shift that clock-induced charge of the
prescan gives it. A row that deviates from its neighbours takes their median.

Cosmic rays: a sample of a dark is noise plus a Poisson number of electrons, each amplified to an
exponentially distributed signal of mean g. Whatever the mean λ of that number, it exceeds
6 σ + g (√λ + √12)² with a probability of about 1e-6: samples above are hits. λ is the nominal dark
signal or, when larger, that of the pixel's other frames, so that hot pixels are not masked. Hits of
two or more pixels, or with a saturated pixel, are strong: pixels around them are flagged too. The
tail after a hit is flagged as far as it stands out from the rows above and below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.raw.peer import Bias, prescan_columns
from darkroom.cgi.units import COSMIC, NONFINITE, SATURATED
from darkroom.compiled import load_kernel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.calibration import Calibration
    from darkroom.cgi.raw.frames import RawPixels

#: Contribution of noise to the threshold [σ]; exp(-DEPTH) is the probability that dark signal
#: exceeds the threshold.
NOISE, DEPTH = 6.0, 12.0
#: A frame is bad when a larger fraction of its imaging area is masked.
MAX_MASKED_FRACTION = 0.2
#: Nominal clock-induced charge [e-] and dark current [e-/s].
CIC, DARK_CURRENT = 0.0088, 0.001
# A pixel whose own signal saturates with a probability above about exp(-_MARGIN) is flagged.
_MARGIN = 6.0
# Significance that a block of a tail must have [standard errors].
_TAIL = 3.0
# The prescan's electrons are counted when the mean signal of one is at least _COUNTABLE σ of the
# noise; samples above _COUNTED_FROM σ count.
_COUNTABLE, _COUNTED_FROM = 3.0, 4.0
# Rows on either side that a row's bias is compared with; robust standard deviations of an outlier.
_NEIGHBOURS, _OUTLIER = 5, 6.0
# Bins of the histogram of an area (half a DN each), and the step between rows of the image in it.
_BINS, _STEP = 8192, 3
# Fraction of a Gaussian below -1 σ.
_BELOW_ONE_SIGMA = 0.15865525393145707


@dataclass(frozen=True)
class Noise:
    """Noise of a frame, and the charge of its prescan.

    Attributes
    ----------
    prescan, image : float
        Noise of a pixel in the prescan and in the image [DN], from the lower half of the
        distribution of values.
    charge : float
        Clock-induced charge of a prescan pixel [e-].
    """

    prescan: float
    image: float
    charge: float


@dataclass(frozen=True)
class SearchResult:
    """Saturation and cosmic rays found in a frame.

    Attributes
    ----------
    dq : (ny, nx) uint16 array
        `SATURATED`, `COSMIC`, and `NONFINITE` in telemetry rows.
    saturation, threshold : float
        Level of saturation, and threshold of hits for a pixel with the nominal dark signal [DN].
    bad : bool
        True when more than `MAX_MASKED_FRACTION` of the imaging area is masked.
    hits, tails : int
        Runs of hit pixels in a row, and pixels of tails.
    masked : float
        Fraction of the imaging area that is flagged.
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


def row_bias(
    raw: RawPixels, gain: float, geometry: Geometry, calibration: Calibration
) -> tuple[Bias, Noise]:
    """Return the bias of a frame's rows, and its noise.

    Parameters
    ----------
    raw : darkroom.cgi.raw.frames.RawPixels
    gain : float
        EM gain.
    geometry : darkroom.cgi.geometry.Geometry
    calibration : darkroom.cgi.raw.calibration.Calibration

    Returns
    -------
    darkroom.cgi.raw.peer.Bias
        The error is that of a median; for a row that was replaced, the scatter of rows about
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
    outlier = ~rows | (np.abs(off) > _OUTLIER * scatter)
    level[outlier] = smooth[outlier]
    # The disturbance of an outlier's prescan must not enter noise and charge.
    good, (rows, columns) = ~outlier, geometry.imaging
    prescan = _spread(raw.counts, level, good, (0, ny), (first, stop), 1)
    image = _spread(
        raw.counts, level, good, (rows.start, rows.stop), (columns.start, columns.stop), _STEP
    )
    unit = gain / calibration.kgain
    charge = _prescan_charge(raw.counts, level, good, (first, stop), prescan, unit)
    shift = _median_shift(charge, prescan, unit)
    error = np.full(ny, math.sqrt(math.pi / 2) * prescan / math.sqrt(stop - first))
    error[outlier] = scatter
    bias = Bias(
        level - shift - calibration.bias_offset, np.hypot(error, calibration.bias_offset_error)
    )
    return bias, Noise(prescan, max(image, prescan), charge)


def _running_median(values, use):
    """Return the running median of values; those not marked by `use` are left out."""
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
    """Return the noise of an area [DN]: its median minus its 16th percentile, at least 0.5."""
    bins, low = np.zeros(_BINS, np.int64), -_BINS / 4.0
    load_kernel("darkroom.cgi.raw.best_kernel").histogram(
        counts, level, use, np.array(rows), np.array(columns), step, low, bins
    )
    if not bins.any():
        return 0.5
    sums = np.cumsum(bins) / bins.sum()
    edges = low + 0.5 * np.arange(1, _BINS + 1)
    below, middle = np.interp([_BELOW_ONE_SIGMA, 0.5], sums, edges)
    return max(middle - below, 0.5)


def _prescan_charge(counts, level, use, columns, sigma, unit):
    """Return the prescan's clock-induced charge [e-]: counted if the gain allows, else `CIC`."""
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
    """Return the shift of the prescan's median by amplified electrons in a few pixels [DN]."""
    ratio = sigma / unit
    if ratio > 10:
        above = (1 - ratio**-2) / (ratio * math.sqrt(2 * math.pi))
    else:
        above = 0.5 * math.exp(0.5 * ratio**2) * math.erfc(ratio / math.sqrt(2))
    return charge * sigma * math.sqrt(2 * math.pi) * above


def find_cosmic_rays(
    counts: np.ndarray,
    biases: Sequence[Bias],
    noises: Sequence[Noise],
    gains: Sequence[float],
    exptime: float,
    geometry: Geometry,
    calibration: Calibration,
) -> list[SearchResult]:
    """Flag saturation and cosmic rays in a few frames of one stack.

    Parameters
    ----------
    counts : (n, ny, nx) uint16 array
        Raw values [DN].
    biases : sequence of Bias
    noises : sequence of Noise
    gains : sequence of float
        EM gain of each frame.
    exptime : float
        Exposure time [s].
    geometry : darkroom.cgi.geometry.Geometry
    calibration : darkroom.cgi.raw.calibration.Calibration

    Returns
    -------
    list of SearchResult
        One per frame.
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
        bad = max(masked, rays / area) > MAX_MASKED_FRACTION
        found.append(SearchResult(dq, well, limit, bool(bad), hits, tails, masked, noise))
    return found


def _threshold(electrons, base, unit):
    return base + unit * (math.sqrt(electrons) + math.sqrt(DEPTH)) ** 2


def expected_loss() -> float:
    """Return the fraction of a single electron's mean signal that the threshold cuts away."""
    return (1 + DEPTH) * math.exp(-DEPTH)
