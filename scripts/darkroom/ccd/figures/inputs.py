"""What the CCD figures are drawn from: products, and one pass over the frames themselves."""

from __future__ import annotations

import math
from collections import Counter
from functools import partial

import numpy as np
from astropy.io import fits

from darkroom.campaign.frames import read_frames
from darkroom.ccd.figures.drift import Levels
from darkroom.ccd.figures.frame import brightest
from darkroom.ccd.figures.planes import Planes
from darkroom.ccd.figures.story import Story
from darkroom.combine import Clip, combine_stack
from darkroom.errors import InputError
from darkroom.fits.tiles import FrameStack
from darkroom.plot import measures
from darkroom.words import unit

_ROLES = ("bias", "dark")
_HISTORY_KINDS = ("setting ", "input ", "version ", "recovered: ", "warning: ")
_HISTORY_WIDTH = 72


def read_story(paths, science=(), *, pixel=(100, 150), display_range=(-30.0, 50.0), threads=1):
    """Read all that the figures of a CCD item are drawn from.

    Parameters
    ----------
    paths : dict
        Path of ``frames`` (the frame table), ``master_bias``, ``read_noise``, ``master_dark``,
        ``dark_rate`` and ``hot_pixels``.
    science : sequence of path-like
        Products of subtract_dark, named ``<exposure>_dsub.fits``.
    pixel : (y, x)
    display_range : (low, high)
    threads : int

    Returns
    -------
    Story
    """
    table = read_frames(paths["frames"])
    rows = in_time_order(table)
    bias = read_planes(paths["master_bias"])[0]
    gain = fits.getheader(paths["master_bias"]).get("GAIN")
    levels, first, series = measure_frames(rows, pixel, gain)
    flags = read_table(paths["hot_pixels"], "DQ_DEF")
    return Story(
        unit=unit(bias.header["BUNIT"]),
        first=first,
        series=series,
        levels=levels,
        bias=bias,
        read_noise=read_planes(paths["read_noise"])[0],
        dark_noise=noise_in_time(rows, gain, threads),
        darks=read_planes(paths["master_dark"]),
        rates=read_planes(paths["dark_rate"]),
        offsets=read_table(paths["dark_rate"], "OFFSETS"),
        level_fits=read_table(paths["dark_rate"], "LEVELFIT"),
        flags=read_planes(paths["hot_pixels"])[0]["DQ"],
        flag_names=tuple(
            zip(flags["value"].tolist(), flags["name"], flags["description"], strict=True)
        ),
        sciences=tuple(_science(path, table, gain) for path in science),
        display_range=tuple(display_range),
    )


def _science(path, table, gain):
    name = path.name.removesuffix("_dsub.fits")
    files = [row["file"] for row in table if row["exposure"] == name]
    if not files:
        raise InputError(path, f"the frame table has no exposure {name!r}")
    return name, partial(_before_and_after, files[0], path, gain)


def _before_and_after(frame, subtracted, gain):
    planes = read_planes(subtracted)[0]
    return read_frame(frame, gain), planes["SCI"], planes.header


def read_planes(path):
    """Find the image extensions of a product; the images are read when asked for.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    list of Planes
        One an EXTVER of SCI (of DQ in a product without SCI), in order.

    Raises
    ------
    InputError
        When the file is missing or holds neither.
    """
    try:
        with fits.open(path) as hdus:
            name = "SCI" if "SCI" in hdus else "DQ"
            headers = {hdu.ver: hdu.header.copy() for hdu in hdus if hdu.name == name}
    except OSError as error:
        raise InputError(path, f"cannot be read ({error})", "make it again") from error
    if not headers:
        raise InputError(path, "holds no image extension SCI or DQ", "make it again")
    return [
        Planes(headers[version], partial(_read_image, path, version)) for version in sorted(headers)
    ]


def _read_image(path, version, name):
    with fits.open(path, memmap=False) as hdus:
        return hdus[name, version].data


def read_table(path, name):
    """Read a binary table of a product as {column: array}; None when there is no such table."""
    with fits.open(path, memmap=False) as hdus:
        if name not in hdus:
            return None
        table = hdus[name].data
        return {column.lower(): np.asarray(table[column]) for column in table.names}


