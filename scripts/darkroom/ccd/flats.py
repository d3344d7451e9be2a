"""Flats compared with each other: the odd one in illumination, and those without light.

Levels of flats differ rightly, and so does the illumination through another filter. What is
compared is therefore the pattern of the light, each flat divided by its level, of one filter.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from darkroom.judge.checks import Check
from darkroom.judge.judgement import WARNED, Judgement, Subject
from darkroom.judge.typical import mad_limit
from darkroom.judge.values import groups
from darkroom.words import number

# A pattern that differs by this share matters: lamps and twilight change by less.
_HARM = 0.05
# Limit of few flats, in units of 1.4826 MAD; from 6 on see `darkroom.judge.typical`.
_FEW, _FEW_LIMIT = 6, 50.0
# Light above the bias frames, in units of the noise of a pixel, below which there is none.
_DARK = 3.0
# Standard errors of the largest block.
_CERTAIN = 5.0


@dataclass(frozen=True, kw_only=True)
class LikeFlats(Check):
    """A flat must have light, and that of the others of its filter.

    It is said, not refused: pairs without light tell no gain and are left out there, and saturated
    flats, whose pattern is flat, tell the full well.
    """

    key: str = "blocks"
    what: str = "illumination"
    verdict: str = WARNED

    def judge(self, subjects: Sequence[Subject]) -> Iterable[Judgement]:
        """Yield the judgement of each flat."""
        known = [s for s in subjects if s.values.get("noise") and s.values.get("blocks")]
        bias = [s for s in known if s.values.get("role") == "bias"]
        zero = float(np.median([s.values["level"] for s in bias])) if bias else None
        flats = [s for s in known if s.values.get("role") == "flat"]
        lit = []
        for flat in flats:
            light = flat.values["level"] - (zero or 0.0)
            least = _DARK * flat.values["noise"]
            if zero is not None and light < least:
                fault = (
                    f"holds no light: its level is {number(light)} ADU above that of the bias "
                    f"frames, {number(least)} are needed; it tells nothing of the gain"
                )
                yield self.failed(flat, light, f"at least {number(least)} ADU", fault)
            else:
                lit.append(flat)
        for cell in groups(lit, ("filter", "amplifiers")):
            if len(cell) >= 3:
                yield from self._judge_cell(cell, zero or 0.0)

    def _judge_cell(self, cell, zero):
        size = max(len(flat.values["blocks"]) for flat in cell)
        cell = [flat for flat in cell if len(flat.values["blocks"]) == size]
        count = len(cell)
        blocks = np.array([flat.values["blocks"] for flat in cell], float) - zero
        noise = np.array([flat.values["noise"] for flat in cell])
        level = np.nanmedian(blocks, axis=1)
        usable = level > _DARK * noise
        if usable.sum() < 3:
            return
        pattern = blocks / level[:, None]
        deviation = np.nanmax(np.abs(pattern - np.nanmedian(pattern[usable], axis=0)), axis=1)
        typical = float(np.median(deviation[usable]))
        scatter = 1.4826 * float(np.median(np.abs(deviation[usable] - typical)))
        factor = mad_limit(count) if count >= _FEW else _FEW_LIMIT
        limit = max(_HARM, typical + factor * scatter)
        # Faint flats are noisier; a block has at least 8 x 8 pixels.
        limits = limit + _CERTAIN * noise / 8 / np.maximum(level, noise)
        for flat, off, most, used in zip(cell, deviation, limits, usable, strict=True):
            within = f"at most {number(100 * most, 2)} %"
            if not used or off <= most:
                yield self.passed(flat, f"{number(100 * off, 2)} %", within)
                continue
            fault = (
                f"its illumination deviates by up to {number(100 * off, 3)} % from that of the "
                f"{count} flats of its filter, {within} is usual: another source of light, a "
                "shadow, an incomplete readout, or saturation"
            )
            yield self.failed(flat, f"{number(100 * off, 2)} %", within, fault)
