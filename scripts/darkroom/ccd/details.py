"""Small details of a frame that stay in place: a frame whose rows or columns slipped lacks them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from darkroom.ccd.siblings import cells_of
from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.words import counted, number

# Columns and pixels that are kept of the sample of a frame, and the brightest pixels.
_COLUMNS, _PIXELS, _BRIGHT = 512, 2048, 256
# Values are kept as whole numbers of this fraction of their noise, up to this many of them.
_STEP, _MOST = 8, 32
# A pixel is bright when it exceeds its row and column by this many times the noise.
_BRIGHT_NOISE = 8.0
# Columns on either side of which a column is compared.
_NEIGHBOURS = 4
# Bright pixels of a kind that are needed to tell, how far above the limit of a frame they must
# be to be expected there, and the chance by which a frame may lack so many of them.
_FEWEST, _SURE, _CHANCE = 8, 2.0, 1e-6
# A frame stands out that has less than this share of the usual correlation, or bright pixels, by
# more than this many standard errors (Fisher's z), and of six frames and more by this many times
# their scatter.
_SHARE, _SIGMA, _SCATTER, _FEW = 0.5, 6.0, 5.0, 6
# A cell in which this share stands out has no usual frame.
_SPLIT = 0.4


def details(values: np.ndarray, noise: float) -> dict[str, Any]:
    """Return the details of a frame by which it is compared.

    Parameters
    ----------
    values : (nrows, nx) array
        Sample of its rows.
    noise : float
        From pixel to pixel, above 0.

    Returns
    -------
    dict
        ``columns`` and ``texture`` (deviations of columns from their neighbours, and of some
        pixels from their row and column, in eighths of their noise), ``bright`` (places and values
        of the brightest pixels, in units of the noise) and ``bright_limit``.
    """
    ny, nx = values.shape
    rest = np.nan_to_num(values - np.float32(np.nanmedian(values)))
    rest -= np.median(rest, axis=1, keepdims=True)
    profile = np.median(rest, axis=0)
    rest -= profile
    first = max(0, (nx - _COLUMNS) // 2)
    middle = slice(first, first + _COLUMNS)
    some = rest[:, middle].ravel()
    some = some[:: max(1, some.size // _PIXELS)][:_PIXELS]
    places = np.flatnonzero(rest.ravel() > _BRIGHT_NOISE * noise)
    heights = rest.ravel()[places] / noise
    brightest = np.argsort(-heights, kind="stable")[:_BRIGHT]
    full = len(places) > _BRIGHT
    return {
        "columns": _whole(_sharp(profile)[middle], noise * math.sqrt(math.pi / 2 / ny)),
        "texture": _whole(some, noise),
        "bright": [[int(places[k]), round(float(heights[k]), 1)] for k in brightest],
        "bright_limit": float(heights[brightest[-1]]) if full else _BRIGHT_NOISE,
    }


def _sharp(profile):
    """Return a profile less the median of its neighbours."""
    width = 2 * _NEIGHBOURS + 1
    if len(profile) < width:
        return profile - np.median(profile)
    padded = np.pad(profile, _NEIGHBOURS, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, width)
    return profile - np.median(windows, axis=1)


def _whole(values, unit):
    limited = np.clip(np.rint(values * (_STEP / unit)), -_MOST, _MOST)
    return [int(value) for value in limited]


@dataclass(frozen=True, kw_only=True)
class InPlace(Check):
    """Bright pixels, columns and pattern of a frame must be where those of its cell are.

    A readout that slipped by rows or columns, or another part of the detector, has level, noise
    and shape of the others. At least three frames are needed; without bright pixels or a pattern
    above the noise nothing can be told.
    """

    key: str = "texture"
    what: str = "place of its details"

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure of a cell."""
        for cell in cells_of(subjects):
            sizes = [len(subject.values.get("texture") or ()) for subject in cell]
            known = [s for s, size in zip(cell, sizes, strict=True) if size == max(sizes)]
            if len(known) >= 3 and max(sizes):
                yield from self._judge_cell(known)

    def _judge_cell(self, cell):
        faults: dict[str, str] = {}
        for subject, fault in (
            *_unlike(cell, "texture", "pattern of its pixels"),
            *_unlike(cell, "columns", "pattern of its columns"),
            *_lacking(cell),
        ):
            faults[subject.name] = fault
        split = len(faults) >= _SPLIT * len(cell)
        for subject in cell:
            if fault := faults.get(subject.name):
                fault += ": rows or columns are shifted, or it shows another part of the detector"
                if split:
                    fault += f"; {counted(len(faults), 'frame')} of {len(cell)} differ so"
                yield self.failed(
                    subject, "elsewhere", "in place", fault, WARNED if split else self.verdict
                )
            else:
                yield self.passed(subject, "in place", "in place")