def history_records(path, kind):
    """Return the records of one kind in a product's HISTORY, e.g. ``"warning: "``.

    A record longer than a card is continued on the next ones, cut every 72 characters.
    """
    records = []
    for line in map(str, fits.getheader(path).get("HISTORY", [])):
        if line.startswith(_HISTORY_KINDS) or not records:
            records.append(line)
        else:
            # Blanks at the end of a card are lost in the file; the cut tells how many.
            full = -(-len(records[-1]) // _HISTORY_WIDTH) * _HISTORY_WIDTH
            records[-1] = records[-1].ljust(full) + line
    return [record.removeprefix(kind) for record in records if record.startswith(kind)]


def in_time_order(rows):
    """Return the accepted bias and dark rows of a frame table in the order they were taken.

    Without a time in every row the order of the table is kept.
    """
    used = [row for row in rows if row["accepted"] == "yes" and row["role"] in _ROLES]
    if all(row["mjd"] for row in used):
        used.sort(key=lambda row: float(row["mjd"]))
    return used


def read_frame(path, gain=None):
    """Read one frame as a (ny, nx) float32 array, in ADU, or in electrons when a gain is given."""
    with FrameStack([path]) as stack:
        values = stack.read(slice(0, stack.shape[0]))[0]
    return values if gain is None else values * np.float32(gain)


def measure_frames(rows, pixel, gain=None):
    """Read every frame once: its level and spread, and the value of two pixels.

    Parameters
    ----------
    rows : list of dict
        Rows of a frame table, in order of time.
    pixel : (y, x)
        The pixel whose time series is wanted; moved to the middle if it lies outside.
    gain : float, optional
        Electrons an ADU, where the products are in electrons.

    Returns
    -------
    levels : Levels
    first : dict
        Role to (exposure name, image) of its first frame; for darks of `main_exptime`.
    series : dict
        Role to a list of (words, (y, x), (n,) values) over the same frames: `pixel`, and the
        brightest pixel of that first frame.
    """
    first, values, pixels = {}, {}, {}
    level, spread = np.full((2, len(rows)), np.nan)
    time = main_exptime(rows)
    for index, row in enumerate(rows):
        image, role = read_frame(row["file"], gain), row["role"]
        if role == "bias" or float(row["exptime_s"]) == time:
            if role not in first:
                first[role] = (row["exposure"], image)
                pixels[role] = (_inside(pixel, image.shape), brightest(image))
            values.setdefault(role, []).append([image[y, x] for y, x in pixels[role]])
        level[index], spread[index] = measures.level_and_spread(image)
    levels = Levels(
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


def main_exptime(rows):
    """Return the exposure time that has the most darks, in seconds; the longest of equals."""
    times = Counter(float(row["exptime_s"]) for row in rows if row["role"] == "dark")
    return max(times, key=lambda time: (times[time], time))


def noise_in_time(rows, gain=None, threads=1):
    """Return the standard deviation of every pixel over the darks of one exposure time.

    The notebook's definition of dark noise: divisor n - 1, nothing rejected, the offsets of the
    frames left in, all temperatures together.

    Parameters
    ----------
    rows : list of dict
        Rows of a frame table.
    gain : float, optional
        Electrons an ADU.
    threads : int

    Returns
    -------
    std : (ny, nx) float32 array
        NaN for a single frame.
    frames : int
    exptime : float
        Theirs, in seconds (see `main_exptime`).
    """
    time = main_exptime(rows)
    paths = [
        row["file"] for row in rows if row["role"] == "dark" and float(row["exptime_s"]) == time
    ]
    with FrameStack(paths) as stack:
        std = combine_stack(stack, Clip("none"), threads=threads, outputs=("std",)).std
    return std if gain is None else std * np.float32(gain), len(paths), time


def _inside(pixel, shape):
    y, x = pixel
    if 0 <= y < shape[0] and 0 <= x < shape[1]:
        return int(y), int(x)
    return shape[0] // 2, shape[1] // 2


def _number(text):
    return float(text) if text else math.nan
