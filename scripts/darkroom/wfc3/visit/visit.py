"""The products of a combined visit."""

from __future__ import annotations

import numpy as np
from astropy.io import fits

from darkroom.fits.write import write
from darkroom.provenance import stamp
from darkroom.wfc3.reads.treated import CARDS

_TOOLS = ("numpy", "astropy", "drizzlepac", "stwcs", "spherical-geometry", "stsci.skypac")
# What AstroDrizzle takes over from the first exposure but is not true of the visit, and where its
# rules for headers lay.
_FOREIGN = (
    *CARDS, "ENGINE", "MASKREAD", "NMASKED", "MASKSCOP", "IMA2FLT", "NPOP", "CREATOR", "MADEBY",
    "NINPUTS", "CFGHASH", "DATE", "CHECKSUM", "DATASUM", "RULEFILE", "DRIZPARS",
)  # fmt: skip
_OWN_HISTORY = "AstroDrizzle processing performed using:"


def write_visit(path, visit, flts, settings):
    """Write image and weights of a visit.

    Parameters
    ----------
    path : path-like
        ``…_sci.fits``; the weights go to ``…_wht.fits`` beside it, last.
    visit : darkroom.wfc3.visit.drizzle.Visit
    flts : sequence of path-like
        What was combined.
    settings : dict
        Parameters, for the provenance.
    """
    for suffix, data in (("sci", visit.science), ("wht", visit.weight)):
        header = _own(visit.header)
        name = path.name.replace("_sci.fits", f"_{suffix}.fits")
        header["FILENAME"] = name
        if suffix == "wht":
            header["BUNIT"] = ("s", "exposure time of each pixel")
        stamp(header, made_by="combine_visit", inputs=flts, settings=settings, packages=_TOOLS)
        image = np.ascontiguousarray(data, np.float32)
        write(path.with_name(name), [fits.PrimaryHDU(image, header=header)])


def _own(header):
    """Return AstroDrizzle's header without what belongs to the first exposure."""
    header = header.copy()
    for card in _FOREIGN:
        header.remove(card, ignore_missing=True, remove_all=True)
    history = [str(line) for line in header.get("HISTORY", [])]
    header.remove("HISTORY", ignore_missing=True, remove_all=True)
    if _OWN_HISTORY in history:
        for line in history[history.index(_OWN_HISTORY) :]:
            header.add_history(line)
    return header
