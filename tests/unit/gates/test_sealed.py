"""Faults that a program drew and sealed are found, and nothing is alarmed where there are none."""

import numpy as np
import pytest

from darkroom.errors import DarkroomError
from darkroom.gates.decide import FAIL, decide
from darkroom.gates.gate import exact
from darkroom.gates.harms import of_product
from darkroom.gates.seal import digest, draw, opened, sealed
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.standard import set_gates, unit_gates, written_gates
from darkroom.gates.units import Units
from darkroom.gates.written import parts_of, slope_of, variance_slope
from darkroom.nircam.gating.gates import READNOISE, SUPERBIAS
from darkroom.nircam.gating.harms import HARMS
from gates_nulls import AMPLIFIER, AMPLIFIERS, NX, NY, ramps, reference_pixels, units_of
from sealed_faults import assert_found, assert_quiet

N = 10
READ = of_product(HARMS, "readnoise")
# Amplitudes of faults of one exposure are beyond what the cards of such ramps state as seen.
FAULTS = {
    "wrong half": (1, 1),
    "swapped amplifier": (1, 1),
    "flip": (1, 1),
    "sqrt2": (1, 1),
    "repeated exposure": (1, 1),
    "repeated at another level": (-30, 30),
    "truncated set": (1, 3),
    "truncated exposure": (0.15, 0.5),
    "light leak": (200, 500),
    "one bad exposure": (200, 500),
    "wrong gain card": (1.5, 3),
}


def pattern(rng):
    return (60 * rng.standard_normal((NY, NX)) + 200 * (AMPLIFIER == 1)).astype(np.float32)


