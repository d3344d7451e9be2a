"""The simulated WFC3/IR detector: its properties, the same in all exposures."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any

import numpy as np

from darkroom.simulate.settings import stream
from darkroom.wfc3.dq import BAD_DETECTOR, BAD_ZEROTH_READ, BLOB, HOT, UNSTABLE
from darkroom.wfc3.simulate.names import BORDER, FULL_SIDE, SUBARRAYS

#: Gain (e-/DN), and noise of the difference of two reads (e-), of the amplifiers A, B, C, D.
GAINS = {"A": 2.252, "B": 2.203, "C": 2.188, "D": 2.265}
READ_NOISE = {"A": 20.2, "B": 19.8, "C": 19.9, "D": 20.1}
MEAN_GAIN = sum(GAINS.values()) / 4
#: Coefficients c1 … c4: the true signal is v (1 + c1 + c2 v + c3 v^2 + c4 v^3), v the measured one,
#: DN.
NONLINEARITY = (0.0, 2.6e-6, -1.5e-10, 4.0e-15)
# Settings on which the detector depends.
_SETTINGS = (
    "seed", "bias", "bias_scatter", "dark", "flat_scatter", "saturation", "dead_fraction",
    "bad_zero_fraction", "hot_fraction", "unstable_fraction", "warm_fraction", "blobs",
    "blob_radius",
)  # fmt: skip


@dataclass(frozen=True)
class Detector:
    """Maps of the pixels inside the border, (ny, nx) each.

    Parameters
    ----------
    flat : float32 array
        Sensitivity, about 1, without blobs and dead pixels.
    blobs : float32 array
        Transmission of the blobs, 1 outside them.
    response : float32 array
        Sensitivity with blobs and dead pixels.
    dark : float32 array
        Dark current, e-/s.
    zero : float32 array
        Zeroth read without light, DN.
    gain, read_noise : float32 arrays
        e-/DN, and noise of a single read, e-.
    node : float32 array
        Saturation level, DN.
    curvature : float32 array
        Factor on the coefficients of non-linearity.
    flags : int16 array
        Flags of the bad-pixel table.
    """

    flat: np.ndarray
    blobs: np.ndarray
    response: np.ndarray
    dark: np.ndarray
    zero: np.ndarray
    gain: np.ndarray
    read_noise: np.ndarray
    node: np.ndarray
    curvature: np.ndarray
    flags: np.ndarray

    def cut(self, side: int) -> Detector:
        """Return the central `side` x `side` pixels."""
        first = (FULL_SIDE - side) // 2
        part = slice(first, first + side)
        return Detector(**{f.name: getattr(self, f.name)[part, part] for f in fields(self)})


def detector_of(full: dict[str, Any]) -> Detector:
    """Return the part of the detector in the subarray of complete settings."""
    return _whole_detector(detector_key(full)).cut(SUBARRAYS[full["subarray"]][0])


def detector_key(full: dict[str, Any]) -> str:
    """Return the settings on which the detector depends, as text."""
    return json.dumps({name: full[name] for name in _SETTINGS}, sort_keys=True)


def offset_of(side: int) -> int:
    """Return LTV of a subarray with its border: pixel of the array minus that of the full frame."""
    return BORDER - (FULL_SIDE - side) // 2


@lru_cache(maxsize=2)
def _whole_detector(key):
    """Make the full frame, from which subarrays and references are cut."""
    full = json.loads(key)
    shape = (FULL_SIDE, FULL_SIDE)

    def normal(component: str) -> np.ndarray:
        return stream(full, component).standard_normal(shape, dtype=np.float32)

    y, x = np.mgrid[-1 : 1 : FULL_SIDE * 1j, -1 : 1 : FULL_SIDE * 1j].astype(np.float32)
    flat = (1 + full["flat_scatter"] * normal("flat")) * (1 - 0.03 * (x * x + 0.5 * y * y) + 0.015)
    flags = _anomalous_pixels(full, shape)
    dark = full["dark"] * np.exp(0.2 * normal("dark"))
    if full["warm_fraction"]:
        warm = stream(full, "warm").random(shape) < full["warm_fraction"]
        dark[warm] = 0.1 * 4.0 ** stream(full, "warm_rate").random(warm.sum())
    hot = (flags & HOT) != 0
    dark[hot] = 0.4 * 25.0 ** stream(full, "hot_rate").random(hot.sum())
    blobs = _blob_transmission(full, shape, flags)
    response = flat * blobs
    response[(flags & BAD_DETECTOR) != 0] = 0
    quadrant = np.where(y < 0, np.where(x < 0, 1, 2), np.where(x < 0, 0, 3))
    return Detector(
        flat=flat.astype(np.float32),
        blobs=blobs,
        response=response.astype(np.float32),
        dark=dark.astype(np.float32),
        zero=(full["bias"] + full["bias_scatter"] * normal("zero")).astype(np.float32),
        gain=np.array([GAINS[a] for a in "ABCD"], np.float32)[quadrant],
        read_noise=np.array([READ_NOISE[a] / 2**0.5 for a in "ABCD"], np.float32)[quadrant],
        node=(full["saturation"] * (1 + 0.02 * normal("node"))).astype(np.float32),
        curvature=(1 + 0.05 * normal("curvature")).astype(np.float32),
        flags=flags,
    )


def _anomalous_pixels(full, shape):
    """Return the flags of dead, hot and unstable pixels and of those with a bad zeroth read."""
    flags = np.zeros(shape, np.int16)
    for name, flag in (
        ("dead", BAD_DETECTOR),
        ("bad_zero", BAD_ZEROTH_READ),
        ("hot", HOT),
        ("unstable", UNSTABLE),
    ):
        flags[stream(full, name).random(shape) < full[f"{name}_fraction"]] |= np.int16(flag)
    return flags


def _blob_transmission(full, shape, flags):
    """Return the transmission of the blobs, and flag their pixels."""
    through = np.ones(shape, np.float32)
    rng, (least, most) = stream(full, "blobs"), full["blob_radius"]
    for _ in range(full["blobs"]):
        y0, x0 = rng.random(2) * FULL_SIDE
        radius, depth = least + (most - least) * rng.random(), 0.05 + 0.12 * rng.random()
        rows = slice(max(int(y0 - 2 * radius), 0), int(y0 + 2 * radius) + 1)
        columns = slice(max(int(x0 - 2 * radius), 0), int(x0 + 2 * radius) + 1)
        y, x = np.mgrid[rows, columns][:, : FULL_SIDE - rows.start, : FULL_SIDE - columns.start]
        distance = np.hypot(y - y0, x - x0) / radius
        through[rows, columns] *= 1 - depth * np.exp(-(distance**4))
        flags[rows, columns][distance < 1.0] |= np.int16(BLOB)
    return through


def measured_from_true(signal: np.ndarray, detector: Detector) -> np.ndarray:
    """Return the measured signal of a true one: the inverse of the non-linearity correction.

    Parameters
    ----------
    signal : (ny, nx) float32 array
        True signal since reset, DN.
    detector : Detector
        Its coefficients of non-linearity and saturation level.

    Returns
    -------
    (ny, nx) float32 array
        DN, by Newton's method; at most five per cent above saturation.
    """
    # Wells are full slightly above the level at which the correction ends.
    full_well = np.float32(1.05) * detector.node
    goal = np.clip(signal, 0, full_well * _correction(full_well, detector)[0])
    value = goal.copy()
    for _ in range(4):
        factor, slope = _correction(value, detector)
        value -= (value * factor - goal) / (factor + value * slope)
    return np.where(signal < 0, signal, value)


def _correction(v, detector):
    """Return the correction factor 1 + c1 + c2 v + … and its derivative."""
    c1, c2, c3, c4 = (np.float32(c) * detector.curvature for c in NONLINEARITY)
    return 1 + c1 + v * (c2 + v * (c3 + v * c4)), c2 + v * (2 * c3 + 3 * v * c4)
