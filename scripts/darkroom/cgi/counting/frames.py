"""Frames counted one after the other: each is read once, a band of rows at a time."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.cgi.counting.counters import BandMeans, Counters
from darkroom.cgi.raw.prepare import prepare
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.stacks import Stack
from darkroom.errors import DarkroomError, InputError
from darkroom.memory import kept_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.cgi.stacks.frame import Headers, PixelReader
    from darkroom.hints import StrPath

#: Type of visit of darks; corgidrp counts photons of no others as of a dark.
DARK_VISIT = "CGIVST_CAL_DRK"
# Lowest threshold at which read noise is not counted [read noise].
_LOWEST = 4.0
_ROWS = 128


@dataclass
class Counted:
    """A stack of frames, counted.

    Attributes
    ----------
    stack : darkroom.cgi.stacks.stacks.Stack
    counters : darkroom.cgi.counting.counters.Counters
        Of the region.
    threshold, read_noise : float
        Threshold and read noise [e- after the register].
    gain : float
        EM gain of the headers.
    mean : float
        Mean of all samples, before the register [e-].
    region : str
        ``"image"`` or ``"full"``.
    left_out : list of str
        Names of frames that their header calls bad.
    warnings : list of str
    """

    stack: Stack
    counters: Counters
    threshold: float
    read_noise: float
    gain: float
    mean: float
    region: str
    left_out: list[str]
    warnings: list[str]


@dataclass(frozen=True)
class CountPlan:
    """How frames are counted.

    Attributes
    ----------
    factor : float
        Threshold in units of the read noise.
    most : float
        Largest mean per pixel and frame, before the register [e-].
    read_noise : float or None
        Read noise [e-]; None for that of the card RN.
    peer : bool
        As corgidrp: count within the frames' errors too, and compare the mean of all frames with
        `most`, flagged samples included; else the mean of each frame without them.
    region : str
        ``"image"`` or ``"full"``.
    """

    factor: float
    most: float
    read_noise: float | None = None
    peer: bool = False
    region: str = "image"


def image_geometry(geometry: Geometry) -> Geometry:
    """Return the geometry of frames that hold the image area alone, as corgidrp's recipe cuts."""
    rows, columns = geometry.section("image")
    shape = rows.stop - rows.start, columns.stop - columns.start
    whole, none = (0, 0, *shape), (0, 0, 0, 0)
    regions = {
        "image": whole, "prescan": none, "parallel_overscan": none, "serial_overscan": none,
    }  # fmt: skip
    return replace(geometry, shape=shape, regions=regions, bias_columns=(0, 0), telemetry=(0, 0))


def count_frames(
    paths: Sequence[StrPath],
    geometry: Geometry,
    plan: CountPlan,
    *,
    pattern: np.ndarray | None = None,
    raw: Settings | None = None,
    sums: Mapping[str, str] | None = None,
    scratch: StrPath | None = None,
) -> Counted:
    """Count the photons of the frames of one stack.

    Parameters
    ----------
    paths : sequence of path-like
        Frames, judged before.
    geometry : darkroom.cgi.geometry.Geometry
        Of the frames.
    plan : CountPlan
    pattern : (ny, nx) array, optional
        Fixed pattern of the frames, subtracted before counting [e-].
    raw : darkroom.cgi.raw.prepare.Settings, optional
        How raw frames are prepared.
    sums : mapping, optional
        ``{path: sha256}`` of files whose checksum is known.
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames.

    Returns
    -------
    Counted

    Raises
    ------
    InputError, DarkroomError
        When the frames are not of one stack, or do not meet a condition of photon counting.
    """
    section = (slice(None), slice(None)) if plan.region == "full" else geometry.section("image")
    rows, columns = section[0].indices(geometry.shape[0]), section[1]
    whole = Counters.zeros((rows[1] - rows[0], len(range(geometry.shape[1])[columns])))
    stack, total, left_out, warnings, number = None, BandMeans(0, 0, 0, 0), [], [], 0
    names = [str(path) for path in paths]
    with _frames(names, geometry, raw, scratch) as frames, kept_large():
        for path, headers, pixels in frames:
            number += 1
            if headers.is_set("IS_BAD"):
                left_out.append(headers.path.name)
                continue
            if stack is None:
                stack = Stack.begin(headers, pixels.shape)
                noise, limit, gain, said = _threshold(headers, plan)
                warnings += said
            _check(headers, noise, plan)
            stack.join(headers, (sums or {}).get(path, ""))
            found = _count(whole, pixels, rows, columns, limit, plan, pattern)
            total += found
            if not plan.peer:
                _check_mean(headers.path, found.good_total, found.good_number, gain, plan.most)
            if 2 * number >= len(names) > 2 * (number - 1):
                whole.end_first_half()
    if stack is None or stack.nframes < 2:
        raise DarkroomError(
            f"photon counting needs more than one frame, there is "
            f"{0 if stack is None else stack.nframes}"
        )
    stack.check()
    mean = total.total / max(total.number, 1) / gain
    if plan.peer:
        _check_mean(names[0], total.total, total.number, gain, plan.most, "all frames from it on")
    return Counted(stack, whole, limit, noise, gain, mean, plan.region, left_out, warnings)


