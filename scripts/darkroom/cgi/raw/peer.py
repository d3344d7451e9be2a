"""Bias and cosmic rays of raw frames exactly as in corgidrp 5.1.1 (mode ``peer``).

For validation: docs/products-cgi.md lists the defects of these rules. Every function works on one
frame; what corgidrp carries from frame to frame (the gain of the last one) is an argument.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.raw.network import SIZE, tables
from darkroom.cgi.units import COSMIC, SATURATED
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.calibration import Calibration
    from darkroom.cgi.raw.frames import RawPixels
    from darkroom.hints import StrPath

# A row's bias is replaced by the median of all rows when it is this many standard deviations off.
_OUTLIER = 5.0
_NONE_ZEROED = np.zeros((0, 0), bool)
_STAGES = ("sort", "two", "four", "middle")
# Largest background level that 16 bits hold; beyond it the rank filter runs in 32 bits.
_EDGE = 32767


# Keywords of corgidrp's function: the field of `Rules`, and the function that reads its text.
_KEYWORDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "mode": ("full", {"full": True, "image": False}.__getitem__),
    "median_filter_mode": ("filter_mode", {"0": 0, "1": 1, "2": 2}.__getitem__),
    "cosm_thresh": ("cosmic", float),
    "plat_thresh": ("plateau", float),
    "cosm_filter": ("length", int),
    "cosm_box": ("box", int),
    "cosm_tail": ("tail", lambda text: None if text == "auto" else int(text)),
    "cosm_tail_auto_factor": ("tail_factor", float),
    "median_filter_histogram_nbins": ("bins", int),
    "sat_thresh": ("saturation", float),
    "pct_oversat_lim": ("percent", float),
}


@dataclass(frozen=True)
class Rules:
    """Keywords of the peer's function, with the values of its recipes for darks.

    Attributes
    ----------
    full : bool
        Tails and streaks go on in the next row (its mode "full").
    filter_mode : int
        0: plateaus alone; 1: histogram of the median-filtered frame; 2: both.
    cosmic, plateau : float
        Fractions of the full well that start and end a plateau.
    length, box : int
        Least length of a plateau, and pixels around its start.
    tail : int or None
        Pixels behind a hit; None: a fraction of the gain.
    tail_factor : float
    bins : int
        Of the histogram.
    saturation : float
        Fraction of the full well.
    percent : float
        Saturated part of the frame from which on it is bad.
    """

    full: bool = True
    filter_mode: int = 2
    cosmic: float = 0.017
    plateau: float = 0.017
    length: int = 3
    box: int = 4
    tail: int | None = None
    tail_factor: float = 0.04
    bins: int = 256
    saturation: float = 0.95
    percent: float = 20.0

    @classmethod
    def from_words(cls, words: Iterable[str]) -> Rules:
        """Return rules from texts ``name=value``, with corgidrp's names (see `_KEYWORDS`).

        Raises
        ------
        DarkroomError
            For a name or a value that does not exist.
        """
        found: dict[str, Any] = {}
        for word in words:
            name, _, text = word.partition("=")
            if name not in _KEYWORDS:
                raise DarkroomError(f"no rule named {name!r}; there are {', '.join(_KEYWORDS)}")
            field, convert = _KEYWORDS[name]
            try:
                found[field] = convert(text)
            except (ValueError, KeyError):
                raise DarkroomError(f"rule {name} cannot be {text!r}") from None
        return cls(**found)


@dataclass(frozen=True)
class Bias:
    """Bias of the rows of a frame.

    Attributes
    ----------
    level, error : (ny,) float64 arrays
        Bias of each row, and its error [DN].
    """

    level: np.ndarray
    error: np.ndarray


@dataclass(frozen=True)
class SearchResult:
    """Saturation and cosmic rays found in a frame.

    Attributes
    ----------
    dq : (ny, nx) uint16 array
        `SATURATED` and `COSMIC`.
    saturation : float
        Level of saturation [DN] (the card SAT_DN).
    bad : bool
        True when too much of the frame is saturated: cosmic rays were not searched for.
    threshold : float
        The threshold that HISTORY reports [DN].
    """

    dq: np.ndarray
    saturation: float
    bad: bool
    threshold: float


def row_bias(raw: RawPixels, geometry: Geometry, calibration: Calibration) -> Bias:
    """Return the median of each row's prescan; the median of all rows replaces outliers.

    Parameters
    ----------
    raw : darkroom.cgi.raw.frames.RawPixels
    geometry : darkroom.cgi.geometry.Geometry
    calibration : darkroom.cgi.raw.calibration.Calibration

    Returns
    -------
    Bias
    """
    first, stop = prescan_columns(geometry)
    median, std = np.empty(raw.counts.shape[0]), np.empty(raw.counts.shape[0])
    load_kernel("darkroom.cgi.raw.kernel").row_levels(raw.counts, first, stop, median, std)
    middle = np.median(median)
    median[np.abs(median - middle) > _OUTLIER * np.std(median)] = middle
    error = np.sqrt((std / np.sqrt(stop - first)) ** 2 + calibration.bias_offset_error**2)
    return Bias(median - calibration.bias_offset, error)


def prescan_columns(geometry: Geometry) -> tuple[int, int]:
    """Return first and stop column, in the frame, of the prescan that measures the bias."""
    start = geometry.regions["prescan"][1]
    return start + geometry.bias_columns[0], start + geometry.bias_columns[1]


def find_cosmic_rays(
    raw: RawPixels,
    bias: Bias,
    gain: float,
    last_gain: float,
    geometry: Geometry,
    calibration: Calibration,
    rules: Rules | None = None,
    zeroed: np.ndarray | None = None,
    path: StrPath = "frame",
) -> SearchResult:
    """Flag saturation and cosmic rays.

    Parameters
    ----------
    raw : darkroom.cgi.raw.frames.RawPixels
    bias : Bias
    gain, last_gain : float
        EM gain of this frame, and of the last one of its set: the latter determines tails and
        threshold.
    geometry : darkroom.cgi.geometry.Geometry
    calibration : darkroom.cgi.raw.calibration.Calibration
    rules : Rules, optional
        By default those of corgidrp's recipes for darks.
    zeroed : (ny, nx) bool array, optional
        Pixels whose value is taken as zero (`darkroom.cgi.raw.inner_working_angle`).
    path : path-like
        The frame's name in messages.

    Returns
    -------
    SearchResult

    Raises
    ------
    InputError
        For a frame on which corgidrp ends with an IndexError: nearly all of its histogram lies
        below zero.
    """
    rules, zeroed = rules or Rules(), _NONE_ZEROED if zeroed is None else zeroed
    common = load_kernel("darkroom.cgi.raw.kernel")
    special = load_kernel("darkroom.cgi.raw.peer_kernel")
    saturation = rules.saturation * calibration.well_dn(gain)
    card, cut = rules.cosmic * calibration.well_dn(last_gain), np.empty(len(raw.counts), np.int64)
    bad = saturated_percent(raw, bias, gain, calibration, rules) > rules.percent
    flags = np.zeros(raw.counts.shape, np.uint8)
    if not bad:
        tail = 0 if last_gain == 1 else rules.tail
        if tail is None:
            tail = round(last_gain * rules.tail_factor)
        if rules.filter_mode > 0:
            threshold = _histogram_threshold(raw, bias, geometry, calibration, rules, zeroed, path)
            common.cuts(bias.level, threshold, True, cut)
            special.hits(
                raw.counts, raw.highest, cut, zeroed, threshold < 0.0, tail, rules.full, flags
            )
            card = min(card, threshold) if rules.filter_mode == 1 else card
        if rules.filter_mode != 1:
            unit = saturation / rules.saturation
            level, edge = rules.cosmic * unit, rules.plateau * unit
            common.cuts(bias.level, level, False, cut)
            special.plateaus(
                raw.counts, raw.highest, bias.level, zeroed, cut, level, edge, rules.length + 1,
                rules.box, 0 if rules.filter_mode else tail, rules.full, flags,
            )  # fmt: skip
    common.cuts(bias.level, saturation, False, cut)
    dq = np.empty(raw.counts.shape, np.uint16)
    special.quality(raw.counts, raw.highest, cut, flags, SATURATED, COSMIC, dq)
    return SearchResult(dq, saturation, bool(bad), card)


def saturated_percent(
    raw: RawPixels, bias: Bias, gain: float, calibration: Calibration, rules: Rules
) -> float:
    """Return the percentage of a frame's pixels above its saturation level.

    Parameters
    ----------
    raw : darkroom.cgi.raw.frames.RawPixels
    bias : Bias
    gain : float
        EM gain.
    calibration : darkroom.cgi.raw.calibration.Calibration
    rules : Rules
    """
    common, cut = load_kernel("darkroom.cgi.raw.kernel"), np.empty(len(raw.counts), np.int64)
    common.cuts(bias.level, rules.saturation * calibration.well_dn(gain), True, cut)
    return common.number_reaching(raw.counts, raw.highest, cut) / raw.counts.size * 100


def _histogram_threshold(raw, bias, geometry, calibration, rules, zeroed, path):
    """Return the first minimum of the histogram of the median-filtered image, or infinity."""
    special = load_kernel("darkroom.cgi.raw.peer_kernel")
    rows, columns = geometry.section("image")
    image = raw.counts[rows, columns]
    zeroed = zeroed[rows, columns] if len(zeroed) else zeroed
    # Row medians are multiples of a half, the median of all rows of a quarter.
    level = bias.level[rows] + calibration.bias_offset
    scale = 2 if (2 * level == np.floor(2 * level)).all() else 4
    base = np.rint(scale * level).astype(np.int64)
    values = np.empty(image.shape, np.int32)
    extremes = np.empty(4, np.int64)
    for number in (np.int16, np.int32):
        padded = np.empty((image.shape[0] + SIZE - 1, image.shape[1] + SIZE - 1), number)
        special.keys(image, base, scale, SIZE // 2, zeroed, values, padded)
        background = np.empty(image.shape, number)
        stages = [tables()[name + end] for name in _STAGES for end in ("", "_order")]
        load_kernel("darkroom.cgi.raw.rank_kernel").rank_filter(padded, *stages, background)
        special.differences(values, background, extremes)
        deepest, highest, low, high = extremes
        if deepest > -_EDGE and highest < _EDGE:
            break
    counts = np.zeros(high - low + 1, np.int64)
    special.count_keys(values, low, counts)
    return _first_minimum(counts, int(low), int(high), scale, rules.bins, path)


def _first_minimum(counts, low, high, scale, bins, path):
    """Return the centre of the first bin that is a minimum above the histogram's peak.

    Parameters
    ----------
    counts : (high - low + 1,) array
        Number of pixels of each whole number.
    low, high : int
        The first and the last whole number.
    scale : int
        Whole numbers per DN.
    bins : int
        Bins of the histogram.
    path : path-like
        The frame's name in messages.
    """
    first, last = low / scale, high / scale
    if low == high:
        first, last = first - 0.5, last + 0.5
    edges = np.linspace(first, last, bins + 1)
    places = np.clip(np.ceil(edges[1:-1] * scale).astype(np.int64) - low, 0, counts.size)
    sums = np.concatenate([[0], np.cumsum(counts)])
    histogram = np.diff(np.concatenate([[0], sums[places], [sums[-1]]]))
    centre = 0.5 * (edges[:-1] + edges[1:])
    if (centre[-2:] < 0).any():
        raise InputError(
            path,
            f"its pixels lie from {first:g} to {last:g} DN about their surroundings: on such a "
            "frame corgidrp ends with an IndexError, so there is nothing to reproduce",
            "prepare it in mode best",
        )
    inner = histogram[1:-1]
    minimum = (inner <= histogram[:-2]) & (inner < histogram[2:])
    maximum = (inner >= histogram[:-2]) & (inner > histogram[2:])
    minimum[centre[:-2] < 0] = False  # corgidrp does not shift this mask by the first bin
    if maximum.any():
        peak = int(np.argmax(inner == inner[maximum].max()))
        minimum[: peak + 1] = False
    return float(centre[1:-1][minimum][0]) if minimum.any() else np.inf
