"""Exposures from a local folder."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from astropy.io import fits

from darkroom.campaign.lock import Exposure
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.describe import Recover, describe, first_header, read_headers, stem

# Cards of ramps of JWST and HST.
_CARDS = {
    "instrument": "INSTRUME",
    "detector": "DETECTOR",
    "subarray": "SUBARRAY",
    "readpatt": "READPATT",
    "sampseq": "SAMP_SEQ",
    "nints": "NINTS",
    "ngroups": "NGROUPS",
    "filter": "FILTER",
    "date_obs": "DATE-OBS",
}


def source_folder(archive):
    """Return the folder of a local archive, with ``$VARIABLES`` and ``~`` filled in.

    Raises
    ------
    DarkroomError
        When a variable is not set or the folder does not exist.
    """
    text = archive["folder"]
    folder = os.path.expandvars(text)
    if "$" in folder:
        raise DarkroomError(
            f"archive.folder is {text!r}, but that environment variable is not set; set it, or "
            "give the folder with: --config folder=PATH"
        )
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DarkroomError(
            f"archive.folder: there is no folder {str(folder)!r}; put the exposures there, or give "
            "another one with: --config folder=PATH"
        )
    return folder


def find(archive, items):
    """List the exposures of a campaign.

    Parameters
    ----------
    archive : dict
        Settings of the archive; ``folder`` is searched.
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


def _find_item(folder, item, settings):
    recover = [Recover.parse(text) for text in settings.get("recover", ())]
    roles = {}
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


def _exposure(folder, item, role, path, recover):
    name = path.relative_to(folder).as_posix()
    return Exposure(
        item=item,
        role=role,
        exposure=re.sub(r"[^\w.+-]", "_", stem(path)),
        file=path.name,
        uri=f"local:{name}",
        size=path.stat().st_size,
        facts=header_facts(path, recover),
    )


def header_facts(path, recover=()):
    """Return the lock's facts of a frame; of a damaged frame what can be read.

    A frame that cannot be described stays in the lock: it is refused, by name and with its
    reason, when it is fetched.
    """
    try:
        frame = describe(path, recover)
        gain = read_headers(path)[1].get("EMGAIN_C", "")
    except (InputError, fits.VerifyError):
        return _ramp_facts(path)
    temperature = frame.temperature
    return {
        "instrument": frame.instrument,
        "shape": f"{frame.shape[0]}x{frame.shape[1]}",
        "exptime_s": f"{frame.exptime:g}",
        "temperature_c": "" if temperature is None else f"{temperature:g}",
        "em_gain": f"{gain:g}" if isinstance(gain, int | float) else "",
        "date_obs": frame.date_obs or "",
    }


def _ramp_facts(path):
    """Return what the primary header of a file says that is no single image."""
    try:
        primary = first_header(path)
        facts = {fact: str(primary.get(card, "")) for fact, card in _CARDS.items()}
        if facts["date_obs"] and "TIME-OBS" in primary:
            facts["date_obs"] += f"T{primary['TIME-OBS']}"
    except (InputError, fits.VerifyError):
        return {}
    return facts


def deliver(exposure, destination, archive, item):  # noqa: ARG001 (every archive has this call)
    """Copy an exposure's bytes to `destination` (a temporary name; the caller verifies it)."""
    source = source_folder(archive) / exposure.uri.removeprefix("local:")
    if not source.is_file():
        raise InputError(source, "is in the lock, but no longer in the folder")
    shutil.copyfile(source, destination)


def _natural(path):
    """Sort key by which frame2 comes before frame10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
