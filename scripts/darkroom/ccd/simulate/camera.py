"""The simulated CCD camera itself: bias, noise, dark rate and stars, which all its frames share."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np

from darkroom.ccd.simulate.settings import Simulation
from darkroom.simulate.declare import overlay
from darkroom.simulate.settings import stream

#: Pixels of the default frame; numbers of stars and cosmic rays are for this area.
AREA = 510 * 765


def complete(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults overlaid with `settings`.

    Raises
    ------
    DarkroomError
        For a setting that does not exist.
    """
    return overlay("CCD", Simulation, settings)


def dark_factor(settings: Mapping[str, Any], temperature: float) -> float:
    """Return the dark rate at `temperature` (degrees Celsius) over that at ``dark_reference``."""
    full = complete(settings)
    return 2.0 ** ((temperature - full["dark_reference"]) / full["dark_doubling"])


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
        half of which is in ``dark_rate``. ``hot``, ``warm``, ``unstable``, ``weak`` (columns
        and rows): masks. ``stars``:
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
    weak = _weak_lines(full)
    base[weak] += full["weak_rate"]

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
        "weak": weak,
        "stars": _stars(full),
    }


def _weak_lines(full):
    """Return a mask of random columns and rows."""
    ny, nx = full["shape"]
    mask = np.zeros((ny, nx), bool)
    mask[:, stream(full, "weak_columns").choice(nx, full["weak_columns"], replace=False)] = True
    mask[stream(full, "weak_rows").choice(ny, full["weak_rows"], replace=False)] = True
    return mask


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
    count = round(full["stars"] * ny * nx / AREA)
    place = rng.random((count, 2)) * (nx, ny)
    rate = np.minimum(60.0 * (1 - rng.random(count)) ** (-2 / 3), 2e4)
    return np.column_stack([place, rate])


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
