"""Dark frames held out, from which darks of two sets of noise maps are subtracted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from astropy.io import fits

from darkroom.cgi.darks.darks import MasterDark, synthesized_dark
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.gating.harms import HARMS
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.score import further_made_of
from darkroom.counterfactual.subtracted import SCORED, Consumer, Exchange, compare
from darkroom.errors import InputError
from darkroom.gates.harms import of_product

if TYPE_CHECKING:
    from darkroom.cgi.geometry import Geometry
    from darkroom.counterfactual.record import Comparison
    from darkroom.hints import StrPath

HOT = "hot pixels"


class Held(NamedTuple):
    """A frame that is held out.

    Attributes
    ----------
    image : (ny, nx) array
        Detected electrons; NaN where unusable.
    gain, exptime : float
        EM gain; exposure time [s].
    commanded : float
        EM gain that was commanded, by which stacks are named.
    """

    image: np.ndarray
    gain: float
    exptime: float
    commanded: float


def level_harm(product: str, harms: Mapping[str, float]) -> Callable[[float], float]:
    """Return what gives the smallest shift of a level that matters for the noise of a frame."""
    declared = of_product(HARMS, product)["subtracted"]
    return lambda noise: declared.size(harms, noise)


def noise_maps(
    files: tuple[StrPath, StrPath],
    frames: Iterator[Held],
    geometry: Geometry,
    version: str,
    harms: Mapping[str, float],
) -> Comparison:
    """Compare noise maps with those in use: F / g + t D + C of each is subtracted from frames.

    The noise of frames differs by a factor of thousands between EM gains, so that the score is a
    share of each frame's own variance. Hot pixels are left out of it.

    Parameters
    ----------
    files : (path-like, path-like)
        Candidate and noise maps in use.
    frames : iterator of Held
        Held out, read one by one.
    geometry : Geometry
        The image area is compared.
    version : str
        Of darkroom.
    harms : dict
        Smallest changes that matter, where they are not the usual ones.
    """
    maps = tuple(read_noise_maps(path) for path in files)
    for path, one in zip(files, maps, strict=True):
        if one.data.shape[1:] != geometry.shape:
            raise InputError(
                path,
                f"maps of {one.data.shape[1]} x {one.data.shape[2]}, the frames have "
                f"{geometry.shape[0]} x {geometry.shape[1]}",
                "compare maps of the full frame of the same detector",
            )
    area = geometry.section("image")
    good = np.logical_and(*(one.dq[area] == 0 for one in maps))
    hot = np.logical_or(*(one.hot[area] > 0 for one in maps)) & good
    classes = classes_of(hot.shape)
    classes = {name: np.where(good & ~hot, weights, 0) for name, weights in classes.items()}
    classes[SCORED] = classes[SCORED] > 0
    apart = (HOT,) if hot.any() else ()
    classes |= dict.fromkeys(apart, hot)
    harm = level_harm("noise_maps", harms)
    consumer = Consumer("dark subtraction: F / g + t D + C", version, "e-", harm, relative=True)
    shares: list[float] = []

    def exchanges() -> Iterator[Exchange]:
        """Yield each frame with the darks of both maps."""
        for image, gain, exptime, commanded in frames:
            darks = [synthesized_dark(one, exptime, gain) for one in maps]
            new, old = (dark.data[area] for dark in darks)
            shares.append(_share(image[area] - (new + old) / 2, darks[0], area, classes[SCORED]))
            yield Exchange(image[area], new, old, f"g{commanded:g}_t{exptime:g}")

    made = compare(exchanges(), classes, consumer, apart)
    # Of a worse set: how much of a frame's variance its own error is, by its own ERR.
    own = float(np.mean(shares)) if shares else 0.0
    nfiles = maps[0].nfiles
    further = further_made_of(own, made.score, nfiles) if made.score else None
    return replace(made, further=further)


def stacks_used(path: StrPath) -> set[tuple[float, float]]:
    """Return EM gain and exposure time of the stacks of which noise maps were made.

    A stack that was left out, because light leaked into it, is no measure of any dark.
    """
    with fits.open(path, memmap=False) as hdus:
        if "STACKS" not in [hdu.name for hdu in hdus]:
            return set()
        table = read_table(hdus["STACKS"])
    return {
        (float(gain), float(time))
        for gain, time, used in zip(table["EMGAIN_C"], table["EXPTIME"], table["USED"], strict=True)
        if used
    }


def _share(
    residual: np.ndarray, dark: MasterDark, area: tuple[slice, slice], use: np.ndarray
) -> float:
    chosen = use & np.isfinite(residual) & np.isfinite(dark.err[area])
    scatter = float(np.mean(residual[chosen] ** 2)) if chosen.any() else 0.0
    return float(np.mean(dark.err[area][chosen] ** 2)) / scatter if scatter > 0 else 0.0
