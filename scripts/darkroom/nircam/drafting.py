"""NIRCam darks recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.draft.recognised import Recognised

if TYPE_CHECKING:
    from darkroom.draft.items import DraftItem
    from darkroom.draft.scan import Headers

# Steps of the pipeline that a raw exposure has not seen.
_STEPS = ("S_SUPERB", "S_REFPIX", "S_LINEAR", "S_DARK", "S_JUMP", "S_RAMP")

#: Whether it takes frames of any camera, and is therefore asked last.
ANY_CAMERA = False


def recognise(headers: Headers) -> Recognised | None:
    """Return what a NIRCam file is; None for files of other instruments."""
    primary = headers.primary
    if _text(primary, "INSTRUME") != "NIRCAM":
        return None
    setup = {
        "detector": _text(primary, "DETECTOR"),
        "subarray": _text(primary, "SUBARRAY"),
        "read pattern": _text(primary, "READPATT"),
    }
    kind, axes = _text(primary, "EXP_TYPE"), headers.image.get("NAXIS", 0)
    done = [card for card in _STEPS if _text(primary, card) == "COMPLETE"]
    note = ""
    if "DARK" not in kind:
        note = f"EXP_TYPE is {kind or 'missing'}, darks are needed"
    elif axes != 4:
        note = "holds no raw ramps (_uncal.fits)"
    elif done:
        note = f"was processed already ({done[0]} COMPLETE), raw ramps are needed"
    frame, groups = primary.get("TGROUP"), primary.get("NGROUPS")
    known = isinstance(frame, int | float) and isinstance(groups, int)
    return Recognised(
        "nircam", headers.path, setup, "" if note else "dark", note,
        float(frame * groups) if known else None,
        # Segments of an exposure have the same start.
        f"{_text(primary, 'DATE-OBS')}T{_text(primary, 'TIME-OBS')}/{primary.get('INTSTART', '')}",
    )  # fmt: skip


def settings(item: DraftItem) -> dict[str, Any]:  # noqa: ARG001 (every instrument has it)
    """Return the settings of an item."""
    cards = {"pedigree": "INFLIGHT", "useafter": "2022-01-01T00:00:00"}
    return {"nircam": {"superbias": dict(cards), "readnoise": dict(cards)}}


def missing(item: DraftItem) -> list[str]:  # noqa: ARG001 (every instrument has it)
    """Return what an item lacks: nothing that is not said by `fault`."""
    return []


def fault(item: DraftItem) -> str:
    """Return why no product can be made of an item; empty when one can."""
    return "" if item.of("dark") else "it has no raw darks"


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs."""
    return {"crds": {"jwst": {"context": "jwst_1293.pmap"}}}


def _text(header: Any, card: str) -> str:
    return str(header.get(card, "")).strip().upper()
