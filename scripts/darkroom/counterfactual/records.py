"""Results of judging as JSON: the same bytes each time, numbers of six digits, no NaN."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

_DIGITS = 6


def plain(value: Any) -> Any:
    """Return a value with numbers of six significant digits; None for what is not finite."""
    if isinstance(value, dict):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if hasattr(value, "item"):
        return plain(value.item())
    if isinstance(value, int):
        return value
    return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None


def write_record(path: StrPath, record: dict[str, Any]) -> None:
    """Write a record as JSON."""
    text = json.dumps(plain(record), indent=1, ensure_ascii=False, allow_nan=False)
    write_text(path, text + "\n")


def read_record(path: StrPath, form: str) -> dict[str, Any]:
    """Read a record.

    Parameters
    ----------
    path : path-like
        JSON.
    form : str
        Its ``format``.

    Raises
    ------
    InputError
        When it is missing, damaged, or of another format.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(path, f"cannot be read ({error})", "remove it and run again") from None
    if not isinstance(found, dict) or found.get("format") != form:
        raise InputError(path, f"is not of the format {form!r}", "remove it and run again")
    return found
