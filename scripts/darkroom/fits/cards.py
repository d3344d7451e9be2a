"""Cards of a header under the many names that cameras and programs give them."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.words import number as in_digits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

#: Quantities whose card a campaign may name.
QUANTITIES = ("exptime", "temperature", "role")
# Exposure time in seconds: the usual cards first, then those of observatories and programs.
_EXPTIME = ("EXPTIME", "EXPOSURE")
_OTHER_EXPTIME = re.compile(
    r"EXP[_-]TIME|EXPTIME[_-]?S|EXPOTIME|EXPOSTIM|TEXP|ITIME|ELAPTIME|INTTIME|INT[_-]TIME|EXPSECS?|TINTEG"
    r"|(?:.* )?(?:DIT\d*|EXPTIME|UIT\d*|EXPOSURE(?:[ _-]?TIME)?|INTEGRATION[ _-]?TIME)"
)
# Cards whose name says another unit than seconds.
_OTHER_UNITS = (
    (re.compile(r"EXPOINUS|EXP(?:OSURE|TIME|T)?[ _-]?(?:IN)?[ _-]?US(?:EC)?"), 1e-6),
    (re.compile(r"EXP(?:OSURE|TIME|T)?[ _-]?(?:IN)?[ _-]?MS(?:EC)?"), 1e-3),
)
_TEMPERATURE = (
    "CCD-TEMP", "CCDTEMP", "TEMPERAT", "DET-TEMP", "DETTEMP", "DET_TEMP", "CCD_TEMP", "CCDTMP",
    "SENSTEMP", "CCDATEMP", "DETTEM", "DET-TMP",
)  # fmt: skip
_SET_TEMPERATURE = (
    "SET-TEMP", "SETTEMP", "SET_TEMP", "CCD-SETP", "TEMP-SET", "TEMPSET", "CCDSTEMP",
)  # fmt: skip
# Binning in columns and rows, or both in one text.
_BINNING = (
    ("XBINNING", "YBINNING"), ("CCDXBIN", "CCDYBIN"), ("XBIN", "YBIN"), ("BINX", "BINY"),
    ("CCDBIN1", "CCDBIN2"), ("BINNING1", "BINNING2"), ("ESO DET WIN1 BINX", "ESO DET WIN1 BINY"),
    ("HBIN", "VBIN"), ("DETXBIN", "DETYBIN"), ("CCDBINX", "CCDBINY"), ("BIN-FCT1", "BIN-FCT2"),
)  # fmt: skip
_BINNING_TEXT = ("CCDSUM", "BINNING", "CCDBIN")
# A number with a unit behind it, and what the unit makes of it in seconds.
_WITH_UNIT = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[EeDd][+-]?\d+)?)\s*([A-Za-zµ°]*)\.?\s*")
_SECONDS = {
    "": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3,
    "msec": 1e-3, "us": 1e-6, "µs": 1e-6, "usec": 1e-6, "min": 60.0, "c": 1.0, "degc": 1.0,
    "°c": 1.0, "k": 1.0, "deg": 1.0, "celsius": 1.0,
}  # fmt: skip
# Exposure times of two cards that differ by more contradict each other.
_SAME_TIME = 0.01
# A detector that reads more than this in degrees Celsius would not work: the value is in kelvin.
_HOTTEST_C = 75.0
_ZERO_C = 273.15
# Programs write -999 and the like for a temperature that is not known.
_COLDEST_C = -_ZERO_C
# Required relative agreement of a recovered card with the second card: cameras round to 3 digits.
_RECOVERY_TOLERANCE = 0.01


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


def parse_cards(texts: Iterable[str]) -> dict[str, str]:
    """Return the cards that a person names: ``["exptime=EXP_TIME"]`` as a dictionary.

    Raises
    ------
    DarkroomError
        For a text of another form.
    """
    found = {}
    for text in texts:
        quantity, equals, card = text.partition("=")
        if not equals or quantity.strip() not in QUANTITIES or not card.strip():
            raise DarkroomError(
                f"cards: {text!r} is not of the form QUANTITY=CARD with one of the quantities "
                f"{', '.join(QUANTITIES)}, e.g. exptime=EXP_TIME"
            )
        found[quantity.strip()] = card.strip()
    return found


class Cards:
    """The cards of a file: of the primary header, and of the image's own one.

    Parameters
    ----------
    path : pathlib.Path
        The file, for messages.
    primary, image : astropy.io.fits.Header
        A card of the primary header is preferred.
    recover : iterable of Recover
        Malformed cards that may be recovered.
    named : mapping
        Cards that a person names for a quantity (see `QUANTITIES`).

    Attributes
    ----------
    notes : list of str
        How a value was read, where that is not plain.
    remarks : list of str
        Cards that contradict each other or cannot be what they say: a person should know.
    """

    def __init__(
        self,
        path: Path,
        primary: fits.Header,
        image: fits.Header,
        recover: Iterable[Recover] = (),
        named: Mapping[str, str] | None = None,
    ) -> None:
        self.path, self._headers = path, (primary, image)
        self._permitted = {item.card: item for item in recover}
        self._named = dict(named or {})
        self.notes: list[str] = []
        self.remarks: list[str] = []

    def text(self, *keywords: str) -> str | None:
        """Return the first of some cards that is there and not empty, as text."""
        for keyword in keywords:
            for header in self._headers:
                if keyword in header:
                    try:
                        value = header[keyword]
                    except (fits.VerifyError, ValueError):
                        value = _written(header, keyword)
                    if not isinstance(value, fits.card.Undefined) and str(value).strip():
                        return str(value).strip()
        return None

    def comment(self, keyword: str) -> str:
        """Return the comment of a card; empty when it is not there."""
        return next((h.comments[keyword] for h in self._headers if keyword in h), "")

    def number(self, *keywords: str) -> float | None:
        """Return the first of some cards that is there as a number.

        Raises
        ------
        InputError
            When the card is no number, and may not or cannot be recovered.
        """
        for keyword in keywords:
            for header in self._headers:
                if keyword in header:
                    return self._number(header, keyword)
        return None

    def exptime(self) -> float:
        """Return the exposure time in seconds.

        Raises
        ------
        InputError
            When no card holds it, or several differ.
        """
        if card := self._named.get("exptime"):
            return self._of_named(card)
        for card in _EXPTIME:
            if (value := self.number(card)) is not None:
                self._contradiction(card, value)
                return value
        found = {name: self.number(name) for name in self._names(_OTHER_EXPTIME)}
        for pattern, unit in _OTHER_UNITS:
            found |= {name: (self.number(name) or 0.0) * unit for name in self._names(pattern)}
        values = {value for value in found.values() if value is not None}
        advice = "name the card: cards: {exptime: CARD}"
        if not values:
            raise InputError(self.path, f"has no {' or '.join(_EXPTIME)} card", advice)
        if max(values) - min(values) > _SAME_TIME * max(abs(value) for value in values):
            listed = ", ".join(f"{name} {in_digits(value or 0)}" for name, value in found.items())
            fault = f"has no {' or '.join(_EXPTIME)} card, and others differ ({listed})"
            raise InputError(self.path, fault, advice)
        name, value = next(iter(found.items()))
        self.notes.append(f"exposure time read from {name}")
        return float(value or 0.0)

    def _contradiction(self, card: str, value: float) -> None:
        """Remark on a second usual card with another exposure time."""
        (other,) = (each for each in _EXPTIME if each != card)
        try:
            second = self.number(other)
        except InputError:
            return
        if second is None or abs(second - value) <= _SAME_TIME * max(abs(value), abs(second)):
            return
        self.remarks.append(
            f"{card} is {in_digits(value)} s, but {other} is {in_digits(second)}; {card} is used "
            f"(another card can be named: cards: {{exptime: {other}}})"
        )

    def temperature(self) -> float | None:
        """Return the temperature of the detector in degrees Celsius; that asked for if unknown."""
        if card := self._named.get("temperature"):
            return self._celsius(card, self._of_named(card))
        for card in _TEMPERATURE:
            try:
                value = self.number(card)
            except InputError as error:
                if card in self._permitted:
                    raise
                # A frame can do without: "n/a" or "off" must not cost it.
                self.remarks.append(f"{error.fault}: the temperature is taken as unknown")
                continue
            if value is not None and value >= _COLDEST_C:
                return self._celsius(card, value)
            if value is not None:
                self.remarks.append(f"{card} is {value:g}: the temperature is taken as unknown")
        for card in _SET_TEMPERATURE:
            if (value := self.number(card)) is not None and value >= _COLDEST_C:
                self.remarks.append(
                    f"states no measured temperature; that asked for ({card}) is used"
                )
                return self._celsius(card, value)
        return None

    def set_temperature(self) -> float | None:
        """Return the temperature that was asked for, in degrees Celsius; None if unknown."""
        for card in _SET_TEMPERATURE:
            try:
                value = self.number(card)
            except InputError:
                return None
            if value is not None and value >= _COLDEST_C:
                return value - _ZERO_C if value > _HOTTEST_C else value
        return None

    def binning(self) -> str:
        """Return the binning as columns x rows, e.g. ``"2x2"``; 1 where no card states it."""
        found: dict[str, str] = {}
        for pair in _BINNING:
            values = [self.number(card) for card in pair]
            if any(values):
                found["/".join(pair)] = "x".join(f"{value or 1:g}" for value in values)
        for card in _BINNING_TEXT:
            numbers = re.findall(r"\d+", self.text(card) or "")
            if 1 <= len(numbers) <= 2:
                found[card] = f"{int(numbers[0])}x{int(numbers[-1])}"
        if not found:
            return "1x1"
        (card, value), *others = found.items()
        for other, second in others:
            if second != value:
                self.remarks.append(f"{card} is {value}, but {other} is {second}; {card} is used")
        return value

    def date_obs(self) -> str | None:
        """Return DATE-OBS as written, with the time of day of another card if it has none."""
        date = self.text("DATE-OBS")
        time = self.text("TIME-OBS", "UT", "UTC-OBS", "UTSTART")
        if date and re.fullmatch(r"\d{4}-\d\d-\d\d", date) and time:
            return f"{date}T{time}" if re.fullmatch(r"\d\d:\d\d:\d\d(\.\d*)?", time) else date
        return date

    def role_texts(
        self, usual: Sequence[str], alike: re.Pattern[str] | None = None
    ) -> list[tuple[str, str]]:
        """Return what cards say of the type of the frame: ``(card, value)`` of those there are.

        Parameters
        ----------
        usual : sequence of str
            Cards in the order in which they are believed.
        alike : re.Pattern, optional
            Names of further cards that may state it.
        """
        named = self._named.get("role")
        if named:
            usual, alike = (named,), None
        further = [] if alike is None else [k for k in self._names(alike) if k not in usual]
        return [(card, value) for card in (*usual, *further) if (value := self.text(card))]

    def _names(self, pattern: re.Pattern[str]) -> list[str]:
        """Return the keywords that match a pattern, each once."""
        names = (keyword for header in self._headers for keyword in header)
        return list(dict.fromkeys(name for name in names if pattern.fullmatch(name.upper())))

    def _of_named(self, card: str) -> float:
        value = self.number(card.removeprefix("HIERARCH ").strip())
        if value is None:
            raise InputError(self.path, f"has no {card} card, which the campaign names")
        return value

    def _celsius(self, card: str, value: float) -> float:
        if value <= _HOTTEST_C:
            return value
        self.remarks.append(f"{card} is {value:g}: taken as kelvin, {value - _ZERO_C:g} °C")
        return round(value - _ZERO_C, 6)

    def _number(self, header: fits.Header, keyword: str) -> float:
        """Return a card as a number; recover it where that is permitted and another agrees."""
        try:
            value = header[keyword]
            if not isinstance(value, str):
                return float(value) * _unit_in_comment(header.comments[keyword])
            match = _WITH_UNIT.fullmatch(value)
            if match and match[2].lower() in _SECONDS:
                digits = match[1].replace("D", "E").replace("d", "e")
                return float(digits) * _SECONDS[match[2].lower()]
        except (fits.VerifyError, ValueError, TypeError):
            pass
        written = _written(header, keyword)
        allowed = self._permitted.get(keyword)
        if allowed is None:
            raise InputError(
                self.path,
                f"card {keyword} = {written} is not a number",
                f"if another card holds the same quantity, allow it: recover {keyword}=OTHER*SCALE",
            )
        return self._recovered(header, keyword, written, allowed)

    def _recovered(
        self, header: fits.Header, keyword: str, written: str, allowed: Recover
    ) -> float:
        if allowed.other not in header:
            raise InputError(
                self.path,
                f"card {keyword} = {written} is not a number and {allowed.other} is missing",
            )
        second = float(header[allowed.other]) * allowed.scale
        recovered: float | None
        try:
            recovered = float(written.replace(",", "."))
        except ValueError:
            recovered = None
        if recovered is None or abs(recovered - second) > _RECOVERY_TOLERANCE * abs(second):
            raise InputError(
                self.path,
                f"card {keyword} = {written} is not a number and {allowed.other} = "
                f"{header[allowed.other]} does not agree with it",
            )
        self.notes.append(
            f"{keyword} = {written} (malformed) read as {second:g}, "
            f"confirmed by {allowed.other} = {header[allowed.other]}"
        )
        return second


def _unit_in_comment(comment: str) -> float:
    """Return the factor of a unit of time in brackets, as in ``[ms] exposure time``."""
    match = re.match(r"\s*\[(ms|us|min)\]", comment)
    return _SECONDS[match[1]] if match else 1.0


def _written(header: fits.Header, keyword: str) -> str:
    """Return the value field of a malformed card as written in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        field: str = header.cards[keyword].image[10:].strip()
    # A slash inside quotes is part of the value.
    if quoted := re.match(r"'((?:[^']|'')*)'", field):
        return quoted[1].strip()
    return field.split("/")[0].strip().strip("'").strip()
