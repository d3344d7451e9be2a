"""The table of quantities as tab-separated text and as JSON values."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from darkroom.ccd.quantities import Quantity

COLUMNS = ("name", "notebook", "ours", "uncertainty", "unit", "definition")


def tsv(rows: Iterable[Quantity]) -> str:
    """Return quantities as tab-separated text with a header line; missing values are empty."""
    lines = ["\t".join(COLUMNS)]
    for row in rows:
        numbers = (_number(value) for value in (row.notebook, row.value, row.uncertainty))
        lines.append("\t".join((row.name, *numbers, row.unit, row.definition)))
    return "\n".join(lines) + "\n"


def _number(value):
    value = plain(value)
    return "" if value is None else f"{value:.10g}"


def plain(value: Any) -> Any:
    """Return a value, also nested, as JSON can hold it: NaN and infinity become None."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
