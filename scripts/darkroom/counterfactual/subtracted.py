"""A file that is only subtracted, against the current one: bias, dark of one exposure time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from darkroom.counterfactual.paired import Shift, leave_one_out, mean_of
from darkroom.counterfactual.plausible import doubt_of_image, doubt_of_noise
from darkroom.counterfactual.record import Comparison, ScoreWords
from darkroom.counterfactual.score import decide, noise_gains, variance_gains

#: Class of the pixels that the score uses.
SCORED = "all pixels"
LEVEL = "level of subtracted frames"


@dataclass(frozen=True)
class Consumer:
    """What takes a file, and how its effect is told.

    Attributes
    ----------
    name, version : str
        Of the consumer.
    unit : str
        Of the frames.
    harm : float, callable or None
        Smallest shift of a level that matters; or what gives it for the noise of a frame.
    relative : bool
        Whether the score is a share of the variance of a frame: for frames of unlike noise.
    """

    name: str
    version: str
    unit: str
    harm: float | Callable[[float], float] | None = None
    relative: bool = False


class Exchange(NamedTuple):
    """A held-out frame, and what is subtracted from it with either file; (ny, nx), one unit.

    Attributes
    ----------
    frame : array
        Corrected as the consumer corrects it before the subtraction; NaN where unusable.
    candidate, current : array
    group : str
        Frames from which the same is subtracted, e.g. those of one gain and exposure time.
    """

    frame: np.ndarray
    candidate: np.ndarray
    current: np.ndarray
    group: str = ""


def compare(
    held_out: Iterable[Exchange],
    classes: Mapping[str, np.ndarray],
    consumer: Consumer,
    apart: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> Comparison:
    """Return what a candidate changes in frames from which it is subtracted.

    The change of a frame is that of the file, whatever the frame holds: where the same image is
    subtracted from every frame its error is 0.

    Parameters
    ----------
    held_out : iterable of Exchange
        Read one by one: one frame is in memory at a time.
    classes : dict
        Weights of the pixels by name; ``all pixels`` are those of the score.
    consumer : Consumer
    apart : sequence of str
        Classes that the score leaves out, and whose own gain of variance is told, e.g. hot pixels.
    notes : sequence of str
        What a reader must know.
    """
    unit = "of a frame's" if consumer.relative else f"{consumer.unit}²"
    words = ScoreWords(
        "variance of held-out frames",
        unit,
        "It takes {} from the variance of each pixel" if not consumer.relative
        else "It takes {} variance from each pixel",
        "It adds {} to the variance of each pixel" if not consumer.relative
        else "It adds {} variance to each pixel",
    )  # fmt: skip
    steps: dict[tuple[str, str], list[float]] = {}
    noises: dict[str, list[float]] = {}
    gains: dict[str, list[float]] = {name: [] for name in (SCORED, *apart)}
    exact, doubt = True, ""
    for one in held_out:
        frame, new, old = (np.asarray(image, float) for image in one[:3])
        use = classes[SCORED] > 0
        doubt = doubt or doubt_of_image(new[use], old[use], _noise(frame - new, use))
        known = np.isfinite(new) & np.isfinite(old)
        step = np.where(known, old - new, np.nan)
        for name, weights in classes.items():
            steps.setdefault((one.group, name), []).append(mean_of(step, weights))
        residual = frame - (new + old) / 2
        noises.setdefault(one.group, []).append(_noise(residual, classes[SCORED]))
        scale = _variance(residual, classes[SCORED]) if consumer.relative else 1.0
        for name, values in gains.items():
            gain = variance_gains(frame[None], new, old, (classes[name] > 0) & known)[0]
            values.append(gain / scale)
        exact &= _copy_changes_nothing(frame, old)
    found = [
        _shift(f"{LEVEL}, {group}" if group else LEVEL, name, values, consumer, noises[group])
        for (group, name), values in steps.items()
    ]
    found += [
        Shift("variance taken away", name, *_scattered(gains[name]), unit, None, len(gains[name]))
        for name in apart
    ]
    return Comparison(
        consumer=consumer.name,
        version=consumer.version,
        shifts=[one for one in found if np.isfinite(one.shift)],
        score=decide(gains[SCORED]),
        words=words,
        copy_exact=exact,
        copies=len(gains[SCORED]),
        doubt=doubt,
        notes=notes,
    )


def compare_noise(
    held_out: Iterable[Exchange],
    classes: Mapping[str, np.ndarray],
    consumer: Consumer,
    notes: Sequence[str] = (),
) -> Comparison:
    """Return how much better a candidate tells the noise of a pixel.

    Parameters
    ----------
    held_out : iterable of Exchange
        Read one by one. Frames are residuals of expectation 0; candidate and current are the
        standard deviation of a residual by either file.
    classes : dict
        Weights of the pixels by name; ``all pixels`` are those of the score.
    consumer : Consumer
    notes : sequence of str
    """
    gains, copies, doubt = [], [], ""
    steps: dict[str, list[float]] = {name: [] for name in classes}
    pulls: dict[str, list[float]] = {"candidate": [], "current": []}
    for one in held_out:
        residual, new, old = (np.asarray(image, float) for image in one[:3])
        doubt = doubt or doubt_of_noise(new[classes[SCORED] > 0], old[classes[SCORED] > 0])
        good = np.isfinite(new) & np.isfinite(old) & (new > 0) & (old > 0)
        step = np.where(good, new - old, np.nan)
        for name, weights in classes.items():
            steps[name].append(mean_of(step, weights))
        use = classes[SCORED] & good
        gains.append(noise_gains(residual[None], new, old, use)[0])
        copies.append(noise_gains(residual[None], old.copy(), old, use)[0])
        seen = use & np.isfinite(residual)
        for name, noise in (("candidate", new), ("current", old)):
            pulls[name].append(float(np.mean((residual[seen] / noise[seen]) ** 2)))
    shifts = [
        Shift("noise", name, *_scattered(values), consumer.unit, consumer.harm, len(gains))
        for name, values in steps.items()
    ]
    closures = [
        Shift(f"squared residual over that of the {name} file, minus 1", SCORED,
              *_scattered([value - 1 for value in values]), "", None, len(values))
        for name, values in pulls.items()
    ]  # fmt: skip
    words = ScoreWords(
        "logarithmic likelihood of held-out frames",
        "nats",
        "It makes each sample more likely by {}",
        "It makes each sample less likely by {}",
    )
    return Comparison(
        consumer=consumer.name,
        version=consumer.version,
        shifts=[one for one in shifts if np.isfinite(one.shift)],
        closures=closures,
        score=decide(gains),
        words=words,
        copy_exact=not np.nan_to_num(copies).any(),
        copies=len(gains),
        doubt=doubt,
        notes=notes,
    )


def _variance(residual: np.ndarray, use: np.ndarray) -> float:
    """Return the mean square of a frame about the middle of both files: it favours neither."""
    squares = residual[(use > 0) & np.isfinite(residual)] ** 2
    return float(np.mean(squares)) if squares.size and squares.any() else 1.0


def _copy_changes_nothing(frame: np.ndarray, current: np.ndarray) -> bool:
    copy = current.copy()
    same = np.array_equal(frame - copy, frame - current, equal_nan=True)
    return same and not np.nan_to_num(variance_gains(frame[None], copy, current)).any()


def _noise(residual: np.ndarray, use: np.ndarray) -> float:
    """Return half the width of the middle 68 % of a frame: hits and rare electrons do not count."""
    values = residual[(use > 0) & np.isfinite(residual)]
    return float(np.subtract(*np.percentile(values, [84.13, 15.87]))) / 2 if values.size else np.nan


def _shift(
    estimand: str, name: str, values: list[float], consumer: Consumer, noises: list[float]
) -> Shift:
    shift, error = _scattered(values)
    harm = consumer.harm
    if callable(harm):
        usual = float(np.nanmedian(noises)) if np.isfinite(noises).any() else np.nan
        harm = harm(usual) if usual > 0 else None
    return Shift(estimand, name, shift, error, consumer.unit, harm, len(values))


def _scattered(values: list[float]) -> tuple[float, float | None]:
    """Return mean and error; 0 where all are the same number, which rounding must not hide."""
    if values and min(values) == max(values):
        return float(values[0]), 0.0
    mean, error, _ = leave_one_out(np.array(values))
    return mean, error
