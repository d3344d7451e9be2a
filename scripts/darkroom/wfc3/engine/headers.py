"""Headers of IMA and FLT: calwf3's cards and HISTORY, and the provenance of the product."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.plain import header_text
from darkroom.wfc3.engine.ramp import STEPS
from darkroom.wfc3.files.reads import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

    from astropy.io import fits

    from darkroom.wfc3.engine.ramp import Ramp

#: Version of calwf3 that the builtin engine reproduces bit for bit.
CALWF3 = "3.7.3"
#: What calwf3's I/O library writes as ORIGIN into every header.
ORIGIN = ("HSTIO/CFITSIO March 2010", "FITS file originator, as calwf3 writes it")
_TABLES = {"DQICORR": "BPIXTAB", "PHOTCORR": "IMPHTTAB"}
_IMAGES = {
    "NLINCORR": ("NLINFILE",),
    "DARKCORR": ("DARKFILE",),
    "FLATCORR": ("PFLTFILE", "DFLTFILE", "LFLTFILE"),
}
# Steps in the order in which calwf3 lists them in HISTORY.
_ORDER = (
    "DQICORR", "ZSIGCORR", "BLEVCORR", "ZOFFCORR", "noise", "NLINCORR", "DARKCORR", "PHOTCORR",
    "UNITCORR", "CRCORR", "FLATCORR",
)  # fmt: skip
_STATISTICS = ("GOODMEAN", "GOODMIN", "GOODMAX")
_RATIO_STATISTICS = ("SNRMEAN", "SNRMIN", "SNRMAX")


def single(value: Any) -> float:
    """Return a float32 rounded to the 8 decimal digits that calwf3 writes."""
    return float(f"{np.float32(value):.7E}")


def primary_header(ramp: Ramp, name: str, nextend: int, *, flt: bool) -> fits.Header:
    """Make the primary header of a product.

    Parameters
    ----------
    ramp : Ramp
        The calibrated exposure.
    name : str
        Value of FILENAME.
    nextend : int
        Number of extensions.
    flt : bool
        True for an FLT, in whose HISTORY calwf3 lists UNITCORR twice.

    Returns
    -------
    astropy.io.fits.Header
    """
    header = ramp.primary.copy()
    header["BITPIX"] = 16  # as calwf3: there are no data that it would describe
    header.set("ORIGIN", *ORIGIN, after="EXTEND" if "EXTEND" in header else "NAXIS")
    header["NEXTEND"], header["FILENAME"] = nextend, name
    header["CAL_VER"] = (f"{CALWF3} (darkroom builtin)", "calwf3 version reproduced, and by what")
    for amp, gain, noise in zip(
        "ABCD", ramp.amplifiers.gains, ramp.amplifiers.readnoise, strict=True
    ):
        header[f"ATODGN{amp}"], header[f"READNSE{amp}"] = single(gain), single(noise)
    for step in STEPS:
        if ramp.steps[step] != "OMIT":
            header[step] = "COMPLETE" if ramp.steps[step] == "PERFORM" else "SKIPPED"
    header["PHOTMODE"] = ramp.photmode
    for card, value in ramp.photometry.items():
        header[card] = single(value)
    for line in [*history(ramp, flt), *(header_text(f"warning: {text}") for text in ramp.warnings)]:
        header.add_history(line)
    return header


def history(ramp: Ramp, flt: bool) -> list[str]:
    """Return the HISTORY lines that calwf3 writes for a calibration; `flt`: of an FLT."""
    lines = ["CCD parameters table: ", *_reference(ramp, "CCDTAB")]
    amplifiers = ramp.amplifiers
    if amplifiers.pedigree:  # the pedigree of the row replaces that of the file
        lines[2:3] = [f"    {amplifiers.pedigree}"]
    if amplifiers.descrip:
        lines.append(f"    {amplifiers.descrip}")
    for step in _ORDER:
        lines += _step(ramp, step)
        if flt and step == "CRCORR" and ramp.steps["CRCORR"] == ramp.steps["UNITCORR"] == "PERFORM":
            lines += _step(ramp, "UNITCORR")  # calwf3 lists it twice
    return lines


def _step(ramp, step):
    """Return the HISTORY lines of one step."""
    if step == "noise":
        return ["Uncertainty array initialized."]
    state = ramp.steps[step]
    if state == "OMIT":
        return []
    skipped = f"{step} skipped due to dummy reference file ..."
    if step in _TABLES:
        lines = [f"{step} complete ..." if state == "PERFORM" else skipped]
        lines += ["  DQ array initialized ..."] if step == "DQICORR" else []
        return lines + _reference(ramp, _TABLES[step])
    if step in _IMAGES:
        lines = [f"{step} complete ..." if state == "PERFORM" else skipped]
        used = [keyword for keyword in _IMAGES[step] if keyword in ramp.references]
        return lines + [line for keyword in used for line in _reference(ramp, keyword)]
    lines = [f"{step} complete."]
    if step == "BLEVCORR":
        lines += ["  Overscan region table: ", *_reference(ramp, "OSCNTAB")]
    return lines


def _reference(ramp, keyword):
    reference = ramp.references[keyword]
    kind = "table" if keyword.endswith("TAB") else "image"
    lines = [f"  reference {kind} {reference.label}"]
    return lines + [f"    {text}" for text in (reference.pedigree, reference.descrip) if text]


def extension_headers(ramp: Ramp, k: int) -> dict[str, fits.Header]:
    """Return copies of read k's five headers by name, with bias level, mean dark and unit set."""
    headers = {name: header.copy() for name, header in ramp.headers[k].items()}
    science, error = headers["SCI"], headers["ERR"]
    if ramp.bias_levels:
        science["MEANBLEV"] = single(ramp.bias_levels[k])
    if ramp.mean_darks:
        science["MEANDARK"] = single(ramp.mean_darks[k])
    rate = "/S" if ramp.as_rate else ""
    if ramp.flat is not None:
        science["BUNIT"] = error["BUNIT"] = f"ELECTRONS{rate}"
    elif ramp.as_rate:
        science["BUNIT"] = error["BUNIT"] = "COUNTS/S"
    for header in headers.values():
        header.set("ORIGIN", *ORIGIN, after="GCOUNT" if "GCOUNT" in header else "NAXIS")
        for card in ("DATAMIN", "DATAMAX"):
            header.remove(card, ignore_missing=True)
    return headers