@contextmanager
def _frames(paths, geometry, raw, scratch):
    """Give an iterator over path, headers and pixels of frames."""

    def calibrated() -> Iterator[tuple[str, Headers, PixelReader]]:
        """Read calibrated frames (L2a)."""
        for path in paths:
            with open_frame(path, scratch) as frame:
                geometry.check_shape(frame.headers.path, frame.pixels.shape)
                yield path, frame.headers, frame.pixels

    def prepared() -> Iterator[tuple[str, Headers, PixelReader]]:
        """Prepare raw frames (L1) one by one."""
        for frame in prepare(paths, geometry, raw, scratch):
            name = frame.headers.path.name
            path = next((each for each in paths if each.endswith(name)), name)
            yield path, frame.headers, frame

    yield calibrated() if raw is None else prepared()


def _count(counters, pixels, rows, columns, limit, plan, pattern):
    """Add one frame to the counters."""
    found = BandMeans(0, 0, 0, 0)
    shape = min(_ROWS, rows[1] - rows[0]), pixels.shape[1]
    dtype = np.float32 if pixels.single else np.float64
    data, dq = np.empty(shape, dtype), np.empty(shape, np.uint16)
    err = np.empty(shape, dtype) if plan.peer else None
    for first in range(rows[0], rows[1], _ROWS):
        band = slice(0, min(_ROWS, rows[1] - first))
        pixels.read_into(first, data[band], None if err is None else err[band], dq[band])
        found += counters.add(
            first - rows[0],
            np.ascontiguousarray(data[band, columns]),
            None if err is None else np.ascontiguousarray(err[band, columns]),
            np.ascontiguousarray(dq[band, columns]),
            limit,
            None if pattern is None else pattern[first : first + band.stop, columns],
        )
    return found


def _threshold(headers, plan):
    """Return read noise, threshold, gain, and warnings; refuse what cannot be counted."""
    gain = headers.em_gain
    noise = plan.read_noise
    if noise is None:
        noise = headers.number("RN")
        if noise <= 0:
            raise InputError(
                headers.path,
                f"its read noise (card RN) is {noise:g} e-, it must be positive: the threshold is "
                f"{plan.factor:g} of it",
                "state it in counting: read_noise",
            )
    limit = plan.factor * noise
    if limit >= gain:
        raise InputError(
            headers.path,
            f"the threshold of {limit:g} e- ({plan.factor:g} times the read noise of {noise:g} e-) "
            f"is not below the EM gain, {gain:g}: electrons would not be seen",
            "count photons in frames of higher gain",
        )
    said = []
    if plan.factor < _LOWEST:
        said.append(
            f"the threshold is {plan.factor:g} times the read noise, less than {_LOWEST:g}: read "
            "noise is counted as electrons"
        )
    return noise, limit, gain, said


def _check(headers: Headers, noise: float, plan: CountPlan) -> None:
    """Refuse a frame that is no dark for photon counting, or of another read noise."""
    visit = str(headers.primary.get("VISTYPE", headers.image.get("VISTYPE", "")) or "").strip()
    if visit != DARK_VISIT:
        raise InputError(
            headers.path,
            f"VISTYPE is {visit!r}, a photon-counted dark is made of frames of {DARK_VISIT!r}",
        )
    if plan.read_noise is None and abs(headers.number("RN") - noise) > 1e-4 * noise:
        raise InputError(
            headers.path,
            f"its read noise (card RN) is {headers.number('RN'):g} e-, that of the first frame "
            f"{noise:g} e-: one threshold cannot serve both",
            "state one in counting: read_noise",
        )


def _check_mean(path: Path | str, total, number, gain, most, which="its samples"):
    mean = total / max(number, 1) / gain
    if mean > most:
        raise InputError(
            path,
            f"the mean of {which} is {mean:.3g} e- per pixel before the register, more than "
            f"{most:g}: electrons hide behind each other",
            "use shorter exposures, or raise counting: most_electrons",
        )