def _unlike(cell, key, what):
    """Yield the frames whose values have little to do with the median of the others."""
    values = np.array([subject.values[key] for subject in cell], np.float32)
    found = np.array([_correlation(*pair) for pair in _with_median(values)])
    usual = float(np.median(found))
    if not usual > 0:
        return
    z = np.arctanh(np.clip(found, -0.999, 0.999))
    below = np.median(z) - z
    limit = _SIGMA / math.sqrt(max(values.shape[1] - 3, 1))
    if len(cell) >= _FEW:
        limit = max(limit, _SCATTER * 1.4826 * float(np.median(np.abs(below))))
    for subject, own, off in zip(cell, found, below, strict=True):
        if own < _SHARE * usual and off > limit:
            yield (
                subject,
                (
                    f"the {what} is not that of the {len(cell)} frames of its kind: correlation "
                    f"{number(float(own))}, usually {number(usual)}"
                ),
            )


def _with_median(values):
    """Yield each row with the median of the others (of all where they are many)."""
    whole = np.median(values, axis=0) if len(values) > 40 else None
    for k, own in enumerate(values):
        yield own, np.median(np.delete(values, k, axis=0), axis=0) if whole is None else whole


def _correlation(one, other):
    one, other = one - one.mean(), other - other.mean()
    scale = math.sqrt(float(one @ one) * float(other @ other))
    return float(one @ other) / scale if scale else 0.0


def _lacking(cell):
    """Yield the frames in which most bright pixels of the others are not bright."""
    bright = [dict(map(tuple, subject.values["bright"])) for subject in cell]
    often = Counter(place for one in bright for place in one)
    usual = {
        place: float(np.median([one[place] for one in bright if place in one]))
        for place, count in often.items()
        if 2 * count > len(cell)
    }
    seen = []
    for subject, one in zip(cell, bright, strict=True):
        limit = _SURE * subject.values["bright_limit"]
        expected = [place for place, value in usual.items() if value > limit]
        seen.append((sum(place in one for place in expected), len(expected)))
    shares = [count / total for count, total in seen if total >= _FEWEST]
    if len(shares) < 3:
        return
    share = float(np.median(shares))
    for subject, one, (count, total) in zip(cell, bright, seen, strict=True):
        # A colder frame has fewer bright pixels; a shifted one has them elsewhere.
        if (
            total >= _FEWEST
            and count < _SHARE * share * total
            and len(one) > _SHARE * total
            and _at_most(count, total, share) < _CHANCE
        ):
            yield (
                subject,
                (
                    f"of {total} bright pixels of the {len(cell)} frames of its kind {count} are "
                    f"bright in it, usually {number(share * total, 3)}"
                ),
            )


def _at_most(count, total, share):
    """Return the chance of at most `count` of `total` at a probability of `share`."""
    share = min(share, 1 - 1 / (total + 1))
    return sum(
        math.comb(total, k) * share**k * (1 - share) ** (total - k) for k in range(count + 1)
    )
