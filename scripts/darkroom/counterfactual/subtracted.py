"""A file that is only subtracted, against the current one: bias, dark of one exposure time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from darkroom.counterfactual.paired import Shift, shifts
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import decide, variance_gains


def compare(
    frames: np.ndarray,
    files: tuple[np.ndarray, np.ndarray],
    classes: Mapping[str, np.ndarray],
    unit: str,
    consumer: str,
    version: str,
    harm: float | None = None,
) -> Comparison:
    """Return what a candidate changes in frames from which it is subtracted.

    The change of a frame is that of the file, whatever the frame holds: its error is 0.

    Parameters
    ----------
    frames : (n, ny, nx) array
        Held-out frames, corrected as the consumer corrects them before the subtraction.
    files : (array, array)
        Candidate and current file, (ny, nx), in the unit of the frames; NaN where unusable.
    classes : dict
        Weights of the pixels; ``all pixels`` are those of the score.
    unit : str
    consumer, version : str
        What subtracts the file.
    harm : float, optional
        Smallest shift that matters.
    """
    candidate, current = (np.asarray(one, float) for one in files)
    frames = np.asarray(frames, float)
    use = classes["all pixels"] & np.isfinite(candidate) & np.isfinite(current)
    step = np.where(use, current - candidate, np.nan)
    found = [
        Shift(one.estimand, one.kind, one.shift, 0.0, unit, harm, len(frames))
        for one in shifts(step[None], classes, "level of subtracted frames", unit, harm)
    ]
    words = ScoreWords(
        "variance of held-out frames",
        f"{unit}²",
        "It takes {} from the variance of each pixel",
        "It adds {} to the variance of each pixel",
    )
    copy = current.copy()
    same = np.array_equal(frames - copy, frames - current, equal_nan=True)
    gains = variance_gains(frames, copy, current, use)
    return Comparison(
        consumer=consumer,
        version=version,
        shifts=found,
        score=decide(variance_gains(frames, candidate, current, use)),
        words=words,
        copy_exact=bool(same and not np.nan_to_num(gains).any()),
        copies=len(frames),
    )
