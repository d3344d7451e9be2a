"""Raw WFC3/IR exposures recognised by their headers, for the draft of a campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from darkroom.draft.recognised import Recognised

if TYPE_CHECKING:
    from darkroom.draft.items import DraftItem
    from darkroom.draft.scan import Headers

# Letters of a rootname that name proposal and visit: ipppssoot.
_VISIT = 6

#: Whether it takes frames of any camera, and is therefore asked last.
ANY_CAMERA = False


def recognise(headers: Headers) -> Recognised | None:
    """Return what a WFC3 file is; None for files of other instruments."""
    primary = headers.primary
    if _text(primary, "INSTRUME") != "WFC3":
        return None
    root = _text(primary, "ROOTNAME").lower() or headers.path.name.partition("_")[0]
    setup = {
        "visit": root[:_VISIT],
        "filter": _text(primary, "FILTER"),
        "subarray": _text(primary, "SUBTYPE"),
    }
    raw = any(_text(primary, card) == "PERFORM" for card in ("DQICORR", "FLATCORR"))
    note = ""
    if _text(primary, "DETECTOR") != "IR":
        note = f"DETECTOR is {_text(primary, 'DETECTOR')}, IR is needed"
    elif _text(primary, "IMAGETYP") not in ("EXT", ""):
        note = f"IMAGETYP is {_text(primary, 'IMAGETYP')}, exposures of the sky (EXT) are needed"
    elif not raw:
        note = "is no raw exposure (_raw.fits)"
    time = primary.get("EXPTIME")
    return Recognised(
        "wfc3", headers.path, setup, "" if note else "exposure", note,
        float(time) if isinstance(time, int | float) else None,
        f"{_text(primary, 'DATE-OBS')}T{_text(primary, 'TIME-OBS')}",
    )  # fmt: skip


def settings(item: DraftItem) -> dict[str, Any]:  # noqa: ARG001 (every instrument has it)
    """Return the settings of an item: what is declared is right."""
    return {}


def missing(item: DraftItem) -> list[str]:  # noqa: ARG001 (every instrument has it)
    """Return what an item lacks: nothing that is not said by `fault`."""
    return []


def fault(item: DraftItem) -> str:
    """Return why no product can be made of an item; empty when one can."""
    return "" if item.of("exposure") else "it has no raw exposure of the sky"


def common() -> dict[str, Any]:
    """Return the settings of the campaign that the instrument needs."""
    return {"crds": {"hst": {"context": "hst_1241.pmap"}}}


def _text(header: Any, card: str) -> str:
    return str(header.get(card, "")).strip().upper()
