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

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd.simulate.settings import Simulation
from darkroom.errors import DarkroomError
from darkroom.simulate.declare import overlay
from darkroom.simulate.exposure import PlannedExposure
from darkroom.simulate.settings import planned, stream

if TYPE_CHECKING:
    from pathlib import Path

_AREA = 510 * 765
_START = datetime(2020, 1, 16, 1, 50)
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


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults overlaid with `settings`.

    Raises
    ------
    DarkroomError
        For a setting that does not exist.
    """
    return overlay("CCD", Simulation, settings)


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
    names = [item[0] for item in wanted]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise DarkroomError(
            f"simulated CCD: darks: {twice[0]} is planned twice; give each exposure time once"
        )
    return _dated(wanted, stored_shape(full))


def _dated(wanted, shape):
    exposures, start = [], _START
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


def dark_factor(settings: Mapping[str, Any], temperature: float) -> float:
    """Return the dark rate at `temperature` (degrees Celsius) over that at ``dark_reference``."""
    full = complete(settings)
    return 2.0 ** ((temperature - full["dark_reference"]) / full["dark_doubling"])


def frame_offset(settings: Mapping[str, Any], exposure: Exposure) -> float:
    """Return the offset of an exposure in ADU, the same for all its pixels."""
    full = complete(settings)
    return full["offset_rms"] * stream(full, "offset", exposure.name).standard_normal()


def truth(settings: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the true bias, noise and dark rate of every pixel, and the stars.

    Parameters
    ----------
    settings : dict
        Of `darkroom.ccd.simulate.settings.Simulation`; the others keep their defaults.

    Returns
    -------
    dict of arrays
        Images are (ny, nx). ``bias``: mean of a frame without exposure and offset, ADU.
        ``read_noise``: standard deviation of a frame without dark current, ADU, with the rounding
        to whole numbers (1/12 ADU²) but without offset and row noise. ``dark_rate``: mean rate at
        ``dark_reference``, ADU/s; ``base_rate``, ``hot_rate``, ``warm_rate`` and
        ``dramatic_rate``: its components. ``unstable_rate``: height of the telegraph noise, ADU/s,
        half of which is in ``dark_rate``. ``hot``, ``warm``, ``unstable``: masks. ``stars``:
        (n, 3) x, y (pixels) and rate (ADU/s).
    """
    full = complete(settings)
    ny, nx = full["shape"]
    area = ny * nx
    x = np.arange(nx) / nx
    bias = full["level"] + full["gradient"] * np.exp(-x / full["gradient_scale"])
    bias = bias + full["fixed_pattern"] * stream(full, "pattern").standard_normal((ny, nx))
    spread = full["read_noise_spread"] * stream(full, "read_noise_map").standard_normal((ny, nx))
    noise = full["read_noise"] * np.exp(spread)
    spread = full["dark_spread"] * stream(full, "dark_map").standard_normal((ny, nx))
    base = full["dark_rate"] * np.exp(spread) + full["dark_gradient"] * (1 - x)

    hot, hot_rate = _anomalous_pixels(full, "hot", area, 20.0, 200.0)
    warm, warm_rate = _anomalous_pixels(full, "warm", area, 1.0, 15.0)
    unstable, jump = _anomalous_pixels(full, "unstable", area, 10.0, 40.0)
    dramatic_rate = np.zeros((ny, nx))
    if dramatic := full["dramatic"]:
        y, x = (int(dramatic[axis] * n) for axis, n in (("y", ny), ("x", nx)))
        bias[y, x] += dramatic["bias"]
        noise[y, x] = np.hypot(noise[y, x], dramatic["noise"])
        dramatic_rate[y, x] = dramatic["rate"]
    return {
        "bias": bias,
        "read_noise": np.sqrt(noise**2 + 1 / 12),
        "base_rate": base,
        "hot_rate": hot_rate,
        "warm_rate": warm_rate,
        "dramatic_rate": dramatic_rate,
        "unstable_rate": jump,
        "dark_rate": base + hot_rate + warm_rate + dramatic_rate + jump / 2,
        "hot": hot | (dramatic_rate > 0),
        "warm": warm,
        "unstable": unstable,
        "stars": _stars(full),
    }


def _anomalous_pixels(full, component, area, low, high):
    """Return a mask of random pixels and their rates, log-uniform between two limits (ADU/s)."""
    rng = stream(full, component)
    count = round(full[f"{component}_fraction"] * area)
    where = rng.choice(area, size=count, replace=False)
    mask, rate = np.zeros(area, bool), np.zeros(area)
    mask[where] = True
    rate[where] = low * (high / low) ** rng.random(count)
    return mask.reshape(full["shape"]), rate.reshape(full["shape"])


