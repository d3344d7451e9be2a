"""False alarms where nothing is wrong: CGI frames, WFC3 ramps, NIRCam spectra, darks, references.

1,000 clean campaigns each, made from what the units are measured of: photons, reads, periodograms.
"""

import numpy as np
import pytest

from cgi_stacks import units_rows
from darkroom.cgi.gating.frames import frame_gates, units_of
from darkroom.gates.decide import decide
from darkroom.gates.gate import EXACT
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.standard import unit_gates
from darkroom.gates.units import Units
from darkroom.nircam.gating.darks import DARK
from darkroom.nircam.gating.noise import REFERENCE_PIXELS, SPECTRUM
from darkroom.wfc3.gating.single import intervals
from darkroom.wfc3.gating.superdark import STATISTICS as SUPERDARK

TRIALS = 1000


def units(values, n):
    names = [f"e{k}" for k in range(n)]
    nothing = np.full(n, np.nan)
    return Units(names, np.ones(n, int), np.arange(float(n)), nothing, [0, 1, 2, 3], values)


def cgi(rng):
    """Twenty frames of a stack: bias of the frame, scatter of its pixels, pixels lost to hits."""
    facts = {}
    for k in range(20):
        pixels = 100 * rng.standard_normal(4000) + rng.poisson(0.01, 4000) * rng.exponential(
            500, 4000
        )
        hits = rng.poisson(12)  # each takes a tail of some length
        facts[f"f{k:02d}.fits"] = {
            "scatter": float(1.4826 * np.median(np.abs(pixels - np.median(pixels)))),
            "pixel_level": float(pixels.mean() / 500 + rng.normal(0, 0.01)),
            "masked": float(rng.gamma(max(hits, 1), 30) / 1e6),
            "start": f"{k:02d}", "pixels": str(k),
        }  # fmt: skip
    return frame_gates(units_of(units_rows(facts)), 0.2, "frames", {})


def wfc3(rng):
    """The sky of a ramp of 15 reads: photons of each interval, and noise of each read."""
    pixels, time, sky = 2000, 50.0, 1.0
    times = np.arange(1, 16) * time
    counts = np.cumsum(rng.normal(sky * time, np.sqrt(sky * time / pixels), 15))
    counts += 20 / np.sqrt(pixels) * rng.standard_normal(15)
    quality = {"times": times, "counts": counts, "used": np.ones(15, bool)}
    return intervals(quality, {"level": sky}, {})


def superdark(rng):
    """Fifteen WFC3 darks: levels that amplifiers share, and the noise of some hundred pixels."""
    n, pixels = 15, 256
    level = 0.007 * rng.standard_normal((n, 1))
    residual = rng.standard_normal((n, 4, pixels))
    middle = np.median(residual, axis=2)
    spread = 1.4826 * np.median(np.abs(residual - middle[..., None]), axis=2)
    rate = level + 0.02 * middle + 0.001 * rng.standard_normal((n, 4))
    return unit_gates(units({"rate": rate, "lnvar": 2 * np.log(spread)}, n), SUPERDARK)


def spectrum(rng):
    """Twelve ramps: ln of mean powers, of few frequencies where the noise is slow."""
    n, values = 12, {}
    for name, count in (("ln_slow", 60), ("ln_knee", 500), ("ln_above", 5000), ("ln_white", 20000)):
        common = rng.gamma(count, 1 / count, (n, 1))
        values[name] = np.log(0.6 * common + 0.4 * rng.gamma(count, 1 / count, (n, 4)))
    values["coherence"] = rng.beta(120, 80, (n, 4))
    return unit_gates(units(values, n), SPECTRUM)


def reference_pixels(rng):
    """Twelve ramps: pedestals that are common, and levels that are not."""
    n = 12
    common = 30 * rng.standard_normal((n, 1))
    values = {
        "active": common + 8 * rng.standard_normal((n, 4)),
        "reference": common + rng.standard_normal((n, 4)),
    }
    return unit_gates(units(values, n), REFERENCE_PIXELS)


def dark(rng):
    """Twelve ramps: rates of amplifiers, in part common."""
    n = 12
    rates = 0.01 + 1e-3 * (rng.standard_normal((n, 1)) + rng.standard_normal((n, 4)))
    return unit_gates(units({"rate": rates}, n), DARK)


def test_a_frame_that_lost_a_tenth_of_its_pixels_is_found():
    facts = {f"f{k}": {"masked": 0.001 * (k + 1), "pixels": str(k), "start": ""} for k in range(9)}
    facts["f4"]["masked"] = 0.13
    (gate,) = (one for one in frame_gates(units_of(units_rows(facts)), 0.2, "frames", {})
               if one.family == "masked")  # fmt: skip
    assert gate.why == "f4 lacks 13 %"


@pytest.mark.heavy
@pytest.mark.parametrize("make", [cgi, wfc3, superdark, spectrum, reference_pixels, dark])
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(make):
    chances, alarmed = [], 0
    settings = JudgeSettings(false_alarm=0.01, warn=0.2, injections=20)
    for seed in range(TRIALS):
        gates = make(np.random.default_rng([61, seed]))
        chances += [gate.found.p for gate in gates if gate.kind != EXACT]
        rows = decide(gates, settings)
        alarmed += any(
            row["verdict"] == "fail" or abs(row["t"]) > (row["threshold"] or np.inf) for row in rows
        )
    rates = [float((np.array(chances) < level).mean()) for level in (0.05, 0.01, 0.001)]
    print(make.__name__, "alarms at 5, 1, 0.1 %:", rates, "campaigns at 1 %:", alarmed / TRIALS)
    assert rates[0] <= 0.07
    assert rates[1] <= 0.015
    assert rates[2] <= 0.004
    assert alarmed / TRIALS <= 0.01 + 3 * np.sqrt(0.01 * 0.99 / TRIALS)
