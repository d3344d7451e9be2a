"""The checks of CCD frames: type and state, set-up, copies, and frames that stand out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.ccd.cells import SAME_BIAS_S
from darkroom.ccd.colours import Colours
from darkroom.ccd.details import InPlace
from darkroom.ccd.flats import LikeFlats
from darkroom.ccd.received import SETUP, header_values
from darkroom.ccd.siblings import Constant, Copies, EachAmplifier, StandsOut, Subtracted
from darkroom.judge.checks import Check, NoFaults
from darkroom.judge.common import Alike, Distinct
from darkroom.judge.engine import judge
from darkroom.judge.judgement import WARNED, Judgement, Subject, require_good

if TYPE_CHECKING:
    from darkroom.fits.describe import Frame

_ONCE = "give every exposure once"


@dataclass(frozen=True, kw_only=True)
class StatedType(Check):
    """The type that the cards state must be the role; an unknown type is said.

    Parameters
    ----------
    bias_exptime_s : float or None
        Darks up to this exposure time may be used as bias frames.
    """

    key: str = "type"
    what: str = "type"
    bias_exptime_s: float | None = None

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure."""
        for subject in subjects:
            kind, role = subject.values.get("type"), subject.values.get("role")
            said, time = subject.values.get("type_said"), subject.values.get("exptime_s")
            if time is not None and not 0 <= time < math.inf:
                fault = (
                    f"its exposure time is {time:g} s, which cannot be; if another card holds it, "
                    "name that: cards: {exptime: CARD}"
                )
                yield self.failed(subject, time, "not negative", fault)
            elif not kind:
                if said:
                    fault = f"{said}, which is no type that is known here; used as {role}"
                    yield self.failed(subject, said, str(role), fault, WARNED)
                else:
                    yield self.passed(subject, "not stated", str(role))
            elif kind == role:
                if role == "dark" and time == 0:
                    fault = (
                        "its exposure time is 0 s, a dark needs one; if another card holds it, "
                        "name that: cards: {exptime: CARD}"
                    )
                    yield self.failed(subject, time, "above 0 s", fault)
                else:
                    yield self.passed(subject, kind, str(role))
            elif (role, kind) == ("bias", "dark") and time is not None:
                yield self._short_dark(subject, said, time)
            else:
                fault = f"{said}, the campaign uses it as {role}"
                yield self.failed(subject, kind, str(role), fault)

    def _short_dark(self, subject, said, time):
        if self.bias_exptime_s is not None and time <= self.bias_exptime_s:
            return self.passed(subject, "dark", f"bias, or dark up to {self.bias_exptime_s:g} s")
        fault = (
            f"{said}, the campaign uses it as bias; to use darks as short as its {time:g} s as "
            f"bias frames, set ccd: judge: bias_exptime_s: {time:g}"
        )
        return self.failed(subject, "dark", "bias", fault)


@dataclass(frozen=True, kw_only=True)
class OfRole(Check):
    """A check of the exposures of one role alone.

    Parameters
    ----------
    role : str
    check : Check
    """

    key: str = "role"
    role: str
    check: Check

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure of the role."""
        mine = [subject for subject in subjects if subject.values.get("role") == self.role]
        return self.check.judge(mine) if mine else ()


@dataclass(frozen=True, kw_only=True)
class OwnStart(Check):
    """No two exposures begin at the same time."""

    key: str = "start"
    what: str = "start"
    verdict: str = WARNED
    advice: str = _ONCE

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure; none where the starts say nothing.

        Some programs write the start of a whole series into each exposure: where most share their
        start, it is no sign of a copy.
        """
        starts = [_precise(subject) for subject in subjects]
        known = [start for start in starts if start]
        if 2 * len(set(known)) < len(known):
            return
        first: dict[str, Subject] = {}
        for subject, start in zip(subjects, starts, strict=True):
            earlier = first.setdefault(start, subject) if start else subject
            if earlier is subject:
                yield self.passed(subject, start, "unique")
            else:
                fault = f"it began at the same time as {earlier.file} ({start})"
                yield self.failed(subject, start, "unique", fault)


def _precise(subject):
    """Return the start of an exposure where it is stated finely enough to tell frames apart."""
    start = subject.values.get("start")
    return start if start and ("." in start or subject.values.get("exptime_s", 0) >= 1) else None


def header_checks(settings: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks that need headers alone.

    Parameters
    ----------
    settings : mapping
        See `darkroom.ccd.settings.JudgeSettings`.
    """
    return (
        NoFaults(key="state", what="state"),
        StatedType(bias_exptime_s=settings.get("bias_exptime_s")),
        *(
            Alike(key=name, what=f"{name} ({SETUP[name][0]})", ignore_missing=True, relative=1e-6)
            for name in SETUP
        ),
        OfRole(
            role="bias",
            check=Alike(
                key="exptime_s", what="exposure time of a bias frame", tolerance=SAME_BIAS_S,
                unit="s", advice="use longer ones as darks",
            ),
        ),
        # Temperature groups need it in all darks or in none.
        OfRole(role="dark", check=Alike(key="temperature", what="detector temperature")),
        OwnStart(),
        NoFaults(key="remarks", what="header", verdict=WARNED),
    )  # fmt: skip


def checks(settings: Mapping[str, Any]) -> tuple[Check, ...]:
    """Return the checks of an item's exposures, in the order in which they are made.

    Parameters
    ----------
    settings : mapping
        See `darkroom.ccd.settings.JudgeSettings`.
    """
    return (
        # Copies are found by their pixels first: that they began together is then no news.
        Distinct(key="pixels", what="image", advice=_ONCE),
        *header_checks(settings),
        Colours(),
        Alike(key="amplifiers", what="number of images (amplifiers)", ignore_missing=True),
        EachAmplifier(check=Constant()),
        EachAmplifier(check=Subtracted()),
        EachAmplifier(check=StandsOut(key="level", what="level")),
        # A noisy frame is noisy in its parts as well.
        EachAmplifier(check=StandsOut(key="noise", what="noise from pixel to pixel")),
        EachAmplifier(check=StandsOut(key="blocks", what="shape")),
        EachAmplifier(check=LikeFlats()),
        EachAmplifier(check=InPlace()),
        # Last: a frame unlike all others would make any two of the rest look like copies.
        Copies(advice=_ONCE),
        Alike(
            key="bitpix", what="type of numbers (BITPIX)", verdict=WARNED,
            advice="a frame stored otherwise may have been changed by a program",
        ),
    )  # fmt: skip


def warnings_of(frames: Mapping[str, Sequence[Frame]], settings: Mapping[str, Any]) -> list[str]:
    """Judge frames by their headers alone, as the programs do with files given by hand.

    Parameters
    ----------
    frames : mapping
        ``{role: frames}``.
    settings : mapping
        See `darkroom.ccd.settings.JudgeSettings`.

    Returns
    -------
    list of str
        The warnings, a sentence each.

    Raises
    ------
    DarkroomError
        Naming every frame that cannot be used.
    """
    subjects = [
        Subject(
            str(frame.path), frame.path.name,
            header_values(frame) | {"role": role, "exptime_s": frame.exptime},
        )
        for role, several in frames.items()
        for frame in several
    ]  # fmt: skip
    return require_good(judge(subjects, header_checks(settings)), "product")