def _stars(full):
    """Return x, y (pixels) and rate (ADU/s) of stars; number counts follow rate^(-3/2)."""
    ny, nx = full["shape"]
    rng = stream(full, "stars")
    count = round(full["stars"] * ny * nx / _AREA)
    place = rng.random((count, 2)) * (nx, ny)
    rate = np.minimum(60.0 * (1 - rng.random(count)) ** (-2 / 3), 2e4)
    return np.column_stack([place, rate])


def frame(
    settings: Mapping[str, Any],
    exposure: Exposure,
    hidden: Mapping[str, np.ndarray] | None = None,
) -> tuple[np.ndarray, list[tuple[Any, ...]]]:
    """Simulate one frame.

    Parameters
    ----------
    settings : dict
        Of `darkroom.ccd.simulate.settings.Simulation`; the others keep their defaults.
    exposure : Exposure
        One of `plan(settings)`.
    hidden : dict, optional
        `truth(settings)`, which is the same for all frames; computed when not given.

    Returns
    -------
    image : (ny, nx) uint16 array
        ADU, as the camera delivers it.
    cards : list of (keyword, value[, comment])
        The header cards that the camera writes.
    """
    full = complete(settings)
    hidden = truth(settings) if hidden is None else hidden
    shape, gain, name = tuple(full["shape"]), full["gain"], exposure.name
    time = exposure.exptime * dark_factor(settings, exposure.temperature)

    def poisson(component, adu):
        return stream(full, component, name).poisson(adu * gain) / gain

    image = hidden["bias"] + frame_offset(settings, exposure)
    noise = np.sqrt(hidden["read_noise"] ** 2 - 1 / 12)
    image += noise * stream(full, "read", name).standard_normal(shape)
    image += _rows(full, exposure)
    for number, columns in enumerate(amplifier_columns(full)):
        image[:, columns] += number * full["amplifier_step"] + _drift(full, exposure, number)
    image += poisson("dark", hidden["base_rate"] * time)
    for component in ("hot", "warm", "dramatic"):
        rate = hidden[f"{component}_rate"]
        image[rate > 0] += poisson(f"{component}_dark", rate[rate > 0] * time)
    up = stream(full, "telegraph", name).random(shape) < 0.5
    image += hidden["unstable_rate"] * time * up
    _add_cosmic_rays(full, exposure, image)
    if exposure.role == "science":
        image += poisson("sky", np.full(shape, full["sky_rate"] * exposure.exptime))
        image += poisson("starlight", _starlight(full, hidden["stars"]) * exposure.exptime)
    if exposure.role == "flat":
        image += _flat_light(full, exposure)
    image = np.clip(np.rint(image), 0, full["saturation"]).astype(np.uint16)
    return image, _cards(exposure)


def amplifier_columns(settings: Mapping[str, Any]) -> list[slice]:
    """Return the columns of the image that each amplifier reads."""
    full = complete(settings)
    edges = np.linspace(0, full["shape"][1], full["amplifiers"] + 1).astype(int)
    return [slice(int(a), int(b)) for a, b in itertools.pairwise(edges)]


def stored_shape(settings: Mapping[str, Any]) -> tuple[int, int]:
    """Return rows and columns of the first image of a file, with its overscan."""
    full = complete(settings)
    strip = full["overscan"]["columns"] if full["overscan"] else 0
    first = amplifier_columns(full)[0]
    return full["shape"][0], first.stop - first.start + strip


def amplifier_truth(
    settings: Mapping[str, Any], hidden: Mapping[str, np.ndarray], number: int
) -> dict[str, np.ndarray]:
    """Return the part of `truth` that an amplifier reads; its bias is above the overscan.

    Parameters
    ----------
    settings : dict
        Of the simulation.
    hidden : dict
        Of `truth`.
    number : int
        Of the amplifier, from 0.
    """
    full = complete(settings)
    columns, shape = amplifier_columns(full)[number], tuple(full["shape"])
    part = {
        name: values[:, columns] if values.shape == shape else values
        for name, values in hidden.items()
    }
    # Without overscan the level is that of the amplifier.
    step = -full["level"] if full["overscan"] else number * full["amplifier_step"]
    return part | {"bias": part["bias"] + step}


def planes(
    settings: Mapping[str, Any],
    exposure: Exposure,
    hidden: Mapping[str, np.ndarray] | None = None,
) -> tuple[list[np.ndarray], list[tuple[Any, ...]]]:
    """Simulate one frame as its amplifiers write it.

    Parameters
    ----------
    settings, exposure, hidden
        As of `frame`.

    Returns
    -------
    images : list of (ny, nx) uint16 arrays
        One for each amplifier, the overscan on its right.
    cards : list of (keyword, value[, comment])
        The header cards that the camera writes.
    """
    full = complete(settings)
    image, cards = frame(full, exposure, hidden)
    found = [image[:, columns] for columns in amplifier_columns(full)]
    if full["overscan"]:
        found = [
            np.hstack([part, _strip(full, exposure, number)]) for number, part in enumerate(found)
        ]
    return found, cards


