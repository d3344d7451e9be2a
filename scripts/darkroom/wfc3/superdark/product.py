"""The superdark as files: the reference file of calwf3 (DARKFILE), and its details."""

from __future__ import annotations

import warnings
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.dates import DAY, from_mjd
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.write import binary_table, write
from darkroom.gates import units as unit_tables
from darkroom.plain import header_text
from darkroom.provenance import stamp

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.hints import StrPath
    from darkroom.wfc3.superdark.combine import Superdark
    from darkroom.wfc3.superdark.ramps import Dark, Reads
    from darkroom.wfc3.superdark.settings import SuperdarkSettings

# Position cards of an image on the detector, which the reference shares with the darks.
_PLACE = ("LTV1", "LTV2", "LTM1_1", "LTM2_2")


def write_reference(
    path: StrPath,
    dark: Superdark,
    reads: Reads,
    darks: Sequence[Dark],
    settings: SuperdarkSettings,
    recorded: Mapping[str, Any],
) -> None:
    """Write the reference file: 16 image sets SCI, ERR, DQ, SAMP, TIME, the last read first.

    Parameters
    ----------
    path : path-like
    dark : Superdark
    reads : Reads
    darks : sequence of Dark
        Those it is made of.
    settings : SuperdarkSettings
    recorded : mapping
        Settings for HISTORY.
    """
    nreads = len(reads.times) + 1
    times = [0.0, *(float(time) for time in reads.times)]
    place = [(card, float(darks[0].science.get(card, 0.0))) for card in _PLACE]
    hdus = [_primary(path, dark, reads, darks, settings, recorded)]
    for extver in range(1, nreads + 1):
        k = nreads - extver
        for name, cube, dtype in (("SCI", dark.sci, np.float32), ("ERR", dark.err, np.float32),
                                  ("DQ", dark.dq, np.int16)):  # fmt: skip
            plane = np.zeros(reads.full_shape, dtype)
            y0, y1, x0, x1 = reads.window
            if k:
                plane[y0:y1, x0:x1] = cube[k - 1]
            hdu = fits.ImageHDU(plane, name=name, ver=extver)
            hdu.header.extend(place)
            hdu.header["BUNIT"] = "UNITLESS" if name == "DQ" else "COUNTS"
            if name == "SCI":
                hdu.header["SAMPTIME"] = (times[k], "total integration time (sec)")
                hdu.header["SAMPNUM"] = (k, "MULTIACCUM sample number")
            hdus.append(hdu)
        for name, value in (("SAMP", k), ("TIME", times[k])):
            hdu = fits.ImageHDU(name=name, ver=extver)
            ny, nx = reads.full_shape
            hdu.header.extend([("NPIX1", nx), ("NPIX2", ny), ("PIXVALUE", value)])
            hdus.append(hdu)
    write(path, hdus)


def _primary(path, dark, reads, darks, settings, recorded):
    """Return the primary HDU: what CRDS asks of it, then what calwf3 reads, then provenance."""
    first = darks[0].primary
    times = [*reads.times[::-1], 0.0]
    scatter, error = (float(x[-1]) for x in (dark.levels.scatter, dark.levels.error))
    cards = [
        ("FILENAME", str(path).rpartition("/")[2], "name of this file"),
        ("FILETYPE", "DARK", "type of reference file"),
        ("TELESCOP", "HST", ""),
        ("INSTRUME", "WFC3", ""),
        ("DETECTOR", "IR", ""),
        ("USEAFTER", hst_date(settings.useafter), ""),
        ("PEDIGREE", pedigree(settings.pedigree, darks), ""),
        ("DESCRIP", header_text(settings.description), ""),
        *((card, first[card], "") for card in ("CCDAMP", "CCDGAIN", "SAMP_SEQ", "SUBTYPE")),
        ("SUBARRAY", first.get("SUBARRAY", False), ""),
        ("NSAMP", len(times), "number of reads, the zeroth included"),
        ("NEXTEND", 5 * len(times), "number of extensions"),
        ("NUMEXPOS", len(times), "number of exposure times"),
        *((f"EXPOS_{i}", float(time), "") for i, time in enumerate(times, 1)),
        ("NDARKS", len(darks), "number of darks"),
        ("LEVELSTD", scatter, "scatter of their levels in the last read (DN)"),
        ("LEVELERR", error, "error of the level, not in ERR (DN)"),
        ("CUTFRAC", dark.cut, "fraction of ramps cut at a cosmic ray"),
    ]
    hdu = fits.PrimaryHDU()
    for card, value, comment in cards:
        hdu.header[card] = (value, comment if len(str(value)) + len(comment) < 65 else "")
    for text in _HISTORY:
        hdu.header.add_history(text)
    if settings.history:
        hdu.header.add_history(header_text(settings.history))
    stamp(hdu.header, made_by="superdark", inputs=[d.path for d in darks], settings=recorded)
    for kind, name in sorted(reads.references.items()):
        hdu.header.add_history(f"reference {kind} {name}")
    return hdu


