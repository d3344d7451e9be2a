"""The FITS files of a folder, at any depth, with their headers."""

from __future__ import annotations

import os
import re
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.structure import check_structure, walk_hdus
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.hints import StrPath

#: Names that may be FITS files, compressed or not.
NAMES = re.compile(r"\.(fits?|fts)(\.(gz|fz|bz2))?$", re.IGNORECASE)
# Headers that are read of one file: that of the image and those before it.
_MOST_HEADERS = 4


@dataclass(frozen=True)
class Headers:
    """Headers of one file.

    Parameters
    ----------
    path : pathlib.Path
    primary : astropy.io.fits.Header
    image : astropy.io.fits.Header
        Of the first image with data; the primary one when there is none.
    folder : pathlib.Path
        That was searched.
    damage : str
        What is wrong with the file behind these headers, by which it is refused when it is read.
    """

    path: Path
    primary: fits.Header
    image: fits.Header
    folder: Path
    damage: str = ""


def fits_files(folder: StrPath) -> list[Path]:
    """Return the FITS files of a folder and of its folders, in natural order of their paths.

    Hidden files and folders are left out, and links to folders are not followed.

    Raises
    ------
    DarkroomError
        When there is no such folder, or no FITS file in it.
    """
    folder = Path(folder).expanduser()
    if not folder.is_dir():
        raise DarkroomError(f"there is no folder {str(folder)!r}")
    found = []
    for place, inner, names in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        found += [
            Path(place, name) for name in names if not name.startswith(".") and NAMES.search(name)
        ]
    if not found:
        raise DarkroomError(
            f"{folder}: no FITS file in it or in its folders (names ending in .fits, .fit or .fts, "
            "also with .gz, .fz or .bz2)"
        )
    return sorted(found, key=natural)


def read_all(paths: list[Path], folder: Path) -> Iterator[Headers | InputError]:
    """Yield the headers of each file of a folder, or why they cannot be read."""
    for path in paths:
        if path.is_symlink() and not path.exists():
            yield InputError(path, "is a link to a file that is not there")
            continue
        if path.exists() and not path.is_file():
            yield InputError(path, "is no file that holds data (a pipe or a device)")
            continue
        try:
            yield read_headers(path, folder)
        except InputError as error:
            yield error
        except (OSError, EOFError, ValueError, fits.VerifyError) as error:
            yield InputError(path, f"its headers cannot be read ({error})")


def read_headers(path: StrPath, folder: StrPath) -> Headers:
    """Return the headers of one file of a folder; no pixels are read.

    Raises
    ------
    InputError
        When the file is no FITS file.
    """
    path = Path(path)
    with unpacked(path) as plain, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        primary = image = None
        for number, hdu in enumerate(walk_hdus(plain, path, whole=False)):
            header = fits.Header.fromstring(hdu.header)
            primary = header if primary is None else primary
            if header.get("NAXIS", 0) or "ZIMAGE" in header or number + 1 == _MOST_HEADERS:
                image = header
                break
        damage = _damage(plain, path)
    if primary is None:
        raise InputError(path, "is no FITS file")
    return Headers(path, primary, primary if image is None else image, Path(folder), damage)


def _damage(plain: Path, path: Path) -> str:
    """Return what is wrong with the structure of a file; empty when nothing is."""
    try:
        check_structure(plain, path)
    except InputError as error:
        return error.fault
    return ""


def natural(path: StrPath) -> list[int | str]:
    """Return a sort key by which frame2 comes before frame10."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", str(path))]
