"""The header values of a frame, under the names and in the units of the workflow."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.dates import to_mjd
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import walk_hdus
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from darkroom.hints import StrPath

# Required relative agreement of a recovered card with the second card: cameras round to 3 digits.
_RECOVERY_TOLERANCE = 0.01
_EXPTIME = ("EXPTIME", "EXPOSURE")
_TEMPERATURE = ("CCD-TEMP", "CCDTEMP", "TEMPERAT")


@dataclass(frozen=True)
class Recover:
    """Permission to recover a malformed card from a second one that agrees with it.

    Parameters
    ----------
    card, other : str
        Keyword that may be malformed, and the one that holds the same quantity.
    scale : float
        ``card = other * scale``.
    """

    card: str
    other: str
    scale: float = 1.0

    @classmethod
    def parse(cls, text: str) -> Recover:
        """Return the permission written as ``"EXPTIME=EXPOINUS*1e-6"``."""
        match = re.fullmatch(r"\s*([\w-]+)\s*=\s*([\w-]+)\s*(?:\*\s*(\S+))?\s*", text)
        try:
            if match is None:
                raise ValueError
            return cls(match[1].upper(), match[2].upper(), float(match[3] or 1))
        except ValueError:
            raise DarkroomError(
                f"recover: {text!r} is not of the form CARD=OTHER*SCALE, e.g. EXPTIME=EXPOINUS*1e-6"
            ) from None


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
        INSTRUME, and XBINNING × YBINNING as ``"1x1"`` (1 when the cards are missing).
    exptime : float
        Exposure time in seconds.
    temperature : float or None
        Detector temperature in degrees Celsius.
    date_obs : str or None
        DATE-OBS as written.
    mjd : float or None
        Modified Julian date of DATE-OBS (UTC).
    imagetyp : str or None
        IMAGETYP as written.
    notes : tuple of str
        Cards that were recovered, and from which other card.
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


def describe(path: StrPath, recover: Iterable[Recover] = ()) -> Frame:
    """Read the header values of a frame.

    Parameters
    ----------
    path : path-like
        FITS file with a 2-D image (``.gz`` too).
    recover : iterable of Recover
        Cards that may be recovered (see `Recover`). A valid card is always read as it is.

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
    primary, image = read_headers(path)
    try:
        return _described(path, primary, image, recover)
    except (fits.VerifyError, ValueError, OverflowError) as error:
        raise InputError(path, f"its header cannot be read ({error})") from error


def _described(
    path: Path, primary: fits.Header, image: fits.Header, recover: Iterable[Recover]
) -> Frame:
    """Return the `Frame` of two headers."""
    permitted = {item.card: item for item in recover}
    notes: list[str] = []

    def number(keywords: Sequence[str]) -> float | None:
        for keyword in keywords:
            for header in (primary, image):
                if keyword in header:
                    return _number(path, header, keyword, permitted, notes)
        return None

    binning = [number((keyword,)) or 1 for keyword in ("XBINNING", "YBINNING")]
    date_obs = _text(primary, image, "DATE-OBS")
    exptime = number(_EXPTIME)
    if exptime is None:
        raise InputError(path, f"has no {' or '.join(_EXPTIME)} card")
    return Frame(
        path=path,
        name=stem(path),
        shape=(int(image["NAXIS2"]), int(image["NAXIS1"])),
        bitpix=int(image["BITPIX"]),
        instrument=_text(primary, image, "INSTRUME") or "unknown",
        binning="x".join(f"{value:g}" for value in binning),
        exptime=exptime,
        temperature=number(_TEMPERATURE),
        date_obs=date_obs,
        mjd=_mjd(date_obs),
        imagetyp=_text(primary, image, "IMAGETYP"),
        notes=tuple(notes),
    )


def stem(path: StrPath) -> str:
    """Return a file's name without folder, FITS and compression suffixes."""
    return re.sub(r"\.(fits?|fts|FITS?|FTS)?(\.(gz|fz))?$", "", Path(path).name)


def read_headers(path: StrPath) -> tuple[fits.Header, fits.Header]:
    """Return the primary header and that of the first HDU with a 2-D image.

    Raises
    ------
    InputError
        When the file is missing, unreadable, or holds no 2-D image.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primary = None
        for hdu in walk_hdus(plain, path, whole=False):
            header = fits.Header.fromstring(hdu.header)
            primary = header if primary is None else primary
            if header["NAXIS"] == 2 and header.get("XTENSION", "IMAGE").strip() == "IMAGE":
                return primary, header
    raise InputError(path, "holds no two-dimensional image")


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


def _text(primary: fits.Header, image: fits.Header, keyword: str) -> str | None:
    value = primary.get(keyword, image.get(keyword))
    return str(value).strip() or None if value is not None else None


def _number(
    path: Path,
    header: fits.Header,
    keyword: str,
    permitted: Mapping[str, Recover],
    notes: list[str],
) -> float:
    """Read a card as a number; recover it where that is permitted and a second card agrees."""
    try:
        return float(header[keyword])
    except (fits.VerifyError, ValueError, TypeError):
        written = _written(header, keyword)
    allowed = permitted.get(keyword)
    if allowed is None:
        raise InputError(
            path,
            f"card {keyword} = {written} is not a number",
            f"if another card holds the same quantity, allow it: recover {keyword}=OTHER*SCALE",
        )
    if allowed.other not in header:
        raise InputError(
            path, f"card {keyword} = {written} is not a number and {allowed.other} is missing"
        )
    second = float(header[allowed.other]) * allowed.scale
    recovered: float | None
    try:
        recovered = float(written.replace(",", "."))
    except ValueError:
        recovered = None
    if recovered is None or abs(recovered - second) > _RECOVERY_TOLERANCE * abs(second):
        raise InputError(
            path,
            f"card {keyword} = {written} is not a number and {allowed.other} = "
            f"{header[allowed.other]} does not agree with it",
        )
    notes.append(
        f"{keyword} = {written} (malformed) read as {second:g}, "
        f"confirmed by {allowed.other} = {header[allowed.other]}"
    )
    return second


def _written(header: fits.Header, keyword: str) -> str:
    """Return the value field of a malformed card as written in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value: str = header.cards[keyword].image[10:].split("/")[0]
    return value.strip().strip("'").strip()


def _mjd(date_obs: str | None) -> float | None:
    """Return the modified Julian date of an ISO time (UTC), or None."""
    if not date_obs:
        return None
    try:
        moment = datetime.fromisoformat(date_obs)
    except ValueError:
        return None
    return to_mjd(moment.replace(tzinfo=None))
