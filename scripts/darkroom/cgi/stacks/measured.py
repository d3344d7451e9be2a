"""What was measured of a frame when it was judged: it goes with the frame into products.

Frames of a campaign are measured as they arrive, others when a program judges them; of both a
sample of the rows is read once (`darkroom.cgi.stacks.values`). Statistics of stacks and products
carry these numbers in their tables, from which the gates read them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.cgi.stacks.stacks import Stack
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Measured:
    """Numbers of a frame; NaN, or empty, where there is none.

    Attributes
    ----------
    level : float
        Mean of the imaging area, electrons before the EM register.
    scatter : float
        Scatter of its pixels, in the unit of the frame (raw frames: electrons).
    masked : float
        Share of its pixels that are flagged or no number.
    temperature : float
        Of the detector, °C.
    pixels : str
        Digests of pieces of rows, with ``-`` between: a copy has the same.
    """

    level: float = math.nan
    scatter: float = math.nan
    masked: float = math.nan
    temperature: float = math.nan
    pixels: str = ""

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Measured:
        """Make them of the values of a judged frame (`darkroom.cgi.stacks.values.frame_values`)."""
        names = ("pixel_level", "scatter", "masked", "temperature")
        numbers = (values.get(name) for name in names)
        known = (math.nan if number is None else float(number) for number in numbers)
        return cls(*known, values.get("pixels") or "")


def by_name(paths: Iterable[StrPath], values: Iterable[Mapping[str, Any]]) -> dict[str, Measured]:
    """Return what was measured of judged frames by the names of their files."""
    return {
        Path(path).name: Measured.from_values(one) for path, one in zip(paths, values, strict=True)
    }


def attach(stacks: Iterable[Stack], measured: Mapping[str, Measured]) -> None:
    """Give the frames of stacks what was measured of them.

    Parameters
    ----------
    stacks : iterable of darkroom.cgi.stacks.stacks.Stack
        Changed in place.
    measured : dict
        By the name of the file, without folder.
    """
    for stack in stacks:
        names = (member.name for member in stack.members)
        stack.measured |= {name: measured[name] for name in names if name in measured}
