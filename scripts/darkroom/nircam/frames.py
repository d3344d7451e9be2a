"""Groups that are means of several frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.errors import InputError
from darkroom.nircam.detector.patterns import PATTERNS

if TYPE_CHECKING:
    from darkroom.nircam.ramps.ramps import RampSet


def frames_per_group(ramps: RampSet) -> int:
    """Return the number of frames whose mean is a group, the same for all exposures.

    It is the card NFRAMES; where that is missing, the number that belongs to READPATT.

    Raises
    ------
    InputError
        When an exposure says neither, says a number below 1, or differs from the first one.
    """
    numbers = [_frames(file) for file in ramps.files]
    for file, number in zip(ramps.files, numbers, strict=True):
        if number != numbers[0]:
            raise InputError(
                file.path,
                f"its groups are means of {number} frame(s) (NFRAMES), those of "
                f"{ramps.files[0].path.name} of {numbers[0]}",
                f"one {ramps.product} is made of exposures of one kind",
            )
    return numbers[0]


def _frames(file):
    value = file.header.get("NFRAMES")
    if value is None:
        value = PATTERNS.get(str(file.header.get("READPATT", "")).strip(), (None,))[0]
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(
            file.path,
            f"NFRAMES is {value}: the header does not say how many frames a group is the mean of",
            "the noise of a frame follows from that of a group only with their number",
        )
    return value
