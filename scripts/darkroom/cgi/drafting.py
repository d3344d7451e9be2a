"""Darks of Roman's coronagraph recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.cgi.geometry import SHIPPED, read_geometry
from darkroom.cgi.settings import CgiSettings
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
    return Recognised(
        "cgi", headers.path, setup, "" if note else "dark", note,
        round(float(time), _TIME_DIGITS) if known else None,
        _text(image, "SCTSRT") or _text(image, "DATETIME"),
    )  # fmt: skip


def settings(item: DraftItem) -> dict[str, Any]:
    """Return the settings of an item: its geometry; raw frames need a table of non-linearity."""
    made: dict[str, Any] = {}
    name = _geometry(item.setup["shape"])
    if name not in {"", CgiSettings.geometry}:
        made["geometry"] = name
    if item.setup["level"] == "L1":
        made["nonlinearity"] = "none"
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
    return "" if item.of("dark") else "it has no frames"


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs: none."""
    return {}


def _geometry(shape: str) -> str:
    """Return the shipped geometry whose frames have a shape ``rowsxcolumns``; "" for none."""
    for name in SHIPPED:
        rows, columns = read_geometry(name).shape
        if shape == f"{rows}x{columns}":
            return name
    return ""


def _text(header: Any, card: str) -> str:
    return str(header.get(card, "")).strip().upper()
