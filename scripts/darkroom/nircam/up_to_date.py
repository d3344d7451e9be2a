"""An intermediate file that need not be made again."""

from __future__ import annotations

from pathlib import Path

from darkroom.errors import InputError
from darkroom.fits.verify import verify


def is_current(path, stamped):
    """Tell whether a file is whole and was made from the same inputs, by the same program.

    A new CRDS context under which an exposure keeps its references must not cost its calibration;
    the workflow cannot know that before the references are chosen.

    Parameters
    ----------
    path : path-like
        The file, which need not be there.
    stamped : astropy.io.fits.Header
        Provenance that a new one would get (`darkroom.provenance.stamp`).
    """
    if not Path(path).is_file():
        return False
    try:
        header = verify(path)
    except InputError:
        return False
    return list(header.get("HISTORY", ())) == list(stamped["HISTORY"])
