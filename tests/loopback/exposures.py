"""Small FITS files with the layout and the main cards of what MAST delivers."""

from __future__ import annotations

import io

import numpy as np
from astropy.io import fits

SIDE = 16


def wfc3(root, association, kind, nsamp, *, checksum=False):
    """Return the bytes of a WFC3/IR file: for each read SCI, ERR, DQ, SAMP, TIME (last first)."""
    primary = fits.PrimaryHDU()
    primary.header.update(
        TELESCOP="HST",
        INSTRUME="WFC3",
        DETECTOR="IR",
        ROOTNAME=root,
        ASN_ID=association.upper(),
        FILTER="F140W",
        SAMP_SEQ="SPARS100",
        NSAMP=nsamp,
        SUBARRAY=True,
        EXPTIME=1402.937,
    )
    primary.header["FILENAME"] = f"{root}_{kind.lower()}.fits"
    hdus = [primary]
    for version in range(1, (nsamp if kind == "RAW" else 1) + 1):
        signal = image(f"{root}{version}", 11000 + 40 * (nsamp - version))
        for name in ("SCI", "ERR", "DQ", "SAMP", "TIME"):
            data = signal if name == "SCI" else None
            hdus.append(fits.ImageHDU(data, name=name, ver=version))
            if name != "SCI":
                value = 100.0 * (nsamp - version) if name == "TIME" else 0
                hdus[-1].header.update(NPIX1=SIDE, NPIX2=SIDE, PIXVALUE=value)
    return as_bytes(hdus, checksum=checksum)


def nircam(base, detector, kind, *, ngroups=4):
    """Return the bytes of a NIRCam dark: raw groups, or their slopes."""
    primary = fits.PrimaryHDU()
    primary.header.update(
        TELESCOP="JWST",
        INSTRUME="NIRCAM",
        DETECTOR=detector,
        EXP_TYPE="NRC_DARK",
        READPATT="RAPID",
        SUBARRAY="FULL",
        NINTS=1,
        NGROUPS=ngroups,
        NFRAMES=1,
        GROUPGAP=0,
        EFFEXPTM=107.368,
    )
    primary.header["FILENAME"] = f"{base}_{kind}.fits"
    groups = np.stack([image(f"{base}{k}", 12000) for k in range(ngroups)])
    data = groups[None].astype("u2") if kind == "uncal" else groups[0].astype(">f4")
    return as_bytes([primary, fits.ImageHDU(data, name="SCI")])


def image(name, level):
    """Return a small image that depends on a name."""
    return np.random.default_rng(list(name.encode())).normal(level, 20, (SIDE, SIDE)).astype(">i2")


def as_bytes(hdus, *, checksum=False):
    """Return the bytes of a FITS file."""
    stream = io.BytesIO()
    fits.HDUList(hdus).writeto(stream, checksum=checksum)
    return stream.getvalue()
