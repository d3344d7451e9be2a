"""mean_combine: means over good samples, and every refusal of the peer in words."""

import numpy as np
import pytest

from darkroom.cgi.darks.mean import independent_error, mean_combine

FRAME, GOOD = np.full((2, 3), 3.0), np.zeros((2, 3), int)


def test_bad_samples_are_left_out_and_where_all_are_bad_the_mean_is_zero():
    maps = [GOOD.copy(), GOOD.copy()]
    maps[0][0, 0] = maps[0][1, 1] = maps[1][1, 1] = 1
    image, bad, count, enough = mean_combine([FRAME, 3 * FRAME], maps)
    assert (image[0, 0], image[0, 1], image[1, 1]) == (9, 6, 0)
    assert bad.sum() == bad[1, 1] == 1
    assert (count[0, 0], count[0, 1], count[1, 1]) == (1, 2, 0)
    assert not enough


def test_exactly_half_of_the_frames_is_enough():
    maps = [GOOD.copy(), GOOD.copy()]
    maps[0][0, 0] = 1
    assert mean_combine([FRAME, FRAME], maps).enough


def test_an_error_that_all_frames_share_stays_and_independent_ones_average_out():
    assert mean_combine([FRAME] * 4, [GOOD] * 4, err=True).image[0, 0] == 3.0
    assert independent_error([FRAME] * 4, [GOOD] * 4)[0, 0] == 1.5


def test_an_array_may_be_one_frame_or_a_stack():
    assert mean_combine(FRAME, GOOD).count[0, 0] == 1
    assert mean_combine(np.stack([FRAME] * 5), np.stack([GOOD] * 5)).count[0, 0] == 5


@pytest.mark.parametrize(
    ("frames", "maps", "text"),
    [
        ("frames", [GOOD], "frames must be a list or an array, not str"),
        ([FRAME], (GOOD,), "bad-pixel maps must be a list or an array, not tuple"),
        ([FRAME], [GOOD, GOOD], "1 frames and 2 bad-pixel maps"),
        ([], [], "no frame to combine"),
        (np.zeros(0), np.zeros(0, int), "no frame to combine"),
        ([np.zeros(3)], [np.zeros(3, int)], "frame 0 is not a two-dimensional array"),
        ([FRAME, np.zeros((3, 3))], [GOOD, GOOD], r"frame 1 has the shape \(3, 3\)"),
        ([FRAME], [np.zeros((3, 3), int)], r"bad-pixel map 0 has the shape \(3, 3\)"),
        ([FRAME], [GOOD + 2], "values other than 0"),
        ([FRAME], [GOOD.astype(float)], "holds float64, integers are needed"),
    ],
)
def test_input_of_another_kind_is_refused(frames, maps, text):
    with pytest.raises(TypeError, match=text):
        mean_combine(frames, maps)
