"""Reading of all that the CCD figures are drawn from: products, and every frame once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.campaign.frames import read_frames
from darkroom.ccd.figures.drift import FrameLevels
from darkroom.ccd.figures.frame import brightest
from darkroom.ccd.figures.planes import Planes
from darkroom.ccd.figures.story import Story
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products.amplifiers import history, opened_part
from darkroom.ccd.settings import USUAL_PIXEL
from darkroom.ccd.stack.frames import opened
from darkroom.combine import Clip, combine_stack
from darkroom.errors import InputError
from darkroom.plot import measures
from darkroom.words import unit

if TYPE_CHECKING:
    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.hints import StrPath

_ROLES = ("bias", "dark")
# Products whose images are drawn.
_DRAWN = ("master_bias", "read_noise", "master_dark", "dark_rate", "hot_pixels")


def read_story(
    paths: Mapping[str, StrPath],
    science: Sequence[Path] = (),
    *,
    pixel: Sequence[int] | None = None,
    display_range: Sequence[float] = (-30.0, 50.0),
    readout: Readout | None = None,
    threads: int = 1,
) -> Story:
    """Read all that the figures of a CCD item are drawn from.

    Parameters
    ----------
    paths : dict
        Path of ``frames`` (the frame table), and of those of ``master_bias``, ``read_noise``,
        ``master_dark``, ``dark_rate`` and ``hot_pixels`` that the item has: a master at least.
    science : sequence of Path
        Products of subtract_dark, named ``<exposure>_dsub.fits``.
    pixel : (y, x), optional
        Pixel whose values in time are shown, from 0.
    display_range : (low, high)
        Range of bias-subtracted images, in the unit of the products.
    readout : darkroom.ccd.overscan.amplifiers.Readout, optional
        How the frames are read; its amplifier is shown.
    threads : int
        Threads for the dark noise.

    Returns
    -------
    Story
    """
    table = read_frames(paths["frames"])
    rows = in_time_order(table)
    master = paths.get("master_bias") or paths["master_dark"]
    amplifier = readout.amplifier if readout else 0
    gain = products.read_primary(master, amplifier).get("GAIN")
    levels, first, series = measure_frames(rows, pixel or USUAL_PIXEL, gain, readout)
    planes = {name: read_planes(paths[name], amplifier) for name in _DRAWN if name in paths}
    tables = {
        name: read_table(paths["dark_rate"], name, amplifier) if "dark_rate" in paths else None
        for name in ("OFFSETS", "LEVELFIT")
    }
    flagged = {}
    if "hot_pixels" in paths:
        names = read_table(paths["hot_pixels"], "DQ_DEF", amplifier)
        flagged = {
            "flags": planes["hot_pixels"][0]["DQ"],
            "flag_names": tuple(
                zip(names["value"].tolist(), names["name"], names["description"], strict=True)
            ),
        }
    return Story(
        unit=unit(read_planes(master, amplifier)[0].header["BUNIT"]),
        first=first,
        series=series,
        levels=levels,
        bias=planes.get("master_bias", [None])[0],
        read_noise=planes.get("read_noise", [None])[0],
        dark_noise=noise_in_time(rows, gain, threads, readout) if "master_dark" in paths else None,
        darks=planes.get("master_dark", []),
        rates=planes.get("dark_rate", []),
        offsets=tables["OFFSETS"],
        level_fits=tables["LEVELFIT"],
        **flagged,
        sciences=tuple(_science(path, table, gain, readout) for path in science),
        display_range=tuple(display_range),
    )


def _science(path, table, gain, readout):
    name = path.name.removesuffix("_dsub.fits")
    files = [row["file"] for row in table if row["exposure"] == name]
    if not files:
        raise InputError(path, f"the frame table has no exposure {name!r}")
    return name, partial(_before_and_after, files[0], path, gain, readout)


def _before_and_after(frame, subtracted, gain, readout):
    planes = read_planes(subtracted, readout.amplifier if readout else 0)[0]
    return read_frame(frame, gain, readout), planes["SCI"], planes.header


def read_planes(path: StrPath, amplifier: int = 0) -> list[Planes]:
    """Find the image extensions of a product; the images are read when needed.

    Parameters
    ----------
    path : path-like
    amplifier : int
        Whose images, from 0.

    Returns
    -------
    list of Planes
        One for each EXTVER of SCI (of DQ in a product without SCI), in order.

    Raises
    ------
    InputError
        When the file is not readable or has neither.
    """
    try:
        with opened_part(path, amplifier) as hdus:
            name = "SCI" if "SCI" in hdus else "DQ"
            headers = {hdu.ver: hdu.header.copy() for hdu in hdus if hdu.name == name}
    except OSError as error:
        raise InputError(path, f"cannot be read ({error})", "make it again") from error
    if not headers:
        raise InputError(path, "holds no image extension SCI or DQ", "make it again")
    return [
        Planes(headers[version], partial(_read_image, path, amplifier, version))
        for version in sorted(headers)
    ]


def _read_image(path, amplifier, version, name):
    with opened_part(path, amplifier) as hdus:
        return hdus[name, version].data


def read_table(path: StrPath, name: str, amplifier: int = 0) -> dict[str, np.ndarray] | None:
    """Read a binary table of a product as {column: array}; None when there is no such table."""
    with opened_part(path, amplifier) as hdus:
        if name not in hdus:
            return None
        table = hdus[name].data
        return {column.lower(): np.asarray(table[column]) for column in table.names}


def history_records(path: StrPath, kind: str) -> list[str]:
    """Return the records of one kind in a product's HISTORY, e.g. ``"warning: "``."""
    return history(fits.getheader(path), kind)


