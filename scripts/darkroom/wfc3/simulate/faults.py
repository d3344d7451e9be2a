"""What goes wrong with a simulated exposure: reads without data, guide stars lost."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.wfc3.simulate.sky import Sources, pointing_of, source_image

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.wfc3.simulate.plan import Exposure

# A source moves by less than this between two images of a drift that are averaged, arcsec.
_STEP = 0.1


def abort(one: dict[str, Any], reads: np.ndarray) -> None:
    """Replace the reads after the last one that was taken, in place.

    Parameters
    ----------
    one : dict
        Settings of the exposure.
    reads : (n, ny, nx) uint16 array
        DN, border included, in time order.
    """
    last = one["last_read"]
    if last is not None:
        reads[last + 1 :] = reads[last] if one["after_last"] == "frozen" else 0


def pointing_errors(one: dict[str, Any], times: Sequence[float]) -> np.ndarray:
    """Return by how much the telescope points beside its commanded place at each read.

    Parameters
    ----------
    one : dict
        Settings of the exposure.
    times : sequence of float
        Seconds since the zeroth read, one per read.

    Returns
    -------
    (n, 2) float64 array
        Along x and y, arcsec: a constant offset, and from the loss of the guide star on a drift
        that is linear in time.
    """
    seconds = np.asarray(times, float)
    errors = np.tile(np.asarray(one["offset"], float), (seconds.size, 1))
    lost = one["guiding_lost_s"]
    if lost is not None and seconds[-1] > lost:
        part = np.clip((seconds - lost) / (seconds[-1] - lost), 0, 1)
        errors += part[:, None] * np.asarray(one["drift"], float)
    return errors


def drifting_image(
    full: dict[str, Any], exposure: Exposure, sources: Sources, first: np.ndarray, last: np.ndarray
) -> np.ndarray:
    """Return the mean image of the sources while the pointing moves on a straight line.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.wfc3.simulate.plan.Exposure
        The exposure as planned.
    sources : Sources
        Stars and galaxies.
    first, last : (2,) arrays
        Error of the pointing at both ends, arcsec.

    Returns
    -------
    (side, side) float32 array
        e-/s per pixel.
    """
    count = max(1, ceil(float(np.hypot(*(last - first))) / _STEP))
    parts = ((i + 0.5) / count for i in range(count))
    places = [first + part * (last - first) for part in parts]
    images = [source_image(full, pointing_of(full, exposure, at), sources)[0] for at in places]
    return np.mean(images, axis=0, dtype=np.float32)
