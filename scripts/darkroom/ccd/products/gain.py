"""The gain product as a FITS file: flats in pairs, measured, fitted, written and read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.ccd import options
from darkroom.ccd.cells import Cell, unit_name
from darkroom.ccd.dq import FLAWED
from darkroom.ccd.gain.pairs import PairBlocks, measure_pair
from darkroom.ccd.gain.photon_transfer import (
    PhotonTransfer,
    no_gain,
    pair_fault,
    photon_transfer,
)
from darkroom.ccd.overscan.amplifiers import amplifiers
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products import master as masterfile
from darkroom.ccd.products.amplifiers import opened_part
from darkroom.ccd.settings import SAME_EXPTIME
from darkroom.ccd.stack.frames import opened
from darkroom.errors import InputError

if TYPE_CHECKING:
    import argparse

    from astropy.io import fits

    from darkroom.fits.describe import Frame
    from darkroom.hints import StrPath

# Cards of a header that may hold the gain.
_HEADER_GAIN = ("EGAIN", "GAIN")


def pairs_of(frames: Sequence[Frame]) -> list[tuple[Frame, Frame]]:
    """Return flats of one exposure time in pairs of neighbours in time, without one left over."""
    ordered = sorted(frames, key=lambda frame: (frame.exptime, frame.mjd or 0.0, frame.name))
    found, k = [], 0
    while k + 1 < len(ordered):
        one, two = ordered[k : k + 2]
        if abs(two.exptime - one.exptime) <= SAME_EXPTIME * two.exptime:
            found.append((one, two))
            k += 1
        k += 1
    return found


def make(
    frames: Sequence[Frame], arguments: argparse.Namespace
) -> tuple[PhotonTransfer, list[tuple[Frame, Frame]], list[str]]:
    """Measure the gain from flats, of one amplifier.

    Parameters
    ----------
    frames : sequence of darkroom.fits.describe.Frame
        Flats.
    arguments : argparse.Namespace
        Of the program gain.

    Returns
    -------
    found : darkroom.ccd.gain.photon_transfer.PhotonTransfer
        In ADU, whatever the gain of the other products. Its gain is NaN when no pair tells it.
    measured : list of pairs of darkroom.fits.describe.Frame
        The flats of each of its rows.
    left_out : list of str
        A sentence for each pair that was left out.
    """
    readout, amplifier = options.readout(arguments), arguments.amplifier
    bias, header = products.read_image(arguments.master_bias, "SCI", 1, amplifier)
    noise = products.read_image(arguments.read_noise, "SCI", 1, amplifier)[1]
    # The products may be in electrons of a gain that was given; flats are in ADU.
    given = products.read_primary(arguments.master_bias, amplifier)["GAIN"] or 1.0
    bias, good = bias / given, np.isfinite(bias)
    dark = np.zeros_like(bias)
    if arguments.dark_rate:
        dark = products.read_image(arguments.dark_rate, "SCI", 1, amplifier)[0] / given
        good &= np.isfinite(dark)
    if arguments.hot_pixels:
        good &= (products.read_image(arguments.hot_pixels, "DQ", 1, amplifier)[0] & FLAWED) == 0
    read_noise = products.number(noise, "READNOIS") / given
    measured: list[PairBlocks] = []
    kept: list[tuple[Frame, Frame]] = []
    left_out: list[str] = []
    pairs = pairs_of(frames)
    if not pairs:
        # Those of a campaign may all have been refused when they were judged.
        left_out.append(
            f"{len(frames)} left, and photon transfer needs two of one exposure time"
            if frames
            else "every one was refused"
        )
    for pair in pairs:
        with opened([frame.path for frame in pair], None, readout) as stack:
            products.same_shape(bias, stack.shape, arguments.master_bias, pair[0].path)
            values, saturated = stack.read_marked(slice(None), arguments.saturation_adu)
        time = pair[0].exptime
        counts = (time - header["EXPTIME"]) * dark
        one, two = (image - bias - counts for image in values)
        blocks = measure_pair(one, two, good & ~saturated.any(axis=0), time, counts)
        if fault := pair_fault(blocks, read_noise):
            names = " and ".join(frame.path.name for frame in pair)
            left_out.append(f"{names} ({time:g} s) tell nothing of the gain: {fault}")
        else:
            measured.append(blocks)
            kept.append(pair)
    if not measured:
        return no_gain(), kept, left_out
    # An offset of a flat, or an error of the bias, is an error of the signal of all its blocks.
    error = products.number(noise, "RNERR") / given
    offset, common = (products.number(header, card) / given for card in ("OFFRMS", "CMERR"))
    return photon_transfer(measured, read_noise, error, offset, common), kept, left_out


def hdus(
    found: PhotonTransfer,
    pairs: Sequence[tuple[Frame, Frame]],
    left_out: Sequence[str],
    frames: Sequence[Frame],
    arguments: argparse.Namespace,
    stamp: Callable[[fits.Header], object],
) -> list[Any]:
    """Return the HDUs of a gain product: the primary one, and the table PTC with its cards.

    The sentences of pairs that were left out are the cards LEFT1, LEFT2 …; NLEFT is their number.
    """
    columns: products.Columns = {
        "EXPTIME": (found.exptime.tolist(), "s"),
        "SIGNAL": (found.level.tolist(), "adu"),
        "VARIANCE": (found.variance.tolist(), "adu2"),
        "VARERR": (found.variance_error.tolist(), "adu2"),
        "MODEL": (found.model.tolist(), "adu2"),
        "USED": (found.used.tolist(), ""),
        "LINEAR": (found.linearity.tolist(), ""),
        "FIRST": ([unit_name(first) for first, _ in pairs], ""),
        "SECOND": ([unit_name(second) for _, second in pairs], ""),
    }
    table = products.table("PTC", columns)
    products.add_cards(table.header, _cards(found, frames, arguments.amplifier))
    # Cards hold ASCII alone, file names may not.
    plain = [text.encode("ascii", "replace").decode() for text in left_out]
    cards = [(f"LEFT{k}", text, "") for k, text in enumerate(plain, 1)]
    products.add_cards(table.header, [("NLEFT", len(left_out), "pairs left out"), *cards])
    return [_primary(frames, arguments, stamp), table]


def _primary(frames, arguments, stamp):
    if frames:
        cell = Cell("flat", frames[0].exptime, 0, frames[0].temperature, tuple(frames))
        return masterfile.header([cell], None, stamp)
    bias = products.read_primary(arguments.master_bias, arguments.amplifier)
    shared = ("INSTRUME", "BINNING")
    cards = [(key, bias[key], bias.comments[key]) for key in shared]
    gain = ("GAIN", None, "[e-/ADU] gain applied (undefined: none)")
    return products.primary([*cards, gain], stamp)


def _cards(found, frames, amplifier) -> list[products.Card]:
    below = found.linearity[np.isfinite(found.linearity)]
    worst = float(below[np.argmax(np.abs(below))]) if below.size else np.nan
    name, value = header_gain(frames[0].path, amplifier) if frames else ("", np.nan)
    return [
        ("GAINPTC", found.gain, "[e-/ADU] gain by photon transfer"),
        ("GAINERR", found.gain_error, "[e-/ADU] standard error of GAINPTC"),
        ("GAINHDR", value, f"[e-/ADU] as the frames' card {name} states" if name else "none"),
        ("PTCCHI2", found.chi2, "squared residuals / errors"),
        ("PTCDOF", found.freedom, "degrees of freedom left"),
        ("PTCBEND", found.bend, "square term of the variance (0: none)"),
        ("BENDERR", found.bend_error, "its standard error"),
        ("FULLWELL", found.full_well, "[adu] full well, above the bias"),
        ("FWELLERR", found.full_well_error, "[adu] its error (undefined: lower limit)"),
        ("FWELLE", found.full_well * found.gain, "[e-] full well"),
        ("FWLIMIT", not found.reached, "FULLWELL is a lower limit"),
        ("LINWORST", worst, "largest deviation from signal = rate x time"),
        ("LINERR", found.linearity_error, "error of a deviation, from the lamp's scatter"),
    ]


def header_gain(path: StrPath, amplifier: int = 0) -> tuple[str, float]:
    """Return card and value of the gain in a frame's header; ``("", NaN)`` where none is."""
    header = amplifiers(path)[amplifier].header
    for name in _HEADER_GAIN:
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return name, float(value)
    return "", np.nan


@dataclass(frozen=True)
class Gain:
    """Gain of one amplifier, e-/ADU, and its standard error."""

    value: float
    error: float


def read(path: StrPath, amplifier: int = 0) -> Gain | None:
    """Read the gain of an amplifier from its product; None where its flats tell none.

    Raises
    ------
    InputError
        When the file is no gain product.
    """
    with opened_part(path, amplifier) as parts:
        if "PTC" not in parts:
            raise InputError(path, "has no table PTC: not a product of gain")
        header: dict[str, Any] = dict(parts["PTC"].header)
    if not isinstance(header["GAINPTC"], float):
        return None
    return Gain(float(header["GAINPTC"]), float(header["GAINERR"]))
