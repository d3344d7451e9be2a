"""Fixed pattern, clock-induced charge and dark current over epochs: every frame is a unit.

The mean of a frame's imaging area is F + g C + g t D, for EM gain g and exposure time t: the frames
of an epoch tell the means of F, C and D, and their scatter how sure these are. It holds what the
pixels of a row or of a frame share, which the errors of noise maps do not. The mean is not clipped:
after the EM register a clip takes electrons away.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.geometry import IMAGING
from darkroom.cgi.raw.prepare import prepare
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.units import EM_ELECTRON
from darkroom.dates import to_mjd
from darkroom.epochs.fitted import LEVEL, SIGMA
from darkroom.epochs.table import TableState, TableTemplate, empty, merge, of_unit
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.cgi.stacks.frame import Headers, PixelReader
    from darkroom.hints import StrPath

#: Names and units of what is followed.
NUMBERS = {"fixed pattern": "e-", "clock-induced charge": "e-/frame", "dark current": "e-/s"}
#: Constant of the template: variance of a frame's level without charge, and what it grows by with
#: the square of the EM gain [e-²].
_NOISE = "NOISE"
# Share of the imaging area that must be usable.
_ENOUGH = 0.5


@dataclass(frozen=True)
class FrameLevel:
    """Level of one frame.

    Parameters
    ----------
    path : pathlib.Path
    level : float
        Mean of the usable samples of the imaging area [e-, after the EM register]; NaN where they
        are too few.
    gain : float
        EM gain.
    exptime : float
        Exposure time [s].
    mjd, temperature : float
        Start [days], temperature of the detector [°C]; NaN where unknown.
    """

    path: Path
    level: float
    gain: float
    exptime: float
    mjd: float
    temperature: float


def series_cards(geometry: Geometry, raw: Settings | None) -> dict[str, tuple[str, str]]:
    """Return what the states of a series must share: value and comment by keyword."""
    return {
        "INSTRUME": ("CGI", "instrument"),
        "PRODUCT": ("noise_maps", "product that the state makes"),
        "GEOMETRY": (geometry.name, "regions of the detector"),
        "PREPARED": (raw.mode if raw else "before", "preparation of raw frames"),
        "UNIT": ("e-", "unit of the levels"),
    }


def frame_levels(
    paths: Sequence[StrPath], geometry: Geometry, raw: Settings | None
) -> list[FrameLevel]:
    """Measure the levels of dark frames, each by itself.

    Frames that are taken for photon counting, or marked as bad, are left out.

    Parameters
    ----------
    paths : sequence of path-like
        Calibrated (level L2a, in detected EM electrons) or raw frames.
    geometry : darkroom.cgi.geometry.Geometry
    raw : darkroom.cgi.raw.prepare.Settings or None
        How raw frames are prepared; None for calibrated ones.

    Raises
    ------
    InputError
        When a frame does not fit.
    """
    found = []
    for path in map(Path, paths):
        if raw:
            for frame in prepare([path], geometry, raw):
                if not (frame.bad or frame.headers.is_set("ISPC")):
                    found.append(_measured(frame.headers, frame, geometry))
            continue
        with open_frame(path) as opened:
            headers = opened.headers
            geometry.check_shape(path, opened.pixels.shape)
            if headers.unit != EM_ELECTRON:
                raise InputError(path, f"BUNIT is {headers.unit!r}, not {EM_ELECTRON!r}")
            if not (headers.is_set("IS_BAD") or headers.is_set("ISPC")):
                found.append(_measured(headers, opened.pixels, geometry))
    return found


def _measured(headers: Headers, pixels: PixelReader, geometry: Geometry) -> FrameLevel:
    data = np.empty(geometry.shape, np.float32 if pixels.single else np.float64)
    dq = np.empty(geometry.shape, np.uint16)
    pixels.read_into(0, data, None, dq)
    area = geometry.populations == IMAGING
    used = area & (dq == 0) & np.isfinite(data)
    told = used.sum() >= _ENOUGH * area.sum()
    temperature = headers.image.get("EXCAMT")
    known = isinstance(temperature, int | float) and temperature > _ABSOLUTE_ZERO
    return FrameLevel(
        headers.path,
        float(data[used].mean(dtype=np.float64)) if told else np.nan,
        headers.em_gain,
        headers.exptime,
        _start(headers),
        float(temperature) if known else np.nan,
    )


_ABSOLUTE_ZERO = -273.15


def _start(headers):
    try:
        return to_mjd(datetime.fromisoformat(headers.start.removesuffix("Z")))
    except ValueError:
        return np.nan


def template_of(levels: Sequence[FrameLevel]) -> TableTemplate:
    """Return the template of a series that starts with these frames.

    Parameters
    ----------
    levels : sequence of FrameLevel

    Raises
    ------
    DarkroomError
        When no two frames have one EM gain and exposure time: their scatter is not known.
    """
    from scipy.optimize import nnls

    stacks: dict[tuple[float, float], list[float]] = {}
    for one in levels:
        if np.isnan(one.level):
            continue
        stacks.setdefault((round(one.gain, 3), one.exptime), []).append(one.level)
    repeated = [(key[0], values) for key, values in stacks.items() if len(values) > 1]
    if not repeated:
        raise DarkroomError(
            "a series of noise maps needs several frames of one EM gain and exposure time: their "
            "scatter tells how sure a level is"
        )
    gain = np.array([one for one, _ in repeated])
    variance = np.array([np.var(values, ddof=1) for _, values in repeated])
    # A variance is known to a share of itself: the fit is to ones.
    weight = np.sqrt([len(values) - 1 for _, values in repeated]) / np.maximum(variance, 1e-12)
    design = np.stack([np.ones_like(gain), gain**2], axis=1) * weight[:, None]
    noise, _ = nnls(design, variance * weight)
    # One of the two may vanish; the level of a frame is never without error.
    noise[0] = max(noise[0], 1e-3 * float(variance.min()), 1e-12)
    return TableTemplate(
        tuple(NUMBERS),
        tuple(NUMBERS.values()),
        rows={LEVEL: 1, SIGMA: 1},
        constants={_NOISE: noise},
    )


def state_of(levels: Sequence[FrameLevel], template: TableTemplate) -> TableState:
    """Return the state of frames: one unit each.

    Parameters
    ----------
    levels : sequence of FrameLevel
    template : TableTemplate

    Raises
    ------
    InputError
        When two frames have one name.
    """
    floor, slope = template.constants[_NOISE]
    whole = empty(template)
    for one in levels:
        row = np.array([1.0, one.gain, one.gain * one.exptime])
        facts = {"temperature": one.temperature} if np.isfinite(one.temperature) else {}
        rows = {
            LEVEL: np.array([one.level]),
            SIGMA: np.array([np.sqrt(floor + slope * one.gain**2)]),
        }
        name = one.path.name.partition(".")[0]
        try:
            whole = merge(whole, of_unit(template, name, row, one.mjd, facts, rows))
        except ValueError as error:
            raise InputError(one.path, str(error)) from error
    return whole
