"""Residual noise of ramps: row means and pixels in differences of groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.nircam.ramps.robust import MAD_TO_STD
from darkroom.nircam.refpix.levels import check_alive
from darkroom.nircam.spectrum.ramp import fit_ramp

if TYPE_CHECKING:
    from darkroom.nircam.spectrum.ramp import RampSource


def residual_noise(source: RampSource, white: np.ndarray) -> tuple[np.ndarray, ...]:
    """Measure the noise of differences of two groups (1 - 0, 3 - 2, ...).

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource
        Ramps before or after a reference-pixel correction.
    white : (noutputs,) array
        White noise of one frame, DN.

    Returns
    -------
    rows : (noutputs,) float64 array
        Scatter of row means about the mean of the frame, DN.
    total : (noutputs,) float64 array
        Robust scatter of the pixels, DN.
    floor : (noutputs,) float64 array
        Scatter of row means from white noise alone, DN.
    """
    readout = source.readout
    shape = (readout.ny, readout.noutputs, -1)
    squares, total, floor, npairs = (np.zeros(readout.noutputs) for _ in range(4))
    white = 2 * np.asarray(white) ** 2 / source.nframes
    for ramp in range(source.nramps):
        fitted = fit_ramp(source, ramp)
        check_alive(source, ramp, fitted)
        good = fitted.good
        for group in range(0, source.ngroups(ramp) - 1, 2):
            after, before = (source.read(ramp, g, flagged=False) for g in (group + 1, group))
            step = after - before
            for a in range(readout.noutputs):
                here, values = good.reshape(shape)[:, a], step.reshape(shape)[:, a]
                inside = here.any(axis=1)
                counts = here[inside].sum(axis=1)
                means = np.where(here, values, 0)[inside].sum(axis=1, dtype=np.float64) / counts
                squares[a] += means.var(ddof=1)
                # A seventh of the pixels is enough for a median.
                within_rows = (values[inside] - means[:, None])[here[inside]][::7]
                within = MAD_TO_STD * np.median(np.abs(within_rows))
                total[a] += within**2 + means.var(ddof=1)
                floor[a] += white[a] * np.mean(1 / counts)
            npairs += 1
    return tuple(np.sqrt(values / npairs) for values in (squares, total, floor))
