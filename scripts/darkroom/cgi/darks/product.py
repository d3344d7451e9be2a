"""Noise maps and darks as FITS, in corgidrp's layout with further extensions.

corgidrp's classes read the primary header, the image, ``ERR`` and ``DQ``. Further planes and tables
follow in extensions, which these classes keep; tables are images (`darkroom.cgi.darks.tables`).
Pixels without a value are NaN in memory. corgidrp takes plain means of whole darks, so they are
written as 0 with the error 0, as it does itself, unless asked otherwise: DQ is not 0 there, the
card EMPTYPIX says which it is. `darkroom.cgi.darks.read` reads noise maps and brings NaN back.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.darks.headers import (
    DARK_CARDS,
    OF_ONE_STACK,
    add_software_cards,
    creation_time,
    frames_table,
    merge_headers,
    product_name,
    units_table,
)
from darkroom.cgi.darks.tables import table_image
from darkroom.cgi.maps.maps import MAPS, PAIRS, clipped
from darkroom.cgi.units import ELECTRON
from darkroom.fits.write import write
from darkroom.plain import header_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from darkroom.cgi.darks.darks import MasterDark
    from darkroom.cgi.darks.read import NoiseMapsFile
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.maps.maps import NoiseMaps, StackReport
    from darkroom.cgi.stacks.stacks import Stack
    from darkroom.hints import StrPath

_PACKAGES = ("numpy", "astropy", "numba")
_MEANS = {
    "FPN_IMM": "[e-] mean of the imaging area's fixed pattern",
    "CIC_IMM": "[e-] mean of the imaging area's CIC",
    "DC_IMM": "[e-/s] mean of the imaging area's dark current",
    "FPN_IMME": "[e-] median of the imaging area's fixed pattern",
}


def write_noise_maps(
    path: StrPath,
    maps: NoiseMaps,
    geometry: Geometry,
    *,
    inputs: Sequence[StrPath],
    settings: dict[str, object],
    signed: bool = True,
    region: str = "full",
    empty_pixels: str = "nan",
) -> None:
    """Write noise maps in the layout of corgidrp's DetectorNoiseMaps.

    Parameters
    ----------
    path : path-like
        File that is written.
    maps : darkroom.cgi.maps.maps.NoiseMaps
        Maps of the full frame.
    geometry : darkroom.cgi.geometry.Geometry
    inputs : sequence of path-like
        Files that the header names with their checksums, besides the frames.
    settings : dict
        Settings that the result depends on.
    signed : bool
        False sets negative CIC and dark current to 0: corgidrp's synthesized dark refuses signed
        maps. The card SIGNED records it.
    region : str
        ``"full"`` for the full frame, ``"image"`` for the image area.
    empty_pixels : str
        ``"zero"`` or ``"nan"``: pixels without a value. Those of maps fitted as corgidrp does stay
        as that leaves them.
    """
    section = (slice(None), slice(None)) if region == "full" else geometry.section("image")
    stacks = [report.stack for report in maps.used]
    primary, image, err, dq = merge_headers(stacks, OF_ONE_STACK)
    primary["FILENAME"] = product_name(stacks, "_dnm_cal")
    _noise_map_cards(image, maps, signed and maps.signed)
    _stamp(primary, "noise_maps", inputs, settings)
    add_software_cards(image, "noise_maps", settings, created=creation_time(stacks))
    data = maps.data if signed else clipped(maps.data)
    empty = empty_pixels if maps.estimator == "pooled" else "nan"

    def cut(planes, dtype):
        """Return the section of planes that is written."""
        return np.ascontiguousarray(planes[(..., *section)], dtype)

    flags = cut(maps.dq, np.uint16)
    data, errors = _with_empty(image, flags, empty, cut(data, ">f4"), cut(maps.err, ">f4"))
    hdus = [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(data, header=image),
        fits.ImageHDU(errors[None], header=err, name="ERR"),
        fits.ImageHDU(np.stack([flags] * 3), header=dq, name="DQ"),
    ]
    if maps.covariance is not None:
        hdus.append(fits.ImageHDU(cut(maps.covariance, ">f4"), name="COV"))
        planes = ", ".join(f"{MAPS[i]} {MAPS[j]}" for i, j in PAIRS)
        hdus[-1].header["PLANES"] = planes
        hdus.append(fits.ImageHDU(cut(maps.chi2, ">f4"), name="CHI2"))
        hdus.append(fits.ImageHDU(cut(maps.hot, np.uint8), name="HOT"))
    hdus += [
        fits.ImageHDU(cut(maps.r2, ">f4"), name="R2ADJ"),
        fits.ImageHDU(cut(maps.usable, np.uint8), name="NSTACKS"),
        fits.ImageHDU(cut(maps.unreliable, np.uint8), name="UNRELIAB"),
        fits.ImageHDU(cut(maps.counts, maps.counts.dtype), name="NFRAMES"),
        _stacks_table(maps),
        frames_table(stacks),
        units_table(stacks),
    ]
    write(path, hdus)


def _noise_map_cards(header, maps, is_signed):
    bias = maps.bias
    header["DATATYPE"] = "DetectorNoiseMaps"
    for card, value, comment in (
        ("B_O", bias.value, "[DN] bias offset"),
        ("B_O_ERR", bias.error, "[DN] its error"),
        ("B_O_UNIT", "DN", "unit of the bias offset"),
        ("B_O_LOW", bias.low, "[DN] lower bound of the bias offset"),
        ("B_O_UP", bias.up, "[DN] upper bound of the bias offset"),
        ("B_O_MEAS", bias.measured, "could the bias offset be measured?"),
        ("DRPNFILE", maps.nfiles, "# of files used to create this processed frame"),
        ("ESTIMATR", maps.estimator, "estimator of the maps"),
        ("SIGNED", is_signed, "F: negative CIC and dark current are set to 0"),
        ("NSTACK", len(maps.used), "stacks in the fit"),
        ("NSKIPPED", len(maps.reports) - len(maps.used), "stacks left out of the fit"),
        ("READNOIS", _card(maps.read_noise), "[e-] read noise; undefined: not to be trusted"),
        ("READNERR", _card(maps.read_noise_error), "[e-] its error"),
        ("HOTCIC", _card(maps.hot_limits[0]), "[e-] excess of CIC that makes a pixel hot"),
        ("HOTDARK", _card(maps.hot_limits[1]), "[e-/s] excess of dark current, likewise"),
    ):
        header[card] = (value, comment)
    for card, comment in _MEANS.items():
        header[card] = (float(maps.means[card]), comment)
    for name, value in zip(MAPS, maps.variances, strict=True):
        header[f"{name}VAR"] = (float(value), f"mean variance of the error of {name}, imaging")
    sets = [
        [float(r.stack.exptime), float(r.stack.em_gain), float(r.mean_count)] for r in maps.used
    ]
    # In corgidrp's form, for what reads it there.
    header.add_history(
        "Detector noise maps created with the following sets of (exposure time (in s), EM gain, "
        f"and number of frames):  {sets}"
    )
    header.add_history("DetectorNoiseMaps calibration file created")
    for sentence in maps.warnings:
        _add_history(header, f"warning: {sentence}")


def _add_history(header, sentence):
    """Add a sentence to HISTORY, wrapped at blanks; all lines but the first are indented."""
    for line in textwrap.wrap(header_text(sentence), 70, subsequent_indent="  "):
        header.add_history(line)


def _card(value):
    """Return a number for a card, or None (undefined) when it is not finite."""
    return float(value) if np.isfinite(value) else None


def _stacks_table(maps):
    reports = maps.reports
    numbers: dict[str, tuple[str, Callable[[StackReport], float]]] = {
        "EXPTIME": ("s", lambda r: r.stack.exptime),
        "EMGAIN": ("", lambda r: r.stack.em_gain),
        "EMGAIN_C": ("", lambda r: r.stack.commanded_gain),
        "KGAIN": ("electron/DN", lambda r: r.stack.kgain),
        "MEANFRM": ("", lambda r: r.mean_count),
        "NOISE": ("electron", lambda r: r.noise),
        "EXPNOISE": ("electron", lambda r: r.expected_noise),
        "LEVEL": ("electron", lambda r: r.level),
        "OFFSET": ("electron", lambda r: r.offset),
        "OFFSERR": ("electron", lambda r: r.offset_error),
        "RESIDUAL": ("electron", lambda r: r.residual),
        "RESERR": ("electron", lambda r: r.residual_error),
        "RESSHARE": ("", lambda r: r.residual_share),
    }
    columns = {name: [float(value(r)) for r in reports] for name, (_, value) in numbers.items()}
    columns |= {
        "NFRAMES": [r.stack.nframes for r in reports],
        "USED": [bool(r.used) for r in reports],
        "CORRECTD": [bool(r.corrected) for r in reports],
        "REASON": [r.reason for r in reports],
    }
    units = {name: unit for name, (unit, _) in numbers.items() if unit}
    return table_image("STACKS", columns, units)


def _with_empty(header, dq, empty, *planes):
    """Set the value of pixels without one in planes, whose last two axes are those of `dq`."""
    header["EMPTYPIX"] = (empty, "pixels without a value (DQ is not 0)")
    if empty == "nan":
        return planes
    filled = [plane.copy() for plane in planes]
    for plane in filled:
        plane[..., dq != 0] = 0
    return filled


def _stamp(primary, made_by, inputs, settings):
    provenance.stamp(primary, made_by=made_by, inputs=inputs, settings=settings, packages=_PACKAGES)


def write_dark(
    path: StrPath,
    dark: MasterDark,
    stacks: Sequence[Stack],
    *,
    made_by: str,
    inputs: Sequence[StrPath],
    settings: dict[str, object],
    notes: Sequence[str] = (),
    empty_pixels: str = "nan",
) -> None:
    """Write a traditional master dark in the layout of corgidrp's Dark.

    Parameters
    ----------
    path : path-like
        File that is written.
    dark : darkroom.cgi.darks.darks.MasterDark
        Full frame or image area.
    stacks : sequence of darkroom.cgi.stacks.stacks.Stack
        The one stack it is made of.
    made_by : str
        Name of the program.
    inputs, settings
        As in `write_noise_maps`.
    notes : sequence of str
        Sentences for HISTORY.
    empty_pixels : str
        ``"zero"`` or ``"nan"``: pixels without a value.
    """
    primary, image, err, dq = merge_headers(stacks)
    primary["FILENAME"] = product_name(stacks, "_drk_cal")
    _stamp(primary, made_by, inputs, settings)
    add_software_cards(image, made_by, settings, created=creation_time(stacks))
    _dark_cards(image, dark, synthesized=False)
    for sentence in notes:
        _add_history(image, sentence)
    hdus = _dark_hdus(dark, primary, image, err, dq, empty_pixels)
    hdus.append(fits.ImageHDU(dark.count.astype(">i4"), name="COUNT"))
    write(path, [*hdus, frames_table(stacks), units_table(stacks)])


def _dark_cards(header, dark, *, synthesized):
    kind = "put together from noise maps" if synthesized else "mean of a stack of frames"
    header["DATATYPE"] = "Dark"
    header["PC_STAT"] = "analog master dark"
    header["IS_SYNTH"] = (int(synthesized), "1: put together from noise maps")
    header["DRPNFILE"] = (dark.nfiles, "# of files used to create this processed frame")
    for card, value in DARK_CARDS.items():
        header.setdefault(card, value)
    header.add_history(f"master dark of {dark.exptime:g} s and EM gain {dark.em_gain:g}, {kind}")
    # In corgidrp's form, for what reads it there.
    commanded = header.get("EMGAIN_C", dark.em_gain)
    header.add_history(
        f"Dark with exptime = {dark.exptime} s and commanded EM gain = {commanded} created from "
        f"{dark.nfiles} frames"
    )


def _dark_hdus(dark, primary, image, err, dq, empty_pixels):
    for card in ("KGAINPAR", "KGAIN_ER", "RN", "RN_ERR"):
        err[card] = image.get(card, -999.0)
    planes = dark.data.astype(">f4"), dark.err.astype(">f4")
    data, error = _with_empty(image, dark.dq, empty_pixels, *planes)
    return [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(data, header=image),
        fits.ImageHDU(error[None], header=err, name="ERR"),
        fits.ImageHDU(dark.dq.astype(np.uint16), header=dq, name="DQ"),
    ]


# Cards of noise maps that a synthesized dark does not inherit.
_MAP_CARDS = (
    "B_O", "B_O_ERR", "B_O_UNIT", "B_O_LOW", "B_O_UP", "B_O_MEAS", "FPN_IMM", "CIC_IMM", "DC_IMM",
    "FPN_IMME", "FPNVAR", "CICVAR", "DCVAR", "READNOIS", "READNERR", "HOTCIC", "HOTDARK", "NSTACK",
    "NSKIPPED", "CHECKSUM", "DATASUM", "NAXIS3", "HISTORY", "NRECIPES", "RECIPE2", "RECIPE3",
)  # fmt: skip


def write_synthesized_dark(
    path: StrPath,
    dark: MasterDark,
    maps: NoiseMapsFile,
    *,
    settings: dict[str, object],
    empty_pixels: str = "nan",
) -> None:
    """Write a synthesized dark in the layout of corgidrp's Dark.

    Parameters
    ----------
    path : path-like
        File that is written.
    dark : darkroom.cgi.darks.darks.MasterDark
        Full frame or image area.
    maps : darkroom.cgi.darks.read.NoiseMapsFile
        Maps that it is made of.
    settings : dict
        Settings that the result depends on.
    empty_pixels : str
        ``"zero"`` or ``"nan"``: pixels without a value.
    """
    primary, image, err, dq = (header.copy() for header in maps.headers)
    for header in (image, primary, err, dq):
        for card in _MAP_CARDS:
            while card in header:
                del header[card]
    image["EMGAIN_C"], image["EXPTIME"] = dark.em_gain, dark.exptime
    image["KGAINPAR"], image["BUNIT"] = maps.kgain, ELECTRON
    image["NOISEMAP"] = (maps.path.name, "noise maps it is made of")
    image["ESTIMATR"] = (image.get("ESTIMATR", "corgidrp"), "estimator of the maps")
    image["SIGNED"] = (maps.signed, "F: negative CIC and dark current were set to 0")
    image["COVUSED"] = (maps.covariance is not None, "does the error take covariance into account?")
    primary["FILENAME"] = str(primary.get("FILENAME", "")).replace("_dnm_cal", "_drk_cal")
    _stamp(primary, "synthesize_dark", [maps.path], settings)
    add_software_cards(image, "synthesize_dark", settings, inputs=[maps.path.name])
    _dark_cards(image, dark, synthesized=True)
    write(path, _dark_hdus(dark, primary, image, err, dq, empty_pixels))
