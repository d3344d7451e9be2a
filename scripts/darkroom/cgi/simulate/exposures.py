"""Simulated dark frames of the coronagraph's camera (EXCAM) at several EM gains and times.

Every sample is F + EM register (Poisson(C + t D)) + read noise, with the fixed pattern F, the
clock-induced charge C and the dark current D of truth maps. The maps are synthetic, or those that
come with corgidrp (which calls them thermal-vacuum-derived), or files of the user. Frames are of
level L2a, calibrated (bias subtracted, in detected EM electrons, cosmic rays flagged), or of level
L1, raw (non-linear counts with a bias, without flags; see `darkroom.cgi.simulate.digitize`).

Every component of every frame has its own random stream, keyed by the seed, the component and the
name of the exposure: frames can be made in any order, and setting one amplitude to zero does not
change the other components.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.campaign.settings import declared
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.simulate.digitize import digitize
from darkroom.cgi.simulate.register import (
    add_cosmic_rays,
    amplify,
    core_mask,
    partial_charge,
)
from darkroom.cgi.simulate.settings import Simulation
from darkroom.cgi.simulate.truth import truth_maps
from darkroom.cgi.units import EM_ELECTRON
from darkroom.dates import DAY, to_mjd
from darkroom.simulate.declare import overlay
from darkroom.simulate.exposure import PlannedExposure
from darkroom.simulate.settings import check_choice, planned, stream

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.hints import StrPath

_CALIBRATED_CARDS = ("IS_BAD", "FWC_PP_E", "FWC_EM_E", "SAT_DN", "RN", "RN_ERR", "KGAIN_ER")
_START = datetime(2026, 1, 6)
_READOUT = 5.0  # s between the end of an exposure and the start of the next
_SATURATION = 0.95  # of the full well: from here on samples are flagged
_TELEMETRY = 1e5  # what telemetry looks like among electrons
_VISIT = "0200001001001001001"
BAD, SATURATED, COSMIC = 4, 32, 128


@dataclass(frozen=True)
class Exposure(PlannedExposure):
    """One exposure as planned.

    Parameters
    ----------
    gain : float
        Commanded EM gain.
    exptime : float
        Exposure time in seconds.
    photon_counting : bool
        True when it is marked as taken for photon counting.
    """

    gain: float
    exptime: float
    photon_counting: bool = False


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults overlaid with `settings`.

    Raises
    ------
    DarkroomError
        For a setting that does not exist.
    """
    full = overlay("CGI", Simulation, settings)
    check_choice("CGI", "level", full["level"], declared(Simulation)["level"].choices)
    return full


def plan(settings: dict[str, Any]) -> list[Exposure]:
    """List the exposures of the camera, without simulating pixels.

    Parameters
    ----------
    settings : dict
        Of `darkroom.cgi.simulate.settings.Simulation`; the others keep their defaults.

    Returns
    -------
    list of Exposure
        In the order they are taken, stack by stack.
    """
    full = complete(settings)
    shape = read_geometry(full["geometry"]).shape
    stacks = full["stacks"] or [
        {"gain": gain, "exptime": exptime, "frames": full["frames"]}
        for exptime in full["exptimes"]
        for gain in full["gains"]
    ]
    exposures, start = [], _START
    for stack in stacks:
        for _ in range(stack["frames"]):
            gain, exptime = float(stack["gain"]), float(stack["exptime"])
            suffix = "l1_" if full["level"] == "L1" else "l2a"
            name = f"cgi_{_VISIT}_{start:%Y%m%dt%H%M%S}{start.microsecond // 100000}_{suffix}"
            facts = {
                "instrument": "CGI",
                "detector": "EXCAM",
                "shape": f"{shape[0]}x{shape[1]}",
                "exptime_s": f"{exptime:g}",
                "em_gain": f"{gain:g}",
                "temperature_c": f"{full['temperature']:g}",
                "date_obs": start.isoformat(timespec="milliseconds"),
            }
            counting = bool(stack.get("photon_counting", False))
            exposures.append(
                Exposure(name, "dark", f"{name}.fits", start, facts, gain, exptime, counting)
            )
            start += timedelta(seconds=exptime + _READOUT)
    return exposures


