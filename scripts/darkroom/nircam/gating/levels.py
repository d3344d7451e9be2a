"""A superbias as it is written against its ramps: levels, gradients, and pixels.

The table UNITS holds statistics of each ramp relative to the mean of all. Relative to the file they
are the same numbers when the file is that mean, however much levels wander from ramp to ramp.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates.planes import share_unlike
from darkroom.gates.rows import REACH, places
from darkroom.nircam.gating.exposures import chosen, read_rows
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.robust import MAD_TO_STD

if TYPE_CHECKING:
    from darkroom.gates.units import Units
    from darkroom.nircam.ramps.ramps import RampSet


def relative_to_file(
    image: np.ndarray, ramps: RampSet, units: Units
) -> tuple[Units, Units, dict[str, float], float]:
    """Return statistics of group 0 of some ramps relative to a superbias, and what UNITS says.

    Parameters
    ----------
    image : (ny, nx) array
        SCI of the reference file, DN.
    ramps : RampSet
    units : Units
        Of every ramp, relative to the mean of all.

    Returns
    -------
    found, stated : Units
        Of the same ramps: active and reference level, parity of both, slow and fast gradient.
    unlike : dict
        Share of the ``active`` and of the ``reference`` pixels that are not those of the ramps
        (`darkroom.gates.planes.share_unlike`); kinds of which there are pixels.
    scatter : float
        Median scatter of an active pixel from ramp to ramp, DN.
    """
    classes = Classes.from_ramps(ramps)
    which, rows = chosen(ramps)
    residuals = [read_rows(ramps, ramp, 0, rows) - image[rows] for ramp in which]
    kinds = {"active": classes.usable[rows], "reference": classes.reference[rows]}
    height = np.linspace(-1, 1, len(image))[rows]
    values = [_statistics(one, classes, kinds, height) for one in residuals]
    found = {name: np.stack([one[name] for one in values]) for name in values[0]}
    # Levels of classes are judged by the statistics.
    for one in residuals:
        for where, _ in _class_pixels(classes, kinds):
            one[where] -= np.nanmedian(one[where]) if np.isfinite(one[where]).any() else 0
    unlike = {
        kind: share_unlike(np.stack([one[where] for one in residuals]))
        for kind, where in kinds.items()
        if where.any()
    }
    stated = {name: units.values[name][which] for name in found}
    spread = np.std([one[kinds["active"]] for one in residuals], axis=0, ddof=1)
    scatter = float(np.nanmedian(spread)) if np.isfinite(spread).any() else np.nan
    return units.some(which, found), units.some(which, stated), unlike, scatter


def _class_pixels(classes, kinds):
    """Yield the pixels of each class, active and reference, and the number of the class."""
    for pixels in kinds.values():
        for k in range(len(classes)):
            where = pixels & (classes.column == k)
            if where.any():
                yield where, k


def _statistics(residual, classes, kinds, height):
    """Return statistics of one ramp by amplifier, by the definitions of `darkroom.gates.rows`."""
    levels = {
        kind: np.array(
            [_mean(residual[pixels & (classes.column == k)]) for k in range(len(classes))]
        ).reshape(-1, 2)
        for kind, pixels in kinds.items()
    }
    place = places(classes.amplifier)
    gradients = np.full((2, classes.noutputs), np.nan)
    for a in range(classes.noutputs):
        columns = classes.amplifier == a
        part = residual[:, columns].copy()
        part[~kinds["active"][:, columns]] = np.nan
        for k in (0, 1):  # the levels of odd and even columns are told apart
            odd = classes.column[columns] % 2 == k
            part[:, odd] -= levels["active"][a, k]
        part[np.abs(part) > _limit(part)] = np.nan
        gradients[0, a] = _gradient(part, np.broadcast_to(height[:, None], part.shape))
        gradients[1, a] = _gradient(part, np.broadcast_to(place[columns], part.shape))
    return {
        "active": levels["active"].mean(axis=1),
        "reference": levels["reference"].mean(axis=1),
        "parity": np.diff(levels["active"], axis=1)[:, 0],
        "reference_parity": np.diff(levels["reference"], axis=1)[:, 0],
        "slow": gradients[0],
        "fast": gradients[1],
    }


def _limit(values):
    """Return how far from 0 a value may be: beyond it is a cosmic ray or a telegraph pixel."""
    known = values[np.isfinite(values)]
    return REACH * MAD_TO_STD * np.median(np.abs(known)) if known.size else np.inf


def _mean(values):
    """Return the mean of what is near the median; NaN of none."""
    values = values[np.isfinite(values)]
    if not values.size:
        return np.nan
    values = values - (middle := np.median(values))
    return float(middle + values[np.abs(values) <= _limit(values)].mean())


def _gradient(values, place):
    good = np.isfinite(values)
    if not good.any():
        return np.nan
    place, values = place[good] - place[good].mean(), values[good]
    below = (place**2).sum()
    return float((place * values).sum() / below) if below > 0 else np.nan