def put_statistics(
    headers: dict[str, fits.Header],
    window: tuple[int, int, int, int],
    sci: np.ndarray,
    err: np.ndarray,
    dq: np.ndarray,
    flags: int,
) -> None:
    """Set the statistics of good pixels in the SCI and ERR headers.

    calwf3 exchanges two groups: its SNRMEAN, SNRMIN and SNRMAX in SCI hold statistics of the
    errors, and GOODMEAN, GOODMIN and GOODMAX in ERR those of the signal-to-noise ratio. The same
    values are written here, since existing tools read them; the comments of the cards say so.

    Where a pixel is NaN or infinite, calwf3 writes ``NAN`` or ``INF``, which is no legal value of a
    card. There the statistic of the finite pixels is written, and its comment says so. NGOODPIX
    counts all good pixels, as calwf3's.

    Parameters
    ----------
    headers : dict
        SCI and ERR headers; changed.
    window : tuple of int
        (y0, y1, x0, x1): pixels to include.
    sci, err, dq : (ny, nx) arrays
        The planes as written to the file.
    flags : int
        SDQFLAGS: pixels with any of these are left out.
    """
    science, error = headers["SCI"], headers["ERR"]
    kernel = load_kernel("darkroom.wfc3.engine.output_kernel")
    count, values = kernel.good_statistics(window, sci, err, dq, flags)
    science["NGOODPIX"] = error["NGOODPIX"] = count
    if count < 1:
        return
    finite = values
    if not np.isfinite(values).all():
        finite = _finite_statistics(kernel, window, sci, err, dq, flags)
    groups = (
        (_STATISTICS, science, ""),
        (_RATIO_STATISTICS, science, "of ERR, as calwf3 writes it"),
        (_STATISTICS, error, "of SCI/ERR, as calwf3 writes it"),
    )
    rows = [(header, card, comment) for cards, header, comment in groups for card in cards]
    for (header, card, comment), value, substitute in zip(rows, values, finite, strict=True):
        if np.isfinite(value):
            header[card] = (single(value), comment) if comment else single(value)
        else:
            legal = single(substitute) if np.isfinite(substitute) else None
            header[card] = (legal, f"of the finite pixels; calwf3: {_calwf3_word(value)}")


def _finite_statistics(kernel, window, sci, err, dq, flags):
    """Return the statistics of `good_statistics` without the pixels that are no numbers."""
    with np.errstate(all="ignore"):
        finite = np.isfinite(sci) & np.isfinite(err) & np.isfinite(sci / err)
    # Pixels without an error are left out.
    count, values = kernel.good_statistics(window, sci, np.where(finite, err, 0), dq, flags)
    return values if count else (np.nan,) * len(values)


def _calwf3_word(value):
    return "NAN" if np.isnan(value) else "INF" if value > 0 else "-INF"


def mask_cards(primary: fits.Header, engine: str, masked: Iterable[int], scope: str) -> None:
    """Record in a primary header which engine ran and which reads it left out.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Changed in place.
    engine : {"builtin", "calwf3"}
        What made the pixels.
    masked : iterable of int
        EXTVERs of the reads left out.
    scope : {"all", "calwf3"}
        Pixels in which they are left out.
    """
    masked = tuple(masked)
    primary["ENGINE"] = (engine, "engine of the calibration")
    primary["MASKREAD"] = (ranges(masked) or "none", "EXTVERs of the reads left out")
    if masked:
        primary["NMASKED"] = (len(masked), "number of reads left out")
        primary["MASKSCOP"] = (scope, "pixels in which they are left out")