def truth(settings: dict[str, Any]) -> dict[str, np.ndarray]:
    """Simulate the true maps that all frames share.

    Parameters
    ----------
    settings : dict
        Of `darkroom.cgi.simulate.settings.Simulation`; the others keep their defaults.

    Returns
    -------
    dict
        Full-frame arrays ``fpn`` [e-], ``cic`` [e-], ``dark`` [e-/s], and bool arrays ``hot``
        (``hot_dark`` or ``hot_cic``), ``bad``.
    """
    full = complete(settings)
    geometry = read_geometry(full["geometry"])
    maps = truth_maps(full, geometry, lambda component: stream(full, component))
    bad = np.zeros(geometry.shape, bool)
    imaging = bad[geometry.imaging]
    imaging[...] = stream(full, "bad").random(imaging.shape) < full["bad_fraction"]
    if full["level"] == "L1":
        # The bias is measured in the prescan, so all patterns are relative to that of the prescan.
        # Dead pixels are not flagged in raw frames: they have no signal.
        maps["fpn"][geometry.section("prescan")] = 0.0
        for name in ("fpn", "cic", "dark"):
            maps[name][bad] = 0.0
        for name in ("hot", "hot_dark", "hot_cic"):
            maps[name] &= ~bad
    return maps | {"bad": bad}


