"""A received frame of the coronagraph: what its checks compare, read as it arrives."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.values import frame_values
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.campaign.lock_rows import Exposure


def read_header(
    path: Path, exposure: Exposure, item: Mapping[str, Any]
) -> tuple[dict[str, Any], Sequence[str]]:
    """Return the header values of a frame, and below ``judged`` what its checks compare.

    Its arguments and what it returns are those of `darkroom.archive.receive.facts_of_lock`.

    Raises
    ------
    InputError
        When the file is not a frame in corgidrp's layout, or has not the geometry's shape.
    """
    geometry = read_geometry(item.get("cgi", {}).get("geometry"))
    try:
        with open_frame(path) as frame:
            named = replace(frame, headers=replace(frame.headers, path=Path(exposure.file)))
            judged = frame_values(named, geometry)
    except InputError as error:
        raise InputError(exposure.file, error.fault, error.advice) from None
    if not (exposure.facts.get("em_gain") and exposure.facts.get("exptime_s")):
        judged["faults"].append(
            "the lock has no EM gain or no exposure time of it, so it is in no stack"
        )
    return dict(exposure.facts) | {"judged": judged}, []
