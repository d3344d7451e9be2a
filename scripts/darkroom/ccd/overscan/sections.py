"""Sections of an image as FITS cards write them, and the parts of an amplifier's image."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from darkroom.ccd.overscan import widths
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

_SECTION = re.compile(r"\[\s*([\d:*\s]+?)\s*,\s*([\d:*\s]+?)\s*\]")
# Cards of the overscan of one of several amplifiers.
_OF_SEVERAL = re.compile(r"(?:BIASSEC|BSEC|OVERSCAN|OSCANSEC|OVRSEC)_?(?:\d+|[A-H])")
# A strip is along the columns of the image when it has this share of its rows.
_ALONG = 0.9


@dataclass(frozen=True)
class Section:
    """A rectangle of an image; rows and columns are counted from 0, the stops are outside.

    Parameters
    ----------
    rows, columns : tuple of int
        First, and one more than the last.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of rows and columns."""
        return self.rows[1] - self.rows[0], self.columns[1] - self.columns[0]

    def within(self, shape: tuple[int, int]) -> bool:
        """Tell whether it lies in an image of this shape."""
        return self.rows[1] <= shape[0] and self.columns[1] <= shape[1]

    def overlaps(self, other: Section) -> bool:
        """Tell whether two sections share a pixel."""
        return all(
            a[0] < b[1] and b[0] < a[1]
            for a, b in ((self.rows, other.rows), (self.columns, other.columns))
        )

    def __str__(self):
        return f"[{self.columns[0] + 1}:{self.columns[1]},{self.rows[0] + 1}:{self.rows[1]}]"


def parse_section(text: str, shape: tuple[int, int]) -> Section:
    """Read a section as IRAF and FITS cards write it, ``[x1:x2,y1:y2]``, counted from 1.

    Parameters
    ----------
    text : str
        ``*`` stands for all; a range that runs backwards is that of the same pixels.
    shape : tuple of int
        ``(ny, nx)`` of the image, for ``*``.

    Returns
    -------
    Section
        It may reach beyond the image.

    Raises
    ------
    ValueError
        When the text is not a section.
    """
    match = _SECTION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not of the form [x1:x2,y1:y2]")
    ranges = []
    for part, size in zip(match.groups(), (shape[1], shape[0]), strict=True):
        if part.strip() == "*":
            ranges.append((0, size))
            continue
        try:
            ends = sorted(int(end) for end in part.split(":"))
        except ValueError:
            ends = []
        if len(ends) not in (1, 2) or ends[0] < 1:
            raise ValueError(f"{text!r} is not of the form [x1:x2,y1:y2], counted from 1")
        ranges.append((ends[0] - 1, ends[-1]))
    return Section(rows=ranges[1], columns=ranges[0])


@dataclass(frozen=True)
class Parts:
    """The image of an amplifier and its overscan.

    Parameters
    ----------
    image : Section
        What the products keep.
    overscan : Section or None
        What tells the level.
    """

    image: Section
    overscan: Section | None

    @property
    def by_rows(self) -> bool:
        """Whether the strip lies beside the image, and so tells the level of each of its rows."""
        return self.overscan is not None and _covers(self.overscan.rows, self.image.rows)

    @property
    def by_columns(self) -> bool:
        """Whether the strip lies above or below the image: it tells the level of each column."""
        return (
            self.overscan is not None
            and not self.by_rows
            and _covers(self.overscan.columns, self.image.columns)
        )


def _covers(outer, inner):
    return outer[0] <= inner[0] and outer[1] >= inner[1]


def find_parts(
    path: StrPath,
    header: Mapping[str, Any],
    shape: tuple[int, int],
    *,
    overscan: str | None = None,
    trim: str | None = None,
) -> tuple[Parts | None, list[str]]:
    """Find image and overscan of a frame, from settings and header cards.

    The image is the setting, or TRIMSEC, or DATASEC, or else what the overscan leaves of the frame.
    The overscan is the setting, or BIASSEC. Of cameras with one amplifier, BIASSEC1, OVERSCAN,
    OSCANSEC, TRIMSEC1 and DATASEC1 say the same, and so do the widths that ESO writes (see
    `darkroom.ccd.overscan.widths`). An image that joins several amplifiers, each with its own
    overscan, is refused: its parts have levels of their own.

    Parameters
    ----------
    path : path-like
        The file, for messages.
    header : mapping
        Cards of the image.
    shape : tuple of int
        ``(ny, nx)`` as stored.
    overscan, trim : str, optional
        Sections that take the place of the cards.

    Returns
    -------
    parts : Parts or None
        None when the frame is one image without overscan.
    remarks : list of str
        What the cards leave open; empty when all is clear.

    Raises
    ------
    InputError
        When a section cannot be read, lies outside the image, or overlaps the other, or when only
        sections of several amplifiers are named.
    """
    if overscan is None and trim is None and not _is_named(header, ("BIASSEC",)):
        _refuse_joined(path, header, shape)
        named = _is_named(header, ("TRIMSEC", "DATASEC"))
        if not named and (found := widths.sections(path, header, shape)):
            image, strip = (None if box is None else Section(*box) for box in found)
            return (None, []) if image.shape == shape else (Parts(image, strip), [])
    strips = ("BIASSEC", *_of_single(header, ("BIASSEC1", "OVERSCAN", "OSCANSEC")))
    images = ("TRIMSEC", "DATASEC", *_of_single(header, ("TRIMSEC1", "DATASEC1")))
    strip = _section(path, shape, "overscan_section", overscan, header, strips)
    image = _section(path, shape, "trim_section", trim, header, images)
    remarks = []
    if image is not None and trim is None and image.shape == shape and not image.within(shape):
        # Cards that trimming left behind: the stored image is what they call the image.
        return None, [f"its cards speak of a larger frame; its {_size(shape)} pixels are trimmed"]
    foreign = strip is not None and overscan is None and not strip.within(shape)
    if foreign and (image is None or image.shape == shape):
        return None, [f"BIASSEC {strip} is no part of its {_size(shape)} pixels: trimmed before"]
    for name, section in (("overscan", strip), ("image", image)):
        if section is not None and not section.within(shape):
            raise InputError(
                path,
                f"the section of its {name}, {section}, reaches beyond its {_size(shape)} pixels",
                "binned frames need sections in binned pixels: give overscan_section, trim_section",
            )
    if strip is None:
        if image is None and overscan is None and trim is None:
            remarks += widths.unused(header)
        if image is None or image.shape == shape:
            return None, remarks
        remarks.append(
            f"only {image} is its image, and no card or key says whether the rest is overscan: "
            "nothing was subtracted (overscan_section)"
        )
        return Parts(image, None), remarks
    if image is None:
        image = _rest(path, strip, shape)
    if image.overlaps(strip):
        if image.shape != shape:
            raise InputError(path, f"its overscan {strip} and its image {image} overlap")
        image = _rest(path, strip, shape)
    return Parts(image, strip), remarks


def _is_named(header, cards):
    """Tell whether one of some cards holds a section."""
    return any(_SECTION.fullmatch(str(header.get(card, "")).strip()) for card in cards)


def _refuse_joined(path, header, shape):
    """Refuse an image whose cards name the overscan of several amplifiers in it."""
    named = {}
    for card in header:
        if _OF_SEVERAL.fullmatch(card) and _is_named(header, (card,)):
            section = parse_section(str(header[card]), shape)
            if section.within(shape):
                named[section] = card
    if len(named) > 1:
        raise InputError(
            path,
            "its image joins amplifiers, each with an overscan of its own: "
            + ", ".join(f"{card} {section}" for section, card in named.items()),
            "give overscan_section and trim_section of one of them, and an item for each",
        )


def _of_single(header, cards):
    """Return those of some cards that hold a section, where no card speaks of a second one."""
    if "BIASSEC2" in header or "DATASEC2" in header:
        return ()
    return tuple(card for card in cards if _SECTION.fullmatch(str(header.get(card, "")).strip()))


def _section(path, shape, key, value, header, cards):
    """Return the section of a setting, or of the first of some cards that is there."""
    found = [(key, value)] if value is not None else []
    found += [(card, header[card]) for card in cards if card in header]
    for name, text in found:
        if not isinstance(text, str) or not text.strip(" []0:,"):
            continue  # an empty card, or [0:0,0:0]: the camera says that there is none
        if name != key and not re.search(r"[\d*\[]", text):
            continue  # UNKNOWN, N/A
        try:
            return parse_section(text, shape)
        except ValueError as error:
            raise InputError(path, f"{name}: {error}", f"give {key} instead") from None
    return None


def _rest(path, strip, shape):
    """Return the larger part of the frame beside a strip that reaches one of its edges."""
    (ny, nx), choices = shape, []
    if strip.shape[0] >= _ALONG * ny:
        choices = [
            Section((0, ny), (strip.columns[1], nx)), Section((0, ny), (0, strip.columns[0])),
        ]  # fmt: skip
    elif strip.shape[1] >= _ALONG * nx:
        choices = [Section((strip.rows[1], ny), (0, nx)), Section((0, strip.rows[0]), (0, nx))]
    if not choices:
        raise InputError(
            path, f"its overscan {strip} is no strip along an edge, and no card names the image",
            "give trim_section",
        )  # fmt: skip
    return max(choices, key=lambda choice: choice.shape[0] * choice.shape[1])


def _size(shape):
    return f"{shape[1]} x {shape[0]}"
