"""What cards say a frame is, and whether it is raw, in the words of many cameras and programs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkroom.fits.cards import Cards

#: Cards that state the type of a frame, in the order in which they are believed.
TYPE_CARDS = (
    "IMAGETYP", "IMGTYPE", "FRAMETYP", "OBSTYPE", "OBS_TYPE", "OBS-TYPE", "EXPTYPE", "FRAME",
    "DATA-TYP", "PICTTYPE", "ESO DPR TYPE",
)  # fmt: skip
# Other cards with such a name count when their value is a type and nothing else.
_LIKE_TYPE = re.compile(
    r"(?:.*[ _-])?(?:[A-Z]{0,6}[ _-]?(?:TYPE?|FLAVOU?R|KIND)|OBS[ _-]?MODE|TYPE?[ _-]?[A-Z]+)"
)
_TYPE_ALONE = re.compile(
    r"(?:bias|zero|offset|dark|flat|light|object|science)(?:e?s|[ _-]*(?:frame|image|field)s?)?",
    re.IGNORECASE,
)
# Types by a word in the text; the first that matches counts: a dark for flats is a dark.
_TYPES = (
    ("dark", r"dark[ _-]*flat|flat[ _-]*dark"),
    ("bias", r"bias|zero|^offset"),
    ("flat", r"flat|^plu\b"),
    ("dark", r"dark|^noirs?\b|dunkel"),
    ("lamp", r"\bcomp|\barc\b|lamp|wave"),
    ("science", r"light|object|science|target|^sci\b|standard|^std\b|\bsky\b"),
)
# The same words as parts of a name; in longer ones (darkroom, flatland) they mean nothing.
_NAMES = tuple(
    (kind, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])", re.IGNORECASE))
    for kind, words in (
        ("dark", r"darks?[ _-]*flats?|flats?[ _-]*darks?"),
        ("bias", r"bias(?:es)?|zeros?|zeroes|offsets?"),
        ("flat", r"(?:sky|dome|twilight|t)?[ _-]*flats?(?:[ _-]*(?:field|frame)s?)?"),
        ("dark", r"darks?(?:[ _-]*frames?)?|noirs?"),
        ("science", r"lights?|science|objects?"),
    )
)
# A capital inside a word begins the next one: MasterDark, DarkFrame.
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
# PICTTYPE of SBIG's programs is a number.
_PICTTYPE = {"1": "science", "2": "bias", "3": "dark", "4": "flat"}
# Cards in which an unknown value means something else than the type of the frame.
_OTHER_MEANING = ("FRAME", "OBSTYPE", "EXPTYPE", "PICTTYPE", "DATA-TYP", "ESO DPR TYPE")
# Cards of which any value but these means that the frame was calibrated.
_CALIBRATED = (
    "CALSTAT", "ZEROCOR", "DARKCOR", "FLATCOR", "CCDPROC", "IMCMB001", "SUBBIAS", "SUBDARK",
    "BIASSUB", "DARKSUB", "BIASCOR", "CALMASTE", "SUBOVER",
)  # fmt: skip
_NOT = ("", "f", "false", "0", "no", "none", "n", "omit", "raw", "unknown")
# Cards with the number of frames that were combined.
_COMBINED = ("NCOMBINE", "STACKCNT", "SNAPSHOT", "NUMCOMB", "NCOMB", "COMBNUM")
# Words of a text that say the same.
_WORDS = re.compile(
    r"(?:bias|dark|zero|pedestal)[ _-]*(?:and[ _-]*\w+[ _-]*)?subtract"
    r"|subtract\w*[ _-]*(?:bias|dark)|calibrated|combined|imcombine|ImageIntegration"
    r"|\bstack(?:ed)?\b|master[ _-]*(?:bias|dark|zero|flat)|flat[ _-]*fielded|ccdproc",
    re.IGNORECASE,
)


def type_of(text: str, card: str = "") -> str:
    """Return the type that a text states; empty when it is not known.

    Parameters
    ----------
    text : str
        Value of a card, e.g. ``"Bias Frame"``, ``"zero"``, ``"FLAT,SKY"``.
    card : str, optional
        Name of the card; the values of PICTTYPE are numbers.

    Returns
    -------
    str
        ``bias``, ``dark``, ``flat``, ``lamp``, ``science`` or empty.
    """
    if card == "PICTTYPE":
        return _PICTTYPE.get(text.strip(), "")
    words = (kind for kind, pattern in _TYPES if re.search(pattern, text.strip(), re.IGNORECASE))
    return next(words, "")


def type_of_name(name: str) -> str:
    """Return the type that a name of a file or a folder states; empty when it states none.

    Parameters
    ----------
    name : str
        E.g. ``"Dark_60s_001.fits"``, ``"BIAS"``. Only whole words count.
    """
    words = _CAPITAL.sub(" ", name)
    return next((kind for kind, pattern in _NAMES if pattern.search(words)), "")


def type_alone(text: str) -> str:
    """Return the type of a text that says a type and nothing else, as from `type_of`."""
    return type_of(text) if _TYPE_ALONE.fullmatch(text.strip()) else ""


def stated_type(cards: Cards) -> tuple[str, str, list[str]]:
    """Return the type that the cards of a frame state.

    Parameters
    ----------
    cards : darkroom.fits.cards.Cards

    Returns
    -------
    kind : str
        As from `type_of`; empty when no card states a known one.
    said : str
        The card and its value, e.g. ``"IMAGETYP is 'Dark Frame'"``; empty when no card states a
        type, known or not.
    remarks : list of str
        Further cards that contradict it.
    """
    texts = cards.role_texts(TYPE_CARDS, _LIKE_TYPE)
    usual = [
        (card, text) for card, text in texts if not _LIKE_TYPE.fullmatch(card) or card in TYPE_CARDS
    ]
    known = [(kind, card, text) for card, text in usual if (kind := type_of(text, card))]
    further = [(card, text) for card, text in texts if (card, text) not in usual]
    known += [(kind, card, text) for card, text in further if (kind := type_alone(text))]
    if not known:
        unknown = [(card, text) for card, text in usual if card not in _OTHER_MEANING]
        return "", " and ".join(f"{card} is {text!r}" for card, text in unknown), []
    kind, card, text = known[0]
    said = f"{card} is {text!r}"
    against = [f"{said}, but {c} is {t!r}" for other, c, t in known[1:] if other != kind]
    return kind, said, against


def calibration_faults(cards: Cards) -> tuple[list[str], list[str]]:
    """Return why a frame is not raw.

    Parameters
    ----------
    cards : darkroom.fits.cards.Cards

    Returns
    -------
    faults : list of str
        A sentence for each card that says so.
    remarks : list of str
        What the HISTORY says, which may be about something else.
    """
    found = []
    for card in _CALIBRATED:
        value = cards.text(card)
        if value is not None and value.casefold() not in _NOT:
            found.append(f"{card} is {value!r}: it was calibrated already, a raw frame is needed")
    for card in _COMBINED:
        value = cards.text(card)
        if value is not None and re.fullmatch(r"\d+(\.0*)?", value) and float(value) > 1:
            found.append(f"{card} is {value}: it was combined from several, a raw frame is needed")
    for card in (*TYPE_CARDS, "SWMODIFY", "PROCTYPE"):
        if _WORDS.search(text := cards.text(card) or ""):
            found.append(f"{card} is {text!r}: a raw frame is needed")
    if (cards.text("CREATOR") or "").startswith("darkroom"):
        found.append("it is a product of darkroom, a raw frame is needed")
    match = _WORDS.search(cards.text("HISTORY") or "")
    return found, [f"its HISTORY says {match[0]!r}: it may not be raw"] if match else []
