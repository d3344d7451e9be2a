"""Reference files as JWST's data models and CRDS take them, and the richer products beside."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from datetime import datetime

import numpy as np
from astropy.io import fits

from darkroom.dates import from_mjd
from darkroom.errors import DarkroomError
from darkroom.fits.write import write
from darkroom.nircam.detector.readout import SIZE
from darkroom.nircam.ramps.ramps import DIGEST_ROWS, first_rows_digest
from darkroom.provenance import stamp

_LONGEST_DESCRIPTION = 65
# What a card of 80 characters leaves to a text and its comment.
_TEXT_AND_COMMENT = 65
_LAUNCH = 59573.5  # MJD of 2021-12-25
_USEAFTER = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class ReferenceMetadata:
    """What CRDS asks to know about a reference file.

    Parameters
    ----------
    author : str
    description : str
        At most 65 characters.
    pedigree : str
        ``GROUND``, ``DUMMY``, or ``INFLIGHT`` with the dates of the first and the last exposure,
        which are filled in when left out.
    useafter : str
        Date of the earliest data it is meant for, ``YYYY-MM-DDThh:mm:ss``.
    history : str
        A remark for HISTORY.
    subarray : str, optional
        Subarray it is meant for; by default that of the exposures.
    readpatt : str
        Read pattern it is meant for, by default ``ANY``.

    Raises
    ------
    DarkroomError
        When a fact is not what CRDS accepts.
    """

    author: str
    description: str
    pedigree: str
    useafter: str
    history: str = ""
    subarray: str | None = None
    readpatt: str = "ANY"

    def __post_init__(self):
        if not self.author.strip():
            raise DarkroomError("author is empty: CRDS needs to know who made a reference file")
        if not 0 < len(self.description.strip()) <= _LONGEST_DESCRIPTION:
            raise DarkroomError(
                f"description has {len(self.description)} characters ({self.description!r}): CRDS "
                f"takes 1 to {_LONGEST_DESCRIPTION}"
            )
        _check_pedigree(self.pedigree)
        _check_moment("useafter", self.useafter, _USEAFTER, "YYYY-MM-DDThh:mm:ss")


def _check_pedigree(text):
    word, *dates = text.split()
    if word in ("GROUND", "DUMMY") and not dates:
        return
    if word == "INFLIGHT" and len(dates) in (0, 2):
        for date in dates:
            _check_moment("pedigree", date, "%Y-%m-%d", "YYYY-MM-DD")
        if dates and dates[0] > dates[1]:
            raise DarkroomError(f"pedigree {text!r}: the first date is after the second")
        return
    raise DarkroomError(
        f"pedigree {text!r} is none of GROUND, DUMMY, INFLIGHT, INFLIGHT YYYY-MM-DD YYYY-MM-DD"
    )


def _check_moment(name, text, form, example):
    try:
        good = datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        good = False
    if not good:
        raise DarkroomError(f"{name} {text!r} is no date of the form {example}")


def full_pedigree(facts, mjd):
    """Return the PEDIGREE card's text, and a sentence when it does not fit the exposures.

    Parameters
    ----------
    facts : ReferenceMetadata
    mjd : (n,) array
        When the exposures were taken; NaN when unknown.

    Raises
    ------
    DarkroomError
        When INFLIGHT comes without dates and the exposures do not tell theirs.
    """
    known = np.isfinite(mjd).all()
    if facts.pedigree == "INFLIGHT":
        if not known:
            raise DarkroomError(
                "pedigree INFLIGHT: not every exposure tells its date; write the first and "
                "the last date after it, INFLIGHT YYYY-MM-DD YYYY-MM-DD"
            )
        first, last = (_date(day) for day in (mjd.min(), mjd.max()))
        return f"INFLIGHT {first} {last}", ""
    if facts.pedigree == "GROUND" and known and mjd.max() > _LAUNCH:
        return facts.pedigree, (
            f"pedigree is GROUND, but the last exposure is of {_date(mjd.max())}, after launch: "
            "say INFLIGHT for flight data, DUMMY for simulated ones"
        )
    return facts.pedigree, ""


def _date(mjd):
    return from_mjd(float(mjd)).strftime("%Y-%m-%d")


def check_subarray(facts, ramps):
    """Return the SUBARRAY card's text.

    Raises
    ------
    DarkroomError
        When FULL is asked for and the exposures are smaller, or the name is no name.
    """
    name = facts.subarray or ramps.readout.subarray
    if not re.fullmatch(r"[A-Z0-9_]+", name):
        raise DarkroomError(f"subarray {name!r} is no name of a subarray (capitals and digits)")
    if name == "FULL" and ramps.shape != (SIZE, SIZE):
        raise DarkroomError(
            f"subarray FULL has {SIZE} × {SIZE} pixels, the exposures have "
            f"{ramps.shape[1]} × {ramps.shape[0]}"
        )
    return name


def reference_primary(model, reftype, facts, ramps, provenance):
    """Make the primary HDU of a reference file.

    Parameters
    ----------
    model, reftype : str
        ``SuperBiasModel`` and ``SUPERBIAS``, or ``ReadnoiseModel`` and ``READNOISE``.
    facts : ReferenceMetadata
    ramps : RampSet
    provenance : Provenance

    Returns
    -------
    astropy PrimaryHDU
    """
    layout = ramps.readout
    pedigree, _ = full_pedigree(facts, ramps.mjd)
    cards = (
        ("DATAMODL", model, "type of data model"),
        ("TELESCOP", "JWST", "telescope"),
        ("REFTYPE", reftype, "reference file type"),
        ("PEDIGREE", pedigree, "pedigree of the reference file"),
        ("DESCRIP", facts.description, "description of the reference file"),
        ("AUTHOR", facts.author, "author of the reference file"),
        ("USEAFTER", facts.useafter, "use after date of the reference file"),
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", layout.detector, "detector"),
        ("SUBARRAY", check_subarray(facts, ramps), "subarray"),
        ("SUBSTRT1", layout.xstart, "first pixel along axis 1"),
        ("SUBSTRT2", layout.ystart, "first pixel along axis 2"),
        ("SUBSIZE1", layout.nx, "pixels along axis 1"),
        ("SUBSIZE2", layout.ny, "pixels along axis 2"),
        ("FASTAXIS", layout.fastaxis, "fast readout axis"),
        ("SLOWAXIS", layout.slowaxis, "slow readout axis"),
        ("READPATT", facts.readpatt, "readout pattern"),
    )
    hdu = primary(cards)
    provenance.stamp(hdu.header)
    if facts.history:
        hdu.header.add_history(facts.history)
    return hdu


@dataclass(frozen=True)
class Provenance:
    """Where a product comes from.

    Attributes
    ----------
    made_by : str
        Name of the program.
    inputs : tuple of (str, str)
        File name and SHA-256 of the first rows of its group 0 (see `ramps.first_rows_digest`).
    settings : dict
        Every number and choice that shaped the result.
    previous : str
        Name of the file that the result is compared with, if any.
    """

    made_by: str
    inputs: tuple
    settings: dict
    previous: str = ""

    @classmethod
    def from_ramps(cls, made_by, ramps, settings, before=None):
        """Return the provenance of a product of all files of a `RampSet`.

        `before` is the `darkroom.nircam.compare.Previous` that it is compared with, if any.
        """
        inputs = tuple((file.path.name, first_rows_digest(file)) for file in ramps.files)
        return cls(made_by, inputs, settings, "" if before is None else before.name)

    def stamp(self, header):
        """Write it into a primary header."""
        stamp(header, made_by=self.made_by, inputs=(), settings=self.settings)
        header["NINPUTS"] = len(self.inputs)
        if self.previous:
            header["PREVIOUS"] = self.previous  # which it was compared with
        for name, digest in self.inputs:
            name = name.encode("ascii", "backslashreplace").decode()
            header.add_history(f"input {name} sha256 of {DIGEST_ROWS} rows of group 0 {digest}")


def primary(cards):
    """Make a primary HDU of (keyword, value, comment); not finite values become undefined.

    A comment that a text leaves no room for is left out.
    """
    hdu = fits.PrimaryHDU()
    for keyword, value, comment in cards:
        if isinstance(value, (float, np.floating)):
            value = float(value) if np.isfinite(value) else None
        elif isinstance(value, np.integer):
            value = int(value)
        elif isinstance(value, str) and len(value) + len(comment) > _TEXT_AND_COMMENT:
            comment = ""
        hdu.header[keyword] = (value, comment)
    return hdu


def image(name, data, unit=""):
    """Make an image HDU."""
    hdu = fits.ImageHDU(data, name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    return hdu


def table(name, rows, units=None):
    """Make a table HDU from dataclasses of one kind or dictionaries; columns in capitals.

    Parameters
    ----------
    name : str
    rows : sequence of dataclass or dict
        At least one.
    units : dict, optional
        Unit of a column by its name.
    """
    units = units or {}
    rows = [row if isinstance(row, dict) else asdict(row) for row in rows]
    columns = []
    for key, example in rows[0].items():
        values = np.array([row[key] for row in rows])
        if isinstance(example, str):
            form = f"{max(1, max(map(len, values)))}A"
        elif isinstance(example, (bool, np.bool_)):
            form = "L"
        else:
            form = "D" if values.dtype.kind == "f" else "J"
        columns.append(fits.Column(key.upper(), form, unit=units.get(key), array=values))
    return fits.BinTableHDU.from_columns(columns, name=name)


def dq_table(meaning):
    """Make the DQ_DEF table of bits: members of an IntFlag and what they mean."""
    value = np.array([int(flag) for flag in meaning], np.uint32)
    columns = [
        fits.Column("BIT", "J", array=[int(flag).bit_length() - 1 for flag in meaning]),
        fits.Column("VALUE", "J", bzero=2**31, array=value),
        fits.Column("NAME", "40A", array=[flag.name for flag in meaning]),
        fits.Column("DESCRIPTION", "80A", array=list(meaning.values())),
    ]
    return fits.BinTableHDU.from_columns(columns, name="DQ_DEF")


def save(path, hdus):
    """Write a product, whole or not at all."""
    hdus[0].header["FILENAME"] = (str(path).rpartition("/")[2], "name of this file")
    write(path, hdus)
