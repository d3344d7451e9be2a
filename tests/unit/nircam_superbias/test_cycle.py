"""A bias that depends on the number of the integration, or repeats every few integrations."""

import functools
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

import darkroom.nircam.simulate.ramp as simulated
from darkroom.nircam.detector.readout import ORIENTATION, Readout
from darkroom.nircam.figures.inputs import Product
from darkroom.nircam.figures.item import describe
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.simulate.detector import layout, make_detector
from darkroom.nircam.simulate.values import complete
from darkroom.nircam.superbias import cycle
from darkroom.nircam.superbias.cycle import find_cycles
from nircam_darks import write_ramp
from nircam_jwst import own_program

READOUT = Readout("NRCB1", "SUB64P", *ORIENTATION["NRCB1"], 1851, 1817, 64, 64, 1)
NOISE = 20.0


class Stack:
    """Frames in memory."""

    def __init__(self, frames):
        self.frames = np.ascontiguousarray(frames, np.float32)
        self.nframes, self.shape = len(frames), frames.shape[1:]

    def read_frame(self, frame, first, values):
        values[...] = self.frames[frame, first : first + len(values)]


def checked(frames, exposures, readout=READOUT):
    """Test frames (exposures × integrations, ny, nx); return rows by quantity."""
    nints = len(frames) // exposures
    ramps = SimpleNamespace(
        exposures=np.repeat(np.arange(exposures), nints),
        integrations=np.tile(np.arange(nints), exposures),
        files=[SimpleNamespace(path=SimpleNamespace(name="a_0_uncal.fits"))],
    )
    rows = find_cycles(Stack(frames), ramps, Classes.of_layout(readout), 3.0)
    return {row.quantity: row for row in rows}


def darks(exposures, nints, seed=0, level=15.0):
    """Return frames of a constant bias: (exposures × nints, 64, 64) float32, DN."""
    rng = np.random.default_rng(seed)
    frames = NOISE * rng.standard_normal((exposures * nints, 64, 64), dtype=np.float32)
    frames += 7000 + 600 * rng.standard_normal((64, 64), dtype=np.float32)
    # Levels of ramps, and 1/f noise: rows that share an offset.
    frames += level * rng.standard_normal((len(frames), 1, 1), dtype=np.float32)
    frames += 2 * rng.standard_normal((len(frames), 64, 1), dtype=np.float32)
    return frames


def warned(rows):
    return [row for row in rows.values() if row.warning]


def patterned(frames, exposures, patterns):
    """Add pattern k of `patterns` to integrations k, k + period, … of every exposure."""
    by_integration = frames.reshape(exposures, -1, *frames.shape[1:])
    for i in range(by_integration.shape[1]):
        by_integration[:, i] += patterns[i % len(patterns)]
    return frames


@pytest.mark.parametrize("period", [2, 3, 4, 5])
@pytest.mark.parametrize(("exposures", "nints"), [(5, 10), (1, 40), (3, 16)])
def test_a_pattern_of_pixels_that_repeats_is_found(period, exposures, nints):
    rng = np.random.default_rng(period)
    patterns = 6 * rng.standard_normal((period, 64, 64), dtype=np.float32)
    patterns -= patterns.mean(axis=0)
    [row] = warned(checked(patterned(darks(exposures, nints), exposures, patterns), exposures))
    assert (row.quantity, row.period) == ("pixels", period)
    assert row.amplitude == pytest.approx(np.sqrt(np.mean(patterns**2)), rel=0.1)
    assert row.t > 8
    assert row.p < 1e-6
    for word in ("a_0_uncal.fits", f"every {period} integrations", f"{row.amplitude:.2g} DN rms"):
        assert word in row.warning


def test_a_reset_that_differs_in_one_of_four_integrations_is_found():
    """Pattern A, B, B, B."""
    rng = np.random.default_rng(1)
    patterns = np.zeros((4, 64, 64), np.float32)
    patterns[0] = 6 * rng.standard_normal((64, 64))
    [row] = warned(checked(patterned(darks(4, 12), 4, patterns), 4))
    assert row.period == 4
    phases = [float(value) for value in row.phases.split(", ")]
    assert phases[0] == pytest.approx(0.75 * 6, rel=0.1)
    assert max(phases[1:]) < 0.4 * phases[0]


def test_levels_and_rows_that_repeat_are_found():
    rng = np.random.default_rng(2)
    levels = np.array([15.0, -5, -5, -5], np.float32)[:, None, None]
    [row] = warned(checked(patterned(darks(5, 12, level=3.0), 5, levels), 5))
    assert (row.quantity, row.period) == ("common level", 4)
    rows = 4 * rng.standard_normal((3, 64, 1), dtype=np.float32)
    [row] = warned(checked(patterned(darks(5, 12), 5, rows), 5))
    assert (row.quantity, row.period) == ("row means", 3)


def test_a_first_integration_unlike_the_others_is_no_cycle():
    """It is said as what it is: the same pattern in every exposure, by number."""
    pattern = np.zeros((8, 64, 64), np.float32)
    pattern[0] = 8 * np.random.default_rng(3).standard_normal((64, 64))
    [row] = warned(checked(patterned(darks(6, 8), 6, pattern), 6))
    assert row.period == 0
    assert "number of the integration" in row.warning


def test_a_steady_drift_is_no_cycle():
    """Each exposure drifts in its own way, by more than its noise."""
    frames = darks(3, 20).reshape(3, 20, 64, 64)
    rng = np.random.default_rng(4)
    frames += 2 * rng.standard_normal((3, 1, 64, 64)) * np.arange(20)[:, None, None]
    assert not warned(checked(frames.reshape(-1, 64, 64), 3))


def test_single_integrations_are_not_tested():
    assert checked(darks(10, 1), 10) == {}


