"""Truth maps of the simulated coronagraph camera."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from darkroom.cgi.geometry import Geometry

# Files in the folder data/default_calibs of corgidrp's wheel, and in a folder of the user.
_CORGIDRP = {
    "fpn": "fpn_20240322.fits",
    "cic": "cic_20240322.fits",
    "dark": "dark_current_20240322.fits",
}
_OWN = {"fpn": "fpn.fits", "cic": "cic.fits", "dark": "dark.fits"}


def truth_maps(
    full: dict[str, Any], geometry: Geometry, stream: Callable[[str], np.random.Generator]
) -> dict[str, np.ndarray]:
    """Simulate the maps of fixed pattern, clock-induced charge and dark current.

    Parameters
    ----------
    full : dict
        Complete settings of `darkroom.cgi.simulate.exposures`.
    geometry : darkroom.cgi.geometry.Geometry
    stream : callable
        ``stream(component)`` returns the random generator of a component.

    Returns
    -------
    dict
        ``fpn`` [e-], ``cic`` [e-] and ``dark`` [e-/s] of the full frame, and the bool arrays
        ``hot_dark``, ``hot_cic``, and ``hot`` for either. Dark current is 0 outside the imaging
        area.
    """
    shape = geometry.shape

    def spread(component, mean, sigma):
        return mean + sigma * stream(component).standard_normal(shape)

    maps = {
        "fpn": spread("fpn", full["fpn_mean"], full["fpn_spread"]),
        "cic": np.maximum(spread("cic", full["cic"], full["cic_spread"]), 0),
        "dark": np.zeros(shape),
    }
    imaging = geometry.imaging
    dark = np.maximum(spread("dark", full["dark"], full["dark_spread"]), 0)
    maps["dark"][imaging] = dark[imaging]
    if full["maps"] != "synthetic":
        for name, path in _files(full["maps"]).items():
            maps[name][geometry.section("image")] = _load(path, geometry)
    for name, component, fraction, limits in (
        ("dark", "hot", "hot_fraction", "hot_dark"),
        ("cic", "hot-cic", "hot_cic_fraction", "hot_cic"),
    ):
        rng = stream(component)
        hot = np.zeros(shape, bool)
        hot[imaging] = rng.random(hot[imaging].shape) < full[fraction]
        low, high = full[limits]
        maps[name][hot] = low * (high / low) ** rng.random(int(hot.sum()))
        maps[f"hot_{name}"] = hot
    return maps | {"hot": maps["hot_dark"] | maps["hot_cic"]}


def _files(choice):
    """Return the files of maps that are not synthetic."""
    if choice != "corgidrp":
        return {name: Path(choice).expanduser() / file for name, file in _OWN.items()}
    found = find_spec("corgidrp")
    if found is None or not found.origin:
        raise DarkroomError(
            "simulated CGI: maps: corgidrp needs the package corgidrp (5.1.1) in the environment "
            "that simulates; install it there, or use maps: synthetic"
        )
    folder = Path(found.origin).parent / "data" / "default_calibs"
    return {name: folder / file for name, file in _CORGIDRP.items()}


def _load(path, geometry):
    """Read a map of the image area, the first image in a file."""
    from astropy.io import fits

    try:
        with fits.open(path, memmap=False) as hdus:
            image = next(h.data for h in hdus if h.is_image and h.data is not None)
    except (OSError, StopIteration) as error:
        raise InputError(path, f"holds no truth map ({error or 'no image'})") from error
    rows, columns = geometry.section("image")
    shape = (rows.stop - rows.start, columns.stop - columns.start)
    if image.shape[0] < shape[0] or image.shape[1] < shape[1]:
        raise InputError(path, f"map of {image.shape}, the image area needs {shape}")
    return np.asarray(image[: shape[0], : shape[1]], float)
