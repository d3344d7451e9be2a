"""Frames compared with those of their cell: copies, and frames that stand out.

A cell is made of the frames of one role and exposure time at about one temperature.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.judge.typical import mad_limit
from darkroom.judge.values import shown
from darkroom.words import number

# Roles whose frames are compared: flats and science frames differ rightly.
_COMPARED = ("bias", "dark")
# Exposure times that differ by less than this fraction, temperatures by less than this many °C,
# belong to one cell. The latter is wide: a level that follows the temperature widens the scatter.
_SAME_TIME, _SAME_C = 1e-3, 1.0
# Largest deviation of n values from their median in units of 1.4826 MAD: exceeded in 1 of 1,000
# sets, of 3 in 1 of 100 (4e5 simulated sets each). From 6 on see `darkroom.judge.typical`.
_FEW_LIMITS = {3: 114.0, 4: 50.0, 5: 61.0}
# Deviations that matter, in units of the noise of a pixel: (warned, refused), of few and of more.
# A level is subtracted frame by frame, so its deviation adds to the common error only; a shape
# stays, and in a stack of n shifts a pixel by 1 / sqrt(n) of the error of the mean at one noise.
# The noise itself is compared by the logarithm of the ratio: 0.4 is a factor of 1.5.
_HARM = {
    "level": ((0.5, 10.0), (0.5, 3.0)),
    "blocks": ((0.5, 3.0), (0.4, 1.0)),
    "noise": ((0.2, 0.7), (0.15, 0.4)),
}
_FEW = 6
# A cell in which this share stands out has no usual frame: that is said, no frame is refused.
_SPLIT = 0.4
# Scatter of the difference of two frames, in units of that of other pairs, below which one is a
# copy of the other; that of two frames of 256 pixels varies by 5 %.
_COPY = 0.3
# Darks below this share of the level of the bias frames were bias-subtracted.
_SUBTRACTED = 0.5
# Level of bias frames, in units of the noise, that shows whether it is still there in darks.
_PEDESTAL = 10.0


def cells_of(subjects: Sequence[Subject]) -> list[list[Subject]]:
    """Return exposures sorted into cells, in order of first appearance; others are left out."""
    found: dict[tuple[Any, ...], list[Subject]] = {}
    for subject in subjects:
        role, time = subject.values.get("role"), subject.values.get("exptime_s")
        if role not in _COMPARED:
            continue
        # Bias frames are of one exposure time.
        timed = role != "bias" and time is not None and time > 0
        bin_of_time = round(np.log(time) / _SAME_TIME) if timed else None
        found.setdefault((role, bin_of_time), []).append(subject)
    return [cell for group in found.values() for cell in _by_temperature(group)]


def _by_temperature(group: list[Subject]) -> list[list[Subject]]:
    """Split exposures where their temperatures are far apart."""
    temperatures = [subject.values.get("temperature_c") for subject in group]
    if None in temperatures:
        return [group]
    order = np.argsort(temperatures, kind="stable")
    gaps = np.diff(np.array(temperatures, float)[order]) > _SAME_C
    parts = np.split(order, np.flatnonzero(gaps) + 1)
    return [[group[k] for k in sorted(part)] for part in parts]


@dataclass(frozen=True, kw_only=True)
class EachAmplifier(Check):
    """A check of the pixels of every amplifier: one bad amplifier makes a frame bad.

    Parameters
    ----------
    check : Check
        What is checked of each.
    """

    key: str = "amplifier"
    check: Check

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgements of the first amplifier of all exposures, then of the next."""
        yield from self.check.judge(subjects)
        names = dict.fromkeys(n for s in subjects for n in s.values.get("further") or ())
        for name in names:
            mine = [
                Subject(s.name, f"{s.file}, amplifier {name}", _without_pixels(s) | further[name])
                for s in subjects
                if name in (further := s.values.get("further") or {})
            ]
            yield from self.check.judge(mine)


def _without_pixels(subject):
    """Return the values of an exposure that hold for every amplifier."""
    own = {"pixels", "constant", "level", "noise", "blocks", "kept", "missing"}
    own |= {"columns", "texture", "bright", "bright_limit"}
    return {key: value for key, value in subject.values.items() if key not in own}


