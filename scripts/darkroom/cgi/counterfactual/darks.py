"""Dark frames held out, from which a new dark and the one in use are subtracted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.cgi.counterfactual.compare import HOT, Held
from darkroom.cgi.darks.darks import synthesized_dark
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.gating.darks import Dark
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.score import further_made_of
from darkroom.counterfactual.subtracted import SCORED, Consumer, Exchange, compare
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.cgi.geometry import Geometry
    from darkroom.counterfactual.record import Comparison
    from darkroom.hints import StrPath

# Robust deviations from the median beyond which a pixel of a dark is hot.
_HOT = 6.0


def dark(
    files: tuple[StrPath, StrPath],
    frames: Iterable[Held],
    geometry: Geometry,
    version: str,
    harm: Callable[[float], float] | None = None,
) -> Comparison:
    """Compare a dark with the one in use: each is subtracted from frames of its stack.

    Hot pixels are left out of the score: their own noise would carry it.

    Parameters
    ----------
    files : (path-like, path-like)
        Candidate; dark in use, or noise maps in use, which give the dark of each frame.
    frames : iterable of Held
        Held out, of the gain and exposure time of the dark; read one by one.
    geometry : Geometry
        The image area is compared.
    version : str
        Of darkroom.
    harm : callable, optional
        Gives the smallest shift of a level that matters for the noise of a frame
        (`darkroom.cgi.counterfactual.compare.level_harm`).

    Raises
    ------
    InputError
        When a file does not cover the image area.
    """
    area = geometry.section("image")
    new, error, nfiles = _candidate(files[0], geometry)
    used = _in_use(files[1], geometry)
    frames = iter(frames)
    first = next(frames, None)
    if first is None:
        return compare((), classes_of(new.shape), Consumer("dark subtraction", version, "e-"))
    old = used(first)
    known = np.isfinite(new) & np.isfinite(old)
    hot = known & (_hot(new) | _hot(old))
    classes = {
        name: np.where(known & ~hot, weights, 0) for name, weights in classes_of(new.shape).items()
    }
    classes[SCORED] = classes[SCORED] > 0
    apart = (HOT,) if hot.any() else ()
    classes |= dict.fromkeys(apart, hot)

    def exchanges() -> Iterator[Exchange]:
        """Yield each frame with both darks."""
        for frame in (first, *frames):
            yield Exchange(frame.image[area], new, used(frame))

    consumer = Consumer("dark subtraction", version, "e-", harm)
    made = compare(exchanges(), classes, consumer, apart)
    use = classes[SCORED] & np.isfinite(error)
    own = float(np.mean(error[use] ** 2)) if use.any() else 0.0
    return replace(made, further=further_made_of(own, made.score, nfiles) if made.score else None)


def _candidate(path: StrPath, geometry: Geometry) -> tuple[np.ndarray, np.ndarray, int]:
    """Return dark and error of the image area, and the number of frames it was made of."""
    found = Dark(path)
    data, error = (_cut(path, plane, geometry) for plane in (found.data, found.err))
    frames = found.frames.get("FILE")
    count = found.header.get("DRPNFILE", 0) if frames is None else len(frames)
    return data, error, int(count)


def _in_use(path: StrPath, geometry: Geometry) -> Callable[[Held], np.ndarray]:
    """Return the function that gives the dark in use of a frame, image area."""
    if fits.getheader(path, 1).get("DATATYPE") != "DetectorNoiseMaps":
        found = _cut(path, Dark(path).data, geometry)
        return lambda _: found
    maps = read_noise_maps(path)

    @cache
    def of(gain: float, exptime: float) -> np.ndarray:
        """Synthesize the dark of an EM gain and an exposure time (s): image area, 2-D."""
        return _cut(path, synthesized_dark(maps, exptime, gain).data, geometry)

    return lambda frame: of(frame.gain, frame.exptime)


def _cut(path: StrPath, plane: np.ndarray, geometry: Geometry) -> np.ndarray:
    area = geometry.section("image")
    if plane.shape == tuple(geometry.shape):
        return plane[area]
    shape = tuple(part.stop - part.start for part in area)
    if plane.shape != shape:
        raise InputError(
            path,
            f"has {plane.shape[0]} x {plane.shape[1]} pixels, the image area {shape[0]} x "
            f"{shape[1]}, the full frame {geometry.shape[0]} x {geometry.shape[1]}",
            "compare darks of the same detector",
        )
    return plane


def _hot(dark: np.ndarray) -> np.ndarray:
    middle = np.nanmedian(dark)
    spread = 1.4826 * np.nanmedian(np.abs(dark - middle))
    with np.errstate(invalid="ignore"):
        return np.asarray(dark - middle > _HOT * spread)
