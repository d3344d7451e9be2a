"""The header values of a frame, under the names and in the units of the workflow."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.dates import to_mjd
from darkroom.errors import InputError
from darkroom.fits.cards import Cards, Recover
from darkroom.fits.structure import walk_hdus
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.hints import StrPath


# Lengths of the axis of colours, of files that interleave them: RGB, and with transparency.
_COLOURS = (3, 4)
_FEW_LINES = 16


@dataclass(frozen=True)
class Frame:
    """Header values of one frame.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    name : str
        File name without folder and suffixes.
    shape : tuple of int
        ``(ny, nx)`` of its first 2-D image.
    bitpix : int
        FITS BITPIX of that image.
    instrument, binning : str
        INSTRUME, and columns × rows as ``"1x1"`` (1 when no card states it).
    exptime : float
        Exposure time in seconds.
    temperature : float or None
        Detector temperature in degrees Celsius.
    date_obs : str or None
        DATE-OBS as written, with the time of TIME-OBS where it has none.
    mjd : float or None
        Modified Julian date of DATE-OBS (UTC).
    imagetyp : str or None
        IMAGETYP as written.
    notes : tuple of str
        Cards that were recovered, and from which other card.
    set_temperature : float or None
        Temperature that was asked for, degrees Celsius.
    remarks : tuple of str
        Cards that contradict each other or cannot be what they say, and which was used.
    cards : darkroom.fits.cards.Cards or None
        All its cards.
    """

    path: Path
    name: str
    shape: tuple[int, int]
    bitpix: int
    instrument: str
    binning: str
    exptime: float
    temperature: float | None
    date_obs: str | None
    mjd: float | None
    imagetyp: str | None
    notes: tuple[str, ...]
    set_temperature: float | None = None
    remarks: tuple[str, ...] = ()
    cards: Cards | None = field(default=None, repr=False, compare=False)


def describe(
    path: StrPath, recover: Iterable[Recover] = (), cards: Mapping[str, str] | None = None
) -> Frame:
    """Read the header values of a frame.

    Parameters
    ----------
    path : path-like
        FITS file with a 2-D image (compressed too).
    recover : iterable of Recover
        Cards that may be recovered (see `Recover`). A valid card is always read as it is.
    cards : mapping, optional
        Cards of the ``exptime``, the ``temperature`` and the ``role``; by default the usual ones.

    Returns
    -------
    Frame
        The header values; no pixels are read.

    Raises
    ------
    InputError
        When there is no 2-D image, no exposure time, or a malformed card that cannot or may not be
        recovered.
    """
    path = Path(path)
    return describe_headers(path, *read_headers(path), recover, cards)


def describe_headers(
    path: StrPath,
    primary: fits.Header,
    image: fits.Header,
    recover: Iterable[Recover] = (),
    cards: Mapping[str, str] | None = None,
) -> Frame:
    """Return the header values of a frame from its headers; see `describe`.

    Parameters
    ----------
    path : path-like
        The file.
    primary, image : astropy.io.fits.Header
        As from `read_headers`.
    recover, cards
        As of `describe`.
    """
    path = Path(path)
    try:
        return _described(path, primary, image, recover, cards)
    except (fits.VerifyError, ValueError, OverflowError) as error:
        raise InputError(path, f"its header cannot be read ({error})") from error


def _described(
    path: Path,
    primary: fits.Header,
    image: fits.Header,
    recover: Iterable[Recover],
    named: Mapping[str, str] | None,
) -> Frame:
    """Return the `Frame` of two headers."""
    cards = Cards(path, primary, image, recover, named)
    date_obs = cards.date_obs()
    return Frame(
        path=path,
        name=stem(path),
        shape=(int(image["NAXIS2"]), int(image["NAXIS1"])),
        bitpix=int(image["BITPIX"]),
        instrument=cards.text("INSTRUME") or "unknown",
        binning=cards.binning(),
        exptime=cards.exptime(),
        temperature=cards.temperature(),
        date_obs=date_obs,
        mjd=_mjd(date_obs),
        imagetyp=cards.text("IMAGETYP"),
        notes=tuple(cards.notes),
        set_temperature=cards.set_temperature(),
        remarks=tuple(cards.remarks),
        cards=cards,
    )


def stem(path: StrPath) -> str:
    """Return a file's name without folder, FITS and compression suffixes."""
    return re.sub(r"\.(fits?|fts|FITS?|FTS)?(\.(gz|fz|bz2))?$", "", Path(path).name)


