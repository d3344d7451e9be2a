"""FLTs of the same exposures made with a new dark or flat, and with the one in use."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from darkroom.counterfactual.paired import Shift, classes_of, flag_shifts, leave_one_out, mean_of
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import decide
from darkroom.gates.harms import of_product
from darkroom.wfc3.gating.harms import HARMS

#: Reference types that are compared, and the card that names them.
KINDS = {"dark": "DARKFILE", "flat": "PFLTFILE"}
# Pixels farther from the sky than this many deviations are sources.
_SOURCE, _MAD, _FEWEST = 3.5, 1.4826, 64
UNIT = {"dark": "e-/s", "flat": ""}
WORDS = {
    "dark": ScoreWords(
        "variance of the sky", "(e-/s)²",
        "It takes {} from the variance of the sky", "It adds {} to the variance of the sky",
    ),
    "flat": ScoreWords(
        "variance of the sky", "of its square",
        "It takes {} from the variance of the sky", "It adds {} to the variance of the sky",
    ),
}  # fmt: skip


class Image(NamedTuple):
    """The FLT of an exposure: rate and flags, (ny, nx) arrays."""

    rate: np.ndarray
    flags: np.ndarray


class Exposure(NamedTuple):
    """An exposure calibrated three times.

    Attributes
    ----------
    name : str
    pointing : tuple of int
        The same for exposures that show the sky at the same pixels.
    candidate, current, copy : Image
        With the new file, with that in use, and with a copy of it.
    """

    name: str
    pointing: tuple[int, ...]
    candidate: Image
    current: Image
    copy: Image


def compare(
    kind: str, exposures: Iterable[Exposure], version: str, harms: Mapping[str, float]
) -> Comparison:
    """Return what a candidate dark or flat changes.

    The sky is flat: what scatters in it beyond its noise is the error of dark and flat. The paired
    difference of its variance tells which of two files is closer to the truth. Sources are left
    out; what is left of them is the same in exposures of one pointing, which count once.

    Parameters
    ----------
    kind : str
        ``dark`` or ``flat``.
    exposures : iterable of Exposure
        Read one by one.
    version : str
        Of darkroom.
    harms : dict
        Smallest change of the ``sky`` that matters, where it is not the usual one.
    """
    harm = of_product(HARMS, f"wfc3_{kind}")["sky"].size(harms)
    gains: dict[tuple[int, ...], list[float]] = {}
    exact = True
    steps: dict[str, list[float]] = {}
    flags: list[tuple[np.ndarray, np.ndarray]] = []
    for one in exposures:
        new, old = one.candidate.rate.astype(float), one.current.rate.astype(float)
        sky = sky_pixels(one)
        gains.setdefault(one.pointing, []).append(gain(kind, new, old, sky))
        base = float(np.median(old[sky])) if kind == "flat" and sky.any() else 1.0
        step = np.where(np.isfinite(new) & np.isfinite(old), (new - old) / base, np.nan)
        for name, weights in classes_of(new.shape).items():
            steps.setdefault(name, []).append(mean_of(np.where(sky, step, np.nan), weights))
        flags.append((one.current.flags.astype(np.int32), one.candidate.flags.astype(np.int32)))
        exact &= all(
            np.array_equal(a, b, equal_nan=a.dtype.kind == "f")
            for a, b in zip(one.copy, one.current, strict=True)
        )
    found = [
        Shift("sky", name, *_scattered(values), UNIT[kind], harm, len(values))
        for name, values in steps.items()
    ]
    before, after = ([pair[k] for pair in flags] for k in (0, 1))
    area = {"all pixels": np.ones(before[0].shape, bool)} if before else {}
    return Comparison(
        consumer="darkroom's implementation of calwf3: RAW to FLT",
        version=version,
        shifts=[one for one in found if np.isfinite(one.shift)]
        + flag_shifts(before, after, {"any": 0xFFFF}, area, "flags of the FLT"),
        score=decide([float(np.mean(values)) for values in gains.values()]),
        words=WORDS[kind],
        copy_exact=exact,
        copies=len(flags),
        flags_changed=_changed(flags),
        flags_harm=of_product(HARMS, f"wfc3_{kind}")["flags"].size(harms),
        notes=[
            f"The score is of {len(gains)} pointings of {len(flags)} exposures: exposures of one "
            "pointing show the same sources at the same pixels."
        ],
    )


def sky_pixels(one: Exposure) -> np.ndarray:
    """Return the pixels that show the sky alone, chosen by the mean of both FLTs: bool array."""
    good = (one.candidate.flags == 0) & (one.current.flags == 0)
    middle = (one.candidate.rate.astype(float) + one.current.rate) / 2
    good &= np.isfinite(middle)
    for _ in range(3):
        if good.sum() < _FEWEST:
            return np.zeros_like(good)
        level = np.median(middle[good])
        spread = _MAD * np.median(np.abs(middle[good] - level))
        good &= np.abs(middle - level) <= _SOURCE * spread
    return good


def gain(kind: str, new: np.ndarray, old: np.ndarray, sky: np.ndarray) -> float:
    """Return the variance of the sky with the current file minus that with the candidate.

    Of a flat, each relative to its own level: a flat that is larger everywhere is no better.
    """
    if not sky.any():
        return float("nan")
    variance = []
    for image in (old, new):
        level = image[sky].mean()
        scale = level if kind == "flat" else 1.0
        variance.append(float((((image[sky] - level) / scale) ** 2).mean()))
    return variance[0] - variance[1]


def _changed(flags: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    return float(np.mean([np.mean(new != old) for old, new in flags])) if flags else 0.0


def _scattered(values: list[float]) -> tuple[float, float | None]:
    """Return mean and error; 0 where all are the same number, which rounding must not hide."""
    if values and min(values) == max(values):
        return float(values[0]), 0.0
    mean, error, _ = leave_one_out(np.array(values))
    return mean, error
