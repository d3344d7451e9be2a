"""What a card states as seen in 50 and 95 % of cases is seen so often in fresh campaigns."""

import numpy as np
import pytest

from darkroom.gates import gate as make
from darkroom.gates.budget import threshold
from darkroom.gates.cards import card
from darkroom.gates.decide import decide
from darkroom.gates.gate import Words, read_gates, write_gates
from darkroom.gates.harms import Harm
from darkroom.gates.settings import JudgeSettings
from darkroom.gates.standard import own_noise, written_gates
from darkroom.gates.statistic import halves_of, left_out, mean_of
from darkroom.gates.units import Units

#: Of a campaign of ten detectors with twenty tests each.
CHANCE, UNITS, CARDS, DRAWS, FRESH = 0.001 / 200, 10, 200, 200, 2000
WORDS = Words("level", "level", "DN", "level", 10.0, "it matters")
SECOND = np.arange(UNITS) >= UNITS // 2


def cards(kind, prediction):
    """Return the cards of campaigns of ten ramps of unit scatter."""
    rng, found = np.random.default_rng(7), []
    more = {"predicted": 1.0, "weight": prediction} if prediction else {}
    for _ in range(CARDS):
        values = rng.standard_normal(UNITS)
        if kind == "mean":
            one = make.mean_against(
                WORDS, values, 0.0, 0.0, question="sound", name="x", null="x", **more
            )
        elif kind == "halves":
            one = make.two_halves(WORDS, values, np.arange(UNITS), **more)
        else:
            names = [str(k) for k in range(UNITS)]
            one = make.bad_exposure(WORDS, values, names, whole=True, **more)
        found.append(card(one, CHANCE, DRAWS))
    return found


def needed(kind, prediction):
    """Return the size of a fault from which it is seen, in fresh campaigns: (n,) array."""
    rng, sizes = np.random.default_rng(8), []
    more = {"predicted": 1.0, "weight": prediction} if prediction else {}
    for _ in range(FRESH):
        values = rng.standard_normal(UNITS)
        if kind == "mean":
            found = mean_of(values, **more)
        elif kind == "halves":
            found = halves_of(values, SECOND, **more)
        else:  # a large fault of the first unit, whose error is that of the others
            values[0] += 1e6
            found = left_out(values, **more)
            found = found._replace(d=found.d - 1e6)
        sizes.append(threshold(CHANCE, found.dof, found.tests) * found.e - found.d)
    return np.array(sizes)


def shares(kind, prediction):
    """Return how often the sizes that cards state for 50 and 95 % are seen: (cards,) arrays."""
    sizes, found = np.sort(needed(kind, prediction)), cards(kind, prediction)
    return [
        np.searchsorted(sizes, [one[name] for one in found]) / FRESH
        for name in ("seen50", "seen95")
    ]


@pytest.mark.parametrize("kind", ["mean", "halves", "left out"])
def test_with_a_prediction_sizes_of_cards_are_seen_as_often_as_stated(kind):
    half, most = shares(kind, 20.0)
    assert np.mean((half >= 0.25) & (half <= 0.75)) >= 0.9
    assert np.median(half) == pytest.approx(0.5, abs=0.05)
    assert np.median(most) == pytest.approx(0.94, abs=0.03)


@pytest.mark.parametrize("kind", ["mean", "halves", "left out"])
def test_without_one_they_are_right_in_the_middle_and_as_uncertain_as_the_scatter(kind):
    """The scatter of ten ramps is known to 24 %, and so is every size that follows from it."""
    half, most = shares(kind, 0.0)
    assert np.median(half) == pytest.approx(0.5, abs=0.06)
    assert np.mean((half >= 0.05) & (half <= 0.95)) >= 0.9
    # That scatter is part of what is stated: in 95 % of all cases, over campaigns.
    assert most.mean() == pytest.approx(0.95, abs=0.015)


def test_signs_alarm_as_often_as_the_gate_says():
    """Without a fault, of all signs of all cards: at most twice the chance, and one by luck."""
    alarms = sum(one["alarms"] for one in cards("mean", 0.0))
    assert alarms <= 2 * CHANCE * CARDS * DRAWS + 1


def test_noise_of_a_unit_is_its_own_and_not_that_of_residuals_from_a_mean_that_holds_it():
    """Residuals of a ramp of ten with 20 % more variance have 18 % more: cards were too small."""
    rng = np.random.default_rng(19)
    true = 1 + 0.2 * (np.arange(UNITS) == 3)
    frames = np.sqrt(true)[:, None] * rng.standard_normal((UNITS, 400_000))
    residual = (frames - frames.mean(axis=0)).var(axis=1)
    nothing = np.full(UNITS, np.nan)
    names, ones = [str(k) for k in range(UNITS)], np.ones(UNITS, int)
    units = Units(names, ones, nothing, nothing, [0], {"lnvar": np.log(residual)[:, None]})
    # The variance of 400,000 pixels is known to 0.22 %.
    assert own_noise(units)[:, 0] == pytest.approx(np.log(true), abs=0.01)


