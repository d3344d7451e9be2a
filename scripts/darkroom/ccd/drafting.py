"""Frames of any camera recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from darkroom.draft.recognised import Recognised
from darkroom.errors import InputError
from darkroom.fits.describe import Recover, describe

if TYPE_CHECKING:
    from darkroom.draft.items import DraftItem
    from darkroom.draft.scan import Headers
    from darkroom.fits.describe import Frame

#: Whether it takes frames of any camera, and is therefore asked last.
ANY_CAMERA = True

# Cards that state what a frame is, in the order in which they are believed.
_TYPE_CARDS = ("IMAGETYP", "FRAME", "OBSTYPE", "FRAMETYP", "IMGTYPE")
_TYPES = (
    ("bias", r"bias|zero|offset"),
    ("flat", r"flat"),
    ("dark", r"dark"),
    ("science", r"light|object|science|target"),
)
# Cards that belong to the set-up: frames that differ in one are not combined.
_SETUP = {
    "gain": ("GAIN",),
    "offset": ("OFFSET", "BLKLEVEL"),
    "mode": ("READOUTM",),
    "set temperature": ("SET-TEMP", "SETTEMP"),
}
# A malformed exposure time, and a card that holds the same time.
_RECOVER = ("EXPTIME=EXPOINUS*1e-6",)
# Roles that products are made of.
_USED = ("bias", "dark", "flat", "science")


def recognise(headers: Headers) -> Recognised | None:
    """Return what a frame is."""
    path, fault, options = headers.path, "", {}
    try:
        frame = describe(path)
    except InputError as error:
        fault = error.fault
        try:
            frame = describe(path, [Recover.parse(text) for text in _RECOVER])
            fault, options = "", {"recover": list(_RECOVER)}
        except InputError:
            frame = None
    setup = _setup(headers, frame)
    role, note = _role(headers)
    if fault:
        role, note = "", fault
    elif role not in _USED:
        role, note = "", note or f"is a {role}, which no product is made of"
    return Recognised(
        "ccd", path, setup, role, note,
        None if frame is None else frame.exptime,
        "" if frame is None else frame.date_obs or "",
        options,
    )  # fmt: skip


def _setup(headers: Headers, frame: Frame | None) -> dict[str, str]:
    image = headers.image
    shape = f"{image.get('NAXIS2', 0)}x{image.get('NAXIS1', 0)}"
    setup = {
        "camera": frame.instrument if frame else _card(headers, "INSTRUME") or "unknown",
        "shape": f"{frame.shape[0]}x{frame.shape[1]}" if frame else shape,
        "binning": frame.binning if frame else "",
    }
    origin = [_card(headers, card) for card in ("XORGSUBF", "YORGSUBF")]
    setup["corner"] = ",".join(origin) if any(each not in ("", "0") for each in origin) else ""
    for name, cards in _SETUP.items():
        setup[name] = next(filter(None, (_card(headers, card) for card in cards)), "")
    return setup


def _role(headers: Headers) -> tuple[str, str]:
    """Return what a frame is, and where that was read when no card states it."""
    for card in _TYPE_CARDS:
        value = _card(headers, card)
        for role, pattern in _TYPES:
            if re.search(pattern, value, re.IGNORECASE):
                return role, ""
        if value and card == "IMAGETYP":
            return "", f"IMAGETYP is {value!r}, which is not known"
    path = headers.path
    for text in (path.name, path.parent.name):
        for role, pattern in _TYPES:
            if re.search(pattern, text, re.IGNORECASE):
                return role, f"no card says what it is; taken as {role} from its name"
    return "", "neither its header nor its name says what it is"


def _card(headers: Headers, card: str) -> str:
    for header in (headers.primary, headers.image):
        if card in header:
            try:
                value = header[card]
            except ValueError:  # astropy's VerifyError is one
                return ""
            return f"{value:g}" if isinstance(value, float) else str(value).strip()
    return ""


def settings(item: DraftItem) -> dict[str, Any]:
    """Return the settings of an item."""
    recover = sorted({text for file in item.files for text in file.options.get("recover", ())})
    return {"recover": recover} if recover else {}


def fault(item: DraftItem) -> str:
    """Return why no product can be made of an item; empty when one can."""
    if item.of("bias") and item.of("dark"):
        return ""
    return "it needs bias frames and darks"


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs: none."""
    return {}
