"""What a frame's header says, in the words and units of the workflow."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from astropy.io import fits

from darkroom.dates import to_mjd
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import units
from darkroom.fits.verify import unpacked

# Agreement asked of a card's recovered text and the second card: cameras round to 3 digits.
_RECOVERY_TOLERANCE = 0.01
_EXPTIME = ("EXPTIME", "EXPOSURE")
_TEMPERATURE = ("CCD-TEMP", "CCDTEMP", "TEMPERAT")


@dataclass(frozen=True)
class Recover:
    """Leave to recover a malformed card by means of a second one that agrees with it.

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
    def parse(cls, text):
        """Make one from ``"EXPTIME=EXPOINUS*1e-6"``."""
        match = re.fullmatch(r"\s*([\w-]+)\s*=\s*([\w-]+)\s*(?:\*\s*(\S+))?\s*", text)
        try:
            return cls(match[1].upper(), match[2].upper(), float(match[3] or 1))
        except (TypeError, ValueError):
            raise DarkroomError(
                f"recover: {text!r} is not of the form CARD=OTHER*SCALE, e.g. EXPTIME=EXPOINUS*1e-6"
            ) from None


@dataclass(frozen=True)
class Frame:
    """Facts of one frame, from its headers.

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
        What was recovered, and from what.
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


def describe(path, recover=()):
    """Read the facts of a frame from its headers.

    Parameters
    ----------
    path : path-like
        FITS file with a 2-D image (``.gz`` too).
    recover : iterable of Recover
        Cards that may be repaired (see `Recover`). A card that reads well is never touched.

    Returns
    -------
    Frame
        Everything but the pixels.

    Raises
    ------
    InputError
        When there is no 2-D image, no exposure time, or a card is malformed and cannot be, or
        may not be, recovered.
    """
    path = Path(path)
    primary, image = read_headers(path)
    try:
        return _described(path, primary, image, recover)
    except (fits.VerifyError, ValueError, OverflowError) as error:
        raise InputError(path, f"its header cannot be read ({error})") from error


def _described(path, primary, image, recover):
    """Return the `Frame` of two headers."""
    leave = {item.card: item for item in recover}
    notes = []

    def number(keywords, needed):
        for keyword in keywords:
            for header in (primary, image):
                if keyword in header:
                    return _number(path, header, keyword, leave, notes)
        if needed:
            raise InputError(path, f"has no {' or '.join(keywords)} card")
        return None

    binning = [number((keyword,), False) or 1 for keyword in ("XBINNING", "YBINNING")]
    date_obs = _text(primary, image, "DATE-OBS")
    return Frame(
        path=path,
        name=stem(path),
        shape=(int(image["NAXIS2"]), int(image["NAXIS1"])),
        bitpix=int(image["BITPIX"]),
        instrument=_text(primary, image, "INSTRUME") or "unknown",
        binning="x".join(f"{value:g}" for value in binning),
        exptime=number(_EXPTIME, True),
        temperature=number(_TEMPERATURE, False),
        date_obs=date_obs,
        mjd=_mjd(date_obs),
        imagetyp=_text(primary, image, "IMAGETYP"),
        notes=tuple(notes),
    )


def stem(path):
    """Return a file's name without folder, FITS and compression suffixes."""
    return re.sub(r"\.(fits?|fts|FITS?|FTS)?(\.(gz|fz))?$", "", Path(path).name)


def read_headers(path):
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
        for unit in units(plain, path, whole=False):
            header = fits.Header.fromstring(unit.header)
            primary = header if primary is None else primary
            if header["NAXIS"] == 2 and header.get("XTENSION", "IMAGE").strip() == "IMAGE":
                return primary, header
    raise InputError(path, "holds no two-dimensional image")


def first_header(path):
    """Return the primary header of a file whose data may be anything.

    Raises
    ------
    InputError
        When the file is no FITS, or its header does not end or contradicts itself.
    """
    path = Path(path)
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fits.Header.fromstring(next(units(plain, path, whole=False)).header)


def _text(primary, image, keyword):
    value = primary.get(keyword, image.get(keyword))
    return str(value).strip() or None if value is not None else None


def _number(path, header, keyword, leave, notes):
    """Read a card as a number; repair it where that is allowed and a second card agrees."""
    try:
        return float(header[keyword])
    except (fits.VerifyError, ValueError, TypeError):
        written = _written(header, keyword)
    allowed = leave.get(keyword)
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
    try:
        repaired = float(written.replace(",", "."))
    except ValueError:
        repaired = None
    if repaired is None or abs(repaired - second) > _RECOVERY_TOLERANCE * abs(second):
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


def _written(header, keyword):
    """Return the value field of a malformed card as it stands in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        value = header.cards[keyword].image[10:].split("/")[0]
    return value.strip().strip("'").strip()


def _mjd(date_obs):
    """Return the modified Julian date of an ISO time (UTC), or None."""
    if not date_obs:
        return None
    try:
        moment = datetime.fromisoformat(date_obs)
    except ValueError:
        return None
    return to_mjd(moment.replace(tzinfo=None))
