"""SIRS kernels as files of the JWST pipeline, and which of them a correction uses.

Where no kernel fits, the pipeline's step refpix says so in its log and takes running medians;
here that is an error. Runs in the environment of the pipeline.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError, InputError
from darkroom.nircam.refpix.sirs import SIDES

#: Reference type of the pipeline.
KIND = "sirskernel"
_ROWS = 2048  # of the frames that the kernels are for
_NAMES = ("gamma", "zeta")  # of the left and right gains by frequency, in the pipeline's files


def asks_for_sirs(steps, parameters):
    """Tell whether steps with these parameters correct by SIRS kernels."""
    return "refpix" in steps and parameters.get("refpix", {}).get("refpix_algorithm") == "sirs"


def choose_kernel(path, candidates):
    """Return the first kernel file that holds an exposure's detector.

    Parameters
    ----------
    path : path-like
        The exposure.
    candidates : sequence of path-like or None
        The best first.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    DarkroomError
        When the exposure is no full frame, or no candidate has kernels for its detector.
    """
    header = fits.getheader(path)
    detector, subarray = (str(header.get(card, "")) for card in ("DETECTOR", "SUBARRAY"))
    if "FULL" not in subarray:
        raise DarkroomError(
            f"{path}: SUBARRAY is {subarray or 'not given'}; the pipeline's step refpix applies "
            "SIRS kernels to full frames only: take refpix_algorithm: median"
        )
    given = [Path(candidate) for candidate in candidates if candidate is not None]
    for candidate in given:
        if detector.lower() in _detectors(candidate):
            return candidate
    held = ", ".join(f"{one.name} has none" for one in given) or "CRDS has no file of them"
    raise DarkroomError(
        f"{path}: no SIRS kernels for {detector} ({held}); make some from the reference pixels of "
        "darks (sirs_kernel.py, option --sirs-kernel of calibrate.py), or take "
        "refpix_algorithm: median"
    )


def _detectors(path):
    """Return the detectors whose kernels a file holds, in small letters."""
    import asdf

    try:
        with asdf.open(path) as file:
            return {
                str(name).lower()
                for name, node in file.tree.items()
                if isinstance(node, dict) and set(_NAMES) <= node.keys()
            }
    except Exception as error:
        raise InputError(path, f"cannot be read as SIRS kernels ({error})") from error


def read_weights(path):
    """Return detector and weights of a reference-pixel product: str, (noutputs, 2, ntaps) array.

    Raises
    ------
    InputError
        When it is none, or holds no kernels.
    """
    try:
        with fits.open(path) as hdus:
            detector, names = str(hdus[0].header["DETECTOR"]), [hdu.name for hdu in hdus]
            rows = hdus["SIRS_KERNEL"].data if "SIRS_KERNEL" in names else None
            if rows is None:
                raise InputError(
                    path,
                    "holds no SIRS kernels",
                    "they are made of full frames alone: reference_pixels.py on such darks",
                )
            shape = (int(rows["AMPLIFIER"].max()) + 1, len(SIDES), -1)
            weights = np.array(rows["WEIGHT"], np.float64).reshape(shape)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(path, f"is no reference-pixel product ({error})") from error
    return detector, weights


def gains(weights):
    """Return kernels as gains by frequency, as the pipeline's files hold them.

    Parameters
    ----------
    weights : (n, ntaps) array
        Element ntaps // 2 + j belongs to j rows before.

    Returns
    -------
    (n, 1025) complex128 array
        At 0 … 1 / (2 rows).
    """
    reach = weights.shape[-1] // 2
    around = np.zeros((len(weights), _ROWS))
    around[:, np.arange(-reach, reach + 1)] = weights
    return np.fft.rfft(around)


def write_kernel(output, detector, weights, made_from):
    """Write kernels as the pipeline loads them (``SIRSKernelModel``): ASDF, same bytes each time.

    Parameters
    ----------
    output : path-like
        ``.asdf``.
    detector : str
    weights : (noutputs, 2, ntaps) array
        Of left and right pixels, see `darkroom.nircam.refpix.sirs.Sirs`.
    made_from : dict
        Kept with it, e.g. names and SHA-256 of what it was made from.
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
