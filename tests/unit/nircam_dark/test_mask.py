"""Bad pixels in darks: completeness, false alarms, comparison with a previous mask."""

from types import SimpleNamespace

import numpy as np
import pytest

from darkroom.nircam.dark.model import Usual
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.mask.classify import Class, bits_of
from darkroom.nircam.mask.compare import Change, update
from darkroom.nircam.mask.injection import Conditions, conditions_of, inject

LIMITS = 0.5, 0.02


@pytest.mark.heavy
def test_acceptance_at_ten_ramps():
    """Completeness 0.95 or more; of 120,000 good pixels 25 in 1e6 false, 300 of the bias class."""
    conditions = Conditions(10, 50, 10.73677, 0.002, 10.0, 1e-4)
    sets = [inject(conditions, 2000, LIMITS, seed=seed) for seed in range(5, 10)]
    false, good = {}, 0
    for rows in sets:
        good += rows[0]["good"]
        for row in rows:
            false[row["class"]] = false.get(row["class"], 0) + row["false"]
            if row["class"] != "bias":
                assert row["share"] >= 0.95, row
    assert good >= 120_000
    for kind in ("warm", "hot", "noisy", "telegraph", "unstable"):
        assert false[kind] <= 25e-6 * good, false
    assert false["bias"] <= 300e-6 * good, false
    by_class = {row["class"]: row for row in sets[0]}
    assert by_class["bias"]["share"] > 0.6


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("nramps", "least"),
    [
        (3, {"warm": 0.98, "hot": 1.0, "noisy": 0.98, "telegraph": 0.5, "unstable": 0.7}),
        (30, dict.fromkeys(("warm", "hot", "noisy", "telegraph", "unstable"), 0.99)),
    ],
)
def test_completeness_at_three_and_thirty_ramps(nramps, least):
    """As the table of the specification has it; shares of 2000 pixels have errors up to 0.011."""
    conditions = Conditions(nramps, 50, 10.73677, 0.002, 10.0, 1e-4)
    sets = [inject(conditions, 400, LIMITS, seed=seed) for seed in range(9, 14)]
    found = {
        rows[0]["class"]: np.mean([row["share"] for row in rows])
        for rows in zip(*sets, strict=True)
    }
    good = sum(rows[0]["good"] for rows in sets)
    false = {
        rows[0]["class"]: sum(row["false"] for row in rows) for rows in zip(*sets, strict=True)
    }
    assert all(false[kind] <= 25e-6 * good + 3 * np.sqrt(25e-6 * good) + 1 for kind in least), (
        false,
        good,
    )
    assert all(found[kind] >= share for kind, share in least.items()), found


def test_few_ramps_say_so():
    rows = inject(Conditions(3, 30, 10.73677, 0.002, 10.0, 1e-4), 200, LIMITS, seed=2)
    by_class = {row["class"]: row for row in rows}
    assert by_class["hot"]["share"] == 1
    assert by_class["bias"]["share"] == 0  # three ramps cannot tell it from a cosmic ray
    assert by_class["noisy"]["false"] <= 2


def test_a_rate_below_zero_is_injected_as_none():
    """Where dark current is lost in read noise, its median is negative in half of the cases."""
    usual = [Usual(-1e-4, 100.0, np.ones(1), 1.0)]
    nothing = np.zeros((4, 4), np.int32)
    found = SimpleNamespace(usual=usual, nhits=nothing, settling=np.zeros((8, 1)),
                            timing=SimpleNamespace(tgroup=10.0))  # fmt: skip
    conditions = conditions_of(found, 3, nothing == 0, 4.5)
    assert conditions.rate == 0
    assert len(inject(conditions, 10, LIMITS)) == 6


def test_bits_of_classes():
    reasons = np.array([[Class.HOT, Class.WARM, Class.NOISY | Class.RTN, 0, Class.REFERENCE]])
    bits = bits_of(reasons, ["HOT", "STUCK"])[0]
    assert bits[0] == Pixel.HOT | Pixel.DO_NOT_USE
    assert bits[1] == Pixel.WARM
    assert bits[2] == Pixel.UNRELIABLE_SLOPE | Pixel.TELEGRAPH
    assert bits[3] == 0
    assert bits[4] == Pixel.REFERENCE_PIXEL


class Found:
    """What `update` reads of a dark: six pixels."""

    rate = np.array([[0.1, 0.002, 0.021, 0.019, 0.002, 0.1]], np.float32)
    error = np.full((1, 6), 0.001, np.float32)
    nint = np.array([[10, 10, 10, 10, 2, 10]])


def test_new_healed_undecided_and_carried():
    old = np.array([[0, 1 << 12, 0, 1 << 12, 1 << 12, (1 << 10) | 1]], np.uint32)
    reasons = np.array([[4, 0, 4, 0, 0, 4]], np.int32)
    bits = bits_of(reasons, ["HOT"])
    made = update(reasons, bits, old, Found(), LIMITS, keep=False)
    N, H, U = Change.NEW, Change.HEALED, Change.UNDECIDED
    assert made.change.tolist() == [[N, H, U, U, U, N]]
    assert made.bits[0, 1] == 0
    assert made.bits[0, 3] == Pixel.WARM
    assert made.bits[0, 4] == Pixel.WARM  # two integrations heal nothing
    assert made.bits[0, 5] == Pixel.DEAD | Pixel.DO_NOT_USE | Pixel.WARM
    assert made.carried == {"DEAD": 1}
    kept = update(reasons, bits, old, Found(), LIMITS, keep=True)
    assert kept.bits[0, 1] == Pixel.WARM
    assert {row["new"] for row in made.rows} == {"WARM", "none"}
