"""The structure of FITS files from untrusted sources, read in bounded time and memory.

A header determines how much is read and allocated, so it is checked against the file's real size
before astropy acts on it. Only the cards that describe the structure are read here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import prod
from typing import IO, TYPE_CHECKING

from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from darkroom.hints import StrPath

BLOCK = 2880
CARD = 80
#: Largest size of one header in bytes: 100,000 cards.
LONGEST_HEADER = 100_000 * CARD // BLOCK * BLOCK
MOST_HDUS = 10_000
#: Largest ratio of an image's size to its compressed size; gzip, the best method, reaches 1032.
LARGEST_RATIO = 10_000
#: The FITS standard 4.0, sections 4.4.1 and 7.3.
_BITPIX = (8, 16, 32, 64, -32, -64)
_LARGEST = 1 << 60
_MOST_AXES = _MOST_FIELDS = 999
_WIDTHS = {"L": 1, "B": 1, "I": 2, "J": 4, "K": 8, "A": 1, "E": 4, "D": 8, "C": 8, "M": 16}
_POINTERS = {"P": 8, "Q": 16}
_END = re.compile(rb"END {0,77}")
_STRUCTURAL = re.compile(
    r"SIMPLE|XTENSION|BITPIX|Z?NAXIS\d*|PCOUNT|GCOUNT|GROUPS|TFIELDS|TFORM\d+|TBCOL\d+|THEAP|ZIMAGE"
    r"|ZBITPIX|ZTILE\d+"
)


@dataclass(frozen=True)
class Hdu:
    """An HDU as its header describes it.

    Parameters
    ----------
    number : int
        From 0.
    header : bytes
        All cards, padded.
    data_start, data_bytes : int
        First byte of its data, and their number of bytes without padding.
    """

    number: int
    header: bytes
    data_start: int
    data_bytes: int


def walk_hdus(path: Path, name: StrPath | None = None, whole: bool = True) -> Iterator[Hdu]:
    """Walk over the HDUs of a file; nothing but headers is read.

    Parameters
    ----------
    path : pathlib.Path
        The file; not compressed as a whole.
    name : path-like, optional
        Its name in messages.
    whole : bool, optional
        Whether truncated data are an error, or only end the walk.

    Yields
    ------
    Hdu
        One after the other.

    Raises
    ------
    InputError
        When the file does not begin as FITS does, a header does not end or contradicts itself or
        the size of the file, or something follows the last HDU.
    """
    name = name or path
    length = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(40)
        if not start.startswith(b"SIMPLE  ="):
            shown = start.decode("latin-1").strip()
            fault = f"it begins with {shown!r}" if start.strip(b"\0") else "it is empty"
            raise InputError(name, f"not a FITS file: {fault}")
        position = number = 0
        while position < length:
            if number == MOST_HDUS:
                raise InputError(name, f"has more than {MOST_HDUS} HDUs")
            stream.seek(position)
            header = _read_header(name, stream, number)
            hdu = _hdu(name, number, header, position + len(header), length)
            end = hdu.data_start + padded(hdu.data_bytes)
            if end > length and whole:
                raise InputError(
                    name,
                    f"truncated: HDU {number} should end at byte {end}, the file ends at {length}"
                    + ("" if path == name else " (unpacked)"),
                )
            yield hdu
            position, number = end, number + 1


def check_structure(path: Path, name: StrPath | None = None) -> None:
    """Raise what `walk_hdus` raises, before anything else reads the file."""
    for _ in walk_hdus(path, name):
        pass


def padded(size: int) -> int:
    """Return a number of bytes, rounded up to whole blocks."""
    return -(-size // BLOCK) * BLOCK


def _read_header(name: StrPath, stream: IO[bytes], number: int) -> bytes:
    """Return the blocks of one header."""
    header = bytearray()
    while len(header) < LONGEST_HEADER:
        block = stream.read(BLOCK)
        if len(block) < BLOCK:
            fault = f"header of HDU {number} cannot be read: the file ends within it"
            raise InputError(name, fault + (", or bytes follow the last HDU" if number else ""))
        header += block
        if number and len(header) == BLOCK and not block.startswith(b"XTENSION"):
            raise InputError(name, f"bytes follow the last HDU, {number - 1}, and are none")
        if any(_END.fullmatch(block, k, k + CARD) for k in range(0, BLOCK, CARD)):
            return bytes(header)
    raise InputError(name, f"header of HDU {number} has no END within {LONGEST_HEADER} bytes")


def _hdu(name: StrPath, number: int, header: bytes, data_start: int, length: int) -> Hdu:
    """Return the HDU of a header; refuse cards that contradict each other."""
    try:
        cards = _structural(header)
        kind = _text(cards, "XTENSION") if number else "PRIMARY"
        if not number and cards.get("SIMPLE") != "T":
            raise ValueError(f"SIMPLE = {cards.get('SIMPLE', '')[:30]}, not T")
        axes = [_integer(cards, f"NAXIS{k}") for k in range(1, _axes(cards, "NAXIS") + 1)]
        if _integer(cards, "BITPIX", least=-64) not in _BITPIX:
            raise ValueError(f"BITPIX = {cards['BITPIX']} is none of {_BITPIX}")
        size = _data_bytes(cards, kind, axes)
        if kind in ("BINTABLE", "A3DTABLE"):
            _check_binary_table(cards, axes)
            if cards.get("ZIMAGE") == "T":
                _check_compressed_image(cards, axes, size)
        elif kind == "TABLE":
            _check_text_table(cards, axes)
    except ValueError as error:
        fault = f"header of HDU {number} contradicts itself ({error})"
        raise InputError(name, fault, f"the file has {length} bytes") from error
    return Hdu(number, header, data_start, size)


def _structural(header: bytes) -> dict[str, str]:
    """Return ``{keyword: text of the value}`` of the cards that describe the structure."""
    cards: dict[str, str] = {}
    for start in range(0, len(header), CARD):
        card = header[start : start + CARD].decode("latin-1")
        if card.startswith("END") and not card[3:].strip():
            break
        keyword, equals, value = card[:8].strip().upper(), card[8:10], card[10:]
        if keyword == "HIERARCH":
            # astropy reads such a keyword like the plain one.
            keyword, equals, value = card[8:].partition("=")
            keyword = keyword.strip().upper()
        if not equals.startswith("=") or not _STRUCTURAL.fullmatch(keyword):
            continue
        if keyword in cards:
            # Readers differ in which of the two they use.
            raise ValueError(f"{keyword} is there twice")
        cards[keyword] = value.split("/")[0].strip()
    return cards


def _integer(
    cards: Mapping[str, str], keyword: str, default: int | None = None, least: int = 0
) -> int:
    """Return the value of a card as an integer."""
    text = cards.get(keyword)
    if text is None:
        if default is None:
            raise ValueError(f"{keyword} is missing")
        return default
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise ValueError(f"{keyword} = {text[:30]!r} is no whole number")
    if int(text) < least:
        raise ValueError(f"{keyword} = {text} is less than {least}")
    return int(text)


def _axes(cards: Mapping[str, str], keyword: str) -> int:
    """Return a number of axes."""
    count = _integer(cards, keyword)
    if count > _MOST_AXES:
        raise ValueError(f"{keyword} = {count}, {_MOST_AXES} at most")
    return count


def _product(numbers: Iterable[int]) -> int:
    """Return the product of sizes; refuse one that no file can have."""
    total = prod(numbers)
    if total > _LARGEST:
        raise ValueError("its axes make up more than any file holds")
    return total


def _text(cards: Mapping[str, str], keyword: str) -> str:
    """Return a text value without its quotes."""
    return cards.get(keyword, "").strip("'").strip()


def _data_bytes(cards: Mapping[str, str], kind: str, axes: Sequence[int]) -> int:
    """Return the bytes of data, without padding, that a header announces."""
    extra, groups = _integer(cards, "PCOUNT", 0), _integer(cards, "GCOUNT", 1)
    if not axes:
        return 0
    random_groups = axes[0] == 0 and cards.get("GROUPS") == "T"
    if kind in ("PRIMARY", "IMAGE") and not random_groups and (extra, groups) != (0, 1):
        raise ValueError(f"PCOUNT = {extra} and GCOUNT = {groups}, an image has 0 and 1")
    pixels = _product(axes[1:] if random_groups else axes)
    return abs(_integer(cards, "BITPIX", least=-64)) // 8 * groups * (extra + pixels)


def _fields(cards: Mapping[str, str], axes: Sequence[int]) -> range:
    """Return the numbers of the columns of a table, from 1; refuse cards that no table has."""
    if _integer(cards, "BITPIX") != 8 or len(axes) != 2 or _integer(cards, "GCOUNT", 1) != 1:
        raise ValueError("a table has BITPIX = 8, NAXIS = 2 and GCOUNT = 1")
    count = _integer(cards, "TFIELDS")
    if count > _MOST_FIELDS:
        raise ValueError(f"TFIELDS = {count}, {_MOST_FIELDS} at most")
    return range(1, count + 1)


def _check_binary_table(cards: Mapping[str, str], axes: Sequence[int]) -> None:
    """Refuse columns that do not make up a row, and a heap beyond the data."""
    width = sum(_column_width(cards, f"TFORM{k}") for k in _fields(cards, axes))
    if width != axes[0]:
        raise ValueError(f"its columns take {width} bytes of a row, NAXIS1 = {axes[0]}")
    heap, rows = _integer(cards, "THEAP", _product(axes)), _product(axes)
    if not rows <= heap <= rows + _integer(cards, "PCOUNT", 0):
        raise ValueError(f"THEAP = {heap} lies outside the data")


def _column_width(cards: Mapping[str, str], keyword: str) -> int:
    """Return the bytes that a column takes in a row."""
    text = _text(cards, keyword)
    match = re.fullmatch(r"(\d{0,18})([A-Z])(.*)", text, re.ASCII)
    repeat, kind = (int(match[1] or 1), match[2]) if match else (0, "")
    if kind == "X":
        return -(-repeat // 8)
    if kind in _POINTERS and repeat <= 1:
        return repeat * _POINTERS[kind]
    if kind not in _WIDTHS:
        raise ValueError(f"{keyword} = {text[:30]!r} is no format of a column")
    return repeat * _WIDTHS[kind]


def _check_text_table(cards: Mapping[str, str], axes: Sequence[int]) -> None:
    """Refuse columns that reach beyond a row."""
    for k in _fields(cards, axes):
        text = _text(cards, f"TFORM{k}")
        match = re.fullmatch(r"[AIFED](\d{1,9})(\.\d{1,9})?", text, re.ASCII)
        if not match:
            raise ValueError(f"TFORM{k} = {text[:30]!r} is no format of a column")
        last = _integer(cards, f"TBCOL{k}", least=1) + int(match[1]) - 1
        if last > axes[0]:
            raise ValueError(f"column {k} ends at byte {last} of a row, NAXIS1 = {axes[0]}")


def _check_compressed_image(cards: Mapping[str, str], axes: Sequence[int], size: int) -> None:
    """Refuse an image that its compressed data cannot contain."""
    numbers = range(1, _axes(cards, "ZNAXIS") + 1)
    shape = [_integer(cards, f"ZNAXIS{k}") for k in numbers]
    tiles = [
        _integer(cards, f"ZTILE{k}", n if k == 1 else 1, least=1)
        for k, n in zip(numbers, shape, strict=True)
    ]
    count = _product(-(-n // tile) for n, tile in zip(shape, tiles, strict=True))
    if shape and count != axes[1]:
        raise ValueError(f"its image has {count} tiles, the table {axes[1]} rows")
    if any(tile > max(n, 1) for n, tile in zip(shape, tiles, strict=True)):
        raise ValueError("a tile is larger than the image")
    if _integer(cards, "ZBITPIX", least=-64) not in _BITPIX:
        raise ValueError(f"ZBITPIX = {cards['ZBITPIX']} is none of {_BITPIX}")
    pixels = _product(shape) * abs(int(cards["ZBITPIX"])) // 8
    if pixels > LARGEST_RATIO * max(size, BLOCK):
        raise ValueError(f"its image has {pixels} bytes, compressed {size}: no method does that")
