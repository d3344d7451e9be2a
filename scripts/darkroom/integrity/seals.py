"""Seals: JSON files that state the digest of their own content, such as records and statuses."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def sealed(content: dict[str, Any]) -> dict[str, Any]:
    """Return a JSON object with the digest of its content as the key ``digest``."""
    # One that was sealed before, such as the note of an arrival, is sealed anew.
    bare = {key: value for key, value in content.items() if key != "digest"}
    return bare | {"digest": _digest(sealed_text(bare))}


def sealed_text(content: dict[str, Any]) -> str:
    """Return the one text in which a sealed object is written."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"))


def seal_fault(content: Any) -> str:
    """Return why a JSON object is not as `sealed` left it; empty when it is."""
    if not isinstance(content, dict):
        return "holds no JSON object"
    stated = content.get("digest")
    bare = {key: value for key, value in content.items() if key != "digest"}
    found = _digest(sealed_text(bare))
    if stated == found:
        return ""
    if stated is None:
        return "states no digest of its content"
    return f"states the digest {str(stated)[:12]}… of its content, which has {found[:12]}…"


def text_fault(text: str, content: Any) -> str:
    """Return why a text is not as it was written; empty when it is, to the letter.

    Parameters
    ----------
    text : str
        What a file holds.
    content : object
        What JSON makes of it.
    """
    if is_sealed_text(text, content):
        return ""
    if fault := seal_fault(content):
        return fault
    # Earlier versions wrote records, and statuses, with blanks.
    earlier = (
        json.dumps(content, sort_keys=True),
        json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n",
    )
    return "" if text in earlier else "is not as it was written"


def is_sealed_text(text: str, content: Any) -> bool:
    """Tell, without writing the content again, whether a text is that of a sealed object.

    The digest is that of the text without its own member: a thousandth of the time that JSON
    takes for the facts of an exposure.
    """
    stated = content.get("digest") if isinstance(content, dict) else None
    before, _, after = text.partition(f'"digest":"{stated}"')
    bare = before + after[1:] if after.startswith(",") else before.removesuffix(",") + after
    return stated == _digest(bare)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