_HISTORY = (
    "Dark current of each read since the zeroth, DN, before UNITCORR: mean of",
    "darks after DQICORR ZSIGCORR BLEVCORR ZOFFCORR NLINCORR. Levels of single",
    "darks are aligned read by read; LEVELERR is the error of the common level.",
    "A dark is left out in a pixel from the read on in which it steps up.",
    "DQ: 16 hot, 32 unstable from dark to dark, 64 warm (if asked for), 256",
    "saturated in all darks. Pixels that do not respond are not seen in darks.",
)


def hst_date(text: str) -> str:
    """Return a date ``YYYY-MM-DDThh:mm:ss`` as HST reference files have it.

    Raises
    ------
    DarkroomError
        When it is no such date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DarkroomError(
            f"useafter {text!r} is no date of the form YYYY-MM-DDThh:mm:ss"
        ) from None
    return moment.strftime("%b %d %Y %H:%M:%S")


def pedigree(word: str, darks: Sequence[Dark]) -> str:
    """Return PEDIGREE; INFLIGHT with the dates of the first and the last dark (dd/mm/yyyy).

    Raises
    ------
    InputError
        When a dark has no EXPSTART: CRDS takes no INFLIGHT without dates.
    """
    if word != "INFLIGHT":
        return word
    for dark in darks:
        if not isinstance(dark.primary.get("EXPSTART"), float | int):
            raise InputError(dark.path, "has no EXPSTART, the date that PEDIGREE needs")
    starts = [float(dark.primary["EXPSTART"]) for dark in darks]
    first, last = (from_mjd(t).strftime("%d/%m/%Y") for t in (min(starts), max(starts)))
    return f"{word} {first} {last}"


def write_details(
    path: StrPath,
    dark: Superdark,
    reads: Reads,
    darks: Sequence[Dark],
    recorded: Mapping[str, Any],
) -> None:
    """Write rate, error and number of darks by pixel, and tables by dark and by read.

    Parameters
    ----------
    path : path-like
    dark, reads, darks, recorded
        See `write_reference`.
    """
    primary = fits.PrimaryHDU()
    for card in ("SAMP_SEQ", "SUBTYPE"):
        primary.header[card] = darks[0].primary[card]
    stamp(primary.header, made_by="superdark", inputs=[d.path for d in darks], settings=recorded)
    per_second = (reads.noise.gain / reads.times[-1]).astype(np.float32)
    planes = (
        ("RATE", dark.sci[-1] * per_second, "electrons/s"),
        ("ERR", dark.err[-1] * per_second, "electrons/s"),
        ("NDARKS", dark.count[-1].astype(np.int16), ""),
        ("DQ", dark.dq[-1], ""),
    )
    hdus = [primary]
    for name, plane, unit in planes:
        hdu = fits.ImageHDU(plane, name=name)
        if unit:
            hdu.header["BUNIT"] = unit
        hdus.append(hdu)
    hdus += [_by_dark(dark, reads, darks), _by_read(dark, reads), _units(dark, reads, darks)]
    write(path, hdus)


def _by_dark(dark, reads, darks):
    """Return the table LEVELS: level of each dark minus the mean of all."""
    gain = float(np.mean(reads.noise.gain))
    n = len(reads.times)
    rates = dark.levels.offset[:, -1] * gain / reads.times[-1]
    columns = [
        fits.Column("FILE", "48A", array=[d.path.name for d in darks]),
        fits.Column("EXPSTART", "D", unit="d", array=[_start(d) for d in darks]),
        fits.Column("RATE", "D", unit="electrons/s", array=rates),
        fits.Column("OFFSET", f"{n}D", unit="DN", array=dark.levels.offset),
    ]  # fmt: skip
    return binary_table(columns, "LEVELS")


def _units(dark, reads, darks):
    """Return the table of single darks that gates use."""
    gains = np.array(
        [reads.noise.gain[reads.noise.amplifier == k].mean() for k in range(len("ABCD"))]
    )
    found = dark.units
    values = {
        "rate": found["level"] * gains / reads.times[-1],
        **{name: found[name] for name in ("lnvar", "valid", "twin")},
    }
    middle = np.array([_start(d) for d in darks]) + reads.times[-1] / 2 / DAY
    units = unit_tables.Units(
        exposure=[d.path.name.partition("_raw")[0] for d in darks],
        integration=np.ones(len(darks), int),
        mjd=middle,
        temperature=np.full(len(darks), np.nan),
        amplifiers=[1, 2, 3, 4],
        values=values,
    )
    kinds = {"rate": "sample", "lnvar": "", "valid": "", "twin": ""}
    return unit_tables.table(units, "electron/s", numbers=kinds)


def _start(dark):
    return float(dark.primary.get("EXPSTART", np.nan))


def _by_read(dark, reads):
    """Return the table READS: median, scatter of the levels and noise of each read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        medians = np.nanmedian(np.where(dark.dq == 0, dark.sci, np.nan), axis=(1, 2))
    columns = [
        fits.Column("TIME", "D", unit="s", array=reads.times),
        fits.Column("MEDIAN", "D", unit="DN", array=medians),
        fits.Column("LEVELSTD", "D", unit="DN", array=dark.levels.scatter),
        fits.Column("LEVELERR", "D", unit="DN", array=dark.levels.error),
        *(
            fits.Column(f"FACTOR_{name}", "D", array=dark.factors[number])
            for number, name in enumerate("ABCD")
        ),
    ]
    return binary_table(columns, "READS")
