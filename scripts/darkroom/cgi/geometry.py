"""Regions of the detector: image, prescan, overscans and telemetry rows.

A geometry is a JSON file in the form of corgidrp's dictionary of detector regions: a region has
``rows``, ``cols`` and its first corner ``r0c0`` (row, column; counted from 0), in full-frame
pixels. The regions are at the top of the file or below the name of an array type (``SCI``). Two
detector parameters may be given at the top: ``telemetry_rows`` ([first, stop] as a Python slice,
default the last row) and ``em_stages`` (stages of the EM register, default 604).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Geometries that come with darkroom, by name: the flight detector's, and a small one for tests.
SHIPPED = {name: Path(__file__).with_name(f"geometry_{name}.json") for name in ("sci", "small")}
#: Populations of pixels in `Geometry.populations`, in the order of their numbers.
POPULATIONS = ("rest", "parallel_overscan", "serial_overscan", "prescan", "imaging", "telemetry")
IMAGING, TELEMETRY = POPULATIONS.index("imaging"), POPULATIONS.index("telemetry")
_REGIONS = ("image", "prescan", "prescan_reliable", "parallel_overscan", "serial_overscan")
_NEEDED = ("image", "prescan", "parallel_overscan", "serial_overscan")
_OWN_KEYS = {"name", "telemetry_rows", "em_stages"}


@dataclass(frozen=True)
class Geometry:
    """The regions of a full frame.

    Attributes
    ----------
    name : str
        Name of the geometry in messages and products.
    shape : tuple of int
        Rows and columns of a full frame.
    regions : dict
        ``{region: (first row, first column, rows, columns)}``.
    bias_columns : tuple of int
        First and stop column, within the prescan, from which a row's bias is measured.
    telemetry : tuple of int
        First and stop row of telemetry; equal when there are none.
    em_stages : int
        Stages of the EM register.
    """

    name: str
    shape: tuple[int, int]
    regions: dict[str, tuple[int, int, int, int]]
    bias_columns: tuple[int, int]
    telemetry: tuple[int, int]
    em_stages: int

    def section(self, region: str) -> tuple[slice, slice]:
        """Return the rows and columns of a region as two slices."""
        row, column, rows, columns = self.regions[region]
        return slice(row, row + rows), slice(column, column + columns)

    @cached_property
    def imaging(self) -> tuple[slice, slice]:
        """Rows and columns of all pixels that integrate charge: image and shielded margin."""
        rows = self.shape[0] - self.regions["parallel_overscan"][2]
        columns = self.shape[1] - self.regions["prescan"][3] - self.regions["serial_overscan"][3]
        row, column, image_rows, _ = self.regions["image"]
        row -= rows - image_rows
        return slice(row, row + rows), slice(column, column + columns)

    @property
    def telemetry_rows(self) -> slice:
        """Rows that hold telemetry, as a slice."""
        return slice(*self.telemetry)

    @cached_property
    def bias_region(self) -> tuple[slice, slice]:
        """Rows and columns that measure the bias: the reliable prescan without telemetry rows."""
        row, column, rows, _ = self.regions["prescan"]
        first, stop = self.bias_columns
        stop_row = row + rows
        if self.telemetry[1] > self.telemetry[0]:
            stop_row = min(stop_row, self.telemetry[0])
        return slice(row, stop_row), slice(column + first, column + stop)

    @cached_property
    def populations(self) -> np.ndarray:
        """Population of each pixel, (ny, nx) uint8: an index into `POPULATIONS`."""
        codes = np.zeros(self.shape, np.uint8)
        for name in ("parallel_overscan", "serial_overscan", "prescan"):
            codes[self.section(name)] = POPULATIONS.index(name)
        codes[self.imaging] = IMAGING
        codes[self.telemetry_rows] = TELEMETRY
        return codes

    def check_shape(self, path: StrPath, shape: tuple[int, ...]) -> None:
        """Raise an `InputError` when the image in a file does not have the frame's shape."""
        if shape != self.shape:
            raise InputError(
                path,
                f"image of {shape[0]} rows x {shape[1]} columns, geometry {self.name!r} has "
                f"{self.shape[0]} x {self.shape[1]}",
                "name the right one: geometry of the item's cgi settings, --geometry of a program",
            )


