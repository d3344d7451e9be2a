"""Prepared frames as files, in corgidrp's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.raw.gather import described
from darkroom.errors import InputError
from darkroom.fits.write import write

if TYPE_CHECKING:
    from darkroom.cgi.raw.prepare import Prepared
    from darkroom.hints import StrPath

# Cards that describe the form of the HDU in the raw file.
_FORM = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT",
         "BSCALE", "BZERO", "CHECKSUM", "DATASUM")  # fmt: skip


def write_prepared(folder: StrPath, frame: Prepared) -> Path:
    """Write a prepared frame: image, ERR, DQ and BIAS.

    Parameters
    ----------
    folder : path-like
        Where the file is written.
    frame : darkroom.cgi.raw.prepare.Prepared

    Returns
    -------
    pathlib.Path
        The file, named as corgidrp names prepared frames (``_l2a``).

    Raises
    ------
    InputError
        When the prepared frame would replace the raw one.
    """
    headers = frame.headers
    path = Path(folder) / str(headers.primary["FILENAME"])
    if path.resolve() == headers.path.resolve():
        raise InputError(
            headers.path, "its name does not contain its level (_l1_), so the prepared frame "
            "would replace it", "give another folder as --output",
        )  # fmt: skip
    data, err, dq = frame.planes()
    for header in (headers.primary, headers.image):
        for card in _FORM:
            header.remove(card, ignore_missing=True)
    primary = fits.PrimaryHDU(header=headers.primary)
    provenance.stamp(
        primary.header, made_by="prepare_cgi", inputs=[headers.path],
        settings=described(frame.settings) | {"divided": frame.settings.divide},
    )  # fmt: skip
    hdus = [primary, fits.ImageHDU(data, headers.image)]
    hdus.append(fits.ImageHDU(err[None], headers.err, name="ERR"))
    hdus.append(fits.ImageHDU(dq, headers.dq, name="DQ"))
    hdus.append(fits.ImageHDU(frame.bias.level.astype(np.float32), name="BIAS"))
    write(path, hdus)
    return path
