"""Photon-counted darks as FITS, in the layout of corgidrp's Dark with the counters behind it.

The counters of a file can be read again and added to those of new frames, which need not be read
with the old ones then.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import provenance
from darkroom.cgi.counting.counters import Counters
from darkroom.cgi.darks.headers import (
    DARK_CARDS,
    add_software_cards,
    creation_time,
    frames_table,
    merge_headers,
    product_name,
    units_table,
)
from darkroom.cgi.darks.read import restore_empty
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.stacks.measured import Measured
from darkroom.errors import InputError
from darkroom.fits.write import write
from darkroom.gates.units import UNITS
from darkroom.plain import header_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from darkroom.cgi.counting.frames import Counted
    from darkroom.hints import StrPath

#: PC_STAT of these darks, by which corgidrp knows them.
STATE = "photon-counted master dark"
#: Extension of each counter.
EXTENSIONS = {
    "n": "NFRAMES", "above": "COUNT", "twice": "COUNT2T", "four": "COUNT4T", "up": "COUNTUP",
    "low": "COUNTLOW", "early_n": "NEARLY", "early_above": "CNTEARLY", "seen": "SEEN",
}  # fmt: skip
_PACKAGES = ("numpy", "scipy", "astropy", "numba")


def write_counted_dark(
    path: StrPath,
    counted: Counted,
    data: np.ndarray,
    err: np.ndarray,
    dq: np.ndarray,
    *,
    cards: Mapping[str, tuple[object, str]],
    planes: Mapping[str, np.ndarray],
    inputs: Sequence[StrPath],
    settings: dict[str, object],
    notes: Sequence[str] = (),
    warnings: Sequence[str] = (),
) -> None:
    """Write a photon-counted dark.

    Parameters
    ----------
    path : path-like
    counted : darkroom.cgi.counting.frames.Counted
    data, err : (ny, nx) arrays
        Dark and its error [e-]; where there is none, 0 is written (card EMPTYPIX).
    dq : (ny, nx) uint16 array
    cards : mapping
        ``{card: (value, comment)}``; a number that is not finite is left out.
    planes : mapping
        Further planes: ``{name of the extension: array}``.
    inputs : sequence of path-like
        Files that the header names with their checksums, besides the frames.
    settings : dict
        Settings that the result depends on.
    notes, warnings : sequence of str
        Sentences for HISTORY.
    """
    stacks = [counted.stack]
    primary, image, error, flags = merge_headers(stacks)
    primary["FILENAME"] = product_name(stacks, "_drk_cal")
    made_by = "photon_counted_dark"
    provenance.stamp(primary, made_by=made_by, inputs=inputs, settings=settings, packages=_PACKAGES)
    add_software_cards(image, made_by, settings, created=creation_time(stacks))
    image["DATATYPE"], image["PC_STAT"] = "Dark", STATE
    image["IS_SYNTH"] = (0, "1: put together from noise maps")
    image["RN"] = counted.read_noise
    number = counted.stack.nframes
    image["DRPNFILE"] = (number, "# of files used to create this processed frame")
    image["PCTHRESH"] = (counted.threshold, "[e-] threshold")
    image["NUM_FR"] = (number, "frames in which photons were counted")
    image["EMPTYPIX"] = ("zero", "pixels without a value (DQ is not 0)")
    image["REGION"] = (counted.region, "area of the frames")
    for card, (value, comment) in cards.items():
        if not isinstance(value, float) or np.isfinite(value):
            image[card] = (value, comment)
    for card, value in DARK_CARDS.items():
        image.setdefault(card, value)
    factor = counted.threshold / counted.read_noise
    image.add_history(f"photons counted above {factor:g} times the read noise in {number} frames")
    for sentence in (*notes, *(f"warning: {each}" for each in warnings)):
        for line in textwrap.wrap(header_text(sentence), 70, subsequent_indent="  "):
            image.add_history(line)
    for card in ("KGAINPAR", "KGAIN_ER", "RN", "RN_ERR"):
        error[card] = image.get(card, -999.0)
    lost = ~(np.isfinite(data) & np.isfinite(err))
    hdus = [
        fits.PrimaryHDU(header=primary),
        fits.ImageHDU(np.where(lost, 0, data).astype(">f4"), header=image),
        fits.ImageHDU(np.where(lost, 0, err).astype(">f4")[None], header=error, name="ERR"),
        fits.ImageHDU(dq.astype(np.uint16), header=flags, name="DQ"),
    ]
    for name, plane in planes.items():
        stored = np.where(np.isfinite(plane), plane, -1.0) if plane.dtype.kind == "f" else plane
        hdus.append(fits.ImageHDU(stored.astype(">f4" if plane.dtype.kind == "f" else np.uint8),
                                  name=name))  # fmt: skip
        if plane.dtype.kind == "f":
            hdus[-1].header["EMPTY"] = (-1.0, "value of pixels without one")
    for name, plane in counted.counters.planes():
        hdus.append(fits.ImageHDU(_smallest(plane), name=EXTENSIONS[name]))
    write(path, [*hdus, frames_table(stacks), units_table(stacks)])


def _smallest(plane):
    """Return counts in the smallest type that holds them."""
    return plane.astype(np.uint16 if plane.max(initial=0) < 1 << 16 else np.uint32)


def read_counters(
    path: StrPath,
) -> tuple[Counters, dict[str, np.ndarray], dict[str, Measured], fits.Header]:
    """Read the counters of a photon-counted dark.

    Parameters
    ----------
    path : path-like
        As written by `write_counted_dark`.

    Returns
    -------
    counters : darkroom.cgi.counting.counters.Counters
    frames : dict
        Its table of frames, with their START.
    measured : dict
        What was measured of them, by name; empty in files of earlier versions.
    header : astropy.io.fits.Header
        Of the image.

    Raises
    ------
    InputError
        When the file holds no counters.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            planes = [np.array(hdus[name].data) for name in EXTENSIONS.values()]
            kinds = [np.uint32] * (len(planes) - 1) + [np.uint16]
            planes = [plane.astype(kind) for plane, kind in zip(planes, kinds, strict=True)]
            frames = read_table(hdus["FRAMES"])
            # Files of earlier versions do not have it.
            units = read_table(hdus[UNITS]) if UNITS in hdus else {}
            frames["START"] = units.get("START", np.full(len(frames["FILE"]), ""))
            return Counters(*planes), frames, _measured(units), hdus[1].header.copy()
    except (OSError, KeyError, ValueError) as error:
        raise InputError(path, f"holds no counters of photons ({error})") from None


def _measured(units):
    names = ("LEVEL", "SCATTER", "MASKED", "TEMPERATURE", "PIXELS")
    rows = zip(*(units[name].tolist() for name in ("FILE", *names) if units), strict=True)
    return {name: Measured(*row) for name, *row in rows}


def read_dark(path: StrPath) -> tuple[np.ndarray, np.ndarray, np.ndarray, fits.Header]:
    """Read a dark of the image area or the full frame: data, error, flags, header of the image.

    Pixels without a value are NaN.

    Raises
    ------
    InputError
        When the file holds no dark.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            header, dq = hdus[1].header.copy(), np.array(hdus["DQ"].data)
            data, err = restore_empty(header, dq, hdus[1].data, hdus["ERR"].data[0])
    except (OSError, KeyError, IndexError, TypeError) as error:
        raise InputError(path, f"holds no dark ({error})") from None
    if header.get("DATATYPE") != "Dark":
        raise InputError(path, f"DATATYPE is {header.get('DATATYPE')!r}, not 'Dark'")
    return data, err, dq, header
