"""The files IMA and FLT of an exposure, written plane by plane."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.atomic import make_folder, remove_durably, rename_durably, write_text
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.content import content_sha256, is_product
from darkroom.fits.stream import write_planes
from darkroom.integrity.recording import unrecorded
from darkroom.provenance import stamp
from darkroom.wfc3.dq import MASKED
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

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from darkroom.hints import StrPath
    from darkroom.wfc3.engine.ramp import Ramp, Reduced

_ALL_FLAGS = 65535


def product_paths(raw: StrPath, folder: StrPath) -> tuple[Path, Path]:
    """Return the paths (IMA, FLT) of a RAW's products in a folder, which is made when missing.

    One of the two alone that an interrupted `place` left is removed.

    Raises
    ------
    InputError
        When one of them exists already. Two products are left to `place`: they may be those of a
        run whose end nobody noticed.
    DarkroomError
        When the folder cannot be written to.
    """
    name = Path(raw).name
    for suffix in (".gz", ".fits", "_raw"):
        name = name.removesuffix(suffix)
    folder = Path(folder)
    paths = folder / f"{name}_ima.fits", folder / f"{name}_flt.fits"
    unfinished = _unfinished(paths)
    if unfinished.is_file():
        for path in paths:
            path.unlink(missing_ok=True)
    there = [path for path in paths if path.exists()]
    if there and not (len(there) == len(paths) and all(map(is_product, paths))):
        raise _in_the_way(there[0])
    try:
        make_folder(folder)
        probe = folder / f".{name}.{id(paths)}.part"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DarkroomError(f"{folder}: cannot be written to ({error.strerror})") from error
    return paths


def place(made: Iterable[StrPath], paths: tuple[Path, Path]) -> None:
    """Give both products their names, unless they are there with the same content.

    So a run that was cut short after its last rename can be repeated, and nothing is overwritten.

    A note tells meanwhile that one of them alone is half of a pair, and no person's file: an
    interrupted calibration can be repeated.

    Parameters
    ----------
    made : iterable of path-like
        IMA and FLT as made, on the same file system.
    paths : tuple of pathlib.Path
        Their names, from `product_paths`.

    Raises
    ------
    InputError
        When a file of another content has one of the names.
    """
    made = tuple(made)
    there = [path for path in paths if path.exists()]
    for source, path in zip(made, paths, strict=True):
        if path in there and content_sha256(source) != content_sha256(path):
            raise _in_the_way(path)
    if len(there) == len(paths):
        return
    note = _unfinished(paths)
    with unrecorded():
        write_text(note, "IMA and FLT are being given their names\n")
    for source, target in zip(made, paths, strict=True):
        rename_durably(source, target)
    remove_durably(note)


def _in_the_way(path: Path) -> InputError:
    return InputError(
        path, "is there already; nothing is overwritten", "remove it or choose a folder"
    )


def _unfinished(paths: tuple[Path, Path]) -> Path:
    return paths[1].with_name(f".{paths[1].stem}.unfinished")


def write_ima(path: StrPath, ramp: Ramp, image: Reduced, signed: fits.Header) -> None:
    """Write the IMA: all calibrated reads, what CRCORR found among their flags.

    Parameters
    ----------
    path : path-like
        The file; replaced when it exists.
    ramp : Ramp
        The calibrated reads.
    image : Reduced
        Result of CRCORR, with events.
    signed : astropy.io.fits.Header
        Provenance, from `signature`.
    """
    primary = primary_header(ramp, Path(path).name, len(PLANES) * ramp.nsamp, flt=False)
    primary.extend(signed)

    def hdus() -> Iterator[tuple[fits.Header, np.ndarray | None]]:
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


def write_flt(path: StrPath, ramp: Ramp, image: Reduced, signed: fits.Header) -> None:
    """Write the FLT: one image without its border.

    With masked reads the exposure time, start and end are those of the reads used.

    Parameters
    ----------
    path, ramp, signed
        As for `write_ima`.
    image : Reduced
        The final image.
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

    # calwf3 stores a plane as a constant when all its pixels equal the first pixel of the border.
    first = (np.float32(0), _border_flags(ramp, image), ramp.samples[-1], ramp.times[-1])
    planes = (image.err, image.dq, image.samp, image.time)

    def hdus() -> Iterator[tuple[fits.Header, np.ndarray | None]]:
        yield primary, None
        yield headers["SCI"], image.sci
        for name, plane, corner in zip(PLANES[1:], planes, first, strict=True):
            yield _plane(headers[name], plane, corner)

    write_planes(path, hdus())


def _border_flags(ramp, image):
    """Return the flags of the first pixel of the border in the last read."""
    flags = int(ramp.dq[-1, 0, 0])
    return flags | MASKED if 1 in image.masked and image.scope == "calwf3" else flags


def _bad_flags(ramp):
    """Return SDQFLAGS of the last read as 16-bit flags."""
    return int(ramp.headers[-1]["SCI"].get("SDQFLAGS", _ALL_FLAGS)) & _ALL_FLAGS


def _plane(header, plane, corner):
    """Return header and data of a plane; no data when all its pixels equal `corner`."""
    middle = plane[plane.shape[0] // 2]  # checked first: one row shows most planes to vary
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


def signature(
    image: Reduced, *, made_by: str, inputs: Iterable[StrPath], settings: dict[str, Any]
) -> fits.Header:
    """Return the provenance cards: program, inputs, settings and the reads left out.

    Parameters
    ----------
    image : Reduced
        Tells the reads left out.
    made_by, inputs, settings
        As for `darkroom.provenance.stamp`.

    Returns
    -------
    astropy.io.fits.Header
        For IMA and FLT alike, so that the inputs are read only once for their checksums.
    """
    cards = fits.Header()
    mask_cards(cards, "builtin", image.masked, image.scope)
    stamp(cards, made_by=made_by, inputs=inputs, settings=settings)
    return cards
