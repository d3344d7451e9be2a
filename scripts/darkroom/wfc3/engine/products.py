"""IMA and FLT of an exposure, written plane by plane."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.stream import write_planes
from darkroom.provenance import stamp
from darkroom.wfc3.engine import exptime
from darkroom.wfc3.engine.engine import calibrated_read
from darkroom.wfc3.engine.headers import (
    extension_headers,
    mask_cards,
    primary_header,
    put_statistics,
    single,
)
from darkroom.wfc3.files.imsets import PLANES, extver_of

_ALL_FLAGS = 65535


def product_paths(raw, folder):
    """Return the names (IMA, FLT) of a RAW's products in a folder.

    Raises
    ------
    InputError
        When one of them is there already, or the folder cannot be written to.
    """
    name = Path(raw).name
    for suffix in (".gz", ".fits", "_raw"):
        name = name.removesuffix(suffix)
    folder = Path(folder)
    paths = tuple(folder / f"{name}_{kind}.fits" for kind in ("ima", "flt"))
    for path in paths:
        if path.exists():
            raise InputError(
                path, "is there already; nothing is overwritten", "remove it or choose a folder"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{name}.{id(paths)}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DarkroomError(f"{folder}: cannot be written to ({error.strerror})") from error
    return paths


def write_ima(path, ramp, image, signed):
    """Write the IMA: every read, calibrated, with what CRCORR found in its flags.

    Parameters
    ----------
    path : path-like
    ramp : Ramp
    image : Reduced
        With events.
    signed : astropy.io.fits.Header
        From `signature`.
    """
    primary = primary_header(ramp, Path(path).name, len(PLANES) * ramp.nsamp, flt=False)
    primary.extend(signed)

    def hdus():
        yield primary, None
        for extver in range(1, ramp.nsamp + 1):
            k = extver_of(extver, ramp.nsamp)
            headers = extension_headers(ramp, k)
            sci, err, dq = calibrated_read(ramp, k, image)
            put_statistics(headers, ramp.window, sci, err, dq, _bad_flags(ramp))
            yield headers["SCI"], sci
            yield _plane(headers["ERR"], err, err[0, 0])
            yield _plane(headers["DQ"], dq, dq[0, 0])
            yield _constant(headers["SAMP"], ramp.shape, int(ramp.samples[k]), 16)
            yield _constant(headers["TIME"], ramp.shape, single(ramp.times[k]), -32)

    write_planes(path, hdus())


def write_flt(path, ramp, image, signed):
    """Write the FLT: one image, its border cut off.

    With masked reads the exposure time, start and end are those of the reads used.

    Parameters
    ----------
    path, ramp, signed
        As for `write_ima`.
    image : Reduced
    """
    headers = extension_headers(ramp, ramp.nsamp - 1)
    primary = primary_header(ramp, Path(path).name, len(PLANES), flt=True)
    primary.extend(signed)
    if image.masked:
        exptime.correct(
            primary, headers["SCI"], lambda k: ramp.headers[k]["SCI"], ramp.exptimes, image.masked
        )
    y0, _, x0, _ = ramp.window
    for header in headers.values():
        header["EXTVER"] = 1
        for card, cut in (("CRPIX1", x0), ("CRPIX2", y0), ("LTV1", x0), ("LTV2", y0)):
            if card in header:
                header[card] -= cut
    window = (0, image.sci.shape[0], 0, image.sci.shape[1])
    put_statistics(headers, window, image.sci, image.err, image.dq, _bad_flags(ramp))

    # calwf3 stores a plane as a constant when all of it equals the first pixel of the border.
    first = (np.float32(0), _border_flags(ramp, image), ramp.samples[-1], ramp.times[-1])
    planes = (image.err, image.dq, image.samp, image.time)

    def hdus():
        yield primary, None
        yield headers["SCI"], image.sci
        for name, plane, corner in zip(PLANES[1:], planes, first, strict=True):
            yield _plane(headers[name], plane, corner)

    write_planes(path, hdus())


def _border_flags(ramp, image):
    """Return the flags of the border's first pixel in the last read."""
    flags = int(ramp.dq[-1, 0, 0])
    return flags | 1024 if 1 in image.masked and image.scope == "calwf3" else flags


def _bad_flags(ramp):
    """Return SDQFLAGS of the last read as the 16-bit flags it means."""
    return int(ramp.headers[-1]["SCI"].get("SDQFLAGS", _ALL_FLAGS)) & _ALL_FLAGS


def _plane(header, plane, corner):
    """Return header and data of a plane; one that equals `corner` throughout needs no data."""
    middle = plane[plane.shape[0] // 2]  # one row tells of most planes that they are not constant
    if not ((middle == corner).all() and (plane == corner).all()):
        return header, np.ascontiguousarray(plane)
    bitpix = -32 if plane.dtype.kind == "f" else 16
    value = single(corner) if bitpix < 0 else int(corner)
    return _constant(header, plane.shape, value, bitpix)


def _constant(header, shape, value, bitpix):
    """Return header and data (none) of a constant plane."""
    for card in ("NAXIS1", "NAXIS2", "BSCALE", "BZERO"):
        header.remove(card, ignore_missing=True)
    header["BITPIX"], header["NAXIS"] = bitpix, 0
    header["NPIX1"], header["NPIX2"], header["PIXVALUE"] = shape[1], shape[0], value
    return header, None


def signature(image, *, made_by, inputs, settings):
    """Return the cards that say what ran, on what, and which reads were left out.

    Parameters
    ----------
    image : Reduced
    made_by, inputs, settings
        As for `darkroom.provenance.stamp`.

    Returns
    -------
    astropy.io.fits.Header
        For both products: the inputs are read once for their checksums.
    """
    cards = fits.Header()
    mask_cards(cards, "builtin", image.masked, image.scope)
    stamp(cards, made_by=made_by, inputs=inputs, settings=settings)
    return cards
