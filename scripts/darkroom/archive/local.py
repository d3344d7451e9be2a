"""Exposures from a local folder."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.archive.room import check_holes, check_room
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.names import clean_name
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.cards import Recover
from darkroom.fits.cubes import different_planes, write_plane
from darkroom.fits.describe import (
    describe_headers,
    first_header,
    image_headers,
    plane_count,
    read_headers,
    stem,
)
from darkroom.folders import expanded
from darkroom.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Files that one program copies and verifies at a time: jobs that run beside it take others.
PARALLEL = 1
# Time for a file, and for each byte: that of a slow disk that is shared.
_ATTEMPT_S, _BYTES_PER_S = 120.0, 1e6
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
        When a variable or a user is not there, or the folder does not exist.
    """
    text = archive["folder"]
    folder = expanded(
        text, "archive.folder", "set it, or give the folder with: --config folder=PATH"
    )
    if not os.path.isdir(folder):  # noqa: PTH112 (false for a name that is too long)
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
    roles: dict[Path, str] = {}
    for role, patterns in settings.get("frames", {}).items():
        for pattern in [patterns] if isinstance(patterns, str) else patterns:
            found = _matching(folder, pattern, f"item {item}: the {role} pattern")
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
    files = unique_names([path.relative_to(folder).as_posix() for path in roles])
    return [
        exposure
        for (path, role), file in zip(roles.items(), files, strict=True)
        for exposure in _exposures(folder, item, role, path, file, settings)
    ]


def _matching(folder: Path, pattern: str, what: str) -> list[Path]:
    """Return the files of a folder that a pattern matches, in natural order.

    Raises
    ------
    DarkroomError
        When the pattern leads out of the folder or is none, or the name of a file cannot be kept in
        a lock, which is text in UTF-8 with one line for each file.
    """
    if pattern.startswith("/") or ".." in pattern.split("/"):
        raise DarkroomError(f"{what} {pattern[:200]!r} leads out of the folder {folder}")
    try:
        found = sorted((p for p in folder.glob(pattern) if p.is_file()), key=_natural)
    except (ValueError, IndexError, NotImplementedError, re.error, OSError) as error:
        raise DarkroomError(
            f"{what} {pattern[:200]!r} is none that can be looked for "
            f"({str(error)[:80]}); a pattern is a name with * and ?, in folders a/b/*.fits"
        ) from None
    for path in found:
        name = path.relative_to(folder).as_posix()
        if plain_text(name, len(name)) != name:
            raise DarkroomError(
                f"{what} {pattern!r} matches the file {name!a}: its name holds a character that "
                "cannot be printed, or bytes that are not UTF-8; rename the file"
            )
    return found


def unique_names(paths: Sequence[str]) -> list[str]:
    """Return a file name for each path such that no two of them, without suffixes, are equal.

    Parameters
    ----------
    paths : sequence of str
        Relative to the folder of the archive, with ``/``; each once.

    Returns
    -------
    list of str
        The file's own name where no other file has it; else as many folders before it as tell the
        files apart (``bias_frame-000.fits``), or its suffix and a number.
    """
    names = [clean_name(path.rpartition("/")[2]) for path in paths]
    for depth in range(2, 2 + max(path.count("/") for path in paths) if paths else 2):
        counts = Counter(map(_same_on_any_disk, names))
        names = [
            name
            if counts[_same_on_any_disk(name)] == 1
            else clean_name("_".join(path.split("/")[-depth:]))
            for name, path in zip(names, paths, strict=True)
        ]
    taken: set[str] = set()
    for k, name in enumerate(names):
        head, number = stem(name), 1
        while _same_on_any_disk(names[k]) in taken:
            number += 1
            names[k] = f"{head}_{number}{name[len(head) :]}"
        taken.add(_same_on_any_disk(names[k]))
    return names


def _same_on_any_disk(file: str) -> str:
    """Return what exposures whose files a disk may take for one have in common.

    Those of macOS and Windows do not tell capitals from small letters.
    """
    return _exposure_name(file).casefold()


def _exposure_name(file: str) -> str:
    return clean_name(stem(file))


