"""Master bias and master darks as FITS files: combination, writing and reading."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import options
from darkroom.ccd.dq import DQ
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products import overscan
from darkroom.ccd.products import warnings_text as report
from darkroom.ccd.robust import finite_median
from darkroom.ccd.stack.frames import opened
from darkroom.ccd.stack.master import master

if TYPE_CHECKING:
    import argparse

    from astropy.io import fits

    from darkroom.ccd.cells import Cell
    from darkroom.ccd.stack.master import Master
    from darkroom.hints import StrPath

BITS = (DQ.NONFINITE, DQ.SATURATED, DQ.DISCORDANT, DQ.CLIPPED, DQ.NO_ERROR)
log = logging.getLogger(__name__)


def make(cell: Cell, arguments: argparse.Namespace) -> Master:
    """Combine the frames of a cell, and log repaired cards, level and discordant rows.

    Parameters
    ----------
    cell : darkroom.ccd.cells.Cell
        Frames of one exposure time and temperature group.
    arguments : argparse.Namespace
        With the options of `darkroom.ccd.options.add_stacking`; ``align`` if it has it.

    Returns
    -------
    darkroom.ccd.stack.master.Master
    """
    readout = options.readout(arguments)
    with opened(cell.paths, arguments.gain_e_per_adu, readout) as stack:
        made = master(
            stack,
            options.clip(arguments),
            saturation=arguments.saturation_adu,
            align=getattr(arguments, "align", True),
            threads=arguments.threads,
        )
        about = overscan.cards(stack, products.unit(arguments.gain_e_per_adu))
        made = replace(made, cards=tuple(about))
    for frame in cell.frames:
        for note in frame.notes:
            log.info("%s: %s", frame.name, note)
    sentence = report.discordance(cell, made.survey)
    if sentence:
        log.warning(sentence)
    log.info(
        "%s: level %.3f, offsets scatter by %.3f", cell, finite_median(made.combined.mean),
        made.survey.scatter,
    )  # fmt: skip
    return made


def header(
    cells: Sequence[Cell], gain: float | None, stamp: Callable[[fits.Header], object]
) -> fits.PrimaryHDU:
    """Return the primary HDU of a product: detector, gain, repaired cards and provenance.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        The frames used.
    gain : float or None
        e-/ADU that was applied.
    stamp : callable
        Writes provenance; it is called with the header.

    Returns
    -------
    astropy.io.fits.PrimaryHDU
    """
    first = cells[0].frames[0]
    notes = sorted({note for cell in cells for frame in cell.frames for note in frame.notes})
    hdu = products.primary(
        [
            ("INSTRUME", first.instrument, "detector"),
            ("BINNING", first.binning, "columns x rows"),
            ("GAIN", gain, "[e-/ADU] gain applied (undefined: none)"),
        ],
        stamp,
    )
    for note in notes:
        hdu.header.add_history(f"recovered: {note}")
    return hdu


def images(cell: Cell, made: Master, gain: float | None, extver: int = 1) -> list[fits.ImageHDU]:
    """Return SCI, ERR, COUNT and DQ of a master frame.

    Parameters
    ----------
    cell : darkroom.ccd.cells.Cell
        Its frames.
    made : darkroom.ccd.stack.master.Master
        The master frame.
    gain : float or None
        e-/ADU that was applied.
    extver : int
        EXTVER of the images.

    Returns
    -------
    list of HDU
    """
    bunit = products.unit(gain)
    combined, seen = made.combined, made.survey
    cards = [
        ("EXPTIME", cell.exptime, "[s] exposure time"),
        ("CCD-TEMP", cell.temperature, "[Celsius] mean detector temperature"),
        ("TGROUP", cell.group, "temperature group, 1 is the coldest (0: all)"),
        ("NFRAMES", len(cell.frames), "frames combined"),
        ("MEAN", np.nanmean(combined.mean, dtype=float), f"[{bunit}] mean of the image"),
        ("MEDIAN", finite_median(combined.mean), f"[{bunit}] median of the image"),
        ("CMERR", seen.common_error, f"[{bunit}] error common to all pixels"),
        ("CMNU", len(cell.frames) - 1, "degrees of freedom of CMERR"),
        ("OFFRMS", seen.scatter, f"[{bunit}] std of the frame offsets"),
        ("NOISE", seen.noise, f"[{bunit}] std of a pixel in time, pooled"),
        ("ROWNOISE", seen.row_noise, f"[{bunit}] std of the noise common to a row"),
        ("NCLIPPED", int(combined.nclipped.sum(dtype=int)), "samples rejected"),
        ("NDISCORD", int(seen.discordant.sum()), "rows where frames disagree"),
        *made.cards,
    ]
    return [
        products.image("SCI", combined.mean, bunit, extver=extver, cards=cards),
        products.image("ERR", combined.error, bunit, extver=extver),
        products.image("COUNT", combined.count, "", extver=extver),
        products.image("DQ", made.dq, "", extver=extver),
    ]


def tables(
    cells: Sequence[Cell], made: Sequence[Master], gain: float | None
) -> list[fits.BinTableHDU]:
    """Return the tables DQ_DEF, OFFSETS and UNITS of master frames.

    Parameters
    ----------
    cells : sequence of darkroom.ccd.cells.Cell
        Frames of each master.
    made : sequence of darkroom.ccd.stack.master.Master
        The master frames.
    gain : float or None
        e-/ADU that was applied.

    Returns
    -------
    list of HDU
    """
    surveys, bunit = [m.survey for m in made], products.unit(gain)
    columns = products.offsets_columns(cells, surveys, bunit)
    units = products.units_table(cells, surveys, bunit)
    return [products.dq_def(*BITS), products.table("OFFSETS", columns), units]


@dataclass(frozen=True)
class MasterImage:
    """One master frame of a product, as read from its file.

    Attributes
    ----------
    image, error, count, dq : (ny, nx) arrays
        Mean, its standard error, number of samples, flags.
    exptime : float
        Exposure time in seconds.
    group : int
        Temperature group.
    temperature : float or None
        Mean temperature, degrees Celsius.
    common : float
        Error common to all pixels; NaN for a single frame.
    """

    image: np.ndarray
    error: np.ndarray
    count: np.ndarray
    dq: np.ndarray
    exptime: float
    group: int
    temperature: float | None
    common: float


def read(path: StrPath, amplifier: int = 0) -> list[MasterImage]:
    """Read all master frames of a product, of one amplifier."""
    found = []
    for number in products.versions(path, "SCI", amplifier):
        image, header = products.read_image(path, "SCI", number, amplifier)
        error, count, dq = (
            products.read_image(path, name, number, amplifier)[0] for name in ("ERR", "COUNT", "DQ")
        )
        common = products.number(header, "CMERR")
        found.append(
            MasterImage(
                image, error, count, dq, header["EXPTIME"], header["TGROUP"], header["CCD-TEMP"],
                common,
            )
        )  # fmt: skip
    return found
