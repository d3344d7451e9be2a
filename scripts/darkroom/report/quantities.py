"""The quantities that the report tabulates, as a JSON file."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text

if TYPE_CHECKING:
    from darkroom.hints import StrPath

log = logging.getLogger(__name__)


def quantity(
    name: str,
    value: float | None,
    unit: str,
    definition: str,
    *,
    uncertainty: float | None = None,
    notebook: float | None = None,
) -> dict[str, Any]:
    """Return one entry of the table of quantities.

    Parameters
    ----------
    name : str
        Name of the quantity.
    value : float or None
        Value as darkroom measures it; None where it is unknown, also for NaN and infinity. Without
        an uncertainty it is rounded to five significant digits.
    unit, definition : str
        Unit, and how notebook and darkroom define the quantity.
    uncertainty : float, optional
        Standard error of the value.
    notebook : float, optional
        Value by the notebook's definition.

    Returns
    -------
    dict
        ``name``, ``notebook``, ``value``, ``uncertainty``, ``unit``, ``definition``.
    """
    return {
        "name": name,
        "notebook": _plain(notebook),
        "value": _plain(value if uncertainty else _rounded(value)),
        "uncertainty": _plain(uncertainty),
        "unit": unit,
        "definition": definition,
    }


def _rounded(value):
    if value is None or not math.isfinite(value) or float(value).is_integer():
        return value
    return float(f"{value:.5g}")


def _plain(value):
    if value is None or not math.isfinite(value):
        return None
    return int(value) if float(value).is_integer() and abs(value) < 1e15 else float(value)


def log_quantities(entries: Iterable[dict[str, Any]]) -> None:
    """Log the entries, one per line."""
    for entry in entries:
        error = "" if entry["uncertainty"] is None else f" ± {entry['uncertainty']:.4g}"
        value = "unknown" if entry["value"] is None else f"{entry['value']:.7g}"
        log.info("%s: %s%s %s", entry["name"], value, error, entry["unit"])


def write_quantities(path: StrPath, entries: Sequence[dict[str, Any]]) -> None:
    """Write the entries as JSON, which the report reads."""
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")
