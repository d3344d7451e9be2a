"""The table "Against the truth" of simulated items: one row a quantity, as the report reads it."""

from __future__ import annotations

import json

from darkroom.atomic import write_text


def row(what, true, found, error, unit):
    """Return one row of the table.

    Parameters
    ----------
    what, unit : str
        What was measured, and its unit.
    true, found : float
        What is hidden in the frames, and what the product says.
    error : float or None
        Quoted standard error; None where none can be given.

    Returns
    -------
    dict
        ``quantity``, ``truth``, ``found``, ``error``, ``pull`` (deviation in units of the error,
        or None), ``unit``.
    """
    pull = (found - true) / error if error else None
    return {
        "quantity": what,
        "truth": float(true),
        "found": float(found),
        "error": None if error is None else float(error),
        "pull": None if pull is None else float(pull),
        "unit": unit,
    }


def write_rows(path, rows):
    """Write the table as JSON, and print it."""
    write_text(path, json.dumps(rows, indent=1) + "\n")
    for entry in rows:
        print("{quantity}: truth {truth:.6g}, found {found:.6g}, pull {pull}".format(**entry))
