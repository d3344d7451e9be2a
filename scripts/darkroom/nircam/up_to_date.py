"""Whether an intermediate file is up to date and need not be made again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.errors import InputError
from darkroom.fits.verify import verify
from darkroom.integrity.watch import is_intact

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.hints import StrPath


def is_up_to_date(path: StrPath, stamped: fits.Header) -> bool:
    """Return whether a file is intact and was made by the same program from the same inputs.

    A new CRDS context that selects the same references for an exposure must not cost a new
    calibration; the workflow cannot know this before the references are selected.

    Parameters
    ----------
    path : path-like
        The file; it may be missing.
    stamped : astropy.io.fits.Header
        Provenance that a new file would get (see `darkroom.provenance.stamp`).
    """
    if not Path(path).is_file() or not is_intact(path):
        return False
    try:
        header = verify(path)
    except InputError:
        return False
    return list(header.get("HISTORY", ())) == list(stamped["HISTORY"])
