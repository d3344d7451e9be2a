"""From slopes, ramps and pedestals to a mask of method ``reffiles``."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam import products
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.mask.inputs import previous_bits
from darkroom.nircam.mask.reference import Origin, reference_primary, used_flags
from darkroom.nircam.mask.reffiles import ReffilesLimits, ReffilesMask
from darkroom.report.quantities import log_quantities, quantity, write_quantities

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.mask.settings import MaskSettings
    from darkroom.nircam.products import ReferenceMetadata

log = logging.getLogger(__name__)
_SUFFIX = "_rateints.fits"
_ADVICE = "give _rateints.fits files with _jump.fits and _fitopt.fits of the same exposure beside"


@dataclass(frozen=True)
class _Exposures:
    """What a reference header needs of the exposures."""

    readout: Readout
    mjd: np.ndarray

    @property
    def shape(self) -> tuple[int, int]:
        return self.readout.shape


def make(
    slopes: Sequence[StrPath],
    metadata: ReferenceMetadata,
    choices: MaskSettings,
    output: StrPath,
    details: StrPath,
    *,
    previous: StrPath | None = None,
    quantities: StrPath | None = None,
) -> np.ndarray:
    """Make the mask that jwst_reffiles makes in its first call, with the reference pixels.

    Parameters
    ----------
    slopes : sequence of path-like
        Slopes of integrations, ``*_rateints.fits``, of five exposures or more; the ramps after the
        step jump (``*_jump.fits``) and the optional results of ramp_fit (``*_fitopt.fits``) lie
        beside them.
    metadata : darkroom.nircam.products.ReferenceMetadata
    choices : MaskSettings
    output, details : path-like
        Files to write: the mask, and the flags as the original returns them, without those of
        reference pixels.
    previous : path-like, optional
        MASK reference file: its reference pixels are flagged instead of the border's.
    quantities : path-like, optional
        JSON file for the numbers of the report.

    Returns
    -------
    (ny, nx) uint32 array
        The flags of the original.
    """
    paths = [Path(path) for path in slopes]
    mask, headers, box = ReffilesMask(ReffilesLimits()), [], None
    for path in paths:
        header, rates, active = _slopes(path)
        if box is not None and (active, header["DETECTOR"]) != (box, headers[0]["DETECTOR"]):
            raise InputError(
                path, f"has other active pixels or another detector than {paths[0].name}"
            )
        box = active
        headers.append(header)
        mask.add(rates[:, *box], *_beside(path, rates.shape, box))
    readout = Readout.from_header(headers[0])
    flags = np.zeros(readout.shape, np.uint32)
    flags[box] = mask.flags()
    if previous is None:
        reference, words = readout.flip(readout.reference_pixels()), "the border of the detector"
    else:
        reference = (previous_bits(previous, readout) & np.uint32(Pixel.REFERENCE_PIXEL)) > 0
        words = f"those of {Path(previous).name}"
    bits = flags | np.where(reference, np.uint32(Pixel.REFERENCE_PIXEL), np.uint32(0))
    origin = Origin((*paths, *([Path(previous)] if previous else [])), choices.effective_settings)
    # A header without a date takes part with no time: only pedigree INFLIGHT needs one.
    mjd = np.array([header.get("EXPSTART", np.nan) for header in headers], float)
    primary = reference_primary(_Exposures(readout, mjd), metadata, origin)
    primary.header["FLATPIX"] = (False, "flags that only flats show are in")
    primary.header.add_history("method reffiles: flags of jwst_reffiles 1.0.1, first call")
    primary.header.add_history(f"REFERENCE_PIXEL: {words}")
    products.save(output, [primary, products.image("DQ", bits), used_flags(bits)])
    counted = products.primary((
        ("METHOD", "reffiles", "how bad pixels were found"),
        ("NFILES", mask.nexposures, "exposures"),
        ("NRAMPS", mask.nramps, "integrations"),
    ))  # fmt: skip
    origin.stamp(counted.header)
    products.save(details, [counted, products.image("DQ", flags), used_flags(flags)])
    entries = [
        quantity(f"pixels flagged {flag.name}", int(((flags & flag) > 0).sum()), "pixels", "")
        for flag in (Pixel.HOT, Pixel.RC, Pixel.OTHER_BAD_PIXEL, Pixel.TELEGRAPH, Pixel.DO_NOT_USE)
    ]
    log_quantities(entries)
    if quantities:
        write_quantities(quantities, entries)
    return flags


def _slopes(path: Path) -> tuple[dict[str, Any], np.ndarray, tuple[slice, slice]]:
    """Return header, slopes, and the box around the pixels that are no reference pixels."""
    if not path.name.endswith(_SUFFIX):
        raise InputError(path, "is no file of slopes", _ADVICE)
    with fits.open(path, memmap=False) as hdus:
        header, rates, dq = dict(hdus[0].header), hdus["SCI"].data, hdus["DQ"].data
    if rates.ndim != 3:
        raise InputError(path, f"has slopes of {rates.ndim} axes", "give those of integrations")
    active = (dq[0] & dq.dtype.type(Pixel.REFERENCE_PIXEL)) == 0
    if not active.any():
        raise InputError(path, "has no pixel that is not flagged REFERENCE_PIXEL")
    rows, columns = np.flatnonzero(active.any(axis=1)), np.flatnonzero(active.any(axis=0))
    box = slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)
    return header, rates, box


def _beside(path, shape, box):
    """Return GROUPDQ and PEDESTAL of the exposure of a file of slopes, of the active pixels.

    They keep the order of bytes of the file: numpy sums numbers of a foreign order in other
    portions, and the original sums them so.
    """
    found = []
    for suffix, name, axes in (("_jump.fits", "GROUPDQ", 4), ("_fitopt.fits", "PEDESTAL", 3)):
        beside = path.with_name(path.name.removesuffix(_SUFFIX) + suffix)
        if not beside.is_file():
            raise InputError(beside, f"does not exist, but {path.name} does", _ADVICE)
        with fits.open(beside, memmap=False) as hdus:
            data = hdus[name].data if name in hdus else None
        if data is None or data.ndim != axes or (data.shape[0], *data.shape[-2:]) != shape:
            raise InputError(beside, f"has no {name} of the {shape} slopes of {path.name}", _ADVICE)
        found.append(data[..., *box])
    return found
