"""Image and overscan from widths of the prescan and overscan, as ESO's cards write them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.hints import StrPath

_OUTPUT = re.compile(r"(?:HIERARCH )?ESO DET OUT(\d+) (?:PRSC|OVSC)[XY]")
# Cards of other cameras that hold a width or a number of pixels, whose place they do not say.
_WIDTH = re.compile(r"[XYN]?_?(?:PRE|POST|OVE?R)_?(?:SCA?N|PIX|COL)S?_?[XY]?\d*")
# A strip narrower than this tells no level.
_NARROWEST = 2

# Rows, then columns: first, and one more than the last.
Box = tuple[tuple[int, int], tuple[int, int]]


def sections(
    path: StrPath, header: Mapping[str, Any], shape: tuple[int, int]
) -> tuple[Box, Box | None] | None:
    """Find image and overscan by ESO DET OUT*n* PRSCX, NX, OVSCX, and the same of Y.

    Along an axis lie the prescan, the image and the overscan. NX counts the pixels of the image, in
    the files of some instruments those of the whole axis.

    Parameters
    ----------
    path : path-like
        The file, for messages.
    header : mapping
        Cards of the image.
    shape : tuple of int
        ``(ny, nx)`` as stored.

    Returns
    -------
    image, overscan : tuples
        ``((first row, stop), (first column, stop))``. The overscan is the wider of the strips after
        and before the columns, or else of those of the rows; None where each is narrower than two
        pixels. None in place of both when no card gives a width above 0.

    Raises
    ------
    InputError
        When the widths do not add up to the frame, or several outputs are in one image.
    """
    outputs = sorted(
        {
            int(match[1])
            for card in header
            if (match := _OUTPUT.fullmatch(card)) and _width(header, card.removeprefix("HIERARCH "))
        }
    )
    if not outputs:
        return None
    advice = "give overscan_section and trim_section"
    if len(outputs) > 1:
        raise InputError(
            path,
            "its image joins the outputs "
            + ", ".join(map(str, outputs))
            + " (ESO DET OUT), each with a prescan or overscan of its own",
            f"{advice} of one of them, and an item for each",
        )
    ranges, strips = [], []
    for axis, size in (("Y", shape[0]), ("X", shape[1])):
        start = f"ESO DET OUT{outputs[0]} "
        before, after = (_width(header, f"{start}{name}{axis}") for name in ("PRSC", "OVSC"))
        own = _width(header, f"{start}N{axis}")
        if size not in (before + own + after, own):
            raise InputError(
                path,
                f"its {size} pixels along {axis} are not the prescan of {before}, image of {own} "
                f"and overscan of {after} that ESO DET OUT{outputs[0]} tells",
                advice + ", in pixels of the frame",
            )
        image = before, size - after
        if image[0] >= image[1]:
            raise InputError(path, f"its prescan and overscan leave no image along {axis}", advice)
        ranges.append(image)
        strips.append(max((image[1], size), (0, before), key=lambda strip: strip[1] - strip[0]))
    rows, columns = ranges
    strip = None
    if strips[1][1] - strips[1][0] >= _NARROWEST:
        strip = rows, strips[1]
    elif strips[0][1] - strips[0][0] >= _NARROWEST:
        strip = strips[0], columns
    return (rows, columns), strip


def unused(header: Mapping[str, Any]) -> list[str]:
    """Return a sentence for each card that tells of an overscan without its place."""
    return [
        f"{card} is {_width(header, card)}: where this overscan lies, no card says; it is part of "
        "the image, and nothing was subtracted (overscan_section, trim_section)"
        for card in header
        if _WIDTH.fullmatch(card) and _width(header, card)
    ]


def _width(header, card):
    """Return a whole number of pixels; 0 where the card is absent or holds none."""
    value = header.get(card)
    known = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if known and value > 0 else 0
