"""The hot-pixel product as a FITS file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd import options
from darkroom.ccd.dq import DQ
from darkroom.ccd.products import hdus as products

if TYPE_CHECKING:
    import argparse

    from astropy.io import fits

    from darkroom.ccd.products.dark_rate import Rate
    from darkroom.ccd.rate.cell_stacks import CellStacks
    from darkroom.ccd.rate.hot_pixels import HotPixels
    from darkroom.fits.describe import Frame

BITS = (
    DQ.NONFINITE, DQ.SATURATED, DQ.HOT, DQ.UNSTABLE, DQ.LOW, DQ.NONLINEAR, DQ.DISCORDANT,
    DQ.LINE,
)  # fmt: skip


def cards(
    made: HotPixels,
    rate: Rate,
    first_frame: Frame,
    stacks: CellStacks,
    arguments: argparse.Namespace,
) -> list[products.Card]:
    """Return the cards of the primary header: criteria, counts, brightest pixel.

    Parameters
    ----------
    made : darkroom.ccd.rate.hot_pixels.HotPixels
        The flags.
    rate : darkroom.ccd.products.dark_rate.Rate
        The dark rate used.
    first_frame : darkroom.fits.describe.Frame
        First bias frame, or first dark without biases: its brightest pixel is reported.
    stacks : darkroom.ccd.rate.cell_stacks.CellStacks
        The frames.
    arguments : argparse.Namespace
        Of the program.

    Returns
    -------
    list of (keyword, value, comment)
    """
    from darkroom.ccd.stack.frames import opened

    readout = options.readout(arguments)
    with opened([first_frame.path], arguments.gain_e_per_adu, readout) as stack:
        image = stack.read(slice(None))[0]
    index = int(np.nanargmax(image))
    y, x = np.unravel_index(index, image.shape)
    per_second = products.unit(arguments.gain_e_per_adu, per_second=True)
    return [
        ("RGROUP", rate.group, "temperature group the rates are of"),
        ("HOTNSIG", arguments.hot_nsigma, "hot: robust sigma above the surroundings"),
        ("HOTSIGMA", made.sigma, f"[{per_second}] robust sigma of the rate"),
        ("HOTRATE", made.threshold, f"[{per_second}] hot: excess above this"),
        ("SATLEVEL", stacks.saturation, "saturated: a sample at or above this"),
        *(
            (f"N{bit.name}"[:8], int(((made.dq & bit) > 0).sum()), f"pixels flagged {bit.name}")
            for bit in BITS
        ),
        ("BRIGHTF", first_frame.name, "frame of the brightest pixel"),
        ("BRIGHTY", int(y), "row of its brightest pixel, from 0"),
        ("BRIGHTX", int(x), "column of its brightest pixel, from 0"),
        ("BRIGHTI", index, "its index in the flattened image"),
        ("BRIGHTV", float(image[y, x]), f"[{products.unit(arguments.gain_e_per_adu)}] its value"),
    ]


def hdus(made: HotPixels, rate: Rate, gain: float | None) -> list[fits.ImageHDU | fits.BinTableHDU]:
    """Return the HDUs of a hot-pixel product after its primary one.

    Parameters
    ----------
    made : darkroom.ccd.rate.hot_pixels.HotPixels
        The flags.
    rate : darkroom.ccd.products.dark_rate.Rate
        The dark rate used.
    gain : float or None
        e-/ADU that was applied.

    Returns
    -------
    list of HDU
    """
    per_second = products.unit(gain, per_second=True)
    return [
        products.image("DQ", made.dq, ""),
        products.image("EXCESS", made.excess, per_second),
        products.image("NOISE", made.noise_ratio, ""),
        products.dq_def(*BITS),
        products.table("HOTTEST", _hottest(made, rate, gain)),
    ]


def _hottest(made, rate, gain):
    """Return the columns of the table of hottest pixels."""
    where = made.hottest
    y, x = np.unravel_index(where, made.dq.shape)
    bunit, per_second = products.unit(gain), products.unit(gain, per_second=True)

    def column(image):
        """Return the values of the pixels of the list."""
        return image.ravel()[where].astype(float).tolist()

    return {
        "Y": (y.tolist(), "pixel"),
        "X": (x.tolist(), "pixel"),
        "RATE": (column(rate.rate), per_second),
        "RATEERR": (column(rate.error), per_second),
        "EXCESS": (column(made.excess), per_second),
        "HALF1": (column(made.halves[0]), per_second),
        "HALF2": (column(made.halves[1]), per_second),
        "EARLY": (made.early_late[0].tolist(), per_second),
        "LATE": (made.early_late[1].tolist(), per_second),
        "NOISE": (column(made.noise_ratio), ""),
        "BIAS": (column(rate.bias), bunit),
        "DQ": (made.dq.ravel()[where].tolist(), ""),
        "FLAGS": ([_names(value) for value in made.dq.ravel()[where]], ""),
    }


def _names(value):
    return "+".join(bit.name for bit in BITS if value & bit)
