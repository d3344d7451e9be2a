"""Stacks: frames of one exposure time, commanded EM gain and conversion gain."""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.cgi.stack_keys import Key, alike
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from darkroom.cgi.stacks.frame import Headers
    from darkroom.cgi.stacks.growth import Growth
    from darkroom.cgi.stacks.measured import Measured

#: Smallest number of frames of a stack that the instrument team recommends.
RECOMMENDED_FRAMES = 1176
# EM gains of one stack may differ by this fraction: a larger one changes the noise model.
_GAIN_TOLERANCE = 0.02
# HISTORY is wrapped anywhere, and a blank at the end of a line is lost.
_THRESHOLD = re.compile(r"Cosmic\s*ray\s*threshold\s*of\s*(\S+?)\s*used\.")


def key_of(headers: Headers) -> Key:
    """Return the key of the stack that a frame belongs to."""
    return headers.exptime, headers.commanded_gain, headers.kgain


@dataclass(frozen=True)
class Member:
    """One frame of a stack.

    Attributes
    ----------
    name : str
        File name without folder.
    sha256 : str
        SHA-256 of the file's bytes; empty when it was not computed.
    start : str
        Start of the exposure (SCTSRT).
    em_gain : float
        EM gain (see `darkroom.cgi.stacks.frame.Headers.em_gain`).
    """

    name: str
    sha256: str
    start: str
    em_gain: float


@dataclass(frozen=True)
class Template:
    """Headers that a product inherits: those of the latest frame.

    Attributes
    ----------
    start : str
        Start of that frame (SCTSRT).
    primary, image, err, dq : astropy.io.fits.Header
        Headers of its four HDUs.
    """

    start: str
    primary: fits.Header
    image: fits.Header
    err: fits.Header
    dq: fits.Header

    @classmethod
    def from_headers(cls, headers: Headers) -> Template:
        """Make the template of a frame."""
        return cls(headers.start, headers.primary, headers.image, headers.err, headers.dq)


