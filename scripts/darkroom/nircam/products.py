"""Reference files that JWST's data models and CRDS accept, and the files of details beside them."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.dates import from_mjd
from darkroom.errors import DarkroomError
from darkroom.fits.write import binary_table, write
from darkroom.nircam.detector.readout import SIZE
from darkroom.nircam.ramps.header import engine_of
from darkroom.nircam.ramps.ramps import DIGEST_ROWS, first_rows_digest
from darkroom.plain import header_text
from darkroom.provenance import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from enum import IntFlag

    from darkroom.hints import StrPath
    from darkroom.nircam.compare import Previous
    from darkroom.nircam.metadata import MetadataSettings
    from darkroom.nircam.ramps.ramps import RampSet

_MAX_DESCRIPTION = 65
# Characters that a card of 80 leaves for a text and its comment together.
_TEXT_AND_COMMENT = 65
_LAUNCH = 59573.5  # MJD of 2021-12-25
_USEAFTER = "%Y-%m-%dT%H:%M:%S"


@dataclass(frozen=True)
class ReferenceMetadata:
    """Metadata that CRDS requires of a reference file.

    Parameters
    ----------
    author : str
    description : str
        At most 65 characters.
    pedigree : str
        ``GROUND``, ``DUMMY``, or ``INFLIGHT`` with the dates of the first and the last exposure.
        Dates that are left out are taken from the exposures.
    useafter : str
        Date of the earliest data that it applies to, ``YYYY-MM-DDThh:mm:ss``.
    history : str
        A remark for HISTORY.
    subarray : str, optional
        Subarray that it applies to; by default that of the exposures.
    readpatt : str
        Readout pattern that it applies to, by default ``ANY``.

    Raises
    ------
    DarkroomError
        When CRDS would not accept a value.
    """

    author: str
    description: str
    pedigree: str
    useafter: str
    history: str = ""
    subarray: str | None = None
    readpatt: str = "ANY"

    @classmethod
    def from_settings(cls, settings: MetadataSettings) -> ReferenceMetadata:
        """Return what the settings of a product say."""
        return cls(**{one.name: getattr(settings, one.name) for one in fields(cls)})

    def __post_init__(self) -> None:
        for name in ("author", "description", "history"):
            object.__setattr__(self, name, header_text(getattr(self, name)))
        if not self.author.strip():
            raise DarkroomError("author is empty: CRDS requires the author of a reference file")
        if not 0 < len(self.description.strip()) <= _MAX_DESCRIPTION:
            raise DarkroomError(
                f"description has {len(self.description)} characters ({self.description!r}): CRDS "
                f"accepts 1 to {_MAX_DESCRIPTION}"
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
        f"pedigree {text!r} is not one of GROUND, DUMMY, INFLIGHT, INFLIGHT YYYY-MM-DD YYYY-MM-DD"
    )


def _check_moment(name, text, form, example):
    try:
        good = datetime.strptime(text, form).strftime(form) == text
    except ValueError:
        good = False
    if not good:
        raise DarkroomError(f"{name} {text!r} is not a date of the form {example}")


def full_pedigree(metadata: ReferenceMetadata, mjd: np.ndarray) -> tuple[str, str]:
    """Return the value of PEDIGREE, and a warning when it contradicts the dates of the exposures.

    Parameters
    ----------
    metadata : ReferenceMetadata
    mjd : (n,) array
        Times of the exposures; NaN when unknown.

    Returns
    -------
    pedigree, warning : str
        The warning is empty when there is nothing to warn of.

    Raises
    ------
    DarkroomError
        When the pedigree is INFLIGHT without dates, and an exposure has no date.
    """
    known = np.isfinite(mjd).all()
    if metadata.pedigree == "INFLIGHT":
        if not known:
            raise DarkroomError(
                "pedigree INFLIGHT: not every exposure has a date in its header; give the first "
                "and the last date, INFLIGHT YYYY-MM-DD YYYY-MM-DD"
            )
        first, last = (_date(day) for day in (mjd.min(), mjd.max()))
        return f"INFLIGHT {first} {last}", ""
    if metadata.pedigree == "GROUND" and known and mjd.max() > _LAUNCH:
        return metadata.pedigree, (
            f"pedigree is GROUND, but the last exposure was taken on {_date(mjd.max())}, after "
            "launch: use INFLIGHT for flight data, DUMMY for simulated data"
        )
    return metadata.pedigree, ""


def _date(mjd):
    return from_mjd(float(mjd)).strftime("%Y-%m-%d")


def check_subarray(metadata: ReferenceMetadata, ramps: RampSet) -> str:
    """Return the value of SUBARRAY: that of the metadata, else that of the exposures.

    Raises
    ------
    DarkroomError
        When it is FULL and the exposures are smaller, or when it is not a subarray's name.
    """
    name = metadata.subarray or ramps.readout.subarray
    if not re.fullmatch(r"[A-Z0-9_]+", name):
        raise DarkroomError(
            f"subarray {name!r} is not the name of a subarray (capital letters, digits and _)"
        )
    if name == "FULL" and ramps.shape != (SIZE, SIZE):
        raise DarkroomError(
            f"subarray FULL has {SIZE} × {SIZE} pixels, the exposures have "
            f"{ramps.shape[1]} × {ramps.shape[0]}"
        )
    return name


def reference_primary(
    model: str,
    reftype: str,
    metadata: ReferenceMetadata,
    ramps: RampSet,
    provenance: Provenance,
) -> fits.PrimaryHDU:
    """Make the primary HDU of a reference file.

    Parameters
    ----------
    model, reftype : str
        Data model and reference type: ``SuperBiasModel`` and ``SUPERBIAS``, or ``ReadnoiseModel``
        and ``READNOISE``.
    metadata : ReferenceMetadata
    ramps : RampSet
        The exposures it is made of.
    provenance : Provenance

    Returns
    -------
    astropy.io.fits.PrimaryHDU
    """
    layout = ramps.readout
    pedigree, _ = full_pedigree(metadata, ramps.mjd)
    cards = (
        ("DATAMODL", model, "type of data model"),
        ("TELESCOP", "JWST", "telescope"),
        ("REFTYPE", reftype, "reference file type"),
        ("PEDIGREE", pedigree, "pedigree of the reference file"),
        ("DESCRIP", metadata.description, "description of the reference file"),
        ("AUTHOR", metadata.author, "author of the reference file"),
        ("USEAFTER", metadata.useafter, "use after date of the reference file"),
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", layout.detector, "detector"),
        ("SUBARRAY", check_subarray(metadata, ramps), "subarray"),
        ("SUBSTRT1", layout.xstart, "first pixel along axis 1"),
        ("SUBSTRT2", layout.ystart, "first pixel along axis 2"),
        ("SUBSIZE1", layout.nx, "pixels along axis 1"),
        ("SUBSIZE2", layout.ny, "pixels along axis 2"),
        ("FASTAXIS", layout.fastaxis, "fast readout axis"),
        ("SLOWAXIS", layout.slowaxis, "slow readout axis"),
        ("READPATT", metadata.readpatt, "readout pattern"),
    )
    hdu = primary(cards)
    provenance.stamp(hdu.header)
    if metadata.history:
        hdu.header.add_history(metadata.history)
    return hdu


@dataclass(frozen=True)
class Provenance:
    """Program, inputs and settings that a product was made from.

    Attributes
    ----------
    made_by : str
        Name of the program.
    inputs : tuple of (str, str)
        Name of each file, and SHA-256 of the first rows of its group 0 (see
        `darkroom.nircam.ramps.ramps.first_rows_digest`).
    settings : dict
        Every setting that affects the result.
    previous : str
        Name of the reference file that the result is compared with, if any.
    engine : str
        What ran the steps before, with versions; empty for raw ramps.
    """

    made_by: str
    inputs: tuple[tuple[str, str], ...]
    settings: dict[str, Any]
    previous: str = ""
    engine: str = ""

    @classmethod
    def from_ramps(
        cls,
        made_by: str,
        ramps: RampSet,
        settings: dict[str, Any],
        previous: Previous | None = None,
    ) -> Provenance:
        """Return the provenance of a product made of all files of a set of ramps.

        Parameters
        ----------
        made_by : str
            Name of the program.
        ramps : RampSet
        settings : dict
            Every setting that affects the result.
        previous : darkroom.nircam.compare.Previous, optional
            Reference file that the result is compared with.
        """
        inputs = tuple((file.path.name, first_rows_digest(file)) for file in ramps.files)
        engines = dict.fromkeys(engine_of(file.header) for file in ramps.files)
        name = "" if previous is None else previous.name
        return cls(made_by, inputs, settings, name, "; ".join(filter(None, engines)))

    def stamp(self, header: fits.Header) -> None:
        """Write it into a primary header."""
        stamp(header, made_by=self.made_by, inputs=(), settings=self.settings)
        header["NINPUTS"] = len(self.inputs)
        if self.engine:
            header["STEPSBY"] = (self.engine, "engine of the steps before")
        if self.previous:
            header["PREVIOUS"] = self.previous
        self._name_inputs(header)

    def _name_inputs(self, header):
        for name, digest in self.inputs:
            name = name.encode("ascii", "backslashreplace").decode()
            header.add_history(f"input {name} sha256 of {DIGEST_ROWS} rows of group 0 {digest}")

    def same_inputs(self, header: fits.Header) -> bool:
        """Tell whether a product, by its primary header, was made of the same inputs."""
        own = fits.Header()
        self._name_inputs(own)
        wanted, stated = (
            [str(line).rstrip() for line in one.get("HISTORY", ())] for one in (own, header)
        )
        count = header.get("NINPUTS")
        return count == len(self.inputs) and stated[len(stated) - len(wanted) :] == wanted


def primary(cards: Iterable[tuple[str, Any, str]]) -> fits.PrimaryHDU:
    """Make a primary HDU of (keyword, value, comment).

    Values that are not finite are written as undefined. A comment is left out when text and
    comment together do not fit on the card.
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