def _exposures(
    folder: Path, item: str, role: str, path: Path, file: str, settings: Mapping[str, Any]
) -> list[Exposure]:
    """Return the exposures of a file: one, or one for each image of a cube."""
    facts = header_facts(path, settings)
    uri = f"local:{path.relative_to(folder).as_posix()}"
    name = _exposure_name(file)
    if _takes_single_images(settings["instrument"]) and (planes := _cube_planes(path)):
        digits = len(str(max(planes)))
        return [
            Exposure(
                item, role, f"{name}_{k:0{digits}}", f"{stem(file)}_{k:0{digits}}.fits",
                f"{uri}#{k}", None, facts,
            )
            for k in planes
        ]  # fmt: skip
    return [Exposure(item, role, name, file, uri, path.stat().st_size, facts)]


def _takes_single_images(instrument: str) -> bool:
    """Tell whether each exposure of an instrument is one image, so that a cube holds several."""
    name = f"darkroom.{instrument}.received"
    return (
        bool(instrument)
        and find_spec(name) is not None
        and bool(getattr(import_module(name), "SINGLE_IMAGES", False))
    )


def _cube_planes(path: Path) -> list[int]:
    """Return the numbers of the different images in the cube of a file; none without a cube."""
    try:
        # A hole of terabytes would be read for hours.
        check_holes(path)
        if plane_count(image_headers(path)[1]) > 1:
            return different_planes(path)
    except (InputError, fits.VerifyError, OSError):
        pass
    return []


def header_facts(path: Path, settings: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the header values of a frame for the lock; of a damaged frame what can be read.

    A frame whose header cannot be read stays in the lock: it is refused, with its name and the
    reason, when it is fetched.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    settings : mapping
        Settings of the work item: ``recover`` and ``cards``.
    """
    settings = settings or {}
    recover = [Recover.parse(text) for text in settings.get("recover", ())]
    try:
        # A cube is a ramp of other instruments, which have cards of their own.
        single = _takes_single_images(settings.get("instrument", ""))
        primary, image = (image_headers if single else read_headers)(path)
        frame = describe_headers(path, primary, image, recover, settings.get("cards"))
        gain = image.get("EMGAIN_C", "")
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
    slot: object = None,  # noqa: ARG001 (a turn at the network, which is not used)
) -> None:
    """Copy an exposure to `destination`.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The exposure.
    destination : pathlib.Path
        A temporary name; the caller verifies the file.
    archive, item : dict
        Settings of the archive and of the work item.
    slot : object
        Not used.

    Raises
    ------
    InputError
        When the file is no longer in the folder, has another size than in the lock, or is a hole.
    OSError
        When the file has more bytes than are free.
    """
    source, plane = _source(exposure, archive)
    if not source.is_file():
        raise InputError(source, "is in the lock, but no longer in the folder")
    found = source.stat().st_size
    if exposure.size is not None and found != exposure.size:
        # Not copied: a file that has grown without bounds would fill the disk.
        raise InputError(source, f"has {found} bytes, {exposure.size} are expected")
    check_holes(source)
    if plane:
        write_plane(source, int(plane), destination)
    else:
        check_room(source, destination.parent)
        shutil.copyfile(source, destination)


def changed_since(exposure: Exposure, archive: Mapping[str, Any], time_ns: int) -> bool:
    """Tell whether the file of an exposure was written to, or replaced, after some time.

    The folder is a person's, who repairs in it what was refused: another header may have the same
    size. Nothing is known when the folder or the file is not there.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The exposure.
    archive : dict
        Settings of the archive.
    time_ns : int
        Nanoseconds since 1970.
    """
    try:
        return _source(exposure, archive)[0].stat().st_ctime_ns > time_ns
    except (DarkroomError, OSError):
        return False


def _source(exposure: Exposure, archive: Mapping[str, Any]) -> tuple[Path, str]:
    """Return the file of an exposure, and its plane in it; empty when it is the whole file."""
    name, _, plane = exposure.uri.removeprefix("local:").partition("#")
    folder = source_folder(archive)
    if plane and (folder / f"{name}#{plane}").is_file():
        name, plane = f"{name}#{plane}", ""
    return folder / name, plane


def longest_attempt_s(exposure: Exposure, archive: Mapping[str, Any]) -> float:  # noqa: ARG001
    """Return the time after which copying and verifying an exposure counts as stuck, seconds.

    Parameters
    ----------
    exposure : darkroom.campaign.lock_rows.Exposure
        The exposure.
    archive : dict
        Settings of the archive.
    """
    return _ATTEMPT_S + (exposure.size or 0) / _BYTES_PER_S


def _natural(path: Path) -> list[int | str]:
    """Return a sort key by which frame2 comes before frame10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", path.name)]
