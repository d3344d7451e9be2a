"""Tables of a read noise: by amplifier and region, and by ramp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom import order
from darkroom.nircam.ramps.drift import drift

if TYPE_CHECKING:
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.drift import Drift
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.readnoise.measure import ReadNoise

_BINS = 200
_SMOOTH = 9


@dataclass(frozen=True)
class AmplifierRow:
    """Noise of the pixels of one amplifier and region, DN.

    Attributes
    ----------
    amplifier : int
    region : str
        ``"active"``, ``"reference rows"`` (at the top and bottom) or ``"reference columns"``.
    npixels, nmissing : int
        Number of pixels with and without a value.
    mode, median, mean, p5, p95, p99 : float
        Mode, median, mean and percentiles of the noise map in this region.
    ratio : float
        Median over that of the active pixels of the amplifier.
    """

    amplifier: int
    region: str
    npixels: int
    nmissing: int
    mode: float
    median: float
    mean: float
    p5: float
    p95: float
    p99: float
    ratio: float


def amplifier_table(noise: np.ndarray, classes: Classes) -> list[AmplifierRow]:
    """Return statistics of a noise map by amplifier and region.

    Parameters
    ----------
    noise : (ny, nx) array
        DN, DMS frame.
    classes : Classes

    Returns
    -------
    list of AmplifierRow
        Regions without pixels are left out.
    """
    lines = classes.reference.all(axis=1)[:, None]
    regions = {
        "active": ~classes.reference,
        "reference rows": classes.reference & lines,
        "reference columns": classes.reference & ~lines,
    }
    rows = []
    for amplifier in range(classes.noutputs):
        columns = classes.amplifier == amplifier
        active = np.nan
        for name, where in regions.items():
            values = noise[:, columns][where[:, columns]]
            if not values.size:
                continue
            row = _describe(amplifier, name, values.astype(np.float64), active)
            active = row.median if name == "active" else active
            rows.append(row)
    return rows


def _describe(amplifier, region, values, active):
    good = values[np.isfinite(values)]
    if not good.size:
        nothing = (np.nan,) * 7
        return AmplifierRow(amplifier, region, 0, values.size, *nothing)
    p5, median, p95, p99 = order.quantiles(good, [0.05, 0.5, 0.95, 0.99]).tolist()
    ratio = median / (median if region == "active" else active)
    return AmplifierRow(
        *(amplifier, region, good.size, values.size - good.size, mode_of(good), median),
        *(float(good.mean()), p5, p95, p99, ratio),
    )


def mode_of(values: np.ndarray) -> float:
    """Return the mode: the peak of a smoothed histogram between percentiles 0.5 and 99."""
    low, high = order.quantiles(values, [0.005, 0.99])
    if high <= low:
        return float(low)
    edges = np.linspace(low, high, _BINS + 1)
    counts = order.histogram(values, edges)
    smooth = np.convolve(counts, np.ones(_SMOOTH) / _SMOOTH, "same")
    top = int(smooth.argmax())
    return float(0.5 * (edges[top] + edges[top + 1]))


def stability(
    found: ReadNoise, ramps: RampSet, classes: Classes
) -> tuple[list[dict[str, Any]], list[Drift]]:
    """Return the read noise of each ramp, and its drift.

    Parameters
    ----------
    found : darkroom.nircam.readnoise.measure.ReadNoise
    ramps : RampSet
    classes : Classes

    Returns
    -------
    rows : list of dict
        One per ramp, amplifier and kind: noise of one read of the quiet pixels and its error, DN.
    drifts : list of darkroom.nircam.ramps.drift.Drift
        One per amplifier, for its active pixels, DN/day.
    """
    rows, times = [], ramps.mjd
    for ramp, (file, integration) in enumerate(ramps.ramps):
        for k in range(2 * classes.noutputs):
            nu = int(found.ramp_nu[ramp, k])
            if not nu:
                continue
            noise = float(found.ramp_single[ramp, k])
            rows.append(
                {
                    "exposure": ramps.files[file].path.name,
                    "integration": integration + 1,
                    "mjd": float(times[ramp]),
                    "amplifier": k % classes.noutputs,
                    "kind": "reference" if k >= classes.noutputs else "active",
                    "noise": noise,
                    "error": noise / np.sqrt(2 * nu),
                }
            )
    number = ramps.integrations
    drifts = []
    for a in range(classes.noutputs):
        values = found.ramp_single[:, a]
        good = np.isfinite(values)
        drifts.append(drift(f"amplifier {a}", values[good], times[good], number[good]))
    return rows, drifts
