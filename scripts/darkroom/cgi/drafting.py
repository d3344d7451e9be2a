"""Darks of Roman's coronagraph recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.cgi.geometry import SHIPPED, read_geometry
from darkroom.cgi.maps.design import MIN_STACKS
from darkroom.cgi.settings import CgiSettings
from darkroom.cgi.stack_keys import keys
from darkroom.draft.recognised import Recognised

if TYPE_CHECKING:
    from darkroom.draft.items import DraftItem
    from darkroom.draft.scan import Headers

# Exposure times of a stack agree within this: clocks differ in the last digits.
_TIME_DIGITS = 4

#: Whether it takes frames of any camera, and is therefore asked last.
ANY_CAMERA = False


def recognise(headers: Headers) -> Recognised | None:
    """Return what a CGI file is; None for files of other instruments."""
    primary, image = headers.primary, headers.image
    # Calibrated frames of tests may lack INSTRUME; no other instrument has this card.
    if _text(primary, "INSTRUME") != "CGI" and "EMGAIN_C" not in image:
        return None
    setup = {
        "detector": _text(primary, "DETECTOR") or "EXCAM",
        "shape": f"{image.get('NAXIS2')}x{image.get('NAXIS1')}",
        "level": _text(image, "DATALVL") or "L1",
    }
    note = "" if image.get("NAXIS") == 2 else "holds no frame with two axes"
    time = image.get("EXPTIME")
    known = isinstance(time, int | float)
    taken_for = {"gain": image.get("EMGAIN_C"), "counted": image.get("ISPC") in {1, "T", "1"}}
    return Recognised(
        "cgi", headers.path, setup, "" if note else "dark", note,
        round(float(time), _TIME_DIGITS) if known else None,
        _text(image, "SCTSRT") or _text(image, "DATETIME"), taken_for,
    )  # fmt: skip


def settings(item: DraftItem) -> dict[str, Any]:
    """Return the settings of an item: its geometry; raw frames need a table of non-linearity."""
    made: dict[str, Any] = {}
    name = _geometry(item.setup["shape"])
    if name not in {"", CgiSettings.geometry}:
        made["geometry"] = name
    if item.setup["level"] == "L1":
        made["nonlinearity"] = "none"
    if counted := _stacks(item, counted=True):
        made["photon_counted"] = [{"gain": gain, "exptime": time} for gain, time in counted]
    return {"cgi": made} if made else {}


def missing(item: DraftItem) -> list[str]:
    """Return what an item lacks: a geometry of its shape, raw frames a table of non-linearity."""
    shape = item.setup["shape"]
    lacks = []
    if not _geometry(shape):
        lacks.append(f"regions of a frame of {shape} (a file of them, named by cgi.geometry)")
    if item.setup["level"] == "L1":
        lacks.append("a table of the non-linearity (cgi.nonlinearity; now none is corrected)")
    return lacks


def fault(item: DraftItem) -> str:
    """Return why no product can be made of an item; empty when one can."""
    if not item.of("dark"):
        return "it has no frames"
    stacks = _stacks(item, counted=False)
    gains, times = ({stack[axis] for stack in stacks} for axis in (0, 1))
    if len(stacks) < MIN_STACKS or len(gains) < 2 or len(times) < 2:
        return (
            f"noise maps need analog darks at {MIN_STACKS} or more pairs of EM gain and exposure "
            f"time, two of each; it has {len(stacks)} (EM gains "
            f"{', '.join(f'{gain:g}' for gain in sorted(gains)) or 'none'}; "
            f"{', '.join(f'{time:g} s' for time in sorted(times)) or 'no time'}). "
            "scripts/cgi/master_dark.py makes a dark of one stack, photon_counted_dark.py of one "
            "in which photons are counted"
        )
    return ""


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs: none."""
    return {}


def _stacks(item: DraftItem, *, counted: bool) -> list[tuple[float, float]]:
    """Return EM gain and exposure time of each stack of an item, analog or of counted photons.

    Frames whose header lacks either have no stack: they are refused when they have arrived.
    """
    found = [
        (file.exptime, float(file.options["gain"]), 0.0)
        for file in item.of("dark")
        if file.options["counted"] == counted
        and file.exptime is not None
        and isinstance(file.options["gain"], int | float)
    ]
    return sorted({(gain, time) for time, gain, _ in keys(found).values()})


def _geometry(shape: str) -> str:
    """Return the shipped geometry whose frames have a shape ``rowsxcolumns``; "" for none."""
    for name in SHIPPED:
        rows, columns = read_geometry(name).shape
        if shape == f"{rows}x{columns}":
            return name
    return ""


def _text(header: Any, card: str) -> str:
    return str(header.get(card, "")).strip().upper()
