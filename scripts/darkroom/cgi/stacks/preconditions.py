"""Processing steps that frames must and must not have had before darks are made of them.

Darks are made of frames whose bias is subtracted, whose cosmic rays are masked, and that are linear
and in electrons: for noise maps not divided by the EM gain, for traditional darks divided. Frames
must not be desmeared or corrected for charge transfer, and their errors must not contain shot
noise. corgidrp documents these conditions but does not check them. Here the headers and HISTORY are
read, and a frame that does not meet a condition is refused. Single checks can be waived by name,
for frames of another origin; the product then records it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from darkroom.cgi.settings import CHECKS
from darkroom.cgi.units import ELECTRON, EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

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


def check_frame(headers: Headers, unit: str, waived: Collection[str] = ()) -> None:
    """Refuse a frame that is not suited for darks.

    Parameters
    ----------
    headers : darkroom.cgi.stacks.frame.Headers
    unit : str
        The BUNIT that is needed: `units.EM_ELECTRON` for noise maps, `units.ELECTRON` for a
        traditional dark of gain-divided frames.
    waived : collection of str
        Names of `CHECKS` that are not made.

    Raises
    ------
    InputError
        With the file, the fault and the remedy.
    """
    for name, fault, advice in _faults(headers, unit):
        if name not in waived:
            waive = f"if you know better: --waive {name}"
            raise InputError(headers.path, fault, f"{advice}; {waive}" if advice else waive)


def check_names(waived: Collection[str]) -> None:
    """Raise a `DarkroomError` when a name is not one of `CHECKS`."""
    for name in waived:
        if name not in CHECKS:
            known = ", ".join(CHECKS)
            raise DarkroomError(f"there is no check named {name!r} to waive; there are {known}")


def _faults(headers, unit):
    history = headers.history
    yield from _unit_faults(headers, unit, history)
    level = str(headers.image.get("DATALVL", "")).strip().upper()
    if level not in _CALIBRATED_LEVELS:
        for name, sentences in _DONE.items():
            if not any(sentence.lower() in history.lower() for sentence in sentences):
                said = f"DATALVL is {level!r}" if level else "it has no DATALVL"
                yield (
                    name,
                    f"{_WHAT[name]} according to its header ({said}, and HISTORY does not contain "
                    f"'{sentences[0]}')",
                    "bring it to level L2a first",
                )
    # With auto-decide on, HISTORY has the sentence whatever was decided; the card is then valid.
    is_in_history = "Desmear function applied" in history and "auto-decide on" not in history
    if headers.image.get("DESMEAR") or is_in_history:
        yield "desmear", "was desmeared, which darks must not be", ""
    if headers.image.get("CTI_CORR"):
        yield "cti", "was corrected for charge transfer, which darks must not be", ""
    if "shot noise propagated" in history:
        yield "shot-noise", "has shot noise added to its error, which darks must not have", ""
    if "Dark subtracted" in history:
        yield "dark", "has a dark subtracted already", ""


def _unit_faults(headers, unit, history):
    found = str(headers.image.get("BUNIT", "")).strip()
    divided = _DIVIDED in history
    if found != unit:
        advice = ""
        if found == "DN":
            advice = "convert it to electrons first"
        elif {found, unit} == {EM_ELECTRON, ELECTRON}:
            advice = (
                "noise maps need frames before the division by the EM gain"
                if unit == EM_ELECTRON
                else "divide it by the EM gain first"
            )
        yield "unit", f"BUNIT is {found!r}, {unit!r} is needed", advice
    elif divided and unit == EM_ELECTRON:
        yield "unit", f"BUNIT is {found!r} but HISTORY says it was divided by the EM gain", ""
