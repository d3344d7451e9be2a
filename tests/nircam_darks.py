"""Small NIRCam darks for tests: ramps with known truth and the files they come in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.io import fits

from darkroom.nircam.detector.readout import ORIENTATION, Readout

MJD = 59600.0


def stripe(detector="NRCA1", ny=64):
    """Return a full-width readout of few rows: four outputs, both parities, bottom references."""
    return Readout(detector, f"SUBGRISM{ny}", *ORIENTATION[detector], 1, 1, 2048, ny, 4)


@dataclass
class Darks:
    """Ramps and what is hidden in them.

    Attributes
    ----------
    readout : Readout
    data : (nramps, ngroups, ny, nx) float32 array
        DN, DMS frame, not rounded.
    bias : (ny, nx) array
    offsets : (nramps, 2 * noutputs) array
        Offset of each ramp by class (2 × amplifier + parity), DN.
    hit : (nramps, ny, nx) bool array
        Samples with a cosmic ray before group 0.
    mjd : (nramps,) array
    """

    readout: Readout
    data: np.ndarray
    bias: np.ndarray
    offsets: np.ndarray
    hit: np.ndarray
    mjd: np.ndarray


def classes(readout):
    """Return 2 × amplifier + parity of every pixel, DMS frame."""
    return readout.flip(2 * readout.amplifiers().astype(int) + readout.parity())


def make_darks(
    readout,
    nramps=20,
    ngroups=1,
    *,
    seed=0,
    ktc=20.0,
    read=5.0,
    ramp_offset=30.0,
    amp_offset=8.0,
    cosmic_rays=0.003,
    span=10.0,
):
    """Make ramps of bias, offsets, kTC noise, white read noise and cosmic rays."""
    rng = np.random.default_rng(seed)
    ny, nx = readout.shape
    reference = readout.flip(readout.reference_pixels())
    klass = classes(readout)
    bias = 6000 + 600 * rng.standard_normal((ny, nx)) + 150.0 * klass
    common = ramp_offset * rng.standard_normal((nramps, 1))
    offsets = common + amp_offset * rng.standard_normal((nramps, 2 * readout.noutputs))
    noise = ktc * rng.standard_normal((nramps, ny, nx)) * np.where(reference, 0.1, 1.0)
    hit = (rng.random((nramps, ny, nx)) < cosmic_rays) & ~reference
    rays = np.where(hit, rng.exponential(400.0, hit.shape), 0.0)
    start = bias + offsets[:, klass] + noise + rays
    data = start[:, None] + read * rng.standard_normal((nramps, ngroups, ny, nx))
    mjd = MJD + np.linspace(0, span, nramps)
    return Darks(readout, data.astype(np.float32), bias, offsets, hit, mjd)


def write_ramp(path, data, readout, *, mjd=MJD, groupdq=None, pixeldq=None, **cards):
    """Write a ramp file as the archive (uint16) or the pipeline (float32) does.

    `data` is (nints, ngroups, ny, nx); `cards` replace or, with None, remove header cards.
    """
    values = {
        "TELESCOP": "JWST",
        "INSTRUME": "NIRCAM",
        "DETECTOR": readout.detector,
        "CHANNEL": "LONG" if readout.detector.endswith("LONG") else "SHORT",
        "MODULE": readout.detector[3],
        "EXP_TYPE": "NRC_DARK",
        "READPATT": "RAPID",
        "NINTS": data.shape[0],
        "NGROUPS": data.shape[1],
        "NFRAMES": 1,
        "GROUPGAP": 0,
        "TFRAME": readout.frame_time,
        "TGROUP": readout.frame_time,
        "EXPSTART": mjd,
        "DATE-OBS": "2022-01-21",
        "TIME-OBS": "00:00:00.000",
        "SUBARRAY": readout.subarray,
        "SUBSTRT1": readout.xstart,
        "SUBSTRT2": readout.ystart,
        "SUBSIZE1": readout.nx,
        "SUBSIZE2": readout.ny,
        "FASTAXIS": readout.fastaxis,
        "SLOWAXIS": readout.slowaxis,
        "NOUTPUTS": readout.noutputs,
    }
    primary = fits.PrimaryHDU()
    for card, value in {
        **values,
        **{k.replace("_OBS", "-OBS"): v for k, v in cards.items()},
    }.items():
        if value is not None:
            primary.header[card] = value
    hdus = [primary, fits.ImageHDU(data, name="SCI")]
    if pixeldq is not None:
        hdus.append(fits.ImageHDU(pixeldq.astype(np.uint32), name="PIXELDQ"))
    if groupdq is not None:
        hdus.append(fits.ImageHDU(groupdq.astype(np.uint8), name="GROUPDQ"))
    fits.HDUList(hdus).writeto(path, overwrite=True)
    return path


def write_darks(folder, darks, *, counts=True, nints=1, stem="dark"):
    """Write ramps to one file per `nints` of them, as counts (uint16) or float32."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for first in range(0, len(darks.data), nints):
        data = darks.data[first : first + nints]
        if counts:
            data = np.clip(np.rint(data), 0, 65535).astype(np.uint16)
        path = folder / f"{stem}{first:03d}_uncal.fits"
        paths.append(write_ramp(path, data, darks.readout, mjd=float(darks.mjd[first])))
    return paths
