"""Frames read as the image of one amplifier: without overscan, its level subtracted."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.ccd.overscan.fit import OverscanLevel, measure
from darkroom.ccd.overscan.sections import Parts, find_parts
from darkroom.errors import InputError
from darkroom.fits.cards import Cards

if TYPE_CHECKING:
    from darkroom.fits.describe import Frame
    from darkroom.fits.tiles import FrameStack
    from darkroom.hints import StrPath

_BAND_BYTES = 32 << 20
# Extensions that accompany an image and are no amplifier.
_COMPANIONS = re.compile(
    r"(?:.*_)?(?:(?:BAD)?MASK|UNCERT(?:AINTY)?|ERR(?:OR)?S?|DQ|FLAGS|WHT|WEIGHTS?|VAR(?:IANCE)?|BPM"
    r"|BADPIX|PREVIEW|THUMB(?:NAIL)?|QUICKLOOK)(?:_?\d+)?",
    re.IGNORECASE,
)
# An image smaller than the largest by this factor, without any of these cards, is a preview.
_MUCH_SMALLER = 16
_OF_DETECTOR = ("BIASSEC", "TRIMSEC", "DATASEC", "CCDSEC", "DETSEC")


@dataclass(frozen=True)
class Readout:
    """How the frames of a camera are read.

    Parameters
    ----------
    fit : {"row", "polynomial", "constant", "none"}
        How the level of the overscan is found; none: not subtracted, though trimmed.
    degree : int
        Of the polynomial.
    overscan, trim : str, optional
        Sections of overscan and image, where the cards do not name them.
    amplifier : int
        Number of the amplifier, from 0.
    """

    fit: str = "row"
    degree: int = 3
    overscan: str | None = None
    trim: str | None = None
    amplifier: int = 0


@dataclass(frozen=True)
class Amplifier:
    """The image of one amplifier in a file.

    Parameters
    ----------
    hdu : int or None
        Its HDU; None for the only image of a file.
    name : str
        EXTNAME, or its number.
    header : astropy.io.fits.Header
        Its cards, and those of the primary header.
    shape : tuple of int
        As stored.
    """

    hdu: int | None
    name: str
    header: fits.Header
    shape: tuple[int, int]


def amplifiers(path: StrPath) -> tuple[Amplifier, ...]:
    """Find the amplifiers of a file: every HDU with one image is one.

    Parameters
    ----------
    path : path-like
        FITS file, compressed or not. Masks, errors and previews beside an image are left out, and
        so are images far smaller than the largest that no card places on the detector.

    Returns
    -------
    tuple of Amplifier
        In the order of the file. Empty when no HDU holds an image.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    try:
        state = Path(path).stat()
    except OSError:
        raise InputError(path, "no such file") from None
    return _amplifiers(str(path), state.st_mtime_ns, state.st_size)[0]


def left_out(path: StrPath) -> list[str]:
    """Return the images of a file that `amplifiers` leaves out for their size, as names."""
    state = Path(path).stat()
    return list(_amplifiers(str(path), state.st_mtime_ns, state.st_size)[1])


# A program opens its frames several times; the headers are read once.
@cache
def _amplifiers(path: str, _time: int, _size: int) -> tuple[tuple[Amplifier, ...], tuple[str, ...]]:
    found = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False, do_not_scale_image_data=True) as hdus:
                for number, hdu in enumerate(hdus):
                    shape = tuple(hdu.shape) if hdu.is_image else ()
                    flat = len(shape) >= 2 and all(size == 1 for size in shape[:-2])
                    if not flat or _COMPANIONS.fullmatch(hdu.name):
                        continue
                    header = _joined(hdus[0].header, hdu.header) if number else hdu.header.copy()
                    name = hdu.name if hdu.name != "PRIMARY" else ""
                    found.append(Amplifier(number, name, header, shape[-2:]))
    except (OSError, ValueError, fits.VerifyError) as error:
        raise InputError(path, f"cannot be read as FITS ({error})") from error
    largest = max((one.shape[0] * one.shape[1] for one in found), default=0)
    small = [
        one
        for one in found
        if one.shape[0] * one.shape[1] * _MUCH_SMALLER < largest
        and not any(card in one.header for card in _OF_DETECTOR)
    ]
    skipped = tuple(f"{one.name or one.hdu} of {one.shape[1]} x {one.shape[0]}" for one in small)
    found = [one for one in found if one not in small]
    if len(found) == 1:
        # The reader finds the only image by itself where it is the first.
        only = found[0]
        hdu = only.hdu if small else None
        return (Amplifier(hdu, only.name, only.header, only.shape),), skipped
    names = [one.name for one in found]
    several = tuple(
        one if one.name and names.count(one.name) == 1
        else Amplifier(one.hdu, str(k), one.header, one.shape)
        for k, one in enumerate(found, 1)
    )  # fmt: skip
    return several, skipped


def _joined(primary, extension):
    """Return the cards of both headers, those of the extension where both have one."""
    header = primary.copy()
    for card in extension.cards:
        # A malformed card that nobody asks for is no fault of the frame.
        with suppress(fits.VerifyError):
            header.update([(card.keyword, card.value, card.comment)])
    return header


def amplifier_cards(frame: Frame, amplifier: int = 0) -> Cards | None:
    """Return the cards of one amplifier of a frame; those of its extension are preferred.

    Raises
    ------
    InputError
        When the frame has fewer amplifiers.
    """
    found = amplifiers(frame.path)
    if len(found) < 2:
        return frame.cards
    if amplifier >= len(found):
        raise InputError(frame.path, f"has {len(found)} images, {amplifier + 1} are needed")
    header = found[amplifier].header
    return Cards(frame.path, header, header)


