"""Noise maps read from the FITS files of `darkroom.cgi.darks.product`, or those of corgidrp."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.cgi.darks.tables import read_table
from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath


@dataclass
class NoiseMapsFile:
    """Noise maps read from a file of darkroom or corgidrp.

    Attributes
    ----------
    path : pathlib.Path
    data, err : (3, ny, nx) float64 arrays
        Fixed pattern [e-], clock-induced charge [e-] and dark current [e-/s], and their errors.
    dq : (ny, nx) uint16 array
        Data-quality flags.
    covariance : (3, ny, nx) float64 array or None
        In the order of `darkroom.cgi.maps.maps.PAIRS`.
    hot : (ny, nx) uint8 array
        Not 0 for pixels that were fitted as hot; all 0 when the file has no such plane.
    nfiles : int
        Number of frames.
    kgain : float
        Conversion gain of the frames [e-/DN]; -999 when it is unknown or differs.
    signed : bool
        True when negative charge was not set to 0.
    headers : tuple of astropy.io.fits.Header
        Primary, image, ERR, DQ.
    """

    path: Path
    data: np.ndarray
    err: np.ndarray
    dq: np.ndarray
    covariance: np.ndarray | None
    hot: np.ndarray
    nfiles: int
    kgain: float
    signed: bool
    headers: tuple[fits.Header, fits.Header, fits.Header, fits.Header]


def read_noise_maps(path: StrPath) -> NoiseMapsFile:
    """Read noise maps.

    Raises
    ------
    InputError
        When the file is missing or damaged, or holds something else.
    """
    path = Path(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                return _noise_maps_of(path, hdus)
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (OSError, KeyError, IndexError, fits.VerifyError) as error:
        raise InputError(path, f"holds no noise maps ({error})") from error


def _noise_maps_of(path, hdus):
    image = hdus[1].header
    if image.get("DATATYPE") != "DetectorNoiseMaps":
        raise InputError(path, f"DATATYPE is {image.get('DATATYPE')!r}, not 'DetectorNoiseMaps'")
    shape = hdus[1].shape
    if len(shape) != 3 or shape[0] != 3:
        raise InputError(path, f"its image has the shape {shape}, (3, rows, columns) is needed")
    names = [hdu.name for hdu in hdus]
    kgain = set(read_table(hdus["STACKS"])["KGAIN"]) if "STACKS" in names else set()
    dq = np.bitwise_or.reduce(np.asarray(hdus["DQ"].data, np.uint16), axis=0)
    data, err = restore_empty(image, dq, hdus[1].data, hdus["ERR"].data.reshape(shape))
    return NoiseMapsFile(
        path=path,
        data=data,
        err=err,
        dq=dq,
        covariance=np.asarray(hdus["COV"].data, np.float64) if "COV" in names else None,
        hot=np.asarray(hdus["HOT"].data if "HOT" in names else np.zeros(data.shape[1:], np.uint8)),
        nfiles=int(image["DRPNFILE"]),
        kgain=float(kgain.pop()) if len(kgain) == 1 else -999.0,
        signed=bool(image.get("SIGNED", False)),
        headers=(hdus[0].header, image, hdus["ERR"].header, hdus["DQ"].header),
    )


def restore_empty(header: fits.Header, dq: np.ndarray, *planes: np.ndarray) -> list[np.ndarray]:
    """Return planes of a product as float64, NaN in pixels without a value.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image.
    dq : (ny, nx) array
        Flags.
    *planes : (..., ny, nx) arrays
    """
    found = [np.array(plane, np.float64) for plane in planes]
    if header.get("EMPTYPIX") == "zero":
        for plane in found:
            plane[..., dq != 0] = np.nan
    return found
