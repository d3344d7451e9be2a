"""Order statistics are those of numpy to the bit, of rows too; labels of logarithmic axes."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from darkroom import order
from darkroom.plot import measures, ticks

RNG = np.random.default_rng(20)
SHAPES = {
    "normal": lambda n: RNG.normal(1000, 10, n),
    "digital": lambda n: np.rint(RNG.normal(1000, 2, n)),
    "long tail": lambda n: RNG.exponential(1, n) ** 3,
    "equal": lambda n: np.full(n, 7.0),
    "two values": lambda n: RNG.integers(0, 2, n) * 1.0,
    "rising": lambda n: np.arange(n) * 1.0,
    "gaps": lambda n: np.where(RNG.random(n) < 0.6, np.nan, RNG.normal(0, 1, n)),
    "infinite": lambda n: np.where(RNG.random(n) < 0.01, -np.inf, RNG.normal(0, 1, n)),
}


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("number", [1, 2, 3, 101, 2_001, 2_002, 20_001, 20_002, 150_000])
@pytest.mark.parametrize("shape", SHAPES)
def test_order_statistics_are_those_of_numpy_to_the_bit(shape, number, kind):
    values = SHAPES[shape](number).astype(kind)
    finite = values[np.isfinite(values)]
    if not finite.size:
        assert np.isnan(order.median(values))
        return
    centre = np.median(finite)
    assert order.median(values) == centre
    assert type(order.median(values)) is type(centre)
    assert order.median_distance(values, centre) == np.median(np.abs(finite - centre))
    wanted = [0, 0.158655, 0.5, 0.841345, 0.9999, 1]
    np.testing.assert_array_equal(
        order.quantiles(values, wanted), np.quantile(finite.astype(float), wanted)
    )


def test_a_sample_that_misleads_costs_time_and_no_accuracy():
    # What the sample meets lies far from the median of the rest.
    values = RNG.normal(0, 1, 200_000)
    values[:: (200_000 // 8192) | 1] = 1e6
    assert order.median(values) == np.median(values)
    assert order.median_distance(values, 0.0) == np.median(np.abs(values))


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint16])
def test_levels_are_counted(kind):
    values = RNG.integers(500, 900, 10_000).astype(kind)
    found, counts = order.levels(values, 1 << 21)
    expected = np.unique(values, return_counts=True)
    np.testing.assert_array_equal(found, expected[0])
    np.testing.assert_array_equal(counts, expected[1])


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.uint16, np.int64])
@pytest.mark.parametrize("edges", [np.linspace(-3, 40, 51), np.array([0.0, 1.0, 1.5, 9.0, 9.1])])
def test_histograms_are_those_of_numpy(kind, edges):
    values = np.abs(np.random.default_rng(3).normal(9, 9, 5000)).astype(kind)
    values[: edges.size] = np.maximum(edges, 0).astype(kind)
    assert np.array_equal(order.histogram(values, edges), np.histogram(values, edges)[0])


def test_what_is_no_digital_level_has_none():
    assert order.levels(np.array([1.0, 1.5]), 100) is None
    assert order.levels(np.array([0.0, 101.0]), 100) is None
    assert order.levels(np.array([]), 100) is None


def test_row_medians_are_the_grouped_medians_of_each_row():
    lines = np.stack(
        [
            RNG.normal(10, 2, 101),
            np.rint(RNG.normal(1000, 3, 101)),
            4 * np.rint(RNG.normal(1000, 3, 101)),
            np.full(101, 5.0),
            np.where(np.arange(101) % 3, np.rint(RNG.normal(0, 3, 101)), np.nan),
            np.full(101, np.nan),
            1e9 * np.rint(RNG.normal(0, 3, 101)),
        ]
    ).astype(np.float32)
    for some in (lines, lines[:, :100]):
        expected = [measures.quantiles(line, 0.5) for line in some]
        np.testing.assert_allclose(measures.row_medians(some), expected, rtol=1e-14)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("shape", [(5, 1), (40, 2), (300, 187), (17, 765)])
def test_medians_of_rows_are_those_of_numpy_without_nan(shape, kind):
    lines = RNG.normal(1000, 10, shape).astype(kind)
    np.testing.assert_array_equal(order.row_medians(lines), np.median(lines, axis=1))
    lines[RNG.random(shape) < 0.2] = np.nan
    lines[1] = np.nan
    found, some = order.row_medians(lines), ~np.isnan(lines).all(axis=1)
    assert found.dtype == kind
    np.testing.assert_array_equal(found[some], np.nanmedian(lines[some], axis=1))
    assert np.isnan(found[~some]).all()


@pytest.mark.parametrize("shape", [(1, 1), (16, 3), (37, 50)])
def test_columns_are_the_transposed_image(shape):
    image = RNG.normal(0, 1, shape).astype(np.float32)
    found = order.columns(image)
    assert found.flags.c_contiguous
    np.testing.assert_array_equal(found, image.T)


def test_a_logarithmic_axis_writes_its_powers_in_plain_letters():
    figure = Figure()
    axes = figure.add_subplot()
    axes.set_yscale("log")
    ticks.write_powers(axes.yaxis)
    axes.set_ylim(0.005, 2e4)
    labels = axes.yaxis.get_major_formatter().format_ticks([0.01, 1.0, 1e4])
    assert labels == ["10⁻²", "10⁰", "10⁴"]
    axes.set_ylim(1500, 4500)
    assert axes.yaxis.get_minor_formatter().format_ticks([2e3, 3e3]) == ["2×10³", "3×10³"]
