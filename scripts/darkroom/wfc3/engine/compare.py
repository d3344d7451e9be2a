"""Two products of one exposure, compared pixel by pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError
from darkroom.wfc3.files.imsets import Imsets

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def differing_pixels(first: StrPath, second: StrPath) -> dict[tuple[str, int], int]:
    """Count the pixels that differ in two files of image sets.

    Parameters
    ----------
    first, second : path-like
        Files with the same extensions. A constant plane equals an image of that value, and NaN
        equals NaN.

    Returns
    -------
    dict
        ``{(EXTNAME, EXTVER): number of pixels}``, for the planes that differ.

    Raises
    ------
    DarkroomError
        When the files do not have the same extensions and sizes.
    """
    differing: dict[tuple[str, int], int] = {}
    with Imsets(first) as one, Imsets(second) as other:
        if one.names != other.names:
            raise DarkroomError(f"{first} and {second} do not have the same extensions")
        for name, extver in one.names:
            sizes = one.shape(name, extver), other.shape(name, extver)
            if sizes[0] != sizes[1]:
                raise DarkroomError(
                    f"[{name},{extver}] has {sizes[0]} pixels in {first}, {sizes[1]} in {second}"
                )
            dtype = np.float32 if name in ("SCI", "ERR", "TIME") else np.int16
            a, b = one.plane(name, extver, dtype), other.plane(name, extver, dtype)
            number = int(np.count_nonzero((a != b) & ~((a != a) & (b != b))))
            if number:
                differing[name, extver] = number
    return differing


def require_equal(first: StrPath, second: StrPath) -> None:
    """Raise `DarkroomError` with the number in each plane when any pixel of two files differs."""
    differing = differing_pixels(first, second)
    if differing:
        planes = ", ".join(f"[{name},{e}] {n}" for (name, e), n in list(differing.items())[:8])
        raise DarkroomError(
            f"{first} and {second} differ in {sum(differing.values())} pixels of "
            f"{len(differing)} planes: {planes}"
        )