def frame(
    settings: dict[str, Any], exposure: Exposure, hidden: dict[str, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Simulate one calibrated frame (level L2a).

    Parameters
    ----------
    settings : dict
        Of `darkroom.cgi.simulate.settings.Simulation`; the others keep their defaults.
    exposure : Exposure
        One of `plan(settings)`.
    hidden : dict, optional
        `truth(settings)`, which is the same for all frames; by default it is simulated again.

    Returns
    -------
    image : (ny, nx) float32 array
        Detected EM electrons.
    err : (ny, nx) float32 array
        Error of the bias of each row [e-].
    dq : (ny, nx) uint16 array
        Data-quality flags.
    """
    full = complete(settings)
    geometry = read_geometry(full["geometry"])
    hidden = truth(settings) if hidden is None else hidden
    name, shape = exposure.name, geometry.shape
    image, touched, well = _exposed(full, exposure, hidden, geometry)
    dq = np.where(hidden["bad"], BAD, 0).astype(np.uint16)
    dq[touched] |= COSMIC
    dq[image >= _SATURATION * well] |= SATURATED
    _read_out(full, exposure, hidden, image)
    image += full["row_noise"] * stream(full, "row", name).standard_normal((shape[0], 1))
    image[hidden["bad"]] = 0.0
    image[geometry.telemetry_rows] = _TELEMETRY
    return image.astype(np.float32), np.full(shape, full["row_noise"], np.float32), dq


def _exposed(full, exposure, hidden, geometry):
    """Return electrons after the register, pixels hit by cosmic rays, and the full well [e-]."""
    name, gain, shape = exposure.name, exposure.gain, geometry.shape
    electrons = stream(full, "charge", name).poisson(
        hidden["cic"] + exposure.exptime * hidden["dark"]
    )
    image = amplify(electrons, gain, geometry.em_stages, stream(full, "register", name))
    if full["partial_cic"]:
        image += partial_charge(full["partial_cic"], shape, gain, stream(full, "partial", name))
    leak = full["leaking_stack"]
    if leak and (leak["gain"], leak["exptime"]) == (gain, exposure.exptime):
        image[geometry.imaging] += leak["light"]
    well = min(gain * full["full_well_image"], full["full_well_register"])
    before = image.copy() if full["cosmic_threshold"] else None
    touched = add_cosmic_rays(
        image, geometry.imaging, full["cosmic_rays"] * exposure.exptime, gain, well,
        stream(full, "cosmic", name), charges=full["cosmic_charge"], wrap=full["level"] == "L1",
        spread=full["cosmic_spread"],
    )  # fmt: skip
    if before is not None:
        touched = core_mask(image - before, full["cosmic_threshold"], gain)
    return np.minimum(image, well, out=image), touched, well


def _read_out(full, exposure, hidden, image):
    """Add fixed pattern, offset and read noise in place."""
    offset, factor = _anomaly(full, exposure)
    image += hidden["fpn"] + offset
    noise = stream(full, "read", exposure.name).standard_normal(image.shape)
    image += factor * full["read_noise"] * noise


def raw_frame(
    settings: dict[str, Any], exposure: Exposure, hidden: dict[str, np.ndarray] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Simulate one raw frame (level L1).

    Parameters
    ----------
    settings, exposure, hidden
        As in `frame`.

    Returns
    -------
    counts : (ny, nx) uint16 array
        Raw values [DN]; telemetry rows hold arbitrary numbers.
    touched : (ny, nx) bool array
        Pixels with charge of a cosmic ray.
    """
    full = complete(settings)
    geometry = read_geometry(full["geometry"])
    hidden = truth(settings) if hidden is None else hidden
    image, touched, _ = _exposed(full, exposure, hidden, geometry)
    image[hidden["bad"]] = 0.0
    _read_out(full, exposure, hidden, image)
    counts = digitize(full, exposure.gain, image, stream(full, "bias", exposure.name))
    telemetry = counts[geometry.telemetry_rows]
    rng = stream(full, "telemetry", exposure.name)
    telemetry[...] = rng.integers(0, 1 << 16, telemetry.shape, np.uint16)
    return counts, touched


def _anomaly(full, exposure):
    """Return the extra offset [e-] and the noise factor of an exposure."""
    odd = full["odd_stack"]
    if odd and (odd["gain"], odd["exptime"]) == (exposure.gain, exposure.exptime):
        return odd.get("offset", 0.0), odd.get("noise", 1.0)
    return 0.0, 1.0


def cards(settings: dict[str, Any], exposure: Exposure) -> tuple[fits.Header, fits.Header]:
    """Return the primary header and the image header of a frame."""
    from astropy.io import fits

    full = complete(settings)
    text = Path(__file__).with_name("cards.txt").read_text(encoding="ascii")
    _, primary, image = text.split("[")
    primary, image = (
        fits.Header.fromstring(part.partition("]\n")[2], sep="\n") for part in (primary, image)
    )
    date_obs = exposure.facts["date_obs"]  # to the millisecond, as all times of the header
    start = datetime.fromisoformat(date_obs)
    stop = start + timedelta(seconds=exposure.exptime)
    mjd = to_mjd(start)
    well = min(exposure.gain * full["full_well_image"], full["full_well_register"])
    primary.update(FILENAME=exposure.file, FILETIME=date_obs, OPGAIN=f"{exposure.gain:g}",
                   FRAMET=f"{exposure.exptime:g}", OBSNAME="DARK")  # fmt: skip
    image.update(
        EXPTIME=exposure.exptime, EMGAIN_C=exposure.gain, EMGAIN_A=0.0,
        ISPC=int(exposure.photon_counting),
        EXCAMT=full["temperature"], SCTSRT=date_obs, MJDSRT=mjd,
        SCTEND=stop.isoformat(timespec="milliseconds"), MJDEND=mjd + exposure.exptime / DAY,
    )  # fmt: skip
    if full["level"] == "L1":
        for card in _CALIBRATED_CARDS:
            image.remove(card, ignore_missing=True)
        image.update(KGAINPAR=0.0, BUNIT="DN", DATALVL="L1")
        return primary, image
    image.update(
        KGAINPAR=full["kgain"], SAT_DN=_SATURATION * well / full["kgain"],
        RN=full["read_noise"], BUNIT=EM_ELECTRON,
        FWC_PP_E=full["full_well_image"], FWC_EM_E=full["full_well_register"], DATALVL="L2a",
    )  # fmt: skip
    for step in (
        "Bias subtracted",
        "Cosmic ray mask created from the simulated truth",
        "Data corrected for non-linearity: simulated linear",
        f"data converted to detected EM electrons by kgain {full['kgain']:g}",
    ):
        image.add_history(step)
    return primary, image


def deliver(settings: dict[str, Any], name: str, path: StrPath) -> None:
    """Simulate an exposure and write it as a frame in corgidrp's layout.

    Parameters
    ----------
    settings : dict
        Settings that differ from `DEFAULTS`.
    name : str
        Name of one of the exposures of `plan(settings)`.
    path : path-like
        File that is written; its bytes depend on settings and name alone.
    """
    from astropy.io import fits

    from darkroom.atomic import written_atomically
    from darkroom.fits.write import save

    exposure = planned("CGI", plan(settings), name)
    primary, header = cards(settings, exposure)
    if complete(settings)["level"] == "L1":
        counts, _ = raw_frame(settings, exposure)
        with written_atomically(path) as temporary:
            hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(counts, header)]
            save(temporary, fits.HDUList(hdus))
        return
    image, err, dq = frame(settings, exposure)
    errors = fits.ImageHDU(err[None], name="ERR")
    errors.header["TRK_ERRS"], errors.header["LAYER_1"] = False, "combined_error"
    hdus = [fits.PrimaryHDU(header=primary), fits.ImageHDU(image, header), errors]
    hdus.append(fits.ImageHDU(dq, name="DQ"))
    with written_atomically(path) as temporary:
        save(temporary, fits.HDUList(hdus))
