"""Files with the statistics of a stack, or of a part of one.

FITS: the primary header has the properties of the stack and its provenance; the images are
``COUNT`` (usable samples), ``SUM`` (their sum), ``M2`` (sum of their squared deviations from the
mean), ``ERR2`` (sum of their squared errors) and ``DQ`` (flags of all frames, joined); the tables
are ``FRAMES`` and ``CARDS`` (the headers that a product inherits). Parts of one stack are merged
when they are read: new frames become a new part, and no frame is read twice.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.stacks.growth import Growth
from darkroom.cgi.stacks.measured import Measured
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.stacks.stacks import Member, Stack, Template
from darkroom.errors import InputError
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.write import binary_table, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath

DATATYPE = "StackStatistics"
_BLOCK = 2880
# Beginning of the lines of HISTORY that name frames that were left out, because their header marks
# them as bad, and because the checks refuse them.
_LEFT_OUT, _REFUSED = "left out: ", "refused: "
# Cards of masks of cosmic rays that were grown.
_GROWTH = {
    "CRAROUND": ("around", "pixels by which masks of hits were grown"),
    "CRAFTER": ("after", "pixels after hits that were masked"),
    "CREXCESS": ("excess", "[e-] excess of these pixels"),
    "CREXCERR": ("error", "[e-] its standard error"),
    "CRLEVEL": ("level", "[e-] excess of the mean without this"),
}
# Columns of what was measured of a frame, with the unit.
_MEASURED = {"level": "electron", "scatter": "electron", "masked": None, "temperature": "Celsius"}
_IMAGES = ("SUM", "M2", "ERR2", "COUNT", "DQ")
_HEADERS = ("PRIMARY", "IMAGE", "ERR", "DQ")


def frames_in_statistics(path: StrPath) -> int | None:
    """Return the number of frames in a file of statistics; None when it is another file."""
    try:
        with Path(path).open("rb") as stream:
            # The first block is enough to recognise other files: reading a full header is slow.
            if f"'{DATATYPE}'".encode() not in stream.read(_BLOCK):
                return None
            stream.seek(0)
            header = fits.Header.fromfile(stream)
    except OSError:
        return None
    return header["NFRAMES"] if header.get("DATATYPE") == DATATYPE else None


def left_out_of(path: StrPath) -> list[str]:
    """Return the names of bad frames that a file of statistics left out."""
    return _named_in_history(path, _LEFT_OUT)


def refused_of(path: StrPath) -> list[str]:
    """Return the names of frames that a file of statistics left out because checks refuse them."""
    return _named_in_history(path, _REFUSED)


def _named_in_history(path, beginning):
    history = map(str, fits.getheader(path).get("HISTORY", []))
    return [line.removeprefix(beginning) for line in history if line.startswith(beginning)]


def save_empty(
    path: StrPath,
    *,
    inputs: Sequence[StrPath],
    settings: dict[str, object],
    left_out: Sequence[str] = (),
    refused: Sequence[str] = (),
) -> None:
    """Write the statistics of a part of a stack whose frames were all refused.

    Parameters
    ----------
    path : path-like
        File that is written.
    inputs, settings, left_out, refused
        As in `save_statistics`.
    """
    primary = fits.PrimaryHDU()
    primary.header["DATATYPE"] = (DATATYPE, "running statistics of a stack of frames")
    primary.header["NFRAMES"] = (0, "number of frames")
    _stamp(primary.header, inputs, settings, left_out, refused)
    write(path, [primary])


def save_statistics(
    path: StrPath,
    stack: Stack,
    moments: Moments,
    *,
    inputs: Sequence[StrPath],
    settings: dict[str, object],
    left_out: Sequence[str] = (),
    refused: Sequence[str] = (),
) -> None:
    """Write the statistics of a stack.

    Parameters
    ----------
    path : path-like
        File that is written.
    stack : darkroom.cgi.stacks.stacks.Stack
    moments : darkroom.cgi.stacks.moments.Moments
        Statistics of the full frame, with errors.
    inputs : sequence of path-like
        Files that the header names with their checksums, besides the frames (the geometry).
    settings : dict
        Settings that the result depends on.
    left_out : sequence of str
        Names of frames that were left out because their header marks them as bad.
    refused : sequence of str
        Names of frames that were left out because checks refuse them.
    """
    primary = fits.PrimaryHDU()
    header = primary.header
    header["DATATYPE"] = (DATATYPE, "running statistics of a stack of frames")
    header["EXPTIME"] = (stack.exptime, "[s] exposure time")
    header["EMGAIN_C"] = (stack.commanded_gain, "commanded EM gain")
    header["EMGAIN"] = (stack.em_gain, "EM gain (measured, applied or commanded)")
    header["KGAINPAR"] = (stack.kgain, "[e-/DN] conversion gain")
    header["BUNIT"] = (stack.unit, "unit of the frames")
    header["CRTHRESH"] = (stack.threshold_dn, "[DN] cosmic-ray threshold of the first frame")
    header["NFRAMES"] = (stack.nframes, "number of frames")
    header["SUMTEMP"] = (stack.temperature_sum, "[C] sum of EXCAMT over the frames")
    header["NTEMP"] = (stack.temperatures, "number of frames whose EXCAMT is known")
    for card, value in stack.earliest.items():
        header[card] = (value, "of the earliest frame")
    for growth in stack.growths:
        for card, (name, comment) in _GROWTH.items():
            header[card] = (getattr(growth, name), comment)
    _stamp(header, inputs, settings, left_out, refused)
    images = {
        "SUM": moments.total, "M2": moments.m2, "ERR2": moments.err2,
        "COUNT": moments.count, "DQ": moments.seen,
    }  # fmt: skip
    hdus = [primary, *(fits.ImageHDU(images[name], name=name) for name in _IMAGES)]
    write(path, [*hdus, _frames_table(stack), _cards_table(stack.template)])


def _stamp(header, inputs, settings, left_out, refused):
    for beginning, names in ((_LEFT_OUT, left_out), (_REFUSED, refused)):
        for name in names:
            header.add_history(f"{beginning}{name}")
    provenance.stamp(
        header,
        made_by="stack_statistics",
        inputs=inputs,
        settings=settings,
        packages=("numpy", "astropy", "numba"),
    )


def _frames_table(stack):
    members = stack.members
    width = max(len(m.name) for m in members)
    return binary_table(
        [
            fits.Column("FILE", f"{width}A", array=[m.name for m in members]),
            fits.Column("SHA256", "64A", array=[m.sha256 for m in members]),
            fits.Column("SCTSRT", "32A", array=[m.start for m in members]),
            fits.Column("EMGAIN", "D", array=[m.em_gain for m in members]),
            *_measured_columns([stack.measured.get(m.name, Measured()) for m in members]),
        ],
        "FRAMES",
    )


def _measured_columns(measured):
    width = max(1, *(len(one.pixels) for one in measured))
    columns = [
        fits.Column(name.upper(), "D", unit=unit, array=[getattr(one, name) for one in measured])
        for name, unit in _MEASURED.items()
    ]
    return [*columns, fits.Column("PIXELS", f"{width}A", array=[one.pixels for one in measured])]


def _cards_table(template):
    """Store the cards of the template headers as text, one per row."""
    headers = (template.primary, template.image, template.err, template.dq)
    rows = [
        (name, text[start : start + 80])
        for name, header in zip(_HEADERS, headers, strict=True)
        for text in [header.tostring(sep="", endcard=False, padding=False)]
        for start in range(0, len(text), 80)
    ]
    return binary_table(
        [
            fits.Column("HDU", "7A", array=[name for name, _ in rows]),
            fits.Column("CARD", "80A", array=[card for _, card in rows]),
        ],
        "CARDS",
    )


class StatisticsSource:
    """The statistics of a stack (or a part of one), read from their file band by band.

    Parameters
    ----------
    path : path-like
        File that `save_statistics` wrote.

    Raises
    ------
    InputError
        When the file is damaged or holds something else.
    """

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with fits.open(self.path, memmap=False, do_not_scale_image_data=True) as hdus:
                    self._planes = {name: self._plane(hdus[name]) for name in _IMAGES}
                    self.stack = _read_stack(hdus, self._planes["COUNT"].shape)
        except FileNotFoundError:
            raise InputError(self.path, "no such file") from None
        except (OSError, KeyError, ValueError, fits.VerifyError) as error:
            raise InputError(
                self.path, f"holds no statistics of a stack ({error})", "make it again"
            ) from error

    def _plane(self, hdu):
        plane = Plane(
            self.path, hdu.fileinfo()["datLoc"], hdu.shape,
            np.dtype(DTYPES[hdu.header["BITPIX"]]), bzero=float(hdu.header.get("BZERO", 0)),
        )  # fmt: skip
        if plane.offset + plane.nbytes > self.path.stat().st_size:
            raise ValueError("it is cut off")
        return plane

    def _band(self, name, rows):
        plane = self._planes[name]
        stored = plane.stored(rows.start, rows.stop - rows.start)
        if name == "DQ":
            return (stored.view(">u2") ^ np.uint16(1 << 15)).astype(np.uint16)
        return stored.astype(stored.dtype.newbyteorder("="))

    def add_to(self, moments: Moments, rows: slice) -> None:
        """Add the statistics of a band of rows to `moments`."""
        err2 = None if moments.err2 is None else self._band("ERR2", rows)
        band = {name: self._band(name, rows) for name in ("COUNT", "SUM", "M2", "DQ")}
        moments.merge(Moments(band["COUNT"], band["SUM"], band["M2"], err2, band["DQ"]))

    def patch(self, rows: slice, columns: slice) -> Moments:
        """Return the statistics of a rectangle."""
        step = slice(None, None, rows.step)
        bands = [self._band(name, rows)[step, columns] for name in ("COUNT", "SUM", "M2", "DQ")]
        count, total, m2, seen = map(np.ascontiguousarray, bands)
        return Moments(count, total, m2, None, seen)


def _read_stack(hdus, shape):
    header, frames = hdus[0].header, hdus["FRAMES"].data
    if header.get("DATATYPE") != DATATYPE:
        raise ValueError(f"DATATYPE is {header.get('DATATYPE')!r}")
    members = [
        Member(str(row["FILE"]), str(row["SHA256"]), str(row["SCTSRT"]), float(row["EMGAIN"]))
        for row in frames
    ]
    return Stack(
        exptime=float(header["EXPTIME"]),
        commanded_gain=float(header["EMGAIN_C"]),
        kgain=float(header["KGAINPAR"]),
        unit=header["BUNIT"],
        shape=shape,
        threshold_dn=header["CRTHRESH"] if isinstance(header["CRTHRESH"], float) else None,
        template=_read_template(hdus["CARDS"].data),
        earliest={card: header[card] for card in ("SCTSRT", "MJDSRT") if card in header},
        members=members,
        temperature_sum=float(header["SUMTEMP"]),
        temperatures=int(header["NTEMP"]),
        growths=_read_growth(header),
        measured=_read_measured(frames),
    )


def _read_measured(frames):
    """Return what was measured of the frames; files of earlier versions do not have it."""
    if "PIXELS" not in frames.names:
        return {}
    return {
        str(row["FILE"]): Measured(*(float(row[name]) for name in _MEASURED), str(row["PIXELS"]))
        for row in frames
    }


def _read_growth(header):
    if "CRAROUND" not in header:
        return []
    numbers = {name: header[card] for card, (name, _) in _GROWTH.items()}
    return [Growth(**numbers, nframes=header["NFRAMES"])]


def _read_template(table):
    names, cards = np.char.strip(table["HDU"]), [str(c).ljust(80) for c in table["CARD"]]
    headers = [
        fits.Header.fromstring("".join(c for n, c in zip(names, cards, strict=True) if n == name))
        for name in _HEADERS
    ]
    return Template(str(headers[1].get("SCTSRT", "")), *headers)
