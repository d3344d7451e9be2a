"""Running statistics: exact sums, in any number of parts."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from darkroom.cgi.raw import network
from darkroom.cgi.stacks.moments import Moments
from darkroom.cgi.units import NONFINITE
from darkroom.compiled import load_kernel

SHAPE = (4, 5)


def frames(seed, n, masked=0.2):
    rng = np.random.default_rng(seed)
    data = rng.normal(5, 100, (n, *SHAPE)).astype(np.float32)
    err = rng.random((n, *SHAPE)).astype(np.float32)
    dq = np.where(rng.random((n, *SHAPE)) < masked, 128, 0).astype(np.uint16)
    return data, err, dq


def moments_of(data, err, dq, parts=1):
    total = Moments.zeros(SHAPE)
    for part in np.array_split(np.arange(len(data)), parts):
        total.add(data[part], err[part], dq[part])
    return total


def reference(data, err, dq):
    good = dq == 0
    masked = np.ma.masked_array(data.astype(float), ~good)
    return good.sum(0), masked.sum(0).filled(0), masked.var(0).filled(0) * good.sum(0)


def test_counts_sums_and_squares_are_those_of_the_unmasked_samples():
    data, err, dq = frames(1, 9)
    found = moments_of(data, err, dq)
    count, total, m2 = reference(data, err, dq)
    assert np.array_equal(found.count, count)
    assert np.array_equal(found.total, total)
    np.testing.assert_allclose(found.m2, m2, rtol=1e-13)
    np.testing.assert_allclose(
        found.err2, np.where(dq == 0, err.astype(float) ** 2, 0).sum(0), rtol=1e-15
    )
    assert np.array_equal(found.seen, np.bitwise_or.reduce(dq, axis=0))


@given(
    data=hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 12), st.just(4), st.just(5)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    parts=st.integers(1, 5),
    seed=st.integers(0, 99),
)
@settings(max_examples=40)
def test_parts_merged_are_the_whole(data, parts, seed):
    rng = np.random.default_rng(seed)
    dq = (rng.random(data.shape) < 0.3).astype(np.uint16)
    whole = moments_of(data, data, dq)
    merged = Moments.zeros(SHAPE)
    for part in np.array_split(np.arange(len(data)), parts):
        if part.size:
            merged.merge(moments_of(data[part], data[part], dq[part]))
    assert np.array_equal(whole.count, merged.count)
    scale = np.abs(data.astype(float)).max() + 1e-30
    np.testing.assert_allclose(whole.total, merged.total, rtol=0, atol=1e-14 * scale * len(data))
    np.testing.assert_allclose(whole.m2, merged.m2, rtol=1e-12, atol=1e-12 * scale**2)


def test_squares_survive_a_level_a_million_times_the_scatter():
    rng = np.random.default_rng(3)
    data = 1e6 + rng.normal(0, 1, (50, *SHAPE))
    found = moments_of(data, data, np.zeros(data.shape, np.uint16), parts=7)
    np.testing.assert_allclose(found.m2, data.var(0) * 50, rtol=1e-9)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["data", "err"])
def test_a_sample_that_is_not_finite_does_not_count_and_leaves_a_flag(bad, where):
    data, err, dq = frames(4, 3, masked=0)
    (data if where == "data" else err)[1, 2, 3] = bad
    found = moments_of(data, err, dq)
    assert found.count[2, 3] == 2
    assert found.seen[2, 3] == NONFINITE
    assert (found.seen > 0).sum() == 1
    assert np.isfinite([found.total, found.m2, found.err2]).all()


def test_a_masked_sample_may_be_anything():
    data, err, dq = frames(5, 4, masked=0)
    dq[2, 0, 0] = 32
    plain = moments_of(data, err, dq)
    data[2, 0, 0] = np.nan
    spoilt = moments_of(data, err, dq)
    assert np.array_equal(plain.total, spoilt.total)
    assert np.array_equal(plain.seen, spoilt.seen)


def test_errors_may_be_left_unread():
    data, err, dq = frames(6, 5)
    with_errors, without = Moments.zeros(SHAPE), Moments.zeros(SHAPE, with_err=False)
    with_errors.add(data, err, dq)
    without.add(data, None, dq)
    assert without.err2 is None
    assert np.array_equal(with_errors.m2, without.m2)
    without.merge(with_errors)
    assert np.array_equal(without.count, 2 * with_errors.count)


def test_frames_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"frames of shape \(2, 4, 4\).* for pixels \(4, 5\)"):
        Moments.zeros(SHAPE).add(np.zeros((2, 4, 4)), np.zeros((2, 4, 4)), np.zeros((2, 4, 4)))


def test_constants_of_kernels_are_those_of_the_modules_they_stand_for():
    """Compiled code holds its constants in its own file: numba notices no edit of another."""
    moments = load_kernel("darkroom.cgi.stacks.moments_kernel")
    ranks = load_kernel("darkroom.cgi.raw.rank_kernel")
    assert moments.NONFINITE == NONFINITE
    assert (ranks.SIZE, ranks.BOTH, ranks.LOWER) == (network.SIZE, network.BOTH, network.LOWER)
