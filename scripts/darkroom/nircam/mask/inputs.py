"""What a mask is made of: details of a dark, and of the products that know more pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.dark.measure import DarkRates
from darkroom.nircam.dark.model import Timing, Usual
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.detector.placing import cut_out
from darkroom.nircam.detector.readout import Readout
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.readnoise.measure import Flag as NoiseFlag

if TYPE_CHECKING:
    from darkroom.hints import StrPath


@dataclass(frozen=True)
class Measured:
    """A dark as its file of details tells it, with what a reference header needs.

    Attributes
    ----------
    found : DarkRates
    classes : Classes
    readout : Readout
    shape : (int, int)
        Rows and columns.
    mjd : (2,) float64 array
        Middle of the first and of the last integration, days.
    nramps : int
    limits : (float, float)
        Rates above which a pixel is hot, and warm, e-/s: one limit for the dark and its mask.
    step_sigma : float
        Limit of the dark's test for cosmic rays, standard deviations.
    """

    found: DarkRates
    classes: Classes
    readout: Readout
    shape: tuple[int, int]
    mjd: np.ndarray
    nramps: int
    limits: tuple[float, float]
    step_sigma: float


def read_details(path: StrPath) -> Measured:
    """Read the details of a dark.

    Raises
    ------
    InputError
        When they are of another product or method.
    """
    with fits.open(path, memmap=False) as hdus:
        header = hdus[0].header
        if "RATE" not in hdus or "LEVELS" not in hdus:
            raise InputError(
                path,
                "holds no dark current (RATE and LEVELS)",
                "give the details of a dark of method gls",
            )
        # Images of numpy's own byte order, as compiled code and medians want them.
        image = {
            hdu.name: hdu.data.astype(hdu.data.dtype.newbyteorder("="))
            for hdu in hdus
            if hdu.is_image and hdu.data is not None
        }
        levels = hdus["LEVELS"].data
    readout = Readout.from_header(header)
    nramps, nout = header["NRAMPS"], readout.noutputs
    empty = np.zeros((header["NGROUPS"], nout))
    found = DarkRates(
        rate=image["RATE"], error=image["ERR"], nint=image["NINT"], nhits=image["NHITS"],
        chi2=image["CHI2"], info=image["INFO"], noise=image["NOISE"], down=image["DOWN"],
        pedestal=image["PEDVAR"], saturated=image["NSAT"], gain=np.ones(nout),
        usual=[
            Usual(float(row["MEDIAN"]), float(row["READ"]) ** 2, np.ones(1), 1.0) for row in levels
        ],
        factor=np.asarray(levels["FACTOR"], np.float64), by_ramp=np.zeros((nramps, nout)),
        by_ramp_error=np.zeros((nramps, nout)), timing=Timing(1, 0, float(header["TGROUP"])),
        settling=empty, settling_error=empty,
    )  # fmt: skip
    mjd = np.array([header.get("MJDFIRST", np.nan), header.get("MJDLAST", np.nan)], float)
    classes = Classes.of_layout(readout)
    limits = float(header["HOTLIM"]), float(header["WARMLIM"])
    step_sigma = float(header["STEPSIG"])
    return Measured(found, classes, readout, readout.shape, mjd, nramps, limits, step_sigma)


def telegraph_pixels(path: StrPath, layout: Readout) -> np.ndarray:
    """Return which pixels the read noise found to switch between levels, (ny, nx) bool.

    Parameters
    ----------
    path : path-like
        Details of a read noise, of these pixels or of more of the detector.
    layout : Readout

    Raises
    ------
    InputError
        When they lack the flags, are of another detector, or do not cover the pixels.
    """
    with fits.open(path, memmap=False) as hdus:
        if "DQ" not in hdus:
            raise InputError(path, "holds no flags of the pixels (DQ)", "use method line")
        header, flags = hdus[0].header, hdus["DQ"].data
    return (_own_part(path, header, flags, layout) & NoiseFlag.TELEGRAPH) > 0


def bad_reference_pixels(path: StrPath, layout: Readout) -> np.ndarray:
    """Return which reference pixels the product of reference pixels found bad, (ny, nx) bool.

    Parameters
    ----------
    path : path-like
        The product, of these pixels or of more of the detector.
    layout : Readout

    Raises
    ------
    InputError
        When it is another product, of another detector, or does not cover the pixels.
    """
    with fits.open(path, memmap=False) as hdus:
        if "BAD_REF_PIXEL" not in hdus:
            raise InputError(
                path,
                "holds no bad reference pixels (BAD_REF_PIXEL)",
                "give the file of the program reference_pixels",
            )
        header, bad = hdus[0].header, hdus["BAD_REF_PIXEL"].data
    return _own_part(path, header, bad, layout) > 0


def previous_bits(path: StrPath, layout: Readout) -> np.ndarray:
    """Return the bits of a mask at the pixels of a readout, by the names in its DQ_DEF.

    Parameters
    ----------
    path : path-like
        MASK reference file, of these pixels or of the whole detector.
    layout : Readout

    Returns
    -------
    (ny, nx) uint32 array

    Raises
    ------
    InputError
        When it is of another detector, or does not cover the pixels.
    """
    with fits.open(path, memmap=False) as hdus:
        header, stored = hdus[0].header, hdus["DQ"].data.astype(np.uint32)
        if "DQ_DEF" in hdus:
            names = {pixel.name: pixel for pixel in Pixel}
            bits = np.zeros(stored.shape, np.uint32)
            for row in hdus["DQ_DEF"].data:
                if (name := str(row["NAME"]).strip()) in names and row["VALUE"]:
                    bits[(stored & np.uint32(row["VALUE"])) > 0] |= np.uint32(names[name])
            stored = bits
    return _own_part(path, header, stored, layout)


def _own_part(path, header, image, layout):
    """Return the pixels of a readout from an image of the same detector."""
    if header.get("DETECTOR") != layout.detector:
        raise InputError(
            path, f"is of {header.get('DETECTOR')}, the exposures are of {layout.detector}"
        )
    return cut_out(path, header, image, layout)
