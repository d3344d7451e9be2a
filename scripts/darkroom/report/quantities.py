"""The numbers that the report shows, as a JSON file."""

from __future__ import annotations

import json
import logging
import math

from darkroom.atomic import write_text

log = logging.getLogger(__name__)


def quantity(name, value, unit, definition, *, uncertainty=None, notebook=None):
    """Make one entry.

    Parameters
    ----------
    name : str
    value : float or int or None
        Ours; not finite becomes None. Without an uncertainty five digits of it are kept.
    unit, definition : str
    uncertainty : float, optional
        One standard deviation.
    notebook : float or int, optional
        The same by the notebook's definition.
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


def log_quantities(entries):
    """Log entries, one a line."""
    for entry in entries:
        error = "" if entry["uncertainty"] is None else f" ± {entry['uncertainty']:.4g}"
        value = "unknown" if entry["value"] is None else f"{entry['value']:.7g}"
        log.info("%s: %s%s %s", entry["name"], value, error, entry["unit"])


def write_quantities(path, entries):
    """Write entries as the report reads them."""
    text = json.dumps(entries, indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")
