"""Processing steps that frames must and must not have had before darks are made of them.

Darks are made of frames whose bias is subtracted, whose cosmic rays are masked, and that are linear
and in electrons: for noise maps not divided by the EM gain, for traditional darks divided. Frames
must not be desmeared or corrected for charge transfer, and their errors must not contain shot
noise. corgidrp documents these conditions but does not check them. Here the headers and HISTORY are
read; `darkroom.cgi.judging` refuses a frame that does not meet a condition. Single checks can be
waived by name, for frames of another origin; the product then records it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.cgi.settings import CHECKS
from darkroom.cgi.units import ELECTRON, EM_ELECTRON
from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Collection

    from darkroom.cgi.stacks.frame import Headers

# Each step leaves a sentence in HISTORY; frames of level L2a have had all steps.
_DONE = {
    "bias": ("bias subtracted",),
    "cosmic-rays": ("Cosmic ray mask created",),
    "linearity": ("Data corrected for non-linearity",),
}
_WHAT = {
    "bias": "has its bias not subtracted",
    "cosmic-rays": "has no mask of cosmic rays",
    "linearity": "is not corrected for non-linearity",
}
_CALIBRATED_LEVELS = ("L2A", "L2B")
_DIVIDED = "data divided by EM gain"
#: Level of raw frames.
L1 = "L1"


def check_names(waived: Collection[str]) -> None:
    """Raise a `DarkroomError` when a name is not one of `CHECKS`."""
    for name in waived:
        if name not in CHECKS:
            known = ", ".join(CHECKS)
            raise DarkroomError(f"there is no check named {name!r} to waive; there are {known}")


def level_of(headers: Headers) -> str:
    """Return the data level (DATALVL) in capitals, empty when the header has none."""
    return str(headers.image.get("DATALVL", "")).strip().upper()


def divided(headers: Headers) -> bool:
    """Return whether HISTORY says that the frame was divided by its EM gain."""
    return _DIVIDED in headers.history


def step_faults(headers: Headers) -> dict[str, str]:
    """Return the conditions that a frame does not meet: ``{name of a check: sentence}``.

    Those on its unit depend on the product: see `unit_fault`. Steps that raw frames (level L1) are
    still to undergo are not asked of them.
    """
    history, level = headers.history, level_of(headers)
    found = {}
    if level not in (*_CALIBRATED_LEVELS, L1):
        for name, sentences in _DONE.items():
            if not any(sentence.lower() in history.lower() for sentence in sentences):
                said = f"DATALVL is {level!r}" if level else "it has no DATALVL"
                found[name] = (
                    f"{_WHAT[name]} according to its header ({said}, and HISTORY does not contain "
                    f"'{sentences[0]}'); bring it to level L2a first"
                )
    # With auto-decide on, HISTORY has the sentence whatever was decided; the card is then valid.
    is_in_history = "Desmear function applied" in history and "auto-decide on" not in history
    if headers.is_set("DESMEAR") or is_in_history:
        found["desmear"] = "was desmeared, which darks must not be"
    if headers.is_set("CTI_CORR"):
        found["cti"] = "was corrected for charge transfer, which darks must not be"
    if "shot noise propagated" in history:
        found["shot-noise"] = "has shot noise added to its error, which darks must not have"
    if "Dark subtracted" in history:
        found["dark"] = "has a dark subtracted already"
    return found


def unit_fault(unit: str, was_divided: bool, needed: str) -> str:
    """Return what is wrong with the unit of a frame; empty when nothing is.

    Parameters
    ----------
    unit : str
        Its BUNIT.
    was_divided : bool
        See `divided`.
    needed : str
        `units.EM_ELECTRON` for noise maps and statistics, `units.ELECTRON` for a traditional dark
        of gain-divided frames.
    """
    if unit == needed:
        if was_divided and needed == EM_ELECTRON:
            return f"BUNIT is {unit!r} but HISTORY says it was divided by the EM gain"
        return ""
    advice = ""
    if unit == "DN":
        advice = "; convert it to electrons first"
    elif {unit, needed} == {EM_ELECTRON, ELECTRON}:
        advice = (
            "; noise maps need frames before the division by the EM gain"
            if needed == EM_ELECTRON
            else "; divide it by the EM gain first"
        )
    return f"BUNIT is {unit!r}, {needed!r} is needed{advice}"