@dataclass(frozen=True, kw_only=True)
class Constant(Check):
    """The pixels of a frame must not all have one value.

    That holds for all frames of a set as for one: a camera that writes zeros measured nothing, and
    a noise of 0 is no measurement.
    """

    key: str = "constant"
    what: str = "pixels"

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        for subject in subjects:
            value = subject.values.get("constant")
            if value is None:
                yield self.passed(subject, "different values", "different values")
                continue
            fault = f"all pixels that were read are {number(value)} ADU: it holds no image"
            # A saturated or empty flat is left out of the pairs that tell the gain.
            own = WARNED if subject.values.get("role") == "flat" else self.verdict
            yield self.failed(subject, value, "different values", fault, own)


@dataclass(frozen=True, kw_only=True)
class Copies(Check):
    """The noise of two frames must differ: a copy of a frame has the noise of that frame.

    It finds copies that were converted or shifted in level, which differ in every byte: the
    difference of the two is far smoother than those of other pairs. At least three frames are
    needed.
    """

    key: str = "kept"
    what: str = "noise"

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure of a cell."""
        for cell in cells_of(subjects):
            sizes = [len(subject.values.get(self.key) or ()) for subject in cell]
            known = [s for s, size in zip(cell, sizes, strict=True) if size == max(sizes)]
            if len(known) >= 3 and max(sizes):
                yield from self._judge_cell(known)

    def _judge_cell(self, cell):
        values = np.array([subject.values[self.key] for subject in cell], np.float32)
        rough = np.array([_roughness(one - values) for one in values])
        usual = float(np.median(rough[np.triu_indices(len(cell), 1)]))
        noise = float(np.median([subject.values["noise"] for subject in cell]))
        limit = f"differs from the others by {number(usual)} ADU rms"
        for k, subject in enumerate(cell):
            earlier = np.flatnonzero(rough[k, :k] < _COPY * min(usual, np.sqrt(2) * noise))
            if earlier.size:
                other, found = cell[earlier[0]], float(rough[k, earlier[0]])
                fault = (
                    f"its noise is that of {other.file}: the two differ by {number(found)} ADU "
                    f"rms, other pairs by {number(usual)}; it is a copy"
                )
                yield self.failed(subject, found, limit, fault)
            else:
                yield self.passed(subject, "its own", limit)


def _roughness(difference):
    """Return the rms of differences of frames about their level, without the largest ones."""
    off = np.abs(difference - np.median(difference, axis=1, keepdims=True))
    # Cosmic rays and unstable pixels must not decide.
    off = np.minimum(off, np.percentile(off, 95, axis=1, keepdims=True))
    return np.sqrt(np.square(off).mean(axis=1, dtype=float))


@dataclass(frozen=True, kw_only=True)
class Subtracted(Check):
    """Darks must have the level of the bias frames in them."""

    key: str = "level"
    what: str = "level above the bias frames"

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each dark where bias frames have a level to compare with."""
        known = [s for s in subjects if s.values.get("noise") and "level" in s.values]
        bias = [s for s in known if s.values.get("role") == "bias"]
        if not bias:
            return
        level, noise = (
            float(np.median([s.values[key] for s in bias])) for key in ("level", "noise")
        )
        if abs(level) < _PEDESTAL * noise:
            return
        for subject in known:
            if subject.values.get("role") != "dark":
                continue
            own = float(subject.values["level"])
            limit = f"near {number(level)} ADU"
            wrapped = own < -_PEDESTAL * noise and abs(subject.values.get("bitpix") or 0) == 16
            # Where bias frames wrapped too, differences are right: that is warned of.
            if wrapped and level > 0:
                fault = (
                    f"its level is {number(own)} ADU, that of the bias frames {number(level)}: "
                    f"probably {number(own + 65536)} ADU, written as a 16-bit integer without "
                    "BZERO = 32768, which wraps there"
                )
                yield self.failed(subject, own, limit, fault)
            elif level - own > _SUBTRACTED * abs(level):
                fault = (
                    f"its level is {number(own)} ADU, that of the bias frames {number(level)}: the "
                    "bias was subtracted already, a raw dark is needed"
                )
                yield self.failed(subject, own, limit, fault)
            else:
                yield self.passed(subject, own, limit)


