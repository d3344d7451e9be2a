"""Frames of any camera recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from darkroom.ccd.frame_types import calibration_faults, stated_type, type_alone, type_of_name
from darkroom.ccd.received import SETUP
from darkroom.draft.recognised import Recognised
from darkroom.errors import InputError
from darkroom.fits.cards import Cards, Recover
from darkroom.fits.describe import describe_headers, image_headers, plane_count

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.draft.items import DraftItem
    from darkroom.draft.scan import Headers
    from darkroom.fits.describe import Frame

#: Whether it takes frames of any camera, and is therefore asked last.
ANY_CAMERA = True

# Malformed exposure times, and a card that holds the same time.
_RECOVER = ("EXPTIME=EXPOINUS*1e-6",)
# Roles that products are made of.
_USED = ("bias", "dark", "flat", "science")
# Cards of the set-up that tell frames of one camera apart at a glance; the rest is judged later.
_SHOWN = ("gain", "offset", "readout mode", "first column", "first row")


def recognise(headers: Headers) -> Recognised | None:
    """Return what a frame is.

    Raises
    ------
    InputError
        When the file holds no image.
    """
    path, fault, options = headers.path, "", {}
    found = image_headers(path)
    frame: Frame | None = None
    try:
        frame = describe_headers(path, *found)
    except InputError as error:
        fault = f"{error.fault}; {error.advice}" if error.advice else error.fault
        try:
            permitted = [Recover.parse(text) for text in _RECOVER]
            frame = describe_headers(path, *found, permitted)
            fault, options = "", {"recover": list(_RECOVER)}
        except InputError:
            pass
    cards = Cards(path, headers.primary, headers.image)
    role, note = _role(headers, cards)
    calibrated, _ = calibration_faults(cards)
    if fault or calibrated:
        role, note = "", fault or calibrated[0]
    elif role not in _USED:
        role, note = "", note or f"is a {role} frame, which no product is made of"
    return Recognised(
        "ccd", path, _setup(headers, cards, frame), role, note,
        None if frame is None else frame.exptime,
        "" if frame is None else frame.date_obs or "",
        options, images=plane_count(found[1]),
    )  # fmt: skip


def _setup(headers: Headers, cards: Cards, frame: Frame | None) -> dict[str, str]:
    image = headers.image
    asked = cards.set_temperature()
    setup = {
        "camera": cards.text("INSTRUME") or "unknown",
        "shape": (
            f"{frame.shape[0]}x{frame.shape[1]}"
            if frame
            else f"{image.get('NAXIS2', 0)}x{image.get('NAXIS1', 0)}"
        ),
        "binning": frame.binning if frame else _binning(cards),
    }
    for name in _SHOWN:
        setup[name] = cards.text(*SETUP[name]) or ""
    if asked is not None:
        setup["set temperature"] = f"{asked:g} °C"
    return setup


def _binning(cards: Cards) -> str:
    """Return the binning of a frame of which something else cannot be read."""
    try:
        return cards.binning()
    except InputError:
        return ""


def _role(headers: Headers, cards: Cards) -> tuple[str, str]:
    """Return what a frame is, and where that was read when no card states it."""
    kind, said, _ = stated_type(cards)
    if kind:
        return kind, ""
    if said:
        return "", f"{said}, which is not known"
    if kind := type_alone(cards.text("OBJECT") or ""):
        return kind, f"taken as {kind} from its OBJECT"
    if kind := type_of_name(headers.path.name):
        return kind, f"no card says what it is; taken as {kind} from its name"
    for folder in headers.path.parents:
        if kind := type_of_name(folder.name):
            return kind, f"no card says what it is; taken as {kind} from the folder {folder.name!r}"
        if folder == headers.folder:
            break
    return "", (
        "neither its header nor its name says what it is; put the frames into folders bias, dark, "
        "flat and light, or name the card that says it in a campaign (cards: {role: CARD})"
    )


def settings(item: DraftItem) -> dict[str, Any]:
    """Return the settings of an item."""
    recover = sorted({text for file in item.files for text in file.options.get("recover", ())})
    return {"recover": recover} if recover else {}


def missing(item: DraftItem) -> list[str]:
    """Return what an item lacks for products that others of its kind have."""
    if fault(item):
        return []
    bias, dark, flat = (item.of(role) for role in ("bias", "dark", "flat"))
    found, times = [], {file.exptime for file in dark}
    rated = bool(dark and (bias or len(times) > 1))
    if not bias and not rated:
        found.append(
            "bias frames; without them there is no master bias, no read noise, and, of darks of "
            "one exposure time, no dark rate and no map of hot pixels"
        )
    elif not bias:
        found.append("bias frames; without them there is no master bias and no read noise")
    elif _images(bias) == 1:
        found.append("a second bias frame; one alone tells no read noise")
    if not dark:
        found.append("darks; without them there is no dark rate and no map of hot pixels")
    if flat and _images(bias) < 2:
        found.append("two bias frames for the gain; the flats are not used")
    elif flat and all(count < 2 for count in Counter(file.exptime for file in flat).values()):
        found.append("two flats of one exposure time; single ones tell no gain")
    if item.of("science") and not (rated and _images(bias) > 1):
        found.append("bias frames and darks for the science frames, which are not dark-subtracted")
    return found


def _images(files: Iterable[Recognised]) -> int:
    return sum(file.images for file in files)


def fault(item: DraftItem) -> str:
    """Return why no product can be made of an item; empty when one can."""
    return "" if item.of("bias") or item.of("dark") else "it has neither bias frames nor darks"


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs: none."""
    return {}