def remarks(path: StrPath, readout: Readout) -> list[str]:
    """Return what the cards of a frame leave open about its overscan, one sentence each."""
    found = amplifiers(path)
    if readout.amplifier >= len(found):
        return []
    one = found[readout.amplifier]
    return find_parts(path, one.header, one.shape, overscan=readout.overscan, trim=readout.trim)[1]


def locate(paths: Sequence[StrPath], readout: Readout) -> tuple[int | None, Parts | None]:
    """Find HDU and parts of one amplifier, the same in all files.

    Parameters
    ----------
    paths : sequence of path-like
        The frames.
    readout : Readout
        Amplifier and sections.

    Returns
    -------
    hdu : int or None
        None for the only image of a file.
    parts : Parts or None
        None for an image without overscan.

    Raises
    ------
    InputError
        When a file has fewer amplifiers than the first, or other sections.
    """
    first: tuple[int, int | None, Parts | None] | None = None
    for path in paths:
        found = amplifiers(path)
        if not found:
            return None, None  # the reader says what is wrong with it
        if readout.amplifier >= len(found):
            raise InputError(path, f"has {len(found)} images, {readout.amplifier + 1} are needed")
        one = found[readout.amplifier]
        parts, _ = find_parts(
            path, one.header, one.shape, overscan=readout.overscan, trim=readout.trim
        )
        this = len(found), one.hdu, parts
        if first is None:
            first = this
        if this[0] != first[0]:
            raise InputError(path, f"has {this[0]} images, {paths[0]} has {first[0]}")
        if this[2] != first[2]:
            raise InputError(
                path, f"its image and overscan are {_words(parts)}, those of {paths[0]} "
                f"{_words(first[2])}", "frames of one read-out are needed",
            )  # fmt: skip
    return (None, None) if first is None else first[1:]


def _words(parts):
    return "the whole frame" if parts is None else f"{parts.image} and {parts.overscan}"


class TrimmedFrames:
    """Frames of which the overscan is subtracted and cut off, read in bands of rows.

    Parameters
    ----------
    source : FrameStack
        The frames as stored.
    parts : Parts
        Image and overscan.
    readout : Readout
        How the level is found.

    Attributes
    ----------
    nframes, shape
        Number of frames, and ``(ny, nx)`` of the image.
    levels : list of OverscanLevel
        One for each frame; empty when nothing is subtracted.
    fit : str
        How the level was found; ``constant`` for a strip that is not along the image.
    """

    def __init__(self, source: FrameStack, parts: Parts, readout: Readout) -> None:
        self.source, self.parts = source, parts
        self.nframes, self.shape = source.nframes, parts.image.shape
        self.levels: list[OverscanLevel] = []
        self.fit = readout.fit if parts.by_rows or parts.by_columns else "constant"
        if parts.overscan is not None and readout.fit != "none":
            self.levels = self._measure(readout.degree)

    @property
    def variance(self) -> float:
        """Mean variance that the subtraction adds to a pixel of a frame, ADU²."""
        return float(np.mean([one.variance for one in self.levels])) if self.levels else 0.0

    def read(self, rows: slice) -> np.ndarray:
        """Read a band of all frames: (nframes, nrows, nx) float32, ADU."""
        return self.subtract(self.stored(rows), rows)

    def stored(self, rows: slice) -> np.ndarray:
        """Read a band of the image as stored: (nframes, nrows, nx) float32, ADU."""
        first, stop, _ = rows.indices(self.shape[0])
        row, (left, right) = self.parts.image.rows[0], self.parts.image.columns
        return self.source.read(slice(row + first, row + stop))[:, :, left:right]

    def subtract(self, values: np.ndarray, rows: slice) -> np.ndarray:
        """Subtract the level of the overscan from a band as stored."""
        if not self.levels:
            return values
        levels = np.stack([one.level for one in self.levels])
        levels = levels[:, None, :] if self.parts.by_columns else levels[:, rows, None]
        return (values - levels).astype(np.float32)

    def _measure(self, degree):
        strips = self._strips()
        found = []
        for path, strip in zip(self.source.paths, strips, strict=True):
            try:
                one = measure(strip, self.fit, degree)
            except ValueError as error:
                raise InputError(
                    path, f"its overscan {self.parts.overscan} tells no level: {error}"
                ) from None
            # A strip that tells one level for all lines is spread over those of the image.
            if len(one.level) != self._lines:
                level = np.full(self._lines, one.mean)
                one = replace(one, level=level)
            found.append(one)
        return found

    @property
    def _lines(self):
        return self.shape[1] if self.parts.by_columns else self.shape[0]

    def _strips(self):
        """Read the overscan of every frame: (nframes, nlines, nsamples)."""
        strip, image = self.parts.overscan, self.parts.image
        rows, columns = strip.rows, strip.columns
        if self.parts.by_rows:
            rows = image.rows
        if self.parts.by_columns:
            columns = image.columns
        height = max(1, _BAND_BYTES // (4 * self.nframes * self.source.shape[1]))
        bands = [
            self.source.read(slice(first, min(first + height, rows[1])))[:, :, slice(*columns)]
            for first in range(rows[0], rows[1], height)
        ]
        values = np.concatenate(bands, axis=1)
        return np.swapaxes(values, 1, 2) if self.parts.by_columns else values
