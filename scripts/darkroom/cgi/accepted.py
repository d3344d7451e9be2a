"""Frames of a campaign that a program uses: those that arrived intact and that checks accept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.campaign.frames import accepted_exposures, frame_table
from darkroom.campaign.status import read_status
from darkroom.cgi.judging import checks
from darkroom.cgi.stacks.measured import Measured
from darkroom.cgi.units import EM_ELECTRON
from darkroom.judge.judgement import REFUSED
from darkroom.provenance import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath


@dataclass(frozen=True)
class AcceptedFrames:
    """Frames that a program uses.

    Attributes
    ----------
    frames : list of str
        Their paths.
    sums : dict
        ``{path: sha256}`` of those whose checksum is known.
    refused : list of str
        Names of frames of a campaign that the checks refuse.
    judged : bool
        True when the checks were made.
    measured : dict
        What was measured of frames as they arrived, by the name of the file.
    """

    frames: list[str]
    sums: dict[str, str]
    refused: list[str]
    judged: bool
    measured: dict[str, Measured]


def accepted_frames(
    paths: Sequence[StrPath],
    *,
    checksums: bool = False,
    table: StrPath | None = None,
    settings: Mapping[str, Any] | None = None,
    unit: str = EM_ELECTRON,
) -> AcceptedFrames:
    """Return the frames to use, and their checksums.

    Parameters
    ----------
    paths : sequence of path-like
        Frames, or status files (``.json``) of exposures that the workflow fetched; refused
        exposures are left out.
    checksums : bool
        True to compute the SHA-256 of frames without a status file.
    table : path-like, optional
        Frame table of the item; by default exposures are judged as far as those given allow.
    settings : mapping, optional
        Settings of the checks (`darkroom.cgi.judging.checks`).
    unit : str
        BUNIT that calibrated frames need.
    """
    frames: list[str] = []
    sums: dict[str, str] = {}
    statuses = []
    for path in map(str, paths):
        if not path.endswith(".json"):
            frames.append(path)
            if checksums:
                sums[path] = sha256(path)
            continue
        status = read_status(path)
        if status["accepted"]:
            statuses.append(status)
    if table is not None:
        accepted = accepted_exposures(table)
        refused = {each["exposure"] for each in statuses if each["exposure"] not in accepted}
    else:
        refused = _refused(statuses, settings, unit)
    used = [status for status in statuses if status["exposure"] not in refused]
    sums |= {status["path"]: status["sha256"] for status in used}
    judged = not frames and all("judged" in status["facts"] for status in used)
    return AcceptedFrames(
        [*frames, *(status["path"] for status in used)],
        sums,
        [Path(each["path"]).name for each in statuses if each["exposure"] in refused],
        judged or (table is not None and not frames),
        {
            Path(status["path"]).name: Measured.from_values(status["facts"]["judged"])
            for status in used
            if "judged" in status["facts"]
        },
    )


def _refused(statuses, settings, unit):
    """Return the exposures of a campaign that the checks refuse."""
    judgements = frame_table(
        [status for status in statuses if "judged" in status["facts"]],
        checks(settings, unit=unit),
    )[1]
    return {each.exposure for each in judgements if each.verdict == REFUSED}
