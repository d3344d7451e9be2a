"""Prepared frames as files, in corgidrp's layout."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.raw.gather import described
from darkroom.errors import InputError
from darkroom.fits.write import write

_FORM = ("SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT",
         "BSCALE", "BZERO", "CHECKSUM", "DATASUM")  # fmt: skip


def write_prepared(folder, frame):
    """Write a prepared frame: image, ERR, DQ and BIAS.

    Parameters
    ----------
    folder : path-like
    frame : darkroom.cgi.raw.prepare.Prepared

    Returns
    -------
    pathlib.Path
        The file, named as corgidrp names it (``_l2a``).

    Raises
    ------
    InputError
        When it would replace the raw frame.
    """
    headers = frame.headers
    path = Path(folder) / str(headers.primary["FILENAME"])
    if path.resolve() == headers.path.resolve():
        raise InputError(
            headers.path, "its name does not tell its level (_l1_), and the prepared frame would "
            "replace it", "give another folder as --output",
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
