"""The two-state model of telegraph noise: against every sequence of states, and in long ramps."""

import itertools
import math
from importlib import import_module

import numpy as np
import pytest

from darkroom.compiled import load_kernel

# Imported under its lock; the package has a function of the same name.
load_kernel("darkroom.nircam.readnoise.kernel")
telegraph = import_module("darkroom.nircam.readnoise.kernel.telegraph")
UP, DOWN = 0.2, 0.3


def expected(x, offset, amplitude, variance):
    """Return log-likelihood, steps and states by summing over all sequences of states."""
    n = len(x)
    step = np.array([[1 - UP, UP], [DOWN, 1 - DOWN]])
    total, sums, high = 0.0, np.zeros(4), np.zeros(n)
    for states in itertools.product((0, 1), repeat=n):
        chance = (DOWN, UP)[states[0]] / (UP + DOWN)
        for before, after in itertools.pairwise(states):
            chance *= step[before, after]
        left = x - offset - amplitude * np.array(states)
        chance *= math.exp(-0.5 * np.sum(left**2) / variance)
        pairs = list(itertools.pairwise(states))
        counts = (
            pairs.count((1, 0)),
            pairs.count((0, 1)),
            sum(states[:-1]),
            n - 1 - sum(states[:-1]),
        )
        total += chance
        sums += chance * np.array(counts)
        high += chance * np.array(states)
    return math.log(total), sums / total, high / total


def found(x, offset, amplitude, variance, first=0):
    high, work = np.zeros(first + len(x)), np.empty((len(x), 4))
    padded = np.concatenate([np.full(first, 1e6), x])
    out = telegraph._forward_backward(
        padded, offset, first, first + len(x), amplitude, variance, UP, DOWN, high, work
    )
    return out[0], np.array(out[1:]), high[first:]


@pytest.mark.parametrize("variance", [0.01, 0.7, 30.0])
@pytest.mark.parametrize("n", [2, 3, 9])
def test_probabilities_are_those_of_all_sequences_of_states(n, variance):
    x = np.random.default_rng(n).normal(0, 1.0, n) + 2.0 * (np.arange(n) % 3 == 1)
    want, got = expected(x, 0.1, 2.0, variance), found(x, 0.1, 2.0, variance, first=4)
    assert got[0] == pytest.approx(want[0], rel=1e-12, abs=1e-12)
    np.testing.assert_allclose(got[1], want[1], rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(got[2], want[2], rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("noise", [0.3, 5.0])
def test_no_length_of_a_ramp_makes_numbers_too_small(noise):
    """The likelihood of thousands of groups is below every number that the computer knows."""
    rng = np.random.default_rng(1)
    n, variance = 4000, 0.09
    x = rng.normal(0, noise, n) + 2.0 * (rng.random(n) < 0.4)
    a = np.array([DOWN, UP]) / (UP + DOWN)
    step = np.array([[1 - UP, UP], [DOWN, 1 - DOWN]])
    chance = np.exp(
        -0.5 * (np.stack([x, x - 2.0], axis=1) ** 2 - 0) / variance, dtype=np.longdouble
    )
    forward, total = [], np.longdouble(0)
    for k in range(n):
        a = (a if k == 0 else a @ step) * chance[k]
        total += np.log(a.sum())
        a = a / a.sum()
        forward.append(a)
    b, high, downs = np.ones(2, np.longdouble), np.empty(n), 0.0
    high[-1] = forward[-1][1]
    for k in range(n - 2, -1, -1):
        joint = forward[k][:, None] * step * (chance[k + 1] * b)[None, :]
        joint /= joint.sum()
        high[k], downs = joint[1].sum(), downs + joint[1, 0]
        b = step @ (chance[k + 1] * b)
        b /= b.sum()
    got = found(x, 0.0, 2.0, variance)
    assert np.isfinite(got[0])
    assert got[0] == pytest.approx(float(total), rel=1e-10)
    assert got[1][0] == pytest.approx(float(downs), rel=1e-9)
    np.testing.assert_allclose(got[2], high, rtol=1e-7, atol=1e-12)


def test_a_jump_is_where_ramps_are_cut():
    rng = np.random.default_rng(5)
    starts, ends = np.array([0, 7, 8, 20]), np.empty((20, 2), np.int64)
    seen = set()
    for trial in range(400):
        values = rng.normal(0, 1, (20, 1)).astype(np.float32)
        values[rng.random(20) < 0.15] = rng.choice([np.nan, np.inf, -np.inf])
        limit = rng.choice([1.0, 2.5, 4.0, np.inf])
        cuts = [
            telegraph.split(values, 0, *part, 0.1, limit, ends)[1]
            for part in itertools.pairwise(starts)
        ]
        assert telegraph.any_jump(values, 0, starts, 0.1, limit) == any(cuts), trial
        seen.add(any(cuts))
    assert seen == {True, False}
