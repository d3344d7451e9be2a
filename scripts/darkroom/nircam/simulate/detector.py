"""Fixed properties of a simulated NIRCam detector: bias, noise of each pixel, anomalous pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from darkroom.nircam.detector.readout import BORDER, OUTPUTS, SIZE, Readout
from darkroom.nircam.detector.subarrays import readout as named_readout
from darkroom.simulate.settings import key


def stream(full: dict[str, Any], component: str, *exposure: str) -> np.random.Generator:
    """Return the random generator of one component, of the detector or of one exposure.

    Each component has a generator of its own, so that switching one off does not change the others.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    component : str
        Name of the component, e.g. ``white``.
    *exposure : str
        Name of the exposure; none for a component of the detector itself.
    """
    spawned = key(full["detector"], component, *exposure)
    return np.random.default_rng(np.random.SeedSequence(full["seed"], spawn_key=spawned))


def layout(full: dict[str, Any]) -> Readout:
    """Return the `Readout` of complete settings."""
    if full["subarray"] == "FULL" and full["rows"] != SIZE:
        return Readout.full(full["detector"], full["rows"])
    return named_readout(full["detector"], full["subarray"])


@dataclass(frozen=True)
class Detector:
    """A detector as it is read out; arrays are (ny, nx), detector frame, DN unless noted.

    Parameters
    ----------
    readout : Readout
        Readout geometry.
    reference : bool array
        True for reference pixels.
    bias : float32 array
        Mean level right after a reset.
    white : float32 array
        White noise of one read, without that of rounding.
    ktc : float32 array
        kTC noise of the reset.
    dark : float32 array
        Dark current of normal pixels in e-/s; 0 in reference pixels.
    hot : float32 array
        Additional dark current of hot and warm pixels in e-/s; 0 elsewhere.
    unstable : float32 array
        Dark current that is added in half of the integrations of unstable pixels in e-/s; 0
        elsewhere.
    telegraph : float32 array
        Amplitude of the random telegraph noise (upper - lower level); 0 where there is none.
    noisy_reference : bool array
        Reference pixels with three times the noise.
    coupling : (noutputs,) array
        Coupling of each amplifier to the common noise.
    """

    readout: Readout
    reference: np.ndarray
    bias: np.ndarray
    white: np.ndarray
    ktc: np.ndarray
    dark: np.ndarray
    hot: np.ndarray
    unstable: np.ndarray
    telegraph: np.ndarray
    noisy_reference: np.ndarray
    coupling: np.ndarray


def make_detector(full: dict[str, Any]) -> Detector:
    """Return the detector of complete settings.

    Maps are made for the whole detector and then cut, so that a subarray has the same pixels as
    the full frame. Offsets of an amplifier are those of the amplifiers in use; a small subarray is
    read through one.
    """
    readout = layout(full)
    row, column = readout.origin
    window = (slice(row, row + readout.ny), slice(column, column + readout.nx))
    whole = (readout.rows, SIZE)
    active = np.zeros(whole, bool)
    active[BORDER:-BORDER, BORDER:-BORDER] = True

    scatter = stream(full, "bias").standard_normal(whole, dtype=np.float32)[window]
    hot = full["gain"] * _anomalous_pixels(
        full, "hot", active, full["hot_fraction"], full["hot_rate"]
    )
    hot += _anomalous_pixels(full, "warm", active, full["warm_fraction"], full["warm_rate"])
    unstable = _anomalous_pixels(
        full, "unstable", active, full["unstable_fraction"], full["unstable_rate"]
    )
    telegraph = _anomalous_pixels(full, "rtn", active, full["rtn_fraction"], full["rtn_amplitude"])
    noisy = stream(full, "noisy_reference").random(whole, dtype=np.float32)
    noisy = ((noisy < full["noisy_reference_fraction"]) & ~active)[window]

    amplifiers, reference = readout.amplifiers(), readout.reference_pixels()
    white = np.resize(np.asarray(full["white"], np.float32), OUTPUTS)[amplifiers]
    white = white * np.where(reference, np.float32(full["reference_white"]), np.float32(1))
    white[noisy] *= 3
    if void := full["epoxy_void"]:
        y, x = np.ogrid[: readout.rows, :SIZE]
        inside = (y - void["y"]) ** 2 + (x - void["x"]) ** 2 < void["radius"] ** 2
        white[(inside & active)[window]] *= void["white"]
    spread = full["coupling_spread"] * (2 * stream(full, "coupling").random(OUTPUTS) - 1)
    return Detector(
        readout=readout,
        reference=reference,
        bias=_levels(full, readout) + np.float32(full["bias_scatter"]) * scatter,
        white=white,
        ktc=full["ktc"] * np.where(reference, np.float32(full["reference_ktc"]), np.float32(1)),
        dark=np.where(reference, np.float32(0), np.float32(full["dark"])),
        hot=hot[window],
        unstable=unstable[window],
        telegraph=telegraph[window],
        noisy_reference=noisy,
        coupling=(1 + spread)[: readout.noutputs],
    )


def _levels(full, readout):
    """Return the bias of amplifiers and column parities: level plus offsets, (ny, nx) float32."""
    rng = stream(full, "bias_offsets")
    offsets = full["amplifier_offset"] * (2 * rng.random(OUTPUTS) - 1)
    low, high = full["even_odd"]
    steps = (low + (high - low) * rng.random(OUTPUTS)) * rng.choice([-1, 1], OUTPUTS)
    table = offsets[:, None] + np.outer(steps, [-0.5, 0.5])
    return (full["bias_level"] + table[readout.amplifiers(), readout.parity()]).astype(np.float32)


def _anomalous_pixels(full, component, active, fraction, limits):
    """Return values of randomly chosen active pixels, log-uniform within `limits`; 0 elsewhere."""
    low, high = limits
    values = np.zeros(active.shape, np.float32)
    if not fraction:
        return values
    rng = stream(full, component)
    chosen = (rng.random(active.shape, dtype=np.float32) < fraction) & active
    values[chosen] = low * (high / low) ** rng.random(int(chosen.sum()))
    return values
