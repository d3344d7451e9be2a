"""Noise spectra of simulated ramps held in memory, for tests."""

import numpy as np

from darkroom.nircam.noise_truth import true_parameters
from darkroom.nircam.simulate.detector import layout
from darkroom.nircam.simulate.ramp import make_ramp
from darkroom.nircam.simulate.values import DEFAULTS, complete
from darkroom.nircam.spectrum.measure import measure
from nircam_sim import STILL

#: White, common and own 1/f, alternating-column noise; amplitudes at 1 Hz, DN²/Hz.
NOISE = {
    "noise_sampling": "tick",
    "white": [4.8, 5.0, 5.1, 5.3],
    "common": {"amplitude": 0.24, "index": 1.0, "excess": 0.0, "knee_hz": 2.0},
    "amplifier": {"amplitude": 0.07, "index": 1.0},
    "alternating": {"amplitude": 0.03, "index": 1.0},
    "coupling_spread": 0.05,
    "nints": 4,
    "ngroups": 10,
}


class Held:
    """Ramps (nramps, ngroups, ny, nx), DMS frame, in place of a `RampSource`."""

    def __init__(self, data, readout, nframes=1):
        self.data, self.readout, self.nramps, self.nframes = data, readout, len(data), nframes
        self.usable = ~readout.reference_pixels()

    def ngroups(self, ramp):
        return self.data[ramp].shape[0]

    def label(self, ramp):
        return f"ramp {ramp + 1}"

    def forget(self):
        pass

    def read(self, ramp, group, rows=slice(None), flagged=True):  # noqa: ARG002
        return self.readout.flip(self.data[ramp][group])[rows].astype(np.float32)


def simulated(seed, **settings):
    """Return ramps with `NOISE` on the still detector as `Held`, their settings and truth."""
    full = complete(STILL | NOISE | {"seed": seed} | settings)
    data, truth = make_ramp(full, "x")
    return Held(data, layout(full)), full, truth


def truths(full, truth):
    """Return the true value of every parameter, named as in the fit."""
    coupling = truth["coupling"]
    mean = np.exp(np.log(coupling).mean())
    true = {f"gain_{a}": coupling[a] / mean for a in range(len(coupling))}
    true |= {"common": full["common"]["amplitude"] * mean**2 / 30, "common_index": 1.0}
    for a, white in enumerate(np.resize(full["white"], len(coupling))):
        true |= {
            # Rounding to whole numbers adds 1/12.
            f"white_{a}": (white**2 + 1 / 12) / 5e4,
            f"own_{a}": full["amplifier"]["amplitude"] / 100,
            f"own_index_{a}": 1.0,
            f"alternating_{a}": full["alternating"]["amplitude"] / 100,
            f"alternating_index_{a}": 1.0,
        }
    return true


def measured(seed, **settings):
    """Return the spectrum of simulated ramps and the true values of its parameters."""
    source, full, truth = simulated(seed, **settings)
    return measure(source), truths(full, truth)


def pulls(spectrum, true):
    """Return {kind: [(value - truth) / error]}, amplifiers together."""
    found = {}
    for name in spectrum.fit.layout.names:
        if name in true:
            value, error = spectrum.fit.get(name)
            kind = name.rstrip("0123456789").rstrip("_")
            found.setdefault(kind, []).append((value - true[name]) / error)
    return found


def closure(detector, rows, nints, ngroups=10, seed=DEFAULTS["seed"]):
    """Simulate a detector with everything measured of the real one, and measure its spectrum.

    Returns
    -------
    spectrum : darkroom.nircam.spectrum.measure.Spectrum
    true : dict
        Of every parameter of the model, names as the fit's.
    """
    settings = {"detector": detector, "rows": rows, "nints": nints, "ngroups": ngroups}
    full = complete(settings | {"seed": seed}) | {"nframes": 1}
    data, truth = make_ramp(full, "x")
    true = true_parameters(full, truth["coupling"], layout(full).frame_time)
    del truth
    spectrum = measure(Held(data, layout(full)))
    return spectrum, {k if a < 0 else f"{k}_{a}": value for (k, a), value in true.items()}