@dataclass(frozen=True, kw_only=True)
class StandsOut(Check):
    """A frame must be like those of its cell in level, noise or shape.

    It stands out when it deviates from their median by more than chance shows in such a set, from
    their own scatter, and by an amount that matters. Two frames cannot tell which one is odd.
    """

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure of a cell of at least three."""
        for cell in cells_of(subjects):
            known = [s for s in cell if s.values.get("noise") and s.values.get(self.key)]
            if self.key == "blocks" and known:
                size = max(len(s.values["blocks"]) for s in known)
                known = [s for s in known if len(s.values["blocks"]) == size]
            if len(known) >= 3:
                yield from self._judge_cell(known)
            elif len(known) == 2:
                yield from self._judge_pair(known)

    def _judge_cell(self, cell):
        count = len(cell)
        deviation, usual = self._deviations(cell)
        typical = float(np.median(deviation)) if self.key == "blocks" else 0.0
        scatter = 1.4826 * float(np.median(np.abs(deviation - typical)))
        few = count < _FEW
        chance = typical + (_FEW_LIMITS[count] if few else mad_limit(count)) * scatter
        warn, refuse = (max(chance, harm) for harm in self._harm(cell, few))
        refused = np.abs(deviation) > refuse
        split = refused.sum() >= _SPLIT * count
        for subject, off, odd in zip(cell, deviation, refused, strict=True):
            verdict = self.verdict if odd and not split else WARNED
            limit = refuse if verdict != WARNED else warn
            if abs(off) <= warn:
                yield self.passed(subject, self._shown(subject, off), self._limit(usual, warn))
                continue
            fault = self._fault(subject, off, usual, count, limit)
            if split:
                fault += f"; {int(refused.sum())} of them differ as much, so none is the usual one"
            yield self.failed(
                subject, self._shown(subject, off), self._limit(usual, limit), fault, verdict
            )

    def _judge_pair(self, pair):
        """Say that two frames differ by as much as few frames may not."""
        deviation, usual = self._deviations(pair)
        _, refuse = self._harm(pair, few=True)
        for subject, off in zip(pair, deviation, strict=True):
            if 2 * abs(off) > refuse:
                fault = self._fault(subject, off, usual, 2, refuse / 2)
                fault += "; of two frames it is not clear which one is wrong"
                yield self.failed(subject, self._shown(subject, off), "", fault, WARNED)
            else:
                yield self.passed(subject, self._shown(subject, off), "")

    def _deviations(self, cell):
        """Return the deviation of each frame of a cell, and the usual value."""
        values = np.array([subject.values[self.key] for subject in cell], float)
        if self.key != "blocks":
            usual = float(np.median(values))
            if self.key == "noise":
                return usual * np.log(values / usual), usual
            return values - usual, usual
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a block without a value
            values -= np.nanmedian(values, axis=1, keepdims=True)
            return np.nanmax(np.abs(values - np.nanmedian(values, axis=0)), axis=1), 0.0

    def _harm(self, cell, few):
        """Return the deviations that matter, in the unit of the value."""
        noise = float(np.median([subject.values["noise"] for subject in cell]))
        return tuple(factor * noise for factor in _HARM[self.key][0 if few else 1])

    def _shown(self, subject, off):
        return shown(float(off) if self.key == "blocks" else float(subject.values[self.key]))

    def _limit(self, usual, limit):
        if self.key == "blocks":
            return f"at most {number(limit)} ADU"
        return f"{number(usual)} ± {number(limit)} ADU"

    def _fault(self, subject, off, usual, count, limit):
        if self.key == "blocks":
            return (
                f"parts of its image deviate by up to {number(float(off))} ADU from the other "
                f"frames of its kind ({count} with it), at most {number(limit)} is usual: "
                "light, a gradient or an incomplete readout"
            )
        own = number(float(subject.values[self.key]))
        return (
            f"its {self.name} is {own} ADU, that of the {count} frames of its kind "
            f"{number(usual)} ± {number(limit)}"
        )