@dataclass
class Stack:
    """A stack without its pixels: its properties and its frames.

    Attributes
    ----------
    exptime : float
        Exposure time [s].
    commanded_gain : float
        Commanded EM gain (EMGAIN_C).
    kgain : float
        Conversion gain [e-/DN].
    unit : str
        Unit of the frames (BUNIT).
    shape : tuple of int
        Rows and columns of its frames.
    threshold_dn : float or None
        Cosmic-ray threshold of its first frame [DN]: from HISTORY, else SAT_DN.
    members : list of Member
        Its frames, in the order they were added.
    template : Template
        Headers of its latest frame.
    earliest : dict
        SCTSRT and MJDSRT of its earliest frame.
    temperature_sum : float
        Sum of the temperatures (EXCAMT) of its frames [C], where they are known.
    temperatures : int
        Number of frames whose temperature is known.
    growths : list of darkroom.cgi.stacks.growth.Growth
        How the masks of its frames, part by part, were grown; empty when they were not.
    measured : dict
        What was measured of its frames when they were judged, by name; of some it is not known.
    """

    exptime: float
    commanded_gain: float
    kgain: float
    unit: str
    shape: tuple[int, int]
    threshold_dn: float | None
    template: Template
    earliest: dict[str, str | float]
    members: list[Member] = field(default_factory=list)
    temperature_sum: float = 0.0
    temperatures: int = 0
    growths: list[Growth] = field(default_factory=list)
    measured: dict[str, Measured] = field(default_factory=dict)

    @classmethod
    def begin(cls, headers: Headers, shape: tuple[int, int], key: Key | None = None) -> Stack:
        """Make the stack that a frame belongs to, still without any frame.

        `key` replaces exposure time and gains of this frame (see `keys`).
        """
        exptime, commanded_gain, kgain = key or key_of(headers)
        return cls(
            exptime=exptime,
            commanded_gain=commanded_gain,
            kgain=kgain,
            unit=headers.unit,
            shape=shape,
            threshold_dn=threshold_dn(headers),
            template=Template.from_headers(headers),
            earliest=_start_cards(headers.image),
        )

    @property
    def key(self) -> Key:
        """Exposure time, commanded gain and conversion gain, which all its frames share."""
        return self.exptime, self.commanded_gain, self.kgain

    @property
    def name(self) -> str:
        """Name of the stack in messages."""
        return f"stack of EM gain {self.commanded_gain:g} and {self.exptime:g} s"

    @property
    def nframes(self) -> int:
        """Number of frames."""
        return len(self.members)

    @property
    def em_gain(self) -> float:
        """Mean EM gain of its frames."""
        gains = [member.em_gain for member in self.members]
        return gains[0] if len(set(gains)) == 1 else sum(gains) / len(gains)

    @property
    def threshold_e(self) -> float | None:
        """Cosmic-ray threshold [e-], or None when it is unknown."""
        return None if self.threshold_dn is None else self.threshold_dn * self.kgain

    def join(self, headers: Headers, sha256: str = "") -> None:
        """Add a frame.

        Raises
        ------
        InputError
            When its exposure time, gains or unit are not those of the stack.
        """
        found = key_of(headers)
        if not alike(found, self.key):
            raise InputError(
                headers.path,
                f"exposure time, commanded EM gain and conversion gain are {found}, those of "
                f"the stack are {self.key}",
            )
        if headers.unit != self.unit:
            raise InputError(
                headers.path, f"BUNIT is {headers.unit!r}, that of its stack {self.unit!r}"
            )
        self.members.append(Member(headers.path.name, sha256, headers.start, headers.em_gain))
        if headers.start >= self.template.start:
            self.template = Template.from_headers(headers)
        start = _start_cards(headers.image)
        if str(start.get("SCTSRT", "")) < str(self.earliest.get("SCTSRT", "")):
            self.earliest = start
        temperature = headers.image.get("EXCAMT")
        if isinstance(temperature, int | float) and not isinstance(temperature, bool):
            self.temperature_sum += temperature
            self.temperatures += 1

    def merge(self, other: Stack) -> None:
        """Add the frames of another part of the same stack.

        Raises
        ------
        DarkroomError
            When the other part is not of the same stack.
        """
        if not alike(other.key, self.key) or other.unit != self.unit or other.shape != self.shape:
            raise DarkroomError(f"{self.name}: a part of {other.name} cannot be merged into it")
        self.members += other.members
        if other.template.start >= self.template.start:
            self.template = other.template
        if str(other.earliest.get("SCTSRT", "")) < str(self.earliest.get("SCTSRT", "")):
            self.earliest = other.earliest
        self.temperature_sum += other.temperature_sum
        self.temperatures += other.temperatures
        self.growths += other.growths
        self.measured |= other.measured

    def check(self) -> None:
        """Refuse duplicate frames, and EM gains that differ too much.

        Raises
        ------
        DarkroomError
            With the name of the frame, or the gains.
        """
        for label, values in (
            ("file", [m.name for m in self.members]),
            ("content", [m.sha256 for m in self.members if m.sha256]),
        ):
            value, times = Counter(values).most_common(1)[0] if values else ("", 0)
            if times > 1:
                name = next(m.name for m in self.members if value in (m.name, m.sha256))
                raise DarkroomError(
                    f"{self.name}: {name} is there twice (same {label}); each exposure may "
                    "count once"
                )
        gains = [member.em_gain for member in self.members]
        if max(gains) - min(gains) > _GAIN_TOLERANCE * max(gains):
            raise DarkroomError(
                f"{self.name}: EM gains of its frames run from {min(gains):g} to {max(gains):g}, "
                f"more than {_GAIN_TOLERANCE:.0%} apart"
            )


def threshold_dn(headers: Headers) -> float | None:
    """Return the cosmic-ray threshold in a frame's header [DN].

    It is taken from HISTORY, else it is the saturation level SAT_DN; None when neither is known.

    Raises
    ------
    InputError
        When the threshold in HISTORY is not a number.
    """
    match = _THRESHOLD.search(headers.history)
    if match:
        try:
            known = float(match[1])
            if not math.isnan(known):
                return known
        except ValueError:
            raise InputError(
                headers.path,
                f"HISTORY names the cosmic-ray threshold {match[1]!r}, which is not a number",
            ) from None
    value = headers.image.get("SAT_DN")
    return float(value) if isinstance(value, int | float) and value > 0 else None


def _start_cards(header):
    return {card: header[card] for card in ("SCTSRT", "MJDSRT") if card in header}
