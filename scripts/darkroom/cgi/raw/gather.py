"""From raw frames to the statistics of their stacks, without files in between."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.cgi.raw.frames import is_raw
from darkroom.cgi.raw.prepare import BATCH, prepare
from darkroom.cgi.stack_keys import keys
from darkroom.cgi.stacks.file import StatisticsSource, save_statistics
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import add_frames
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.stacks import Stack
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.raw.prepare import Settings
    from darkroom.hints import StrPath


def are_raw(paths: Sequence[StrPath]) -> bool:
    """Return True when frames are of level L1; only the first and the last one are looked at.

    Raises
    ------
    InputError
        When only one of the two is of level L1.
    """
    found = []
    for path in (paths[0], paths[-1]):
        with open_frame(path) as frame:
            found.append(is_raw(frame.headers))
    if found[0] != found[1]:
        raise InputError(paths[-1], "raw frames (level L1) and others cannot be mixed in one call")
    return found[0]


def raw_moments(
    paths: Sequence[StrPath],
    geometry: Geometry,
    settings: Settings,
    *,
    sums: Mapping[StrPath, str] | None = None,
    scratch: StrPath | None = None,
) -> tuple[Stack | None, Moments, list[str]]:
    """Prepare the raw frames of one stack and add them up.

    Parameters
    ----------
    paths : sequence of path-like
        Frames of one exposure time and commanded EM gain, judged before.
    geometry : darkroom.cgi.geometry.Geometry
    settings : darkroom.cgi.raw.prepare.Settings
    sums : dict, optional
        ``{path: sha256}`` of files whose bytes were verified before.
    scratch : path-like, optional
        Folder for unpacked copies of compressed frames.

    Returns
    -------
    stack : darkroom.cgi.stacks.stacks.Stack or None
        None when no frame is usable.
    moments : darkroom.cgi.stacks.moments.Moments
    left_out : list of str
        Names of frames that are bad.

    Raises
    ------
    InputError, DarkroomError
        When a frame does not fit.
    """
    sums = {Path(path): digest for path, digest in (sums or {}).items()}
    stack, moments, left_out, waiting = None, Moments.zeros(geometry.shape), [], []
    for frame in prepare(paths, geometry, settings, scratch):
        headers = frame.headers
        if frame.bad:
            left_out.append(headers.path.name)
            continue
        if stack is None:
            stack = Stack.begin(headers, geometry.shape)
        stack.join(headers, sums.get(headers.path, ""))
        waiting.append(frame)
        if len(waiting) == BATCH:
            add_frames(moments, waiting, 0)
            waiting = []
    if waiting:
        add_frames(moments, waiting, 0)
    if stack is not None:
        stack.check()
    return stack, moments, left_out


def raw_sources(
    paths: Sequence[StrPath],
    geometry: Geometry,
    settings: Settings,
    folder: StrPath,
    *,
    sums: Mapping[StrPath, str] | None = None,
) -> tuple[list[StatisticsSource], list[str]]:
    """Prepare raw frames of any number of stacks and add each stack up.

    Parameters
    ----------
    paths, geometry, settings, sums
        As in `raw_moments`; frames may be of several stacks.
    folder : path-like
        Folder for the statistics of each stack; the caller removes it.

    Returns
    -------
    sources : list of darkroom.cgi.stacks.file.StatisticsSource
        One per stack, in the order of exposure time and commanded gain.
    left_out : list of str
        Names of frames that are bad.

    Raises
    ------
    InputError, DarkroomError
        When a frame does not fit, or no frame is usable.
    """
    found = []
    for path in map(Path, paths):
        with open_frame(path) as frame:
            found.append((path, (frame.headers.exptime, frame.headers.commanded_gain, 0.0)))
    common, groups = keys([key for _, key in found]), {}
    for path, key in found:
        groups.setdefault(common[key], []).append(path)
    sources, left_out = [], []
    for number, key in enumerate(sorted(groups)):
        stack, moments, bad = raw_moments(
            groups[key], geometry, settings, sums=sums, scratch=folder
        )
        left_out += bad
        if stack is None:
            continue
        file = Path(folder) / f"stack_{number:03d}.fits"
        save_statistics(file, stack, moments, inputs=[], settings={})
        sources.append(StatisticsSource(file))
    if not sources:
        raise DarkroomError(
            f"nothing to make darks of: all {len(paths)} frames have too many masked pixels "
            "(IS_BAD) or are setup frames"
        )
    return sources, left_out


def described(settings: Settings) -> dict[str, object]:
    """Return the settings of raw frames as products record them."""
    calibration = settings.calibration
    return {
        "preprocess": settings.mode,
        "nonlinearity": calibration.nonlinearity.name or "none",
        "kgain": calibration.kgain,
        "bias_offset": calibration.bias_offset,
        "full_wells": [calibration.well_image, calibration.well_register],
    }
