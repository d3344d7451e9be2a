"""Rows of the table that compares products of simulated exposures with their known truth."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text

if TYPE_CHECKING:
    from darkroom.hints import StrPath


def row(
    what: str,
    true: float,
    found: float,
    error: float | None,
    unit: str,
    *,
    omit_unusable_error: bool = False,
) -> dict[str, Any]:
    """Return one row of the table.

    Parameters
    ----------
    what, unit : str
        Name of the quantity, and its unit.
    true, found : float
        Value that was simulated, and value in the product.
    error : float or None
        Quoted standard error; None where none can be given. An error of 0 gives no pull.
    omit_unusable_error : bool
        Write an error that is not finite or not positive as None, without a pull. Otherwise it is
        written as it is, and an error of NaN gives a pull of NaN.

    Returns
    -------
    dict
        ``quantity``, ``truth``, ``found``, ``error``, ``pull`` (deviation from the truth in units
        of the error, or None), ``unit``.
    """
    if omit_unusable_error and not (error is not None and math.isfinite(error) and error > 0):
        error = None
    pull = (found - true) / error if error else None
    return {
        "quantity": what,
        "truth": float(true),
        "found": float(found),
        "error": None if error is None else float(error),
        "pull": None if pull is None else float(pull),
        "unit": unit,
    }


def write_rows(path: StrPath, rows: Sequence[dict[str, Any]]) -> None:
    """Write the rows as JSON, and print them."""
    write_text(path, json.dumps(rows, indent=1) + "\n")
    for entry in rows:
        print("{quantity}: truth {truth:.6g}, found {found:.6g}, pull {pull}".format(**entry))
