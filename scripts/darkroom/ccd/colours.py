"""Cubes whose images are the colours of one exposure, not exposures."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.words import number

# Images of a cube that may be red, green and blue.
_COLOURS = 3
# Levels of the colours differ by this many times the noise of a pixel, and by this many times the
# scatter of each of them from cube to cube.
_NOISE, _SCATTER = 1.0, 10.0
_ADVICE = "write the raw values of the camera, or one colour, as files of one image each"


@dataclass(frozen=True, kw_only=True)
class Colours(Check):
    """The three images of a cube must be exposures, and not red, green and blue of one."""

    key: str = "planes"
    what: str = "images of a cube"
    advice: str = _ADVICE

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each exposure that is an image of a cube of three."""
        mine = [s for s in subjects if s.values.get("planes") == _COLOURS]
        levels = _levels_by_role(mine)
        for subject in mine:
            said, apart = subject.values.get("colours"), levels.get(subject.values.get("role"))
            if said:
                yield self.failed(
                    subject, said, "exposures",
                    f"{said}: the images of its cube are colours of one exposure",
                )  # fmt: skip
            elif apart:
                fault = (
                    "the three images of its cube have levels of their own, alike in all cubes "
                    f"({apart} ADU): they are colours of one exposure"
                )
                yield self.failed(subject, apart, "one level", fault)
            else:
                fault = (
                    "its file is a cube of three images, which are taken as three exposures; "
                    "colours of one exposure would make the errors too small"
                )
                yield self.failed(subject, "three images", "exposures", fault, WARNED)


def _levels_by_role(subjects):
    """Return the levels of the colours, as text, of the roles whose cubes show such levels."""
    found = {}
    for role in {subject.values.get("role") for subject in subjects}:
        cubes: dict[str, list[Subject]] = {}
        for one in subjects:
            if one.values.get("role") == role and one.values.get("noise"):
                # The name of an image of a cube is that of the file and its number.
                cubes.setdefault(one.name.rpartition("_")[0], []).append(one)
        whole = [cube for cube in cubes.values() if len(cube) == _COLOURS]
        if len(whole) < 2:
            continue
        levels = np.array([[one.values["level"] for one in cube] for cube in whole], float)
        noise = float(np.median([[one.values["noise"] for one in cube] for cube in whole]))
        usual = np.median(levels, axis=0)
        own = levels - usual
        scatter = 1.4826 * np.median(np.abs(own - own.mean(axis=1, keepdims=True)))
        if np.ptp(usual) > max(_NOISE * noise, _SCATTER * scatter):
            found[role] = ", ".join(number(float(level)) for level in usual)
    return found
