"""The reference files that a RAW names: found, and checked to be of the right kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: What FILETYPE of each kind of reference must begin with ("": it is not checked).
FILETYPES = {
    "CCDTAB": "CCD PARAMETERS",
    "OSCNTAB": "OVERSCAN",
    "BPIXTAB": "BAD PIXELS",
    "CRREJTAB": "COSMIC RAY REJECTION",
    "NLINFILE": "LINEARITY COEFFICIENTS",
    "DARKFILE": "DARK",
    "PFLTFILE": "PIXEL-TO-PIXEL FLAT",
    "DFLTFILE": "DELTA FLAT",
    "LFLTFILE": "LARGE SCALE FLAT",
    "IMPHTTAB": "",
}


#: Filters whose pixel-to-pixel flats delivered since October 2020 no longer hold the blobs: these
#: are in the delta flats.
DELTA_FILTERS = ("F098M", "F105W", "F110W", "F125W", "F140W", "F160W")
# A reference file's name begins with year, month and day of its delivery, a character each: u is
# 2010, z 2015, 0 is 2016; a is October.
_BEFORE_DELTA = re.compile(r"^([u-z0-3][1-9a-c]|4[1-9])[1-9a-v]\w{5}i_pfl\.fits")


@dataclass(frozen=True)
class Reference:
    """A reference file.

    Parameters
    ----------
    keyword, label : str
        Card of the RAW that names it, and the name as written there (``iref$…``).
    path : pathlib.Path
        Its file.
    pedigree, descrip : str
        PEDIGREE and DESCRIP of its primary header, "" when missing.
    """

    keyword: str
    label: str
    path: Path
    pedigree: str
    descrip: str

    @property
    def dummy(self) -> bool:
        """Whether it is a placeholder (PEDIGREE DUMMY): then its step is skipped."""
        return self.pedigree.startswith("DUMMY")


def named(primary: fits.Header, keyword: str) -> str | None:
    """Return the name of a reference in a header, or None when it is blank or N/A."""
    label = str(primary.get(keyword, "")).strip()
    return None if label.upper() in ("", "N/A") else label


def locate(primary: fits.Header, keyword: str, folder: StrPath) -> tuple[str, Path] | None:
    """Find the file of a reference that a header names.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Primary header of the RAW.
    keyword : str
        One of `FILETYPES`.
    folder : path-like
        Folder of the references; ``iref$name`` means ``folder/name``, or ``folder/name.gz`` when
        only that exists.

    Returns
    -------
    (name in the header, path) or None
        None when the header names none.

    Raises
    ------
    InputError
        When the named file does not exist.
    """
    label = named(primary, keyword)
    if label is None:
        return None
    path = Path(folder) / label.split("$", 1)[-1]
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return label, candidate
    fault = f"no such file; it is the {keyword} of this exposure"
    raise InputError(path, fault, "check the folder of references")


def describe(
    keyword: str, label: str, path: StrPath, header: fits.Header, science: fits.Header
) -> Reference:
    """Return the `Reference` of a file, once it is checked to be of the right kind.

    Parameters
    ----------
    keyword, label, path
        Card of the RAW, name there and file, see `locate`.
    header : astropy.io.fits.Header
        Primary header of the file.
    science : astropy.io.fits.Header
        Primary header of the RAW.

    Raises
    ------
    InputError
        For a file of another kind, of another detector, or a flat of another filter.
    """
    _must_begin(path, keyword, header, "FILETYPE", FILETYPES[keyword])
    if keyword != "IMPHTTAB":
        _must_begin(path, keyword, header, "DETECTOR", "IR")
    if keyword in ("PFLTFILE", "DFLTFILE", "LFLTFILE"):
        found, wanted = _text(header, "FILTER"), _text(science, "FILTER")
        if found != "ANY" and not wanted.upper().startswith(found.upper()):
            raise InputError(
                path, f"is a flat of filter {found or 'unknown'}, the exposure's is {wanted}"
            )
    return Reference(
        keyword, label, Path(path), _text(header, "PEDIGREE"), _text(header, "DESCRIP")
    )


def _must_begin(path, keyword, header, card, wanted):
    found = _text(header, card)
    if not found.startswith(wanted):
        raise InputError(path, f"has {card} = {found or 'nothing'!r}, {keyword} needs {wanted!r}")


def _text(header, card):
    return str(header.get(card, "")).strip()


def missing_delta_flat(raw: StrPath) -> str:
    """Return what is to be said of a RAW that names no delta flat and may need one, or "".

    Parameters
    ----------
    raw : path-like
        Its header names the references.
    """
    with unpacked(Path(raw)) as plain:
        primary = fits.getheader(plain)
    flat, used = named(primary, "PFLTFILE"), _text(primary, "FLATCORR").upper() == "PERFORM"
    name = _text(primary, "FILTER").upper()
    if not (used and flat and name in DELTA_FILTERS) or named(primary, "DFLTFILE"):
        return ""
    if _BEFORE_DELTA.match(flat.split("$", 1)[-1].lower()):
        return ""
    return (
        f"{Path(raw).name} names no DFLTFILE, and is calibrated without a delta flat: flats of "
        f"{name} delivered since October 2020 ({flat} may be one) no longer hold the blobs, and "
        "the sky under these would be up to 10 % too low; enter the delta flat of CRDS (card "
        "DFLTFILE), or use a campaign, which does"
    )
