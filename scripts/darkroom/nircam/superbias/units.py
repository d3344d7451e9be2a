"""Tables UNITS and CHANGE of a superbias: statistics of every ramp, and of new minus previous."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates import units as unit_tables
from darkroom.gates.rows import statistics
from darkroom.nircam.ramps.robust import MAD_TO_STD, median
from darkroom.nircam.superbias.measure import row_sums

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.superbias.measure import Superbias


def units_table(found: Superbias, ramps: RampSet, classes: Classes) -> fits.BinTableHDU:
    """Return the table UNITS: one row a ramp and amplifier, DN.

    Parameters
    ----------
    found : Superbias
    ramps : RampSet
    classes : Classes
    """
    values = unit_tables.columns(statistics(found.sums, found.offsets.value))
    units = of_ramps(ramps, classes.noutputs, values)
    return unit_tables.table(units, "DN")


def of_ramps(ramps: RampSet, amplifiers: int, values: dict[str, np.ndarray]) -> unit_tables.Units:
    """Return the units of ramps: file, integration and time of each, and their statistics."""
    return unit_tables.Units(
        exposure=[ramps.files[file].path.name for file, _ in ramps.ramps],
        integration=np.array([integration + 1 for _, integration in ramps.ramps]),
        mjd=np.asarray(ramps.mjd, float),
        temperature=np.full(len(ramps.ramps), np.nan),
        amplifiers=list(range(amplifiers)),
        values=values,
    )


def change_table(difference: np.ndarray, classes: Classes) -> fits.BinTableHDU:
    """Return the table CHANGE: the same statistics of the product minus the file in use.

    Parameters
    ----------
    difference : (ny, nx) array
        New minus previous, DN; NaN where one of them has no value.
    classes : Classes
    """
    image = difference.astype(np.float32)
    known = image[np.isfinite(image)]
    centre = np.float32(median(known)) if known.size else np.float32(0)
    # Classes differ in level, which is what is asked for: the clip is about the median of each.
    scale = np.full(image.shape, np.inf, np.float32)
    offsets = np.zeros((1, len(classes)))
    levelled = image.copy()
    for k in range(len(classes)):
        columns = classes.column == k
        part = image[:, columns][classes.usable[:, columns]]
        part = part[np.isfinite(part)]
        middle = float(median(part)) if part.size else float(centre)
        offsets[0, k] = middle
        levelled[:, columns] -= np.float32(middle)
        spread = MAD_TO_STD * float(median(np.abs(part - middle))) if part.size else np.inf
        scale[:, columns] = spread or np.inf
    sums = row_sums(classes, 1)
    nothing = np.zeros(image.shape, np.float32)
    sums.add(slice(0, len(image)), levelled[None], nothing, scale, nothing)
    values = unit_tables.columns(statistics(sums, offsets))
    units = unit_tables.of_one(values, range(classes.noutputs), "new minus previous")
    return unit_tables.table(units, "DN", unit_tables.CHANGE)
