"""Exposures that were given twice are found by the difference of their pixels, and no others."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.stack.units import frame_statistics
from darkroom.cgi.stacks.values import piece_digest
from darkroom.gates.repeats import TWIN, likeness, same_numbers, same_pieces, same_rows
from darkroom.gates.standard import set_gates
from darkroom.gates.units import Units
from gates_nulls import ramps, units_of

REAL = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "real", "cmos")


def alike(frames):
    """Return the frames that are found to be copies, as the products measure it."""
    mean = frames.mean(axis=0)
    offsets = np.median(frames - mean, axis=(1, 2))
    centred = frames - mean - offsets[:, None, None]
    noise = 1.4826 * np.median(np.abs(centred)) or 1.0
    found = frame_statistics(frames, mean, offsets, noise, slice(0, frames.shape[2]))
    return np.flatnonzero(found["twin"][:, 0] > TWIN).tolist()


def frames(rng, n, shape=(64, 80), noise=10.0):
    pattern = 16 * rng.standard_normal(shape) + rng.normal(0, 1, (shape[0], 1))
    levels = rng.normal(300, 5, (n, 1, 1))
    return np.rint(pattern + levels + noise * rng.standard_normal((n, *shape))).astype(np.float32)


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 25])
@pytest.mark.parametrize("constant", [0, 7])
def test_a_copy_is_found_whatever_constant_it_has(n, constant):
    for seed in range(50):
        rng = np.random.default_rng([seed, n])
        stack = frames(rng, n)
        first, second = sorted(rng.choice(n, 2, replace=False).tolist())
        stack[second] = stack[first] + constant
        if n == 2 and constant:
            continue  # what is left of two copies is the rounding of their levels
        assert alike(stack) == [first, second]


@pytest.mark.parametrize("copies", [3, 4, 5, 6])
def test_three_copies_of_one_exposure_do_not_hide_each_other(copies):
    stack = frames(np.random.default_rng(copies), 6)
    stack[:copies] = stack[0]
    assert alike(stack) == list(range(copies))


@pytest.mark.parametrize("n", [3, 4, 6, 10])
def test_exposures_of_two_kinds_are_no_copies(n):
    """Patterns, levels and noise that some exposures of a group have and others not."""
    for seed in range(100):
        rng = np.random.default_rng([seed, n])
        stack = frames(rng, n)
        other = rng.uniform(size=n) < 0.5
        other[0] = True
        stack[other] += 60 * rng.standard_normal(stack.shape[1:])
        stack[other] += rng.uniform(0, 60) * rng.standard_normal((int(other.sum()), 64, 80))
        stack[other] += 50 * np.linspace(-1, 1, 64)[:, None]
        assert alike(stack.astype(np.float32)) == []


@pytest.mark.heavy
def test_clean_stacks_have_no_copies():
    found = 0
    for seed in range(1000):
        rng = np.random.default_rng([7, seed])
        found += bool(alike(frames(rng, int(rng.integers(3, 12)), (32, 40))))
    assert found == 0


@pytest.mark.skipif(not REAL.is_dir(), reason="needs the real frames")
@pytest.mark.parametrize(
    ("camera", "kind"),
    [("asi120", "Bias"), ("asi120", "Dark"), ("asi178", "Dark_ASIImg_100sec"),
     ("asi178", "Dark_ASIImg_1sec")],
)  # fmt: skip
def test_real_frames_are_no_copies_until_one_is_given_twice(camera, kind):
    """Darks of the ASI120 alternate between two black levels with patterns of their own."""
    read = []
    for path in sorted((REAL / camera).glob(f"{kind}*")):
        try:
            read.append(fits.getdata(path)[::8].astype(np.float32))
        except TypeError:
            continue  # some are cut off
    found = np.stack(read)
    assert alike(found) == []
    for chosen in ([0, 2, 1], [1, 2, 4], [0, 2, 4], [0, 1, 2]):
        if max(chosen) >= len(found):
            continue
        three = found[chosen]
        assert alike(three) == []
        assert alike(np.concatenate([three, three[1:2] + np.float32(16)])) == [1, 3]


def test_ramps_of_a_superbias():
    rng = np.random.default_rng(4)
    made = ramps(rng)
    assert np.nanmax(units_of(made).values["twin"]) < 0.9
    made[7] = made[2] + 12
    found = units_of(made).values["twin"].max(axis=1)
    assert np.flatnonzero(found > TWIN).tolist() == [2, 7]


def test_units_without_pixels_are_not_compared():
    products = np.diag([1.0, 1.0, 0.0, 0.0])
    found = likeness(products, np.array([True, True, False, False]))
    assert found[:2] == pytest.approx(0.0)
    assert np.isnan(found[2:]).all()


def numbers(rng, n, columns):
    values = {name: rng.normal(5, 1, (n, 4)) for name in columns}
    nothing = np.full(n, np.nan)
    return Units([f"e{k}" for k in range(n)], np.ones(n, int), nothing, nothing, [0, 1, 2, 3],
                 values)  # fmt: skip


@pytest.mark.parametrize("columns", [("rate", "rate_error"), ("active", "reference"), ("ln_slow",)])
def test_numbers_tell_a_copy_up_to_rounding_and_a_constant(columns):
    for seed in range(50):
        rng = np.random.default_rng(seed)
        units = numbers(rng, 8, columns)
        assert same_numbers(units).size == 0
        for name, values in units.values.items():
            values[5] = values[1] * (1 + 1e-7)
            values[5] += 30.0 if name in ("active", "reference") else 0.0
        assert same_numbers(units).tolist() == [1, 5]
        (gate,) = set_gates(units)
        assert "e1 integration 1 and of e5 integration 1" in gate.why


def test_numbers_of_other_exposures_are_not_the_same():
    rng = np.random.default_rng(3)
    alarmed = sum(bool(same_rows(rng.standard_normal((12, 2))).size) for _ in range(3000))
    assert alarmed == 0
    # A number that most exposures share tells nothing.
    shared = np.column_stack([np.ones(10), np.ones(10), rng.standard_normal(10)])
    assert same_rows(shared).size == 0
    shared[4] = shared[8]
    assert same_rows(shared).tolist() == [4, 8]


def test_pieces_of_a_frame_tell_a_copy_though_some_pixels_differ():
    rng = np.random.default_rng(6)
    rows = rng.normal(100, 10, (6, 24, 160)).astype(np.float32)
    rows[4] = rows[1] + 3
    rows[4, :10] += rng.standard_normal((10, 160)) * 10
    digests = ["-".join(piece_digest(row, k) for k, row in enumerate(one)) for one in rows]
    assert same_pieces([*digests, None, ""]).tolist() == [False, True] + 2 * [False] + [
        True, False, False, False,
    ]  # fmt: skip
