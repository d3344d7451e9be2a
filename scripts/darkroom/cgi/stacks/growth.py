"""What is recorded of masks of cosmic rays that were grown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Growth:
    """What the masks of a stack left of cosmic-ray hits, and by how much they were grown.

    Attributes
    ----------
    around, after : int
        Pixels by which hits are grown on all sides, and pixels that are masked after them in a row.
    excess, error : float
        Mean signal of these pixels over that of others, and its standard error [unit of frames].
    level : float
        How much too high they made the mean of the imaging area [unit of frames].
    nframes : int
        Frames whose masks were grown.
    """

    around: int
    after: int
    excess: float
    error: float
    level: float
    nframes: int


def sentence(stack: str, growths: Sequence[Growth]) -> str:
    """Word what was found in the parts of a stack: the part with the largest excess stands for all.

    Parameters
    ----------
    stack : str
        Name of the stack.
    growths : sequence of Growth
        Of its parts, at least one.
    """
    worst = max(growths, key=lambda growth: growth.level)
    around = max(growth.around for growth in growths)
    after = max(growth.after for growth in growths)
    nframes = sum(growth.nframes for growth in growths)
    return (
        f"{stack}: unmasked pixels beside cosmic-ray hits are {worst.excess:.3g} +- "
        f"{worst.error:.2g} e- brighter than others, which makes its mean {worst.level:.2g} e- too "
        f"high; the masks of {nframes} frames were grown by up to {around} pixels around hits and "
        f"{after} pixels after them (keep_masks: true leaves them)"
    )