def _strip(full, exposure, number):
    """Return the overscan columns of an amplifier: its level, drifts and read noise."""
    shape = full["shape"][0], full["overscan"]["columns"]
    level = full["level"] + number * full["amplifier_step"] + frame_offset(full, exposure)
    noise = stream(full, f"overscan_{number}", exposure.name).standard_normal(shape)
    strip = level + _drift(full, exposure, number) + _rows(full, exposure)
    strip = strip + full["read_noise"] * noise
    return np.clip(np.rint(strip), 0, full["saturation"]).astype(np.uint16)


def _rows(full, exposure):
    """Return the offset common to the pixels of each row: (ny, 1), ADU."""
    rows = stream(full, "row", exposure.name).standard_normal((full["shape"][0], 1))
    return full["row_noise"] * rows


def _drift(full, exposure, number):
    """Return the drift of an amplifier's level along the rows of a frame: (ny, 1), ADU."""
    ny = full["shape"][0]
    if not full["overscan"] or not full["overscan"]["drift"]:
        return np.zeros((ny, 1))
    slope, wave, phase = stream(full, f"drift_{number}", exposure.name).standard_normal(3)
    x = np.linspace(-1, 1, ny)[:, None]
    shape = slope * np.sqrt(3) * x + wave * np.sqrt(2) * np.sin(2 * np.pi * (x + phase))
    return full["overscan"]["drift"] / np.sqrt(2) * shape


def _flat_light(full, exposure):
    """Return the signal of a flat, ADU: response, shot noise, full well, non-linearity."""
    shape = tuple(full["shape"])
    response = 1 + full["prnu"] * stream(full, "prnu").standard_normal(shape)
    lamp = 1 + full["flat_drift"] * stream(full, "lamp", exposure.name).standard_normal()
    mean = full["flat_rate"] * exposure.exptime * lamp * np.maximum(response, 0) * full["gain"]
    charge = stream(full, "flat", exposure.name).poisson(mean).astype(float)
    if full["full_well"]:
        charge = np.minimum(charge, full["full_well"])
    signal = charge / full["gain"]
    return signal * (1 - full["nonlinearity"] * signal / 65535)


def _add_cosmic_rays(full, exposure, image):
    """Add cosmic rays of one to three pixels in a row, with a mean charge of 300 ADU."""
    rng = stream(full, "cosmic", exposure.name)
    ny, nx = image.shape
    hits = rng.poisson(full["cosmic_rays"] * exposure.exptime * image.size / _AREA)
    for _ in range(hits):
        y, x, length = rng.integers(ny), rng.integers(nx), rng.integers(1, 4)
        image[y, x : x + length] += rng.exponential(300.0)


def _starlight(full, stars):
    """Return the rate of the stars' light, ADU/s: Gaussian profiles sampled at pixel centres."""
    ny, nx = full["shape"]
    image = np.zeros((ny, nx))
    sigma = full["star_fwhm"] / 2.3548
    reach = int(np.ceil(6 * sigma))
    for x, y, rate in stars:
        rows = slice(max(int(y) - reach, 0), min(int(y) + reach + 1, ny))
        columns = slice(max(int(x) - reach, 0), min(int(x) + reach + 1, nx))
        dy = np.arange(rows.start, rows.stop)[:, None] - y
        dx = np.arange(columns.start, columns.stop) - x
        profile = np.exp(-(dx**2 + dy**2) / (2 * sigma**2)) / (2 * np.pi * sigma**2)
        image[rows, columns] += rate * profile
    return image


def _cards(exposure):
    return [
        ("OBJECT", ""),
        ("TELESCOP", "Unknown Telescope"),
        ("INSTRUME", "SBIG ST-402"),
        ("DATE-OBS", exposure.facts["date_obs"], "GMT START OF EXPOSURE"),
        ("EXPTIME", exposure.exptime, "EXPOSURE IN SECONDS"),
        ("CCD-TEMP", exposure.temperature, "CCD TEMP IN DEGREES C"),
        ("XPIXSZ", 9.0, "PIXEL WIDTH IN MICRONS"),
        ("YPIXSZ", 9.0, "PIXEL HEIGHT IN MICRONS"),
        ("XBINNING", 1, "HORIZONTAL BINNING FACTOR"),
        ("YBINNING", 1, "VERTICAL BINNING FACTOR"),
        ("XORGSUBF", 0, "SUB_FRAME ORIGIN X POS"),
        ("YORGSUBF", 0, "SUB_FRAME ORIGIN Y POS"),
    ]


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
