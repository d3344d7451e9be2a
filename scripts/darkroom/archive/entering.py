"""What archives and headers say enters here: as text that a lock can hold, or not at all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from darkroom.campaign.lock_rows import HEADER_VALUES, fact_fault, uri_fault
from darkroom.errors import DarkroomError
from darkroom.plain import plain_value

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.campaign.lock_rows import Exposure

# A lock takes values of 200 characters; what is longer is no header value.
_LONGEST = 150


def cleaned(exposures: Iterable[Exposure]) -> list[Exposure]:
    """Return exposures as an archive lists them with header values that a lock can hold.

    A value that cannot be what its name says (an exposure time of infinity, a shape ``24x3a``) is
    left out: it is unknown until the file itself is here and is judged.

    Raises
    ------
    DarkroomError
        When an address cannot be kept in a lock.
    """
    return [_cleaned(row) for row in exposures]


def _cleaned(row: Exposure) -> Exposure:
    if fault := uri_fault(row.uri):
        raise DarkroomError(f"item {row.item}: the address {row.uri[:200]!r} {fault}")
    facts = {name: plain_value(str(row.facts.get(name, "")), _LONGEST) for name in HEADER_VALUES}
    kept = {name: text for name, text in facts.items() if text and not fact_fault(name, text)}
    size = row.size if row.size is None or 0 <= row.size < 10**15 else None
    return replace(row, facts=kept, size=size)
