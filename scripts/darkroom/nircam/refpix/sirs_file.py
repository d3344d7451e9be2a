"""SIRS kernels as files of the JWST pipeline. Runs in the environment of the pipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import InputError
from darkroom.nircam.refpix.sirs import SIDES
from darkroom.nircam.refpix.sirs_choice import KIND

if TYPE_CHECKING:
    from darkroom.hints import StrPath

_ROWS = 2048  # rows of the frames that the kernels are for
_NAMES = ("gamma", "zeta")  # left and right gains by frequency, in the pipeline's files


def read_weights(path: StrPath) -> tuple[str, np.ndarray]:
    """Read the SIRS weights of a reference-pixel product.

    Returns
    -------
    detector : str
        Detector name.
    weights : (noutputs, 2, ntaps) float64 array
        Weights of left and right pixels, see `darkroom.nircam.refpix.sirs.Sirs`.

    Raises
    ------
    InputError
        When the file is no such product, or holds no kernels.
    """
    try:
        with fits.open(path) as hdus:
            detector, names = str(hdus[0].header["DETECTOR"]), [hdu.name for hdu in hdus]
            rows = hdus["SIRS_KERNEL"].data if "SIRS_KERNEL" in names else None
            if rows is None:
                raise InputError(
                    path,
                    "holds no SIRS kernels",
                    "they are made from full frames only: run reference_pixels.py on such darks",
                )
            shape = (int(rows["AMPLIFIER"].max()) + 1, len(SIDES), -1)
            weights = np.array(rows["WEIGHT"], np.float64).reshape(shape)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(path, f"is no reference-pixel product ({error})") from error
    return detector, weights


def gains(weights: np.ndarray) -> np.ndarray:
    """Return the gains by frequency of kernels, as in the pipeline's files.

    Parameters
    ----------
    weights : (n, ntaps) array
        Kernels; element ntaps // 2 + j is for j rows before the corrected row.

    Returns
    -------
    (n, 1025) complex128 array
        Gains at frequencies 0 … 1 / (2 rows).
    """
    reach = weights.shape[-1] // 2
    around = np.zeros((len(weights), _ROWS))
    around[:, np.arange(-reach, reach + 1)] = weights
    return np.fft.rfft(around)


def write_kernel(
    output: StrPath, detector: str, weights: np.ndarray, made_from: dict[str, Any]
) -> None:
    """Write kernels as an ASDF file that the pipeline loads (``SIRSKernelModel``).

    The bytes depend on the arguments alone.

    Parameters
    ----------
    output : path-like
        File to write, ``*.asdf``.
    detector : str
        Detector name.
    weights : (noutputs, 2, ntaps) array
        Weights of left and right pixels, see `darkroom.nircam.refpix.sirs.Sirs`.
    made_from : dict
        Provenance stored in the file, e.g. name and SHA-256 of the product used.
    """
    import asdf

    both = {name: gains(weights[:, side]) for side, name in enumerate(_NAMES)}
    meta = {
        "telescope": "JWST",
        "reftype": KIND,
        "instrument": {"name": "NIRCAM"},
        "description": f"SIRS kernels of {detector}",
        "author": "darkroom",
    }
    tree = {"meta": meta, detector.lower(): both, "darkroom": made_from}
    with written_atomically(output) as temporary:
        asdf.AsdfFile(tree).write_to(temporary)
