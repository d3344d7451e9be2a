"""Frames given to a program by hand, judged by the checks of campaigns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.frames import COMMON_CHECKS
from darkroom.cgi.judging import checks
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.values import frame_values
from darkroom.errors import InputError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import Subject, require_good

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.cgi.geometry import Geometry
    from darkroom.hints import StrPath

# A warning about more frames than this is given once for all of them.
_SINGLE = 3


def judge_frames(
    paths: Sequence[StrPath],
    geometry: Geometry,
    unit: str,
    settings: Mapping[str, Any],
    sums: Mapping[str, str] | None = None,
) -> tuple[list[dict[str, Any]], list[str]]:
    """Judge frames by their headers, a sample of their pixels, and against each other.

    Parameters
    ----------
    paths : sequence of path-like
    geometry : darkroom.cgi.geometry.Geometry
    unit : str
        BUNIT that calibrated frames need.
    settings : mapping
        Of the checks, see `darkroom.cgi.judging.checks`.
    sums : mapping, optional
        ``{path: sha256}`` of files whose checksum is known.

    Returns
    -------
    values : list of dict
        Of each frame, see `darkroom.cgi.stacks.values.frame_values`.
    warnings : list of str

    Raises
    ------
    InputError, DarkroomError
        When frames are refused; one message names all of them.
    """
    subjects = [_subject(path, geometry, sums or {}) for path in paths]
    judgements = judge(subjects, (*COMMON_CHECKS, *checks(settings, unit=unit)))
    warnings = _joined(require_good(judgements, "darks"))
    return [dict(subject.values) for subject in subjects], warnings


def _subject(path, geometry, sums):
    path = Path(path)
    try:
        with open_frame(path) as frame:
            values = frame_values(frame, geometry)
    except InputError as error:
        advice = f"; {error.advice}" if error.advice else ""
        values = {"faults": [f"{error.fault}{advice}"]}
    values |= {"path": str(path.resolve()), "sha256": sums.get(str(path), "")}
    return Subject(f"{path}", path.name, values)


def _joined(warnings):
    """Return warnings, each that is given for many files once."""
    files: dict[str, list[str]] = {}
    for sentence in warnings:
        file, _, fault = sentence.partition(": ")
        files.setdefault(fault, []).append(file)
    return [
        f"{len(names)} frames (first: {names[0]}): {fault}" if len(names) > _SINGLE else sentence
        for fault, names in files.items()
        for sentence in ([f"{name}: {fault}" for name in names] if len(names) <= _SINGLE else [""])
    ]
