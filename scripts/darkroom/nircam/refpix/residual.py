"""What noise ramps have left: row means and differences of reads, before and after a correction."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.refpix.levels import check_alive
from darkroom.nircam.spectrum.ramp import fit_ramp

_MAD_TO_STD = 1.482602218505602


def residual_noise(source, white):
    """Measure the noise of differences of two groups.

    Parameters
    ----------
    source : darkroom.nircam.spectrum.ramp.RampSource
        Ramps, with or without a correction by reference pixels.
    white : (noutputs,) array
        White noise of one frame, DN.

    Returns
    -------
    rows, total, floor : (noutputs,) float64 arrays
        Scatter of row means about their frame's; robust scatter of the pixels; what the white noise
        of so many pixels leaves in row means at least, DN. All of pairs 1-0, 3-2, …
    """
    readout = source.readout
    shape = (readout.ny, readout.noutputs, -1)
    squares, total, floor, npairs = (np.zeros(readout.noutputs) for _ in range(4))
    white = 2 * np.asarray(white) ** 2 / source.nframes
    for ramp in range(source.nramps):
        lines = fit_ramp(source, ramp)
        check_alive(source, ramp, lines)
        good = lines.good
        for group in range(0, source.ngroups(ramp) - 1, 2):
            step = source.read(ramp, group + 1) - source.read(ramp, group)
            for a in range(readout.noutputs):
                here, values = good.reshape(shape)[:, a], step.reshape(shape)[:, a]
                inside = here.any(axis=1)
                counts = here[inside].sum(axis=1)
                means = np.where(here, values, 0)[inside].sum(axis=1, dtype=np.float64) / counts
                squares[a] += means.var(ddof=1)
                left = (values[inside] - means[:, None])[here[inside]][::7]
                within = _MAD_TO_STD * np.median(np.abs(left))
                total[a] += within**2 + means.var(ddof=1)
                floor[a] += white[a] * np.mean(1 / counts)
            npairs += 1
    return tuple(np.sqrt(values / npairs) for values in (squares, total, floor))
