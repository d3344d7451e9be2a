"""Dark subtraction: the dark that fits, the error, the flags, and whether it helped."""

import numpy as np
import pytest

from ccd_frames import facts
from darkroom.ccd.dq import DQ
from darkroom.ccd.products.dark_rate import Rate
from darkroom.ccd.products.master import MasterImage
from darkroom.ccd.subtract import choose, quality, subtract
from darkroom.errors import InputError

SHAPE = (40, 50)


def full(value):
    return np.full(SHAPE, value, np.float32)


def master(exptime, group=1, temperature=-5.0, level=1100.0, count=9):
    flags = np.zeros(SHAPE, np.int32)
    return MasterImage(
        full(level), full(3.0), full(count), flags, exptime, group, temperature, 0.3
    )  # fmt: skip


def rate(group=1, temperature=-5.0):
    flags = np.zeros(SHAPE, np.int32)
    return Rate(
        full(1.5), full(0.4), full(-0.9), flags, full(1080.0), full(3.0), group, temperature, 0.05
    )


def science(exptime=10.0, temperature=-5.0):
    return facts("target", exptime, temperature, SHAPE)


def test_master_of_the_exposure_time_is_taken_where_there_is_one():
    dark = choose(science(), [master(5.0), master(10.0, level=1095.0)], [rate()], 0.2)
    assert (dark.how, dark.image[0, 0], dark.common) == ("matched", 1095.0, 0.3)
    assert dark.noise[0, 0] == pytest.approx(9.0)


def test_of_two_temperatures_the_nearer_is_taken():
    masters = [master(10.0, 1, -5.2), master(10.0, 2, -4.8)]
    assert choose(science(temperature=-4.85), masters, [], 0.5).group == 2


def test_other_exposure_times_take_bias_and_rate_with_their_covariance():
    dark = choose(science(20.0), [master(10.0)], [rate()], 0.2)
    assert (dark.how, dark.image[0, 0]) == ("scaled", 1110.0)
    assert dark.error[0, 0] == pytest.approx(np.sqrt(9 + (20 * 0.4) ** 2 - 2 * 20 * 0.9))
    assert dark.common == pytest.approx(1.0)


def test_no_dark_of_its_temperature_is_refused():
    with pytest.raises(InputError, match=r"taken at 0.00 C, the darks at -5.00 C; they may differ"):
        choose(science(temperature=0.0), [master(10.0)], [rate()], 0.2)


def test_no_way_to_scale_is_refused():
    with pytest.raises(InputError, match="exposed for 60 s, the darks at its temperature for"):
        choose(science(60.0), [master(10.0)], [], 0.2)


def test_unknown_temperatures_are_not_compared():
    assert choose(science(temperature=None), [master(10.0)], [], 0.2).how == "matched"


def test_error_without_a_gain_is_that_of_a_dark_frame_and_the_master():
    dark = choose(science(), [master(10.0)], [], 0.2)
    made = subtract(full(1300.0), dark, level=65535, read_noise=8.0)
    assert made.image[0, 0] == 200.0
    assert made.error[0, 0] == pytest.approx(np.hypot(9.0, 3.0))
    assert not made.photon_noise


def test_error_with_a_gain_holds_the_photon_noise():
    dark = choose(science(), [master(10.0)], [], 0.2)
    made = subtract(full(1300.0), dark, level=65535, read_noise=8.0, zero=full(1080.0))
    assert made.error[0, 0] == pytest.approx(np.sqrt(64 + 220 + 9))
    assert made.photon_noise


def test_quoted_error_is_the_scatter_of_the_result():
    """Poisson light and dark counts in electrons, pulls of the difference from the light."""
    rng, shape, frames = np.random.default_rng(0), (120, 120), 16
    bias, counts, light, sigma = 500.0, 60.0, 300.0, 9.0
    darks = bias + rng.poisson(counts, (frames, *shape)) + sigma * rng.normal(size=(frames, *shape))
    target = bias + rng.poisson(counts + light, shape) + sigma * rng.normal(size=shape)
    image, error = darks.mean(axis=0), darks.std(axis=0, ddof=1) / np.sqrt(frames)
    flags, count = np.zeros(shape, np.int32), np.full(shape, frames)
    one = MasterImage(image, error, count, flags, 10.0, 1, -5.0, 0.0)
    dark = choose(facts("t", 10.0, -5.0, shape), [one], [], 0.2)
    made = subtract(target, dark, level=1e9, read_noise=sigma, zero=np.full(shape, bias))
    pull = (made.image - light) / made.error
    assert pull.std() == pytest.approx(1, abs=0.02)


def test_flags_are_handed_on_and_saturated_samples_are_flagged():
    dark = choose(science(), [master(10.0)], [], 0.2)
    frame, flags = full(1300.0), np.zeros(SHAPE, np.int32)
    frame[3, 4], frame[5, 6], flags[7, 8] = 65535, np.nan, DQ.HOT
    made = subtract(frame, dark, level=65535, flags=flags, read_noise=8.0)
    assert np.argwhere(made.dq).tolist() == [[3, 4], [5, 6], [7, 8]]
    assert (made.dq[3, 4], made.dq[5, 6], made.dq[7, 8]) == (DQ.SATURATED, DQ.NONFINITE, DQ.HOT)


def test_a_saturated_frame_is_refused():
    dark = choose(science(), [master(10.0)], [], 0.2)
    with pytest.raises(ValueError, match=r"100 % of its pixels are saturated \(at or above"):
        subtract(full(65535.0), dark, level=65535, read_noise=8.0)


def test_quality_sees_what_a_subtraction_takes_away():
    """Gradient, hot pixels and fixed pattern go; stars do not count."""
    rng = np.random.default_rng(0)
    shape = (128, 128)
    pattern = 40 * np.arange(128) / 128 + 2 * rng.standard_normal(shape)
    hot = np.zeros(shape, bool)
    hot[::20, ::20] = True
    pattern[hot] += 200
    frame = pattern + 10 * rng.standard_normal(shape)
    frame[60:64, 60:64] += 5000
    before, after = (quality(image, ~hot, hot) for image in (frame, frame - pattern))
    assert after.spread == pytest.approx(10, rel=0.03)
    assert before.spread == pytest.approx(np.sqrt(100 + 4 + 40**2 / 12), rel=0.03)
    assert after.fine == pytest.approx(10, rel=0.03)
    assert before.hot > 190
    assert after.hot < 20
    assert abs(before.gradient.x - 40) < 5 * before.gradient.x_error
    assert abs(after.gradient.x) < 5 * after.gradient.x_error
