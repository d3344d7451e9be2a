"""Headers of IMA and FLT: the cards and HISTORY that users of calwf3 know, and what ran here."""

from __future__ import annotations

import numpy as np

from darkroom.compiled import load_kernel
from darkroom.wfc3.engine.ramp import STEPS
from darkroom.wfc3.files.reads import ranges

#: Version of calwf3 whose bits the builtin engine gives.
CALWF3 = "3.7.3"
_TABLES = {"DQICORR": "BPIXTAB", "PHOTCORR": "IMPHTTAB"}
_IMAGES = {
    "NLINCORR": ("NLINFILE",),
    "DARKCORR": ("DARKFILE",),
    "FLATCORR": ("PFLTFILE", "DFLTFILE", "LFLTFILE"),
}
# Steps as calwf3 tells them in HISTORY, in the order they run.
_ORDER = (
    "DQICORR", "ZSIGCORR", "BLEVCORR", "ZOFFCORR", "noise", "NLINCORR", "DARKCORR", "PHOTCORR",
    "UNITCORR", "CRCORR", "FLATCORR",
)  # fmt: skip
_STATISTICS = ("GOODMEAN", "GOODMIN", "GOODMAX")
_RATIO_STATISTICS = ("SNRMEAN", "SNRMIN", "SNRMAX")


def single(value):
    """Return a float32 as the decimal number calwf3 writes for it (8 digits)."""
    return float(f"{np.float32(value):.7E}")


def primary_header(ramp, name, nextend, *, flt):
    """Make the primary header of a product.

    Parameters
    ----------
    ramp : Ramp
    name : str
        FILENAME.
    nextend : int
        Number of extensions.
    flt : bool
        For an FLT, whose HISTORY calwf3 writes in another order.

    Returns
    -------
    astropy.io.fits.Header
    """
    header = ramp.primary.copy()
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
    for line in history(ramp, flt):
        header.add_history(line)
    return header


def history(ramp, flt):
    """Return calwf3's HISTORY lines of a calibration."""
    lines = ["CCD parameters table: ", *_reference(ramp, "CCDTAB")]
    amplifiers = ramp.amplifiers
    if amplifiers.pedigree:  # the row's pedigree takes the place of the file's
        lines[2:3] = [f"    {amplifiers.pedigree}"]
    if amplifiers.descrip:
        lines.append(f"    {amplifiers.descrip}")
    for step in _ORDER:
        lines += _step(ramp, step)
        if flt and step == "CRCORR" and ramp.steps["CRCORR"] == ramp.steps["UNITCORR"] == "PERFORM":
            lines += _step(ramp, "UNITCORR")  # calwf3 tells of it twice
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


def extension_headers(ramp, k):
    """Return copies of read k's five headers with its levels and units, by name."""
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
        for card in ("DATAMIN", "DATAMAX"):
            header.remove(card, ignore_missing=True)
    return headers


def put_statistics(headers, window, sci, err, dq, flags):
    """Set the statistics of good pixels in the SCI and ERR headers.

    calwf3 mixes up two groups: SNRMEAN, SNRMIN and SNRMAX of SCI are of the errors, GOODMEAN,
    GOODMIN and GOODMAX of ERR of the signal-to-noise ratio. Users' tools read what it writes, so
    the cards are kept, and their comments say it.

    Parameters
    ----------
    headers : dict
        SCI and ERR headers; changed.
    window : tuple of int
        (y0, y1, x0, x1) to look at.
    sci, err, dq : (ny, nx) arrays
        As they are written.
    flags : int
        SDQFLAGS: pixels with any of these do not count.
    """
    science, error = headers["SCI"], headers["ERR"]
    kernel = load_kernel("darkroom.wfc3.engine.output_kernel")
    count, values = kernel.good_statistics(window, sci, err, dq, flags)
    science["NGOODPIX"] = error["NGOODPIX"] = count
    if count < 1:
        return
    for cards, header, group, comment in (
        (_STATISTICS, science, values[0:3], None),
        (_RATIO_STATISTICS, science, values[3:6], "of ERR, as calwf3 writes it"),
        (_STATISTICS, error, values[6:9], "of SCI/ERR, as calwf3 writes it"),
    ):
        for card, value in zip(cards, group, strict=True):
            header[card] = (single(value), comment) if comment else single(value)


def mask_cards(primary, engine, masked, scope):
    """Say in a primary header which engine ran and which reads it left out."""
    primary["ENGINE"] = (engine, "engine of the calibration")
    primary["MASKREAD"] = (ranges(masked) or "none", "EXTVERs of the reads left out")
    if masked:
        primary["NMASKED"] = (len(masked), "number of reads left out")
        primary["MASKSCOP"] = (scope, "pixels that the mask holds for")
