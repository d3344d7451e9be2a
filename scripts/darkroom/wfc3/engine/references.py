"""Which reference files a RAW names, where they are, and whether they are the right ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from darkroom.errors import InputError

#: FILETYPE that each kind of reference must begin with ("": not asked for).
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


@dataclass(frozen=True)
class Reference:
    """A reference file.

    Parameters
    ----------
    keyword, label : str
        Keyword that names it and the name as it stands in the header (``iref$…``).
    path : pathlib.Path
        Where it is.
    pedigree, descrip : str
        From its primary header, "" when missing.
    """

    keyword: str
    label: str
    path: Path
    pedigree: str
    descrip: str

    @property
    def dummy(self):
        """Whether it stands for a missing one: then its step is skipped."""
        return self.pedigree.startswith("DUMMY")


def named(primary, keyword):
    """Return the name in a header, or None when it is blank or N/A."""
    label = str(primary.get(keyword, "")).strip()
    return None if label.upper() in ("", "N/A") else label


def locate(primary, keyword, folder):
    """Return (label, path) of the reference that a header names, or None.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Primary header of the RAW.
    keyword : str
        One of `FILETYPES`.
    folder : path-like
        Where the references are; ``iref$name`` means ``folder/name``. A file that is there as
        ``name.gz`` alone is taken too.

    Raises
    ------
    InputError
        When a named file is not there.
    """
    label = named(primary, keyword)
    if label is None:
        return None
    path = Path(folder) / label.split("$", 1)[-1]
    for candidate in (path, path.with_name(path.name + ".gz")):
        if candidate.is_file():
            return label, candidate
    raise InputError(
        path, f"no such file; it is the {keyword} of this exposure", "look at the references folder"
    )


def describe(keyword, label, path, header, science):
    """Make a `Reference` of a located file, after a look at what it is.

    Parameters
    ----------
    keyword, label, path
        From `locate`.
    header : astropy.io.fits.Header
        Primary header of the file.
    science : astropy.io.fits.Header
        Primary header of the RAW.

    Raises
    ------
    InputError
        For another kind of file, another detector, or a flat of another filter.
    """
    _must_begin(path, keyword, header, "FILETYPE", FILETYPES[keyword])
    if keyword != "IMPHTTAB":
        _must_begin(path, keyword, header, "DETECTOR", "IR")
    if keyword in ("PFLTFILE", "DFLTFILE", "LFLTFILE"):
        found, wanted = _text(header, "FILTER"), _text(science, "FILTER")
        if found != "ANY" and not wanted.startswith(found):
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