def in_time_order(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Return the accepted bias and dark rows of a frame table in the order they were taken.

    The order of the table is kept when a row has no time.
    """
    used = [row for row in rows if row["accepted"] == "yes" and row["role"] in _ROLES]
    if all(row["mjd"] for row in used):
        used.sort(key=lambda row: float(row["mjd"]))
    return used


def read_frame(
    path: StrPath, gain: float | None = None, readout: Readout | None = None
) -> np.ndarray:
    """Read one frame as a (ny, nx) float32 array, in ADU, or in electrons when a gain is given."""
    with opened([path], gain, readout) as stack:
        return stack.read(slice(None))[0]


def measure_frames(
    rows: Sequence[dict[str, str]],
    pixel: Sequence[int],
    gain: float | None = None,
    readout: Readout | None = None,
) -> tuple[FrameLevels, dict[str, tuple[str, np.ndarray]], dict[str, list[tuple[Any, ...]]]]:
    """Read every frame once; measure its level and spread and the value of two pixels.

    Parameters
    ----------
    rows : list of dict
        Rows of a frame table, in order of time.
    pixel : (y, x)
        Pixel of the time series; the central one if it lies outside the image.
    gain : float, optional
        e-/ADU, where the products are in electrons.
    readout : darkroom.ccd.overscan.amplifiers.Readout, optional
        How the frames are read.

    Returns
    -------
    levels : FrameLevels
    first : dict
        ``{role: (exposure name, image)}`` of the first frame; of darks that of `main_exptime`.
    series : dict
        ``{role: [(description, (y, x), (n,) values)]}`` over the same frames: for `pixel` and for
        the brightest pixel of the first frame.
    """
    first, pixels = {}, {}
    values: dict[str, list[list[float]]] = {}
    level, spread = np.full((2, len(rows)), np.nan)
    time = main_exptime(rows) if any(row["role"] == "dark" for row in rows) else None
    for index, row in enumerate(rows):
        image, role = read_frame(row["file"], gain, readout), row["role"]
        if role == "bias" or float(row["exptime_s"]) == time:
            if role not in first:
                first[role] = (row["exposure"], image)
                pixels[role] = (_inside(pixel, image.shape), brightest(image))
            values.setdefault(role, []).append([image[y, x] for y, x in pixels[role]])
        level[index], spread[index] = measures.level_and_spread(image)
    levels = FrameLevels(
        role=np.array([row["role"] for row in rows]),
        exptime=np.array([float(row["exptime_s"]) for row in rows]),
        temperature=np.array([_number(row["temperature_c"]) for row in rows]),
        level=level,
        spread=spread,
    )
    series = {
        role: [
            (words, at, column)
            for words, at, column in zip(
                ("chosen pixel", "brightest pixel"),
                pixels[role],
                np.array(values[role]).T,
                strict=True,
            )
        ]
        for role in first
    }
    return levels, first, series


def main_exptime(rows: Sequence[dict[str, str]]) -> float:
    """Return the exposure time (s) with the most darks; of equally many, the longest."""
    times = Counter(float(row["exptime_s"]) for row in rows if row["role"] == "dark")
    return max(times, key=lambda time: (times[time], time))


def noise_in_time(
    rows: Sequence[dict[str, str]],
    gain: float | None = None,
    threads: int = 1,
    readout: Readout | None = None,
) -> tuple[np.ndarray, int, float]:
    """Return the standard deviation of every pixel over the darks of one exposure time.

    This is the notebook's definition of dark noise: n - 1 in the denominator, no rejection, the
    offsets of the frames included, all temperatures together.

    Parameters
    ----------
    rows : list of dict
        Rows of a frame table.
    gain : float, optional
        e-/ADU, where the products are in electrons.
    threads : int
    readout : darkroom.ccd.overscan.amplifiers.Readout, optional
        How the frames are read.

    Returns
    -------
    std : (ny, nx) float32 array
        NaN for a single frame.
    frames : int
        Number of darks.
    exptime : float
        Their exposure time, seconds (see `main_exptime`).
    """
    time = main_exptime(rows)
    paths = [
        row["file"] for row in rows if row["role"] == "dark" and float(row["exptime_s"]) == time
    ]
    with opened(paths, None, readout) as stack:
        std = combine_stack(stack, Clip("none"), threads=threads, outputs=("std",)).std
    return std if gain is None else std * np.float32(gain), len(paths), time


def _inside(pixel, shape):
    y, x = pixel
    if 0 <= y < shape[0] and 0 <= x < shape[1]:
        return int(y), int(x)
    return shape[0] // 2, shape[1] // 2


def _number(text):
    return float(text) if text else math.nan
