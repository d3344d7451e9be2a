"""False alarms where nothing is wrong, and power where something is, with 1/f noise."""

import numpy as np
import pytest

from darkroom.gates.budget import threshold
from darkroom.gates.decide import decide
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.standard import unit_gates
from darkroom.gates.statistic import disagreement, left_out, mean_of
from darkroom.nircam.gating.gates import SUPERBIAS
from gates_nulls import ramps, units_of

TRIALS = 1000


@pytest.fixture(scope="module")
def nulls():
    """Gates of campaigns in which nothing is wrong."""
    rng = np.random.default_rng(7)
    return [unit_gates(units_of(ramps(rng)), SUPERBIAS) for _ in range(TRIALS)]


@pytest.mark.heavy
def test_gates_are_alarmed_as_often_as_they_say(nulls):
    chances = np.array([[gate.found.p for gate in gates] for gates in nulls])
    found = [float((chances < level).mean()) for level in (0.05, 0.01, 0.001)]
    print("realised false alarms at 5, 1, 0.1 %:", found)
    assert found[0] <= 0.07
    assert found[1] <= 0.015
    assert found[2] <= 0.004


@pytest.mark.heavy
@pytest.mark.parametrize("budget", [0.05, 0.01])
def test_a_campaign_without_a_fault_fails_no_more_often_than_its_budget(nulls, budget):
    settings = JudgeSettings(false_alarm=budget, warn=0.2, injections=20)
    alarmed = 0
    for gates in nulls:
        rows = decide(gates, settings)
        alarmed += any(abs(row["t"]) > row["threshold"] for row in rows)
    print("campaigns with an alarm:", alarmed / TRIALS, "budget", budget)
    assert alarmed / TRIALS <= budget + 3 * np.sqrt(budget * (1 - budget) / TRIALS)


@pytest.mark.heavy
def test_the_number_of_pixels_alarms_on_levels_though_nothing_is_wrong():
    """The same ramps, judged by the number of the pixels of a full frame."""
    rng = np.random.default_rng(8)
    active, reference = 2040 * 512, 8 * 512
    alarmed = {"level": [], "amplifier": []}
    for _ in range(300):
        frames = ramps(rng, ktc=20.6)
        units = units_of(frames)
        levels = units.values["active"] + frames[:, 4:-4].mean()
        pixel = 20.6 / np.sqrt(len(frames))
        corrected = (units.values["active"] - units.values["reference"])[:, 0]
        noise = pixel * np.sqrt(1 / active + 0.09 / reference)
        # The mean over the ramps is zero by construction: a second set of ramps stands for L0.
        alarmed["level"].append(abs(corrected[:5].mean() - corrected[5:].mean()) / (2 * noise))
        other = levels[:5].mean(axis=0) - levels[5:].mean(axis=0)
        alarmed["amplifier"].append(abs(other[0] - other.mean()) / (2 * pixel / np.sqrt(active)))
    shares = {name: float((np.array(found) > 3.29).mean()) for name, found in alarmed.items()}
    print("alarms of √pixels at 0.1 %:", shares)
    assert shares["amplifier"] > 0.9


def test_thresholds_of_a_campaign_of_ten_detectors():
    chance = 0.001 / 200
    own = [threshold(chance, n - 1) for n in (3, 4, 6, 10, 20, 40)]
    trusted = [threshold(chance, n + 19) for n in (3, 4, 6, 10, 20, 40)]
    assert own == pytest.approx([447, 76, 20.6, 9.6, 6.3, 5.3], rel=0.01)
    assert trusted == pytest.approx([6.0, 5.9, 5.8, 5.6, 5.3, 5.0], rel=0.01)
    assert threshold(chance, np.inf) == pytest.approx(4.56, abs=0.01)


@pytest.mark.parametrize(("wrong", "limits"), [(1.0, (0.03, 0.005)), (0.7, (0.16, 0.06))])
def test_shrinkage_alarms_as_often_as_its_prediction_is_right(wrong, limits):
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((20000, 10))
    chances = np.array([mean_of(d, predicted=wrong, weight=20).p for d in draws])
    assert (chances < 0.05).mean() <= max(limits[0], 0.06)
    assert (chances < 0.01).mean() <= max(limits[1], 0.015)


def test_a_predicted_scatter_that_is_wrong_is_withdrawn_and_a_right_one_is_not():
    rng = np.random.default_rng(5)
    values = rng.standard_normal((150, 10, 360))
    predicted, groups = np.ones(360), np.repeat(np.arange(10), 36)
    withdrawn = [
        np.mean([disagreement(v, factor * predicted, groups) < 0.001 for v in values[:60]])
        for factor in (1.0, 0.7, 1.3)
    ]
    assert withdrawn[0] <= 0.05
    assert withdrawn[1] == withdrawn[2] == 1.0


def test_shared_noise_counts_once_in_the_check_of_the_prediction():
    rng = np.random.default_rng(6)
    base = rng.standard_normal((300, 10, 1))
    values = np.repeat(base, 12, axis=2)  # twelve statistics that are one
    rate = np.mean([disagreement(v, np.ones(12)) < 0.05 for v in values])
    assert rate <= 0.12


def test_a_bad_unit_does_not_hide_itself():
    values = np.random.default_rng(2).standard_normal(10)
    values[3] += 50
    found = left_out(values)
    assert found.unit == 3
    assert abs(found.t) > 30
    assert found.dof == 8


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("limit", "fault"), [(20.0, "level"), (0.6, "gradient"), (0.034, "noise"), (0.016, "slope")]
)
def test_one_bad_bias_of_ten_is_seen(limit, fault):
    """The table of section 3: sizes at which one bad frame of ten is seen in 95 % of cases."""
    from darkroom.ccd.stack.units import frame_statistics

    rng = np.random.default_rng(11)
    chance, seen, trials = 0.001, 0, 40
    ny, nx = 510, 765
    pattern = (16 * rng.standard_normal((ny, nx))).astype(np.float32)
    name = {"level": "active", "gradient": "slow", "noise": "lnvar", "slope": "slope"}[fault]
    for _ in range(trials):
        frames = pattern + rng.normal(0, 1.4, (10, 1, 1)) + rng.normal(0, 0.3, (10, ny, 1))
        noise = rng.standard_normal((10, ny, nx), dtype=np.float32) * np.float32(10.6)
        if fault == "noise":
            noise[4] *= np.exp(limit / 2)
        frames = (frames + noise).astype(np.float32)
        if fault == "level":
            frames[4] += limit
        if fault == "gradient":
            frames[4] += limit * np.linspace(-1, 1, ny)[:, None]
        if fault == "slope":
            frames[4] += limit * pattern
        mean = frames.mean(axis=0)
        offsets = np.median(frames - mean, axis=(1, 2))
        values = frame_statistics(frames, mean, offsets, 10.6, slice(0, nx))[name][:, 0]
        found = left_out(values)
        seen += abs(found.t) > threshold(chance, found.dof, 10) and found.unit == 4
    print(fault, limit, "seen", seen, "of", trials)
    assert seen >= 0.95 * trials - 1
