"""False alarms where nothing is wrong, and power where something is, with 1/f noise."""

import numpy as np
import pytest
from scipy.stats import norm

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


# A full frame: its rows, the time that it takes (s), and columns of an amplifier.
ROWS, FRAME, WIDTH = 2048, 10.73677, 512
# Noise of a pixel, of the reset and of one read alone as reference pixels have it, DN.
KTC, READ = 20.6, 5.0


def row_means(rng, count, density):
    """Return row means of frames with a noise of some density (DN²/Hz), the clock running on."""
    samples = 4 * ROWS
    frequency = np.fft.rfftfreq(samples, FRAME / ROWS)
    frequency[0] = frequency[1]
    drawn = rng.standard_normal((2, count, frequency.size)) / np.sqrt(2)
    scale = np.sqrt(density(frequency) * samples * ROWS / FRAME / 2)
    return np.fft.irfft((drawn[0] + 1j * drawn[1]) * scale, samples)[:, :ROWS]


def amplifier_statistics(rng, n=10):
    """Return statistics of an amplifier of full frames: ``{name: (values, error by pixels)}``.

    Common 1/f noise 0.24 + 3.2 of excess and own 0.07 DN²/Hz at 1 Hz, as measured.
    """
    common = row_means(rng, n, lambda f: 0.24 / f + 3.2 / f / (1 + (f / 2) ** 2))
    rows = common + row_means(rng, 4 * n, lambda f: 0.07 / f).reshape(4, n, ROWS)
    active, reference = rows[:, :, 4:-4], np.delete(rows, np.s_[4:-4], axis=2)
    pixels = {"active": active[0].shape[1] * WIDTH, "reference": 8 * WIDTH}
    error = KTC / np.sqrt(pixels["active"]), READ / np.sqrt(pixels["reference"])
    level = active.mean(axis=2) + error[0] * rng.standard_normal((4, n))
    corrected = level - reference.mean(axis=2) - error[1] * rng.standard_normal((4, n))
    alone = level + 10 * rng.standard_normal((4, n))  # the pedestal of an amplifier
    y = np.linspace(-1, 1, active.shape[2])
    square = y**2 - np.mean(y**2)
    found = {
        "active minus reference": (corrected[0], np.hypot(*error)),
        "amplifier minus mean": ((alone - alone.mean(axis=0))[0], error[0] * np.sqrt(3 / 4)),
    }
    for name, basis in (("gradient", y), ("curvature", square)):
        own = error[0] / np.sqrt(np.mean(basis**2))
        values = active[0] @ basis / (basis @ basis) + own * rng.standard_normal(n)
        found[name] = values, own
    return found


@pytest.mark.heavy
def test_the_number_of_pixels_alarms_on_levels_though_nothing_is_wrong():
    """Full-frame ramps of nothing but noise, judged by their pixels, and as units."""
    rng = np.random.default_rng(8)
    by_pixels, by_units, scatter = {}, {}, {}
    for _ in range(TRIALS):
        for name, (values, error) in amplifier_statistics(rng).items():
            z = values.mean() / (error / np.sqrt(len(values)))
            by_pixels.setdefault(name, []).append(2 * norm.sf(abs(z)) < 0.001)
            by_units.setdefault(name, []).append(mean_of(values).p)
            scatter.setdefault(name, []).append(values.std(ddof=1) / error)
    for name, found in by_pixels.items():
        ratio = np.sqrt(np.mean(np.square(scatter[name])))
        print(f"{name}: scatter {ratio:.0f} of √pixels, alarms at 0.1 % {np.mean(found):.3f}")
        assert np.mean(found) > 0.9
    p = np.array(list(by_units.values()))
    rates = [float(np.mean(p < level)) for level in (0.05, 0.01, 0.001)]
    print("units, alarms at 5, 1, 0.1 %:", rates)
    assert rates[0] <= 0.07
    assert rates[1] <= 0.015
    assert rates[2] <= 0.004


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
