"""Fourier transforms of long series, and products of those of pairs of real series."""

import numpy as np
import pytest

from darkroom.nircam.spectrum.long import AnyTransform, LongTransform
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
        lags = LongTransform(sums.shape).correlation(sums.waves(place))
        assert np.abs(lags - np.fft.irfft(expected, sums.length)).max() < scale / 10
        real, imaginary = sums.parts(place)
        inside = number[known].astype(int)
        assert np.abs(real[known] - expected.real[inside]).max() < scale
        assert (imaginary is None) == (a == b)
        if imaginary is not None:
            assert np.abs(imaginary[known] - expected.imag[inside]).max() < scale


def test_sums_stay_when_the_memory_of_the_transforms_goes_to_others():
    sums = ProductSums(2, 64)
    sums.next_series(20)[:] = 1
    others = sums.successor()
    others.next_series(20)[:] = 2
    others.forget_series()
    assert sums.waves(1)[0, 0] == pytest.approx(400)
    assert others.waves(1)[0, 0] == pytest.approx(1600)


def test_long_transforms_are_those_of_numpy():
    rng, shape = np.random.default_rng(20261130), (24, 30)
    long, taper, number = LongTransform(shape), rng.normal(size=500), rng.normal(size=shape)
    power = long.power(taper)
    expected = np.square(np.abs(np.fft.fft(taper, 720)))
    k, m = np.indices(power.shape)
    np.testing.assert_allclose(power, expected[k + 24 * m], rtol=1e-11, atol=1e-10)
    lags = long.correlation(power.astype(np.complex128))
    np.testing.assert_allclose(lags, np.fft.ifft(expected).real, atol=1e-12)
    waves = long.forward(number + 1j)
    k, m = np.indices(shape)
    np.testing.assert_allclose(waves, np.fft.fft((number + 1j).ravel())[k + 24 * m], atol=1e-12)
    np.testing.assert_allclose(long.back(waves), number + 1j, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 97, 360])
def test_transforms_of_any_length_are_those_of_numpy(n):
    """A length with large prime factors, too."""
    first, second = np.random.default_rng(n).normal(size=(2, n))
    transform = AnyTransform(n, (24, 30))
    np.testing.assert_allclose(transform(first), np.fft.fft(first), atol=1e-12)
    expected = np.fft.fft(first + 1j * second)
    np.testing.assert_allclose(transform(first, second), expected, atol=1e-12)