def read_geometry(path: StrPath | None = None, arrtype: str = "SCI") -> Geometry:
    """Read a geometry.

    Parameters
    ----------
    path : path-like or str, optional
        JSON file (see this module), or a name of `SHIPPED`; by default the flight detector's.
    arrtype : str
        Array type whose regions are read, when the file has several.

    Returns
    -------
    Geometry

    Raises
    ------
    InputError
        When the file is damaged, a region is missing or lies outside the frame, or telemetry
        rows reach into the image.
    """
    path = Path(SHIPPED.get(str(path), path) if path is not None else SHIPPED["sci"])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(path, "no such geometry file") from None
    except (OSError, ValueError) as error:
        raise InputError(path, f"is no valid JSON ({error})") from None
    if not isinstance(content, dict):
        raise InputError(path, "must hold a dictionary of detector regions")
    areas = content.get(arrtype, content)
    shape = _integer(path, areas, "frame_rows"), _integer(path, areas, "frame_cols")
    unknown = sorted(set(areas) - {*_REGIONS, *_OWN_KEYS, "frame_rows", "frame_cols"})
    if unknown:
        raise InputError(path, f"unknown key {unknown[0]!r}", f"regions: {', '.join(_REGIONS)}")
    regions = {
        name: _region(path, areas, name, shape)
        for name in _REGIONS
        if name in _NEEDED or name in areas
    }
    geometry = Geometry(
        name=str(content.get("name", path.stem)),
        shape=shape,
        regions=regions,
        bias_columns=_bias_columns(path, areas["prescan"], regions),
        telemetry=_telemetry(path, content.get("telemetry_rows", [-1, None]), shape[0]),
        em_stages=_integer(path, {"em_stages": 604, **content}, "em_stages"),
    )
    _check(path, geometry)
    return geometry


def _integer(path, areas, key):
    value = areas.get(key) if isinstance(areas, dict) else None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise InputError(path, f"{key} is {value!r}, a positive whole number is needed")
    return value


def _region(path, areas, name, shape):
    region = areas.get(name)
    if not isinstance(region, dict):
        raise InputError(path, f"lacks the region {name!r}")
    rows, columns = _integer(path, region, "rows"), _integer(path, region, "cols")
    corner = region.get("r0c0")
    if not (isinstance(corner, list) and len(corner) == 2 and all(type(v) is int for v in corner)):
        raise InputError(path, f"r0c0 of {name!r} is {corner!r}, [row, column] is needed")
    if min(corner) < 0 or corner[0] + rows > shape[0] or corner[1] + columns > shape[1]:
        raise InputError(
            path,
            f"region {name!r} ({rows} x {columns} from {corner}) lies outside the frame of "
            f"{shape[0]} x {shape[1]}",
        )
    return corner[0], corner[1], rows, columns


def _bias_columns(path, prescan, regions):
    first, stop = prescan.get("col_start", 0), prescan.get("col_end", regions["prescan"][3])
    if not (
        type(first) is int and type(stop) is int and 0 <= first < stop <= regions["prescan"][3]
    ):
        raise InputError(
            path, f"col_start {first!r} and col_end {stop!r} of the prescan are not columns of it"
        )
    return first, stop


def _telemetry(path, rows, nrows):
    try:
        first, stop, _ = slice(*rows).indices(nrows)
    except TypeError:
        raise InputError(path, f"telemetry_rows is {rows!r}, [first, stop] is needed") from None
    return first, max(first, stop)


def _check(path, geometry):
    """Refuse telemetry rows in the image, and an imaging area that is not in the frame."""
    first, stop = geometry.telemetry
    image, _ = geometry.section("image")
    if first < image.stop and stop > image.start:
        raise InputError(
            path,
            f"telemetry rows {first} to {stop - 1} reach into the image (rows {image.start} to "
            f"{image.stop - 1})",
        )
    rows, columns = geometry.imaging
    if rows.start < 0 or columns.start < 0:
        raise InputError(path, "the overscans and the image do not fit together in the frame")