def image(name: str, data: np.ndarray, unit: str = "") -> fits.ImageHDU:
    """Make an image HDU.

    Parameters
    ----------
    name : str
        EXTNAME.
    data : array
    unit : str
        BUNIT; no keyword when empty.
    """
    hdu = fits.ImageHDU(data, name=name)
    if unit:
        hdu.header["BUNIT"] = unit
    return hdu


def table(
    name: str, rows: Sequence[Any], units: Mapping[str, str] | None = None
) -> fits.BinTableHDU:
    """Make a table HDU; the names of its columns are the fields of the rows in capitals.

    Parameters
    ----------
    name : str
        EXTNAME.
    rows : sequence of dataclass or dict
        At least one, all of one kind.
    units : dict, optional
        ``{field: unit}``.
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
    return binary_table(columns, name)


def dq_table(meaning: Mapping[IntFlag, str]) -> fits.BinTableHDU:
    """Make the DQ_DEF table from ``{flag: description}``."""
    value = np.array([int(flag) for flag in meaning], np.uint32)
    columns = [
        fits.Column("BIT", "J", array=[int(flag).bit_length() - 1 for flag in meaning]),
        fits.Column("VALUE", "J", bzero=2**31, array=value),
        fits.Column("NAME", "40A", array=[flag.name for flag in meaning]),
        fits.Column("DESCRIPTION", "80A", array=list(meaning.values())),
    ]
    return binary_table(columns, "DQ_DEF")


def save(path: StrPath, hdus: list) -> None:
    """Write the HDUs of a product to a file atomically; its name goes into FILENAME."""
    hdus[0].header["FILENAME"] = (str(path).rpartition("/")[2], "name of this file")
    write(path, hdus)
