"""Tables UNITS and CHANGE of a read noise: ln of the variance of every ramp, and its change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates import units as unit_tables
from darkroom.nircam.superbias.units import of_ramps

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.readnoise.measure import ReadNoise


def units_table(found: ReadNoise, ramps: RampSet, classes: Classes) -> fits.BinTableHDU:
    """Return the table UNITS: ln of the variance of one read, by ramp and amplifier.

    Parameters
    ----------
    found : ReadNoise
    ramps : RampSet
    classes : Classes
    """
    noise = found.ramp_single[:, : classes.noutputs]
    with np.errstate(invalid="ignore", divide="ignore"):
        values = np.where(noise > 0, 2 * np.log(noise), np.nan)
    return unit_tables.table(of_ramps(ramps, classes.noutputs, {"lnvar": values}), "DN")


def change_table(cds: np.ndarray, previous: np.ndarray, classes: Classes) -> fits.BinTableHDU:
    """Return the table CHANGE: ln of the new variance over that of the file in use.

    Parameters
    ----------
    cds, previous : (ny, nx) arrays
        Read noise, DN.
    classes : Classes
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = 2 * np.log(cds / previous)
    values = np.full((1, classes.noutputs), np.nan)
    for amplifier in range(classes.noutputs):
        part = ratio[classes.usable & (classes.amplifier == amplifier)[None, :]]
        part = part[np.isfinite(part)]
        if part.size:
            values[0, amplifier] = np.median(part)
    amplifiers = range(classes.noutputs)
    units = unit_tables.of_one({"lnvar": values}, amplifiers, "new over previous")
    return unit_tables.table(units, "DN", unit_tables.CHANGE)
