"""The notebook's numbers by its own definitions, ours beside them, and its questions answered."""

import numpy as np
import pytest

from darkroom.ccd.answers import answers, plus_minus
from darkroom.ccd.background import gradient
from darkroom.ccd.products.quantities_text import plain, tsv
from darkroom.ccd.quantities import CameraNumbers, NotebookStack, added_noise, table
from darkroom.ccd.stack.noise import PooledVariance

SHAPE = (60, 80)


def cube(n, level, seed):
    rng = np.random.default_rng(seed)
    x = np.arange(SHAPE[1]) / SHAPE[1]
    return np.rint(level + 40 * (1 - x) + 10 * rng.standard_normal((n, *SHAPE))).astype(np.float32)


def stack(values, exptime):
    mean, std = values.mean(axis=0, dtype=float), values.std(axis=0, ddof=1, dtype=float)
    return NotebookStack(mean, std, values[0], len(values), exptime)


BIAS, DARK = cube(10, 1060, 0), cube(29, 1074, 1)


def ours(**changes):
    flat = np.full(SHAPE, 10.0)
    values = {
        "bias": BIAS.mean(axis=0),
        "bias_error": flat / np.sqrt(10),
        "bias_std": flat,
        "bias_std_error": flat / 4,
        "bias_common": 0.3,
        "read_noise": 10.85,
        "read_noise_error": 0.004,
        "bias_variance": PooledVariance(117.7, 0.08, 1.0),
        "dark_variance": PooledVariance(120.2, 0.05, 1.0),
        "rate": 1.387,
        "rate_error": 0.04,
        "rates": [(1, -5.23, 1.35, 0.05), (2, -4.82, 1.387, 0.04)],
        "bias_gradient": gradient(BIAS.mean(axis=0)),
        "dark_gradient": gradient(DARK.mean(axis=0) - BIAS.mean(axis=0)),
    }
    values |= changes
    one = {"mixed": values["rate"], "mixed_error": values["rate_error"],
           "first": values["rate"], "first_error": values["rate_error"]}  # fmt: skip
    return CameraNumbers(**(one | values))


def rows(**changes):
    found = table(stack(BIAS, 0.04), stack(DARK, 10.0), ours(**changes), (20, 30), "adu")
    return {row.name: row for row in found}


def test_notebook_values_are_its_formulas():
    """Each as the notebook types it."""
    found = rows()
    bias_mean, bias_std = BIAS.mean(axis=0), BIAS.std(axis=0, ddof=1)
    current = DARK.mean(axis=0).mean() - bias_mean.mean()
    expected = {
        "brightest_bias_value": BIAS[0].max(),
        "brightest_bias_index": BIAS[0].argmax(),
        "bias_spatial_std": BIAS[0].std(),
        "bias_pixel_mean": BIAS[:, 20, 30].mean(),
        "bias_pixel_std": BIAS[:, 20, 30].std(ddof=1),
        "mean_read_noise": bias_std.mean(),
        "median_read_noise": np.median(bias_std),
        "mean_bias": bias_mean.mean(),
        "median_bias": np.median(bias_mean),
        "dark_first_mean": DARK[0].mean(),
        "dark_first_median": np.median(DARK[0]),
        "dark_current_first": DARK[0].mean() - bias_mean.mean(),
        "dark_rate_first": (DARK[0].mean() - bias_mean.mean()) / 10,
        "bias_subtracted_dark_mean": (DARK[0] - bias_mean).mean(),
        "bias_subtracted_dark_median": np.median(DARK[0] - bias_mean),
        "dark_current": current,
        "dark_rate": current / 10,
        "mean_dark_noise": DARK.std(axis=0, ddof=1).mean(),
        "median_dark_noise": np.median(DARK.std(axis=0, ddof=1)),
        "dark_counts_in_bias": current / 10 * 0.04,
    }
    for name, value in expected.items():
        assert found[name].notebook == pytest.approx(value, rel=1e-5), name


def test_ours_uses_the_true_time_difference_and_the_common_error():
    found = rows()
    assert found["dark_current"].value == pytest.approx(1.387 * (10 - 0.04))
    assert found["mean_bias"].uncertainty == 0.3
    assert found["dark_rate_group_1"].value == 1.35


def test_the_published_noises_give_the_excess_without_the_bias_of_few_samples():
    """10.558 and 10.871 of 10 and 29 samples: 2.59 ADU apparent, 1.57 ADU real."""
    naive = np.sqrt(10.870688**2 - 10.557842**2)
    real = added_noise(
        PooledVariance((10.557842 / 0.9727) ** 2, 0.08, 1.0),
        PooledVariance((10.870688 / 0.9911) ** 2, 0.05, 1.0),
    )
    assert naive == pytest.approx(2.59, abs=0.01)
    assert real[2] == pytest.approx(1.57, abs=0.03)
    assert real[3] == pytest.approx(np.hypot(0.08, 0.05) / 2 / real[2])


def test_no_excess_is_no_number():
    assert np.isnan(
        added_noise(PooledVariance(120.0, 0.1, 1.0), PooledVariance(119.0, 0.1, 1.0))[2]
    )
    text = answers(rows(dark_variance=PooledVariance(117.0, 0.1, 1.0)).values(), [], "adu")[0][
        "answer"
    ]
    assert text.startswith("none is detected: the variance of the darks of 10 s exceeds that")


def test_questions_are_answered_with_numbers_and_errors():
    cards = {
        "name": "target", "SPRBEF": 20.0, "SPRAFT": 12.0, "RNGBEF": 53.0, "RNGAFT": 0.3,
        "HOTBEF": 99.0, "HOTAFT": 13.0, "FINBEF": 12.0, "FINAFT": 12.2, "DARKSTD": 2.5,
        "DARKHOW": "matched", "EXPTIME": 10.0,
    }  # fmt: skip
    noise, held, where, better = answers(rows().values(), [cards], "adu")
    assert noise["answer"].startswith("1.581 ± 0.030 ADU in 10 s (variance 2.500 ± 0.094 ADU²)")
    assert held["answer"].startswith("0.0555 ± 0.0016 ADU in 0.04 s, 0.51 % of the read noise")
    assert where["answer"].startswith("in the bias; none is detected in the dark: left minus right")
    assert better["answer"].startswith(
        "yes: the background's spread changed from 20.00 to 12.00 ADU"
    )


def test_dark_counts_that_cannot_be_told_from_none_are_said_so():
    found = answers(rows(rate=-0.1, rate_error=0.3).values(), [], "adu")
    assert found[1]["answer"].endswith("not significant")


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.23456, 0.0321, "1.235 ± 0.032"),
        (265.97, 3.9, "266.0 ± 3.9"),
        (1234.5, 12.0, "1234 ± 12"),
        (-3.8e-9, 8.7e-9, "-3.8e-09 ± 8.7e-09"),
        (2.0, None, "2"),
    ],
)
def test_numbers_are_given_to_two_digits_of_their_error(value, error, text):
    assert plus_minus(value, error) == text


def test_table_text_has_blanks_where_there_is_nothing():
    text = tsv(list(rows(bias_common=np.nan).values()))
    header, *lines = text.splitlines()
    assert header == "name\tnotebook\tours\tuncertainty\tunit\tdefinition"
    assert {line.count("\t") for line in lines} == {5}
    mean = next(line for line in lines if line.startswith("mean_bias\t")).split("\t")
    assert mean[3] == ""
    assert "nan" not in text
    assert plain({"a": [np.float32(1.5), np.nan, (1, None)]}) == {"a": [1.5, None, [1, None]]}