def read_headers(path: StrPath) -> tuple[fits.Header, fits.Header]:
    """Return the primary header and that of the first HDU with a 2-D image.

    Raises
    ------
    InputError
        When the file is missing, unreadable, or holds no 2-D image.
    """
    primary, image = image_headers(path)
    if (planes := plane_count(image)) > 1:
        raise InputError(
            path,
            f"holds a cube of {planes} images",
            "a campaign of a local folder takes each as a frame; or write each to its own file",
        )
    return primary, image


def image_headers(path: StrPath) -> tuple[fits.Header, fits.Header]:
    """Return the primary header and that of the first HDU with one image, or else with a cube.

    Raises
    ------
    InputError
        When the file is missing, unreadable, or holds no image of two or more axes.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    try:
        return _image_headers(path)
    except (fits.VerifyError, ValueError) as error:
        # astropy cannot read a card, or `_number` finds what no header should have.
        raise InputError(path, f"its header cannot be read ({error})") from error


def _image_headers(path: Path) -> tuple[fits.Header, fits.Header]:
    """Return the two headers of `image_headers`."""
    cube = None
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primary = None
        for hdu in walk_hdus(plain, path, whole=False):
            header = fits.Header.fromstring(hdu.header)
            primary = header if primary is None else primary
            image = image_header(header)
            if image is not None and plane_count(image) == 1:
                return primary, image
            cube = image if cube is None and image is not None and plane_count(image) else cube
    if cube is None or primary is None:
        raise InputError(path, "holds no two-dimensional image")
    colours = _number(cube, "NAXIS1")
    if colours in _COLOURS and min(_number(cube, "NAXIS2"), plane_count(cube)) > _FEW_LINES:
        raise InputError(
            path,
            f"holds {colours} values for each pixel along its first axis: colours, not columns",
            "write the raw values of the camera as one image",
        )
    return primary, cube


def image_header(header: fits.Header) -> fits.Header | None:
    """Return the header of an image with at least two axes; None when an HDU holds none.

    That of a tile-compressed image is returned as if it were not compressed.
    """
    if str(header.get("XTENSION", "IMAGE")).strip() == "IMAGE":
        return header if _number(header, "NAXIS") >= 2 else None
    if header.get("ZIMAGE") is not True or _number(header, "ZNAXIS", 0) < 2:
        return None
    image = header.copy()
    for keyword in ("BITPIX", "NAXIS", *(f"NAXIS{k}" for k in range(1, header["ZNAXIS"] + 1))):
        image[keyword] = _number(header, f"Z{keyword}")
    return image


def _number(header: fits.Header, keyword: str, missing: int | None = None) -> int:
    """Return the whole number of a card; `missing` where there is none.

    Raises
    ------
    astropy.io.fits.VerifyError
        When it is no such number, or there is none and must be one.
    """
    found = header.get(keyword, missing)
    # A file of more axes than FITS knows makes a loop that never ends.
    if type(found) is not int or (keyword.endswith("NAXIS") and not 0 <= found <= 999):
        raise fits.VerifyError(f"{keyword} is {found!r:.40}")
    return found


def plane_count(image: fits.Header) -> int:
    """Return the number of 2-D images in an array of more axes; 1 for two axes."""
    return prod(_number(image, f"NAXIS{k}") for k in range(3, _number(image, "NAXIS") + 1))


def first_header(path: StrPath) -> fits.Header:
    """Return the primary header of a file with data of any kind.

    Raises
    ------
    InputError
        When the file is not FITS, or its header does not end or contradicts itself.
    """
    path = Path(path)
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fits.Header.fromstring(next(walk_hdus(plain, path, whole=False)).header)


def _mjd(date_obs: str | None) -> float | None:
    """Return the modified Julian date of an ISO time (UTC), or None."""
    if not date_obs:
        return None
    try:
        moment = datetime.fromisoformat(date_obs)
    except ValueError:
        return None
    # Without a time zone it is UTC, as FITS has it.
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    return to_mjd(moment)
