"""Exposures from a local folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.campaign.lock import Exposure
from darkroom.campaign.names import clean_name
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.describe import Recover, describe, first_header, read_headers, stem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# Cards of the primary header of a file that is not a single image (ramps of JWST and HST).
_CARDS = {
    "instrument": "INSTRUME",
    "detector": "DETECTOR",
    "subarray": "SUBARRAY",
    "readpatt": "READPATT",
    "sampseq": "SAMP_SEQ",
    "nsamp": "NSAMP",
    "nints": "NINTS",
    "ngroups": "NGROUPS",
    "filter": "FILTER",
    "date_obs": "DATE-OBS",
}


def source_folder(archive: Mapping[str, Any]) -> Path:
    """Return the folder of a local archive, with ``$VARIABLES`` and ``~`` expanded.

    Raises
    ------
    DarkroomError
        When a variable is not set or the folder does not exist.
    """
    text = archive["folder"]
    expanded = os.path.expandvars(text)
    if "$" in expanded:
        raise DarkroomError(
            f"archive.folder is {text!r}, but that environment variable is not set; set it, or "
            "give the folder with: --config folder=PATH"
        )
    folder = Path(expanded).expanduser()
    if not folder.is_dir():
        raise DarkroomError(
            f"archive.folder: there is no folder {str(folder)!r}; put the exposures there, or give "
            "another one with: --config folder=PATH"
        )
    return folder


def find(archive: Mapping[str, Any], items: Mapping[str, Mapping[str, Any]]) -> list[Exposure]:
    """List the exposures of a campaign.

    Parameters
    ----------
    archive : dict
        Settings of the archive; its ``folder`` is searched.
    items : dict
        Work items; ``frames`` of each maps a role to file-name patterns.

    Returns
    -------
    list of Exposure
        In natural order of the file names within each role.

    Raises
    ------
    DarkroomError
        When a pattern finds nothing, or a file has two roles.
    """
    folder = source_folder(archive)
    return [row for item, settings in items.items() for row in _find_item(folder, item, settings)]


def _find_item(folder: Path, item: str, settings: Mapping[str, Any]) -> list[Exposure]:
    """List the exposures of an item."""
    recover = [Recover.parse(text) for text in settings.get("recover", ())]
    roles: dict[Path, str] = {}
    for role, patterns in settings.get("frames", {}).items():
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            found = sorted((p for p in folder.glob(pattern) if p.is_file()), key=_natural)
            if not found:
                raise DarkroomError(
                    f"item {item}: no file in {folder} matches the {role} pattern {pattern!r}"
                )
            for path in found:
                other = roles.setdefault(path, role)
                if other != role:
                    raise DarkroomError(
                        f"item {item}: {path.name} matches the patterns of {other} and {role}; "
                        "a frame has one role"
                    )
    return [_exposure(folder, item, role, path, recover) for path, role in roles.items()]


def _exposure(
    folder: Path, item: str, role: str, path: Path, recover: Iterable[Recover]
) -> Exposure:
    name = path.relative_to(folder).as_posix()
    return Exposure(
        item=item,
        role=role,
        exposure=clean_name(stem(path)),
        file=clean_name(path.name),
        uri=f"local:{name}",
        size=path.stat().st_size,
        facts=header_facts(path, recover),
    )


def header_facts(path: Path, recover: Iterable[Recover] = ()) -> dict[str, str]:
    """Return the header values of a frame for the lock; of a damaged frame what can be read.

    A frame whose header cannot be read stays in the lock: it is refused, with its name and the
    reason, when it is fetched.
    """
    try:
        frame = describe(path, recover)
        gain = read_headers(path)[1].get("EMGAIN_C", "")
    except (InputError, fits.VerifyError):
        return _primary_facts(path)
    temperature = frame.temperature
    # A ramp of HST is a row of images, whose set-up is in the primary header.
    ramp = _primary_facts(path) if "SAMP_SEQ" in first_header(path) else {}
    return {
        "instrument": frame.instrument,
        "shape": f"{frame.shape[0]}x{frame.shape[1]}",
        "exptime_s": f"{frame.exptime:g}",
        "temperature_c": "" if temperature is None else f"{temperature:g}",
        "em_gain": f"{gain:g}" if isinstance(gain, int | float) else "",
        "date_obs": frame.date_obs or "",
    } | ramp


def _primary_facts(path: Path) -> dict[str, str]:
    """Return the values in the primary header of a file that is not a single image."""
    try:
        primary = first_header(path)
        facts = {fact: str(primary.get(card, "")) for fact, card in _CARDS.items()}
        # SUBARRAY of HST is only true or false; SUBTYPE names it.
        facts["subarray"] = str(primary.get("SUBTYPE", facts["subarray"]))
        if facts["date_obs"] and "TIME-OBS" in primary:
            facts["date_obs"] += f"T{primary['TIME-OBS']}"
    except (InputError, fits.VerifyError):
        return {}
    return facts


def deliver(
    exposure: Exposure,
    destination: Path,
    archive: Mapping[str, Any],
    item: Mapping[str, Any],  # noqa: ARG001 (every archive has these arguments)
) -> None:
    """Copy an exposure to `destination`.

    Parameters
    ----------
    exposure : darkroom.campaign.lock.Exposure
        The exposure.
    destination : pathlib.Path
        A temporary name; the caller verifies the file.
    archive, item : dict
        Settings of the archive and of the work item.

    Raises
    ------
    InputError
        When the file is no longer in the folder.
    """
    source = source_folder(archive) / exposure.uri.removeprefix("local:")
    if not source.is_file():
        raise InputError(source, "is in the lock, but no longer in the folder")
    shutil.copyfile(source, destination)


def _natural(path: Path) -> list[int | str]:
    """Return a sort key by which frame2 comes before frame10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
