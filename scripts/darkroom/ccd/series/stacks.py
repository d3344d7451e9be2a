"""Bias frames and darks over epochs: the template of a series, and the state of each frame."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.ccd.cells import unit_name
from darkroom.ccd.dq import FLAWED
from darkroom.ccd.overscan.amplifiers import amplifiers
from darkroom.ccd.products.amplifiers import opened_part, part_count
from darkroom.ccd.stack.frames import opened, saturation_level
from darkroom.epochs.state import State, empty, merge, of_unit
from darkroom.epochs.template import NO_CLASS, Template, noise_steps
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.ccd.cells import Cell
    from darkroom.ccd.overscan.amplifiers import Readout
    from darkroom.fits.describe import Frame
    from darkroom.hints import StrPath

#: Scatter of a pixel over that of its image beyond which it has a scatter of its own.
_NOISY = 2.0


def series_cards(cell: Cell, unit: str) -> dict[str, tuple[str | float, str]]:
    """Return what the states of a series must share: value and comment by keyword."""
    first = cell.frames[0]
    return {
        "INSTRUME": (first.instrument, "camera"),
        "BINNING": (first.binning, "columns x rows"),
        "PRODUCT": (f"{cell.role} stack", "product that the state makes"),
        # Rounded: cameras write the time that was measured.
        "EXPTIME": (float(f"{cell.exptime:.4g}"), "[s] exposure time"),
        "UNIT": (unit, "unit of the samples"),
    }


def template_of(product: StrPath, frames: Sequence[Frame], number: int = 1) -> Template:
    """Return the template of a series that starts with a master bias or a master dark.

    Parameters
    ----------
    product : path-like
        Made of at least 8 frames, better 16: its scatter decides what is clipped.
    frames : sequence of Frame
        The frames it was made of.
    number : int
        EXTVER of the cell's images, from 1.

    Returns
    -------
    Template
        A class for each amplifier; amplifiers lie one above the other, the narrower ones filled up
        with pixels of no class. Pixels with more than twice the scatter of their amplifier have
        their own.

    Raises
    ------
    InputError
        When the product is missing or damaged, has no such cell, or an amplifier has no good pixel.
    """
    parts, names = [], []
    for amplifier in range(part_count(product)):
        with opened_part(product, amplifier) as hdus:
            names.append(str(hdus[0].header.get("AMPNAME", "the image")))
            try:
                parts.append(
                    [np.asarray(hdus[name, number].data) for name in ("SCI", "ERR", "COUNT", "DQ")]
                )
            except KeyError:
                raise InputError(
                    product, f"has no stack {number}", "give the product of a stack of frames"
                ) from None
    mean, error, count, dq = (_joined([part[k] for part in parts]) for k in range(4))
    scatter = error.astype(np.float64) * np.sqrt(np.maximum(np.nan_to_num(count), 1))
    classes = np.full(mean.shape, NO_CLASS, np.uint8)
    top = 0
    for k, part in enumerate(parts):
        rows, columns = part[0].shape
        classes[top : top + rows, :columns] = k
        top += rows
    good = np.isfinite(mean) & (classes != NO_CLASS)
    classes[~good] = NO_CLASS
    flawed = (np.nan_to_num(dq).astype(np.int64) & int(FLAWED)) > 0
    anchor = good & ~flawed & np.isfinite(scatter) & (scatter > 0)
    sigma = np.empty(len(parts))
    for k, name in enumerate(names):
        where = anchor & (classes == k)
        if not where.any():
            raise InputError(product, f"every pixel of {name} is flagged, or has no scatter")
        sigma[k] = np.sqrt(np.mean(np.minimum(scatter[where], 3 * np.median(scatter[where])) ** 2))
    level = np.rint(np.where(good, mean, 0)).astype(np.int32)
    members = tuple(unit_name(frame) for frame in frames)
    template = Template(level, sigma, classes, anchor, tuple(names), members=members)
    factor = scatter / template.spread(template.sigma, np.inf)
    noise = noise_steps(np.where(factor > _NOISY, factor, 1.0), template)
    return replace(template, noise=noise)


def _joined(images):
    """Return images one above the other; the narrower ones are filled up with NaN."""
    width = max(image.shape[1] for image in images)
    return np.vstack(
        [
            np.pad(
                image.astype(np.float64),
                ((0, 0), (0, width - image.shape[1])),
                constant_values=np.nan,
            )
            for image in images
        ]
    )


def state_of(
    frames: Sequence[Frame],
    template: Template,
    readout: Readout,
    *,
    gains: Sequence[float | None],
    saturation: float,
) -> State:
    """Return the state of every frame of a stack: one unit each.

    Parameters
    ----------
    frames : sequence of Frame
    template : Template
    readout : Readout
        What becomes of the overscan.
    gains : sequence of float or None
        e-/ADU of each amplifier; None keeps ADU.
    saturation : float
        Samples at and above it are left out, ADU.

    Returns
    -------
    State

    Raises
    ------
    InputError
        When a frame does not fit the template; the message names it.
    """
    whole = empty(template)
    for frame in frames:
        images, bad = _frame(frame, readout, gains, saturation)
        facts = {} if frame.temperature is None else {"temperature": frame.temperature}
        mjd = np.nan if frame.mjd is None else frame.mjd
        try:
            part = of_unit(template, unit_name(frame), images, bad, mjd, facts)
            whole = merge(whole, part)
        except ValueError as error:
            raise InputError(frame.path, str(error)) from error
    return whole


def _frame(frame, readout, gains, saturation):
    """Return the amplifiers of a frame one above the other, and which samples are not used."""
    images, high = [], []
    for number, gain in zip(range(max(len(amplifiers(frame.path)), 1)), gains, strict=True):
        with opened([frame.path], gain, replace(readout, amplifier=number)) as stack:
            level = saturation_level(saturation, 1, gain)
            values, marked = stack.read_marked(slice(0, stack.shape[0]), level)
            images.append(values[0])
            high.append(marked[0])
    return _joined(images), np.nan_to_num(_joined(high), nan=1.0) > 0
