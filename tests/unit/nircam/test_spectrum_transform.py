"""Products of Fourier transforms of pairs of real series."""

import numpy as np
import pytest

from darkroom.nircam.spectrum.transform import ProductSums, fast_shape


@pytest.mark.parametrize("minimum", [4, 7, 100, 4865, 2 * 2049 * 524])
def test_the_shape_holds_the_length_and_is_even(minimum):
    rows, columns = fast_shape(minimum)
    assert rows % 2 == columns % 2 == 0
    assert minimum <= rows * columns <= 1.15 * minimum + 4


@pytest.mark.parametrize("nseries", [1, 2, 5])
def test_products_are_those_of_single_transforms(nseries):
    """An odd number leaves the last series alone; each frequency is there once."""
    rng, count, ticks = np.random.default_rng(20261129), 3, 700
    sums = ProductSums(count, 2 * ticks)
    series = rng.normal(size=(nseries, count, ticks)).astype(np.float32)
    for one in series:
        sums.next_series(ticks)[:] = one
    sums.finish()
    waves = np.fft.rfft(series.astype(np.float64), sums.length)
    number = sums.frequency
    known = np.isfinite(number)
    assert sorted(number[known]) == list(range(sums.length // 2 + 1))
    for place, (a, b) in enumerate(sums.pairs):
        expected = (waves[:, a] * waves[:, b].conj()).sum(axis=0)
        scale = 1e-5 * np.abs(waves).max() ** 2
        assert np.abs(sums.ordered(place) - expected).max() < scale
        real, imaginary = sums.parts(place)
        inside = number[known].astype(int)
        assert np.abs(real[known] - expected.real[inside]).max() < scale
        assert (imaginary is None) == (a == b)
        if imaginary is not None:
            assert np.abs(imaginary[known] - expected.imag[inside]).max() < scale


def test_sums_stay_when_the_memory_of_the_transforms_is_given_up():
    sums = ProductSums(2, 64)
    sums.next_series(20)[:] = 1
    sums.forget_series()
    assert sums.ordered(1)[0] == pytest.approx(400)
