"""PHOTCORR: the photometric keywords of an exposure from IMPHTTAB."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import InputError
from darkroom.wfc3.engine.references import Reference, describe, locate
from darkroom.wfc3.engine.tables import column

if TYPE_CHECKING:
    from darkroom.hints import StrPath

_QUANTITIES = ("PHOTFLAM", "PHOTPLAM", "PHOTBW")
_OUTSIDE = -9999.0  # what calwf3 writes outside the table when it may not extrapolate
_NEWER = "use a newer CRDS context"


def photmode(primary: fits.Header) -> str:
    """Return PHOTMODE: instrument, detector, filter and date (the throughput varies with time)."""
    words = ["WFC3", "IR"]
    if not primary["FILTER"].startswith("CLEAR"):
        words.append(primary["FILTER"].strip())
    return " ".join([*words, f"MJD#{primary['EXPSTART']:.4f}"])


def photometry(
    primary: fits.Header, mode: str, folder: StrPath
) -> tuple[Reference, dict[str, float], list[str]] | None:
    """Return the photometric keywords for an observing mode.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Primary header of the RAW, which names IMPHTTAB.
    mode : str
        From `photmode`.
    folder : path-like
        Folder of references.

    Returns
    -------
    reference : darkroom.wfc3.engine.references.Reference
        The table; the result is None when the RAW names none.
    values : dict
        PHOTFLAM (erg cm-2 A-1 e-1), PHOTFNU (Jy s e-1), PHOTZPT (mag), PHOTPLAM and PHOTBW (A);
        empty for a dummy table. A value that is NaN or infinite in the table, which no header can
        hold, is -9999 as outside the dates of a table.
    bad : list of str
        The quantities with such a value.

    Raises
    ------
    InputError
        When the table is missing or has no row for the mode.
    """
    found = locate(primary, "IMPHTTAB", folder)
    if found is None:
        return None
    label, path = found
    try:
        with fits.open(path, memmap=False) as hdus:
            reference = describe("IMPHTTAB", label, path, hdus[0].header, primary)
            if reference.dummy:
                return reference, {}, []
            header = hdus[0].header
            values = {name: _value(reference, hdus, name, mode) for name in _QUANTITIES}
            values["PHOTZPT"] = float(header["PHOTZPT"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(path, f"cannot be read as an IMPHTTAB ({error})", _NEWER) from error
    values["PHOTFNU"] = 3.33564e4 * values["PHOTFLAM"] * values["PHOTPLAM"] * values["PHOTPLAM"]
    bad = [name for name, value in values.items() if not math.isfinite(value)]
    return reference, values | dict.fromkeys(bad, _OUTSIDE), bad


def _value(reference, hdus, name, mode):
    """Look up a quantity in the extension of the same name."""
    rows = hdus[name].data
    words = mode.lower().split()
    wanted = ",".join(word.split("#")[0] + "#" if "#" in word else word for word in words)
    known = [str(text).strip().lower() for text in column(reference, rows, "OBSMODE")]
    row = next((i for i, text in enumerate(known) if _same_mode(text, wanted)), None)
    if row is None:
        static = wanted.rpartition(",mjd#")[0]
        fault = f"[{name}] has no row for {wanted}"
        if any(_same_mode(text, static) for text in known):
            fault += f"; it is of a time when the throughput ({static}) did not depend on the date"
        raise InputError(reference.path, fault, _NEWER)
    chosen = str(column(reference, rows, "DATACOL")[row]).strip()
    if chosen == name:
        return float(column(reference, rows, name)[row])
    if chosen != f"{name}1":
        fault = f"[{name}] depends on more than one parameter ({chosen})"
        raise InputError(reference.path, fault, "use another CRDS context")
    count = int(column(reference, rows, "NELEM1")[row])
    dates = [float(date) for date in column(reference, rows, "PAR1VALUES")[row][:count]]
    values = [float(value) for value in column(reference, rows, f"{name}1")[row][:count]]
    if count < 2:
        raise InputError(reference.path, f"[{name}] has {count} date for {wanted}, 2 are needed")
    date = float(words[-1].split("#")[1])
    if not dates[0] <= date <= dates[-1] and not hdus[0].header.get("EXTRAP", False):
        return _OUTSIDE
    return _line(dates, values, date)


def _same_mode(known, wanted):
    """Return whether two modes have the same words, in any order."""
    return len(known) == len(wanted) and all(word in wanted for word in known.split(","))


def _line(dates, values, date):
    """Interpolate linearly; outside the table extrapolate from its first or last two points."""
    if date < dates[0]:
        place = 0.0
    elif date > dates[-1]:
        place = len(dates) - 1.0
    else:
        i = _interval(dates, date)
        place = i + (date - dates[i]) / (dates[i + 1] - dates[i])
    i = min(math.floor(place), len(dates) - 2)
    rise = (date - dates[i]) * (values[i + 1] - values[i]) / (dates[i + 1] - dates[i])
    return values[i] + rise


def _interval(dates, date):
    """Return the index of the interval that contains a date (the last one for the last date)."""
    i = 0
    while i < len(dates) - 2 and dates[i + 1] <= date:
        i += 1
    return i
