"""Ramps of the engine as a FITS file, as `nircam/calibrate` writes those of the pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.fits.structure import BLOCK
from darkroom.nircam.chain.ramp import REFERENCE_CARDS, STATUS_CARDS
from darkroom.provenance import stamp

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

    from darkroom.nircam.chain.ramp import CalibratedRamp

_TABLES = ("INT_TIMES", "GROUP", "ZEROFRAME")


def write_ramps(ramp: CalibratedRamp) -> Path:
    """Write SCI (DN), PIXELDQ and GROUPDQ group by group, and return the path.

    The tables of the raw file, and ZEROFRAME as it is there, follow.
    """
    raw, shape = ramp.chain.raw, ramp.sci.shape
    with (
        fits.open(raw.file.sci.first.path, memmap=False, do_not_scale_image_data=True) as before,
        written_atomically(ramp.path) as temporary,
        temporary.open("wb") as stream,
    ):
        stream.write(_primary(ramp, before[0].header).tostring().encode("ascii"))
        science = _header("SCI", -32, shape)
        science["BUNIT"] = ("DN", "physical units of the array values")
        _write(stream, science, (_group(ramp, i, g) for i, g in np.ndindex(shape[:2])))
        pixels = _header("PIXELDQ", 32, shape[2:])
        pixels["BSCALE"], pixels["BZERO"] = 1, 2**31
        _write(stream, pixels, [ramp.pixeldq.stored(0, shape[2]).astype(">i4")])
        groups = (ramp.chain.flags(i, g, 0, shape[2]) for i, g in np.ndindex(shape[:2]))
        _write(stream, _header("GROUPDQ", 8, shape), groups)
        for hdu in before:
            if hdu.name in _TABLES:
                _copy(stream, hdu)
    return ramp.path


def _group(ramp: CalibratedRamp, integration: int, group: int) -> np.ndarray:
    return ramp.sci.plane(integration, group).stored(0, ramp.sci.shape[2])


def _header(name: str, bitpix: int, shape: tuple[int, ...]) -> fits.Header:
    header = fits.Header()
    header["XTENSION"] = ("IMAGE", "Image extension")
    header["BITPIX"], header["NAXIS"] = bitpix, len(shape)
    for axis, size in enumerate(reversed(shape), 1):
        header[f"NAXIS{axis}"] = size
    header["PCOUNT"], header["GCOUNT"], header["EXTNAME"] = 0, 1, name
    return header


def _primary(ramp: CalibratedRamp, raw: fits.Header) -> fits.Header:
    header = raw.copy()
    for card in ("CHECKSUM", "DATASUM"):
        header.remove(card, ignore_missing=True)
    header["FILENAME"] = ramp.path.name
    header["FILETYPE"] = ("RAMP", "type of data in the file")
    header["DATAMODL"] = "RampModel"
    header["STEPSBY"] = (ramp.header["STEPSBY"], "engine of the steps")
    recipe = ramp.recipe
    for kind, used in recipe.references.items():
        if kind in REFERENCE_CARDS:
            header[REFERENCE_CARDS[kind]] = used.name
    if "made" in recipe.references:
        header["R_SUPERB"] = recipe.references["made"].name
    for name, status in ramp.chain.statuses.items():
        header[STATUS_CARDS[name]] = status
    inputs = [recipe.raw.path, *(used.path for used in recipe.references.values())]
    settings = {"steps": recipe.steps, "parameters": recipe.parameters}
    stamp(header, made_by="check_ramps", inputs=inputs, settings=settings)
    return header


def _write(stream: BinaryIO, header: fits.Header, planes: Iterator[np.ndarray] | list) -> None:
    stream.write(header.tostring().encode("ascii"))
    written = 0
    for plane in planes:
        written += stream.write(np.ascontiguousarray(plane).data)
    stream.write(b"\0" * (-written % BLOCK))


def _copy(stream: BinaryIO, hdu: fits.hdu.base.ExtensionHDU) -> None:
    """Append an extension as it is stored."""
    place = hdu.fileinfo()
    with Path(place["file"].name).open("rb") as source:
        source.seek(place["hdrLoc"])
        stream.write(source.read(place["datLoc"] - place["hdrLoc"] + place["datSpan"]))