def test_noise_of_fewer_than_three_units_is_that_of_their_residuals():
    nothing = np.full(2, np.nan)
    values = {"lnvar": np.array([[0.1], [0.2]])}
    units = Units(["a", "b"], np.ones(2, int), nothing, nothing, [0], values)
    assert own_noise(units) == pytest.approx(values["lnvar"])


# What the slope of a file may differ from 1 for a good reason, and what matters.
TOLERANCE, SLOPE = 0.3, Harm("file", "written", "slope", 0.5, "", "it is another file")


def slopes(rng, deviation, scatter=0.066):
    """Return the gate of a file whose slope differs from 1, or its size from what is known."""
    values = 1 + deviation + scatter * rng.standard_normal((UNITS, 1))
    (gate,) = written_gates(values, ["lower half"], SLOPE, {}, tolerance=TOLERANCE, measured="")
    return gate


def size(rng, deviation, error=0.044):
    """Return the gate of a size with a known error, which may be smaller by 0.1, larger by 0.3."""
    found = deviation + error * rng.standard_normal()
    words = Words("size", "size", "", "size", 0.5, "it is another file")
    return make.counted(words, "size", "", found, error, tolerance=(-0.1, TOLERANCE))


@pytest.mark.parametrize("made", [slopes, size])
def test_the_size_of_a_fault_holds_what_is_tolerated(made):
    """A fault of the size that cards state, all of it: not beyond the tolerance alone."""
    rng = np.random.default_rng(20)
    found = [card(made(rng, 0.0), CHANCE, DRAWS) for _ in range(CARDS)]
    for name, share, error in (("seen50", 0.5, 0.06), ("seen95", 0.95, 0.02)):
        seen = []
        for one in found:
            fresh = [made(rng, one[name]) for _ in range(20)]
            seen += [abs(gate.found.t) > threshold(CHANCE, gate.found.dof) for gate in fresh]
        assert np.mean(seen) == pytest.approx(share, abs=error)
    # The power too is that of the whole harm, which here is seen in half of the cases.
    gates = [made(rng, 0.5) for _ in range(2000)]
    seen = [abs(gate.found.t) > threshold(CHANCE, gate.found.dof) for gate in gates]
    assert np.mean([one["power"] for one in found]) == pytest.approx(np.mean(seen), abs=0.06)
    assert 0.4 < np.mean(seen) < 0.6


def test_within_the_tolerance_is_no_deviation_and_beyond_it_the_whole_is_compared_with_the_harm():
    rng = np.random.default_rng(21)
    rows = decide([slopes(rng, d, 0.005) for d in (0.25, 0.45, 0.55)], JudgeSettings())
    assert [row["verdict"] for row in rows] == ["pass", "warn", "fail"]
    assert [row["d"] for row in rows] == pytest.approx([0.25, 0.45, 0.55], abs=0.01)
    assert rows[0]["t"] == 0
    assert rows[1]["t"] == pytest.approx((rows[1]["d"] - TOLERANCE) / rows[1]["e"], rel=1e-3)
    assert "(up to 0.3 is no deviation)" in rows[2]["sentence"]


def test_a_harm_within_the_tolerance_is_never_seen_and_no_exposures_are_asked_for():
    (gate,) = written_gates(
        np.random.default_rng(22).normal(1, 0.01, (UNITS, 1)), ["lower half"], SLOPE,
        {"written": 0.2}, tolerance=TOLERANCE, measured="",
    )  # fmt: skip
    (row,) = decide([gate], JudgeSettings())
    assert (row["verdict"], row["power"], row["needs"]) == ("insufficient", 0.0, None)


def test_a_tolerance_is_read_as_it_was_written(tmp_path):
    gates = [slopes(np.random.default_rng(23), 0.4), size(np.random.default_rng(24), -0.2)]
    write_gates(tmp_path / "gates.json", {}, gates)
    again = read_gates(tmp_path / "gates.json")[1]
    assert [one.found.t for one in again] == pytest.approx([one.found.t for one in gates], rel=1e-4)
    assert [one.tolerance for one in again] == [TOLERANCE, TOLERANCE]
    assert [one.found.tolerated for one in again] == [0.3, -0.1]