def gates_of(fault):
    """Return the gates of a superbias into which a fault was put at the earliest place."""
    rng = np.random.default_rng(fault.seed)
    image = pattern(rng)
    frames = image + ramps(rng, N)
    expected = [f"exposure {k}" for k in range(N)]
    clean = frames.copy()
    if fault.fault == "light leak":  # in all of one exposure's rows: edge minus centre
        frames[fault.unit] += fault.amplitude * np.linspace(-1, 1, NY)[:, None].astype(np.float32)
    if fault.fault == "one bad exposure":
        frames[fault.unit][:, fault.amplifier == AMPLIFIER] += fault.amplitude
        frames[fault.unit][reference_pixels()] = clean[fault.unit][reference_pixels()]
    if fault.fault == "wrong gain card":
        frames[fault.unit] = frames[fault.unit] * np.float32(fault.amplitude)
    if fault.fault == "repeated exposure":
        frames[fault.unit] = frames[(fault.unit + 3) % N]
    if fault.fault == "repeated at another level":
        frames[fault.unit] = frames[(fault.unit + 3) % N] + np.float32(np.rint(fault.amplitude))
    if fault.fault == "truncated exposure":
        frames[fault.unit][: int(fault.amplitude * NY)] = np.nan
    used = frames[: N - int(fault.amplitude)] if fault.fault == "truncated set" else frames
    units = units_of(np.nan_to_num(used, nan=np.nan))
    written = np.nanmean(used, axis=0)
    if fault.fault == "flip":
        written = written[:, ::-1]
    if fault.fault == "sqrt2":
        written = written * np.float32(np.sqrt(2))
    if fault.fault == "wrong half":
        written = np.roll(written, NY // 2, axis=0)
    if fault.fault == "swapped amplifier":
        written = np.roll(written, NX // 2, axis=1)
    names, parts = parts_of(AMPLIFIER, NY)
    usable = ~reference_pixels()
    slopes = np.array(
        [
            [
                slope_of(one[r][:, c][usable[r][:, c]], written[r][:, c][usable[r][:, c]])
                for r, c in parts
            ]
            for one in used
        ]
    )
    gates = set_gates(units, expected) + unit_gates(units, SUPERBIAS)
    return gates + written_gates(
        slopes,
        names,
        of_product(HARMS, "superbias")["written"],
        {},
        tolerance=0.005,
        measured="slope",
    )


@pytest.mark.heavy
def test_sealed_faults_of_a_superbias_are_found_in_50_of_50_draws():
    assert_found("superbias", gates_of, FAULTS, 20260101, units=N, amplifiers=AMPLIFIERS)


def noise_gates(one):
    """Return the gates of a read noise with a fault."""
    fault, value, rng = one.fault, one.amplitude, np.random.default_rng(one.seed)
    ny, nx, n = 64, 128, 8
    true = 8 * np.exp(0.15 * rng.standard_normal((ny, nx))) * np.where(np.arange(nx) < 64, 1, 1.2)
    scale = np.exp(0.018 * rng.standard_normal((n, 1, 1)))
    if fault == "one bad exposure":
        scale[one.unit] *= value
    pairs = np.sqrt(2) * true * scale * rng.standard_normal((n, 20, ny, nx)).swapaxes(0, 1)
    if fault == "repeated exposure":
        pairs[:, one.unit] = pairs[:, (one.unit + 3) % n]
    kept = n - int(value) if fault == "truncated set" else n
    pairs = pairs[:, :kept]
    variance = (pairs**2).mean(axis=(0, 1))
    cds = np.sqrt(variance)
    written = {
        "sqrt2": cds / np.sqrt(2),
        "sqrt(NFRAMES)": cds / np.sqrt(value or 1),
        "flip": cds[:, ::-1],
        "swapped amplifier": np.roll(cds, nx // 2, axis=1),
        "wrong half": np.roll(cds, ny // 2, axis=0),
        "wrong gain card": cds * value,
    }.get(fault, cds)
    names, parts = parts_of(np.repeat([0, 1], nx // 2), ny)
    slopes, ratios = np.empty((2, kept, len(parts)))
    for i in range(kept):
        square = pairs[0, i] ** 2
        for k, (rows, columns) in enumerate(parts):
            part, expected = square[rows][:, columns], written[rows][:, columns] ** 2
            slopes[i, k] = variance_slope(part.ravel(), expected.ravel())
            ratios[i, k] = 2 * np.log(1.4826 * np.median(np.sqrt(part / expected)))
    gates = written_gates(slopes, names, READ["written"], {}, tolerance=0.3, measured="slope")
    gates += written_gates(
        ratios, names, READ["scale"], {}, tolerance=0.1, measured="ratio", expected=0.0
    )
    halves = (pairs**2).reshape(20, kept, ny, 2, nx // 2)
    names = [f"e{k}" for k in range(n)]
    units = Units(
        names[:kept], np.ones(kept, int), np.arange(float(kept)), np.full(kept, np.nan), [0, 1],
        {"lnvar": np.log(halves.mean(axis=(0, 2, 4)))},
    )  # fmt: skip
    return gates + set_gates(units, names) + unit_gates(units, READNOISE)


NOISE_FAULTS = {
    "sqrt2": (1, 1), "sqrt(NFRAMES)": (2, 8), "flip": (1, 1), "swapped amplifier": (1, 1),
    "wrong half": (1, 1), "wrong gain card": (1.4, 3), "one bad exposure": (1.8, 3),
    "repeated exposure": (1, 1), "truncated set": (1, 2),
}  # fmt: skip


@pytest.mark.heavy
def test_sealed_faults_of_a_read_noise_are_found_in_50_of_50_draws():
    assert_found("read noise", noise_gates, NOISE_FAULTS, 20260102, units=8, amplifiers=2, alarms=0)


@pytest.mark.heavy
@pytest.mark.parametrize("made", [gates_of, noise_gates])
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(made):
    assert_quiet(made.__name__, made)


def test_a_seal_that_was_changed_is_refused():
    text = sealed(draw(FAULTS, 2, 1, units=N, amplifiers=2))
    assert len(opened(text, digest(text))) == 2 * len(FAULTS) + round(2 * len(FAULTS) / 4)
    with pytest.raises(DarkroomError, match="were changed"):
        opened(text.replace("flip", "none"), digest(text))


def test_a_fifth_of_the_draws_is_nothing():
    draws = draw(FAULTS, 50, 2, units=N, amplifiers=2)
    assert abs(sum(not one.fault for one in draws) - len(draws) / 5) < 1


def test_a_condition_that_does_not_hold_fails_without_any_unit():
    rows = decide([exact("set", "complete", "all are there", "one is missing", "errors")],
                  JudgeSettings())  # fmt: skip
    assert rows[0]["verdict"] == FAIL
    assert rows[0]["sentence"] == "one is missing"
