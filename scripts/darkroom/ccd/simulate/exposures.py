"""A simulated CCD camera: biases, darks and images of the sky, with their truth.

The defaults are the camera of the published CCD notebook (an SBIG ST-402, 510 × 765 pixels): level
and left-to-right gradient, read noise, dark rate, one dramatic hot pixel, two temperatures, and an
offset that varies from frame to frame. Amplitudes were set so that the statistics the notebook
prints come out (``tests/unit/ccd/test_simulate.py`` compares them).

Every component of every frame has a random stream of its own, keyed by the seed, the component and
the exposure's name. So a frame can be made alone, in any order, and an amplitude set to zero leaves
all other components as they were, to the last bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from darkroom.ccd.simulate.camera import complete, stored_shape
from darkroom.ccd.simulate.frames import planes
from darkroom.errors import DarkroomError
from darkroom.simulate.exposure import PlannedExposure
from darkroom.simulate.settings import planned

if TYPE_CHECKING:
    from pathlib import Path

_READOUT = 2.5  # s between the end of an exposure and the start of the next


@dataclass(frozen=True)
class Exposure(PlannedExposure):
    """One exposure as planned.

    Parameters
    ----------
    exptime : float
        Exposure time in seconds.
    temperature : float
        CCD temperature in degrees Celsius.
    """

    exptime: float
    temperature: float


def plan(settings: Mapping[str, Any]) -> list[Exposure]:
    """List the exposures of the camera; no pixel is made.

    Parameters
    ----------
    settings : dict
        Of `darkroom.ccd.simulate.settings.Simulation`; the others keep their defaults.

    Returns
    -------
    list of Exposure
        In the order they are taken.
    """
    full = complete(settings)
    wanted = []
    bias = full["bias"]
    for i in range(bias["count"] if bias else 0):
        temperatures = bias["temperatures"]
        wanted.append(
            (f"bias_{i + 1:03d}", "bias", bias["exptime"], temperatures[i % len(temperatures)])
        )
    for dark in full["darks"]:
        for i in range(dark["count"]):
            temperatures = dark["temperatures"]
            name = f"dark_{dark['exptime']:g}s_{i + 1:03d}"
            wanted.append((name, "dark", dark["exptime"], temperatures[i % len(temperatures)]))
    for flat in full["flats"]:
        for i in range(flat["count"]):
            name = f"flat_{flat['exptime']:g}s_{i + 1:03d}"
            wanted.append((name, "flat", flat["exptime"], flat["temperature"]))
    several = len(full["targets"]) > 1
    for i, target in enumerate(full["targets"]):
        name = f"target_image_{i + 1:03d}" if several else "target_image"
        wanted.append((name, "science", target["exptime"], target["temperature"]))
    if full["night"]:  # the noise of a frame is drawn by its name
        wanted = [(f"n{full['night']:02d}_{name}", *others) for name, *others in wanted]
    names = [item[0] for item in wanted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DarkroomError(
            f"simulated CCD: darks: {twice[0]} is planned twice; give each exposure time once"
        )
    return _dated(wanted, stored_shape(full), datetime.fromisoformat(full["start"]))


def _dated(wanted, shape, start):
    exposures = []
    for name, role, exptime, temperature in wanted:
        facts = {
            "instrument": "SBIG ST-402",
            "shape": f"{shape[0]}x{shape[1]}",
            "exptime_s": f"{float(exptime):g}",
            "temperature_c": f"{temperature:g}",
            "date_obs": start.isoformat(timespec="milliseconds"),
        }
        exposures.append(
            Exposure(name, role, f"{name}.FIT", start, facts, float(exptime), temperature)
        )
        start += timedelta(seconds=exptime + _READOUT)
    return exposures


def deliver(settings: Mapping[str, Any], name: str, path: Path) -> None:
    """Write the exposure `name` to `path` as the camera would: a 16-bit image per amplifier.

    The bytes depend on settings and name alone.
    """
    from astropy.io import fits

    from darkroom.atomic import written_atomically
    from darkroom.fits.write import save

    exposure = planned("CCD", plan(settings), name)
    images, cards = planes(settings, exposure)
    several = len(images) > 1
    hdus = fits.HDUList([fits.PrimaryHDU(None if several else images[0])])
    for card in cards:
        hdus[0].header.append(card)
    if several:
        hdus += [fits.ImageHDU(one, name=f"AMP{k}") for k, one in enumerate(images, 1)]
    if strip := complete(settings)["overscan"]:
        for hdu in hdus[several:]:
            ny, nx = hdu.shape
            edge = nx - strip["columns"]
            hdu.header["BIASSEC"] = f"[{edge + 1}:{nx},1:{ny}]"
            hdu.header["TRIMSEC"] = f"[1:{edge},1:{ny}]"
    with written_atomically(path) as temporary:
        save(temporary, hdus)
