"""The product files of a combined visit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.fits.write import write
from darkroom.provenance import stamp
from darkroom.wfc3.reads.treated import CARDS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from darkroom.hints import StrPath
    from darkroom.wfc3.visit.drizzle import Visit

_TOOLS = ("numpy", "astropy", "drizzlepac", "stwcs", "spherical-geometry", "stsci.skypac")
# Cards that AstroDrizzle copies from the first exposure but that do not describe the visit, and
# those that name files of its installation.
_NOT_OF_VISIT = (
    *CARDS, "ENGINE", "MASKREAD", "NMASKED", "MASKSCOP", "IMA2FLT", "NPOP", "CREATOR", "MADEBY",
    "NINPUTS", "CFGHASH", "DATE", "CHECKSUM", "DATASUM", "RULEFILE", "DRIZPARS",
)  # fmt: skip
# Where the HISTORY of AstroDrizzle itself begins.
_OWN_HISTORY = "AstroDrizzle processing performed using:"


def write_visit(
    files: dict[str, Path], visit: Visit, flts: Sequence[StrPath], settings: dict[str, Any]
) -> None:
    """Write image and weights of a visit.

    Parameters
    ----------
    files : dict of pathlib.Path
        The image's and the weights' file, by the names that their headers state.
    visit : darkroom.wfc3.visit.drizzle.Visit
        The combined visit.
    flts : sequence of path-like
        The exposures combined, for the provenance.
    settings : dict
        Parameters, for the provenance.
    """
    for (name, path), data in zip(files.items(), (visit.science, visit.weight), strict=True):
        header = _visit_header(visit.header)
        header["FILENAME"] = name
        if data is visit.weight:
            header["BUNIT"] = ("s", "exposure time of each pixel")
        stamp(header, made_by="combine_visit", inputs=flts, settings=settings, packages=_TOOLS)
        image = np.ascontiguousarray(data, np.float32)
        write(path, [fits.PrimaryHDU(image, header=header)])


def _visit_header(header):
    """Return the header by AstroDrizzle without the cards of the first exposure."""
    header = header.copy()
    for card in _NOT_OF_VISIT:
        header.remove(card, ignore_missing=True, remove_all=True)
    history = [str(line) for line in header.get("HISTORY", [])]
    header.remove("HISTORY", ignore_missing=True, remove_all=True)
    if _OWN_HISTORY in history:
        for line in history[history.index(_OWN_HISTORY) :]:
            header.add_history(line)
    return header
