"""A dark-subtracted science frame as a FITS file, with its quality before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import options
from darkroom.ccd.cells import Cell
from darkroom.ccd.dq import DQ, FLAWED
from darkroom.ccd.products import dark_rate as ratefile
from darkroom.ccd.products import gain as gainfile
from darkroom.ccd.products import hdus as products
from darkroom.ccd.products import master as masterfile
from darkroom.ccd.robust import finite_median
from darkroom.ccd.stack.frames import opened, saturation_level
from darkroom.ccd.stack.survey import survey
from darkroom.ccd.subtract import Dark, Quality, Subtracted, choose, quality, subtract
from darkroom.errors import InputError

if TYPE_CHECKING:
    import argparse

    from astropy.io import fits

    from darkroom.fits.describe import Frame


@dataclass(frozen=True)
class Science:
    """A dark-subtracted frame, its dark, its quality before and after, and its header cards."""

    result: Subtracted
    dark: Dark
    before: Quality
    after: Quality
    cards: list[products.Card]


@dataclass(frozen=True)
class _Products:
    """What science frames of one amplifier are calibrated with; see `_read_products`."""

    masters: list[masterfile.MasterImage]
    rates: list[ratefile.Rate]
    read_noise: float
    flags: np.ndarray


@lru_cache(maxsize=1)
def _read_products(
    master_dark: str, dark_rate: str, read_noise: str, hot_pixels: str, gain: float | None,
    amplifier: int,
) -> _Products:  # fmt: skip
    """Read the products, those of the last amplifier once for all science frames."""
    masters = masterfile.read(master_dark, amplifier)
    rates = ratefile.read(dark_rate, amplifier)
    header = products.read_image(read_noise, "SCI", 1, amplifier)[1]
    flags = products.read_image(hot_pixels, "DQ", 1, amplifier)[0]
    for path in (master_dark, read_noise, dark_rate):
        _check_gain(path, gain, amplifier)
    return _Products(masters, rates, products.number(header, "READNOIS"), flags)


def make(frame: Frame, arguments: argparse.Namespace) -> Science:
    """Subtract the dark that fits a science frame.

    Parameters
    ----------
    frame : darkroom.fits.describe.Frame
        The science frame.
    arguments : argparse.Namespace
        Of the program subtract_dark.

    Returns
    -------
    Science
        In ADU, or in electrons with a gain.

    Raises
    ------
    InputError
        When products and frame differ in detector, shape or unit, when no dark matches, or when
        the frame is mostly saturated.
    """
    amplifier = arguments.amplifier
    bunit = products.unit(arguments.gain_e_per_adu)
    gain, readout = arguments.gain_e_per_adu, options.readout(arguments)
    read = _read_products(
        arguments.master_dark, arguments.dark_rate, arguments.read_noise, arguments.hot_pixels,
        gain, amplifier,
    )  # fmt: skip
    masters, rates, flags = read.masters, read.rates, read.flags
    _check_detector(frame, arguments.master_dark)
    with opened([frame.path], gain, readout) as stack:
        for path, image in (
            (arguments.master_dark, masters[0].image),
            (arguments.dark_rate, rates[0].rate),
            (arguments.hot_pixels, flags),
        ):
            products.same_shape(image, stack.shape, path, frame.path)
        level = saturation_level(arguments.saturation_adu, survey(stack).step, gain)
        image, saturated = (one[0] for one in stack.read_marked(slice(None), level))
        # Of one frame the noise of the overscan is in every pixel.
        noise = np.hypot(read.read_noise, np.sqrt(stack.overscan_variance))
    measured = gainfile.read(arguments.gain, amplifier) if arguments.gain else None
    dark = choose(frame, masters, rates, arguments.temperature_tolerance_c)
    try:
        result = subtract(
            image,
            dark,
            level=level,
            saturated=saturated,
            flags=flags,
            read_noise=float(noise),
            zero=rates[0].bias if arguments.gain_e_per_adu or measured else None,
            gain=measured.value if measured and not arguments.gain_e_per_adu else 1.0,
        )
    except ValueError as error:
        raise InputError(frame.path, str(error)) from None
    good = (result.dq & FLAWED) == 0
    hot = ((flags & DQ.HOT) > 0) & ((result.dq & DQ.SATURATED) == 0)
    before, after = quality(image, good, hot), quality(result.image, good, hot)
    cards = _cards(frame, dark, result, before, after, bunit)
    return Science(result, dark, before, after, cards)


def hdus(
    frame: Frame,
    made: Science,
    gain: float | None,
    stamp: Callable[[fits.Header], object],
) -> list[fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU]:
    """Return the HDUs of a dark-subtracted frame.

    Parameters
    ----------
    frame : darkroom.fits.describe.Frame
        The science frame.
    made : Science
        From `make`.
    gain : float or None
        e-/ADU that was applied.
    stamp : callable
        Writes provenance; it is called with the header.

    Returns
    -------
    list of HDU
    """
    cell = Cell("science", frame.exptime, made.dark.group, frame.temperature, (frame,))
    bunit = products.unit(gain)
    bits = [bit for bit in DQ if bit not in (DQ.NO_ERROR,)]
    return [
        masterfile.header([cell], gain, stamp),
        products.image("SCI", made.result.image, bunit, cards=made.cards),
        products.image("ERR", made.result.error, bunit),
        products.image("DQ", made.result.dq, ""),
        products.dq_def(*bits, DQ.NO_ERROR),
    ]


def _check_gain(path, gain, amplifier):
    found, advice = products.read_primary(path, amplifier)["GAIN"], "use one gain for all products"
    if (found is None) != (gain is None):
        have, needed = products.unit(found), products.unit(gain)
        raise InputError(path, f"is in {have}, {needed} is needed", advice)
    if gain is not None and abs(found - gain) > options.SAME_GAIN * gain:
        raise InputError(path, f"was made with a gain of {found:g}, {gain:g} is needed", advice)


def _check_detector(frame, path):
    header = products.read_primary(path)
    for keyword, value in (("INSTRUME", frame.instrument), ("BINNING", frame.binning)):
        if header.get(keyword) != value:
            raise InputError(
                frame.path, f"{keyword} is {value}, that of the darks is {header.get(keyword)}"
            )


def _cards(frame, dark, result, before, after, bunit):
    """Return the cards that describe the dark and the frame's quality before and after."""
    pairs = [
        ("BKG", "background", "median of the good pixels"),
        ("SPR", "spread", "clipped std of the good pixels"),
        ("FIN", "fine", "clipped std, pixel to pixel"),
        ("HOT", "hot", "residual of hot pixels, as a std"),
    ]
    shape = [
        ("GRX", "x", "plane, first to last column"),
        ("GRY", "y", "plane, first to last row"),
        ("RNG", "column_range", "range of the column profile"),
    ]
    return [
        ("EXPTIME", frame.exptime, "[s] exposure time"),
        ("CCD-TEMP", frame.temperature, "[Celsius] detector temperature"),
        ("DARKHOW", dark.how, "matched exposure time, or scaled by rate"),
        ("DARKTGRP", dark.group, "temperature group of the dark"),
        ("DARKTEMP", dark.temperature, "[Celsius] temperature of the dark"),
        ("DARKCM", dark.common, f"[{bunit}] error common to all pixels"),
        ("ERRPHOT", result.photon_noise, "ERR holds the photon noise of the light"),
        ("NSATUR", int(((result.dq & DQ.SATURATED) > 0).sum()), "pixels flagged SATURATED"),
        *(
            (f"{key}{when}", getattr(side, name), f"[{bunit}] {words}")
            for key, name, words in pairs
            for when, side in (("BEF", before), ("AFT", after))
        ),
        *(
            (f"{key}{when}", getattr(side.gradient, name), f"[{bunit}] {words}")
            for key, name, words in shape
            for when, side in (("BEF", before), ("AFT", after))
        ),
        *(
            (f"GRX{when}E", side.gradient.x_error, f"[{bunit}] error of GRX{when}")
            for when, side in (("BEF", before), ("AFT", after))
        ),
        (
            "DARKSTD",
            finite_median(dark.error),
            f"[{bunit}] noise put in by the dark",
        ),
    ]