def test_a_constant_bias_gives_no_warning():
    sets = [(5, 8), (1, 24), (10, 3), (2, 16)]
    found = [warned(checked(darks(*sets[k % 4], seed=100 + k), sets[k % 4][0])) for k in range(40)]
    assert not any(found)


@pytest.mark.heavy
def test_of_200_good_sets_at_most_2_are_warned_of(monkeypatch):
    """Of all noise that the simulator makes, cosmic rays and telegraph pixels included."""
    made = functools.cache(lambda detector, subarray: make_detector(complete(
        {"detector": detector, "subarray": subarray}
    )))  # fmt: skip
    monkeypatch.setattr(
        simulated, "make_detector", lambda full: made(full["detector"], full["subarray"])
    )
    kinds = (
        ("NRCB1", "SUB64P", 5, 8), ("NRCB1", "SUB64P", 1, 24), ("NRCALONG", "SUB160P", 8, 4),
        ("NRCBLONG", "SUBGRISM64", 3, 6), ("NRCA3", "SUB64P", 10, 3), ("NRCB1", "SUB160P", 2, 16),
        ("NRCBLONG", "SUB400P", 3, 5), ("NRCALONG", "SUBGRISM128", 2, 5),
    )  # fmt: skip
    number = 0
    for k in range(200):
        detector, subarray, exposures, nints = kinds[k % len(kinds)]
        full = complete({"detector": detector, "subarray": subarray, "nints": nints, "ngroups": 1})
        ramps = [simulated.make_ramp(full, f"set{k}-{e}")[0][:, 0] for e in range(exposures)]
        number += bool(warned(checked(np.concatenate(ramps), exposures, layout(full))))
    assert number <= 2


def test_the_superbias_says_it(tmp_path):
    """In the log, in its details, and in the item's warnings."""
    rng = np.random.default_rng(5)
    patterns = 8 * rng.standard_normal((4, 64, 64), dtype=np.float32)
    frames = patterned(darks(5, 8), 5, patterns).reshape(5, 8, 1, 64, 64)
    paths = [tmp_path / f"a_{k}_uncal.fits" for k in range(5)]
    for k, (path, data) in enumerate(zip(paths, frames, strict=True)):
        write_ramp(path, np.rint(data).astype(np.uint16), READOUT, mjd=59600.0 + k)
    made = own_program("nircam/superbias", *paths, "--output", tmp_path / "superbias.fits")
    assert made.returncode == 0, made.stderr
    assert "WARNING a_0_uncal.fits and the others: the bias repeats every 4" in made.stderr
    details = tmp_path / "superbias_details.fits"
    assert 4 in fits.getdata(details, "CYCLE")["PERIOD"]
    item = describe(tmp_path, (Product(tmp_path / "superbias.fits"), Product(details)))
    assert any("repeats every 4 integrations" in text for text in item["warnings"])
    # A superbias of each phase: its own bias within its error.
    assert fits.getheader(details)["PERIOD"] == 4
    phase, error = fits.getdata(details, "PHASE"), fits.getdata(details, "PHASEERR")
    mean = fits.getdata(details, "SCI")
    own = patterns - patterns.mean(axis=0)
    for k in range(4):
        rest = phase[k] - mean - own[k]
        rest -= np.median(rest)
        # A quarter of the mean's samples are those of the phase.
        stated = np.sqrt(0.75 * np.mean(error[k] ** 2))
        assert np.std(rest) == pytest.approx(stated, rel=0.05)
    rows = fits.getdata(details, "PHASES")
    assert sorted(set(rows["PHASE"])) == [1, 2, 3, 4]
    assert set(rows["RAMPS"]) == {10}
    refused = own_program(
        "nircam/superbias", *paths, "--on-cycle", "stop", "--output", tmp_path / "none.fits"
    )
    assert refused.returncode == 1
    assert "no reference file is made: a_0_uncal.fits and the others" in refused.stderr
    assert not (tmp_path / "none.fits").exists()
    assert (tmp_path / "none_details.fits").exists()


@pytest.mark.heavy
def test_levels_that_repeat_are_found_as_often_as_stated():
    """One level of A, B, B, B in 100 integrations, A - B of 2 sigma; and no false alarms."""
    rng = np.random.default_rng(7)
    integration = np.arange(100)
    pairs = cycle._Pairs.of(np.zeros(100, int), integration)

    def chance(seed, amplitude, walk):
        level = rng.standard_normal(100) + amplitude * (integration % 4 == 0)
        level += walk * np.cumsum(rng.standard_normal(100))
        level -= np.median(level)
        level -= level.mean()
        return cycle._by_permutation(pairs, np.outer(level, level), np.random.default_rng(seed))[2]

    found = [chance(k, 2, 0) < cycle.FALSE_ALARM for k in range(20)]
    assert np.mean(found) >= 0.8
    quiet = np.array([chance(k, 0, 0.3 * (k % 2)) for k in range(100)])
    assert (quiet < 0.05).sum() <= 11  # 5 expected of white levels, 2 sigma above
    assert (quiet < 1e-3).sum() <= 1


def test_cycles_of_the_simulator_are_found():
    """Raw groups of simulated darks, A - B of 60 DN among ramps that differ by 20 DN."""
    settings = {"detector": "NRCB1", "subarray": "SUB64P", "nints": 40, "ngroups": 1}
    settings |= {"cycle": [60.0, 0.0, 0.0, 0.0], "ramp_offset_rms": 20.0}
    full = complete(settings)
    frames = np.concatenate([simulated.make_ramp(full, f"e{k}")[0][:, 0] for k in range(2)])
    [row] = warned(checked(frames.astype(np.float32), 2, layout(full)))
    assert row.period == 4
