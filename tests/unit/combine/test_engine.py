"""The engine equals astropy and numpy to the last bit, however its work is cut up."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.stats import sigma_clip
from hypothesis import given, settings
from hypothesis import strategies as st

from darkroom.combine import Clip, clip_block, combine_array, combine_stack
from darkroom.errors import DarkroomError
from darkroom.fits.tiles import FrameStack

EVERYTHING = ("mean", "median", "std", "std0", "error")
STDFUNC = {"sigma": "std", "mad": "mad_std"}


def reference(cube, clip):
    """Clip with astropy and reduce with numpy, all in float64; rounded to float32 at the end."""
    cube = np.asarray(cube, np.float64)
    with warnings.catch_warnings(), np.errstate(invalid="ignore"):
        warnings.simplefilter("ignore")
        if clip.method == "none":
            kept = np.where(np.isfinite(cube), cube, np.nan)
        else:
            kept = sigma_clip(
                cube, sigma=clip.nsigma, maxiters=clip.iterations, axis=0,
                stdfunc=STDFUNC[clip.method], masked=False,
            )  # fmt: skip
        count = np.isfinite(kept).sum(axis=0)
        std = np.where(count > 1, np.nanstd(kept, axis=0, ddof=1), np.nan)
        images = {
            "mean": np.nanmean(kept, axis=0),
            "median": np.nanmedian(kept, axis=0),
            "std": std,
            "std0": np.nanstd(kept, axis=0),
            "error": std / np.sqrt(count),
        }
    images = {name: image.astype(np.float32) for name, image in images.items()}
    return images | {"count": count, "nclipped": np.isfinite(cube).sum(axis=0) - count}


def assert_same_bits(result, expected):
    for name, wanted in expected.items():
        found = getattr(result, name)
        np.testing.assert_array_equal(found, wanted, err_msg=name)
        if wanted.dtype == np.float32:  # array_equal takes -0 for 0
            signs = np.signbit(found) == np.signbit(wanted)
            assert (signs | np.isnan(wanted)).all(), f"{name}: sign of zero"


def random_stack(generator, kind, n, lost, dtype, shape=(3, 60)):
    shape = (n, *shape)
    if kind == "noise":
        cube = generator.normal(1000, 10, shape)
    elif kind == "ties":
        cube = generator.integers(-2, 3, shape).astype(np.float64)
    elif kind == "rounded":  # with negative zeros
        cube = generator.normal(0, 1, shape).round(1)
    elif kind == "outliers":
        cube = generator.standard_cauchy(shape)
    else:  # constant but for single values
        cube = np.where(generator.random(shape) < 0.1, 1.0, 0.0) + generator.normal()
    for bad in (np.nan, np.inf, -np.inf):
        cube[generator.random(shape) < lost / 3] = bad
    return cube.astype(dtype)


stacks = st.builds(
    lambda seed, *rest: random_stack(np.random.default_rng(seed), *rest),
    st.integers(0, 2**32),
    st.sampled_from(["noise", "ties", "rounded", "outliers", "constant"]),
    st.integers(1, 40),
    st.sampled_from([0.0, 0.1, 0.6]),
    st.sampled_from(["f4", "f8"]),
)
clips = st.builds(
    Clip,
    st.sampled_from(["sigma", "mad"]),
    st.sampled_from([1.5, 2.0, 2.5, 3.0, 5.0]),
    st.integers(1, 6),
)


@settings(max_examples=150)
@given(stacks, clips)
def test_clip_mean_median_and_std_are_those_of_astropy_to_the_last_bit(cube, clip):
    assert_same_bits(combine_array(cube, clip, outputs=EVERYTHING), reference(cube, clip))


@pytest.mark.parametrize("method", ["sigma", "mad", "none"])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_every_number_of_frames_up_to_forty_is_exact(method, dtype):
    generator = np.random.default_rng(5)
    for n in range(1, 41):
        cube = random_stack(generator, "outliers", n, 0.1, dtype)
        clip = Clip(method, 3.0, 3)
        assert_same_bits(combine_array(cube, clip, outputs=EVERYTHING), reference(cube, clip))


@pytest.mark.parametrize(("n", "nsigma"), [(5, 2.5), (10, 10 / 3), (17, 4.25), (26, 5.2)])
def test_an_outlier_exactly_at_the_limit_is_judged_by_astropys_own_rounding(n, nsigma):
    """A lone outlier lies n / sqrt(n - 1) deviations out: the last bit of the std decides."""
    generator = np.random.default_rng(n)
    cube = np.full((n, 20, 50), 1.0) * generator.random((20, 50))
    cube[generator.integers(n, size=(20, 50)), *np.indices((20, 50))] += generator.random((20, 50))
    expected = reference(cube, Clip("sigma", nsigma, 5))
    assert 0 < expected["nclipped"].sum() < 1000  # rounding decides both ways
    assert_same_bits(combine_array(cube, Clip("sigma", nsigma, 5), outputs=EVERYTHING), expected)


@pytest.mark.parametrize("n", [20, 21, 29, 40])
def test_a_limit_put_on_a_value_is_judged_by_astropys_own_order_of_sums(n):
    generator = np.random.default_rng(n)
    clipped = 0
    for _ in range(300):
        cube = generator.exponential(1, (n, 1, 2))  # the largest lies farthest out
        pixel = cube[:, 0, 0]
        nsigma = (pixel.max() - np.median(pixel)) / pixel.std()
        expected = reference(cube, Clip("sigma", nsigma, 1))
        clipped += expected["nclipped"][0, 0]
        assert_same_bits(
            combine_array(cube, Clip("sigma", nsigma, 1), outputs=EVERYTHING), expected
        )
    assert 30 < clipped < 270  # rounding decides both ways


def test_more_frames_than_lanes_and_odd_widths_are_exact():
    cube = random_stack(np.random.default_rng(1), "outliers", 300, 0.05, "f4", (1, 131))
    for clip in (Clip("sigma", 3.0, 3), Clip("mad", 5.0)):
        assert_same_bits(combine_array(cube, clip, outputs=EVERYTHING), reference(cube, clip))


def test_pixels_without_values_are_nan_with_count_zero():
    cube = np.full((4, 2, 2), np.nan, np.float32)
    cube[:, 0, 1] = [np.inf, -np.inf, np.nan, np.inf]
    for method in ("none", "sigma", "mad"):
        result = combine_array(cube, Clip(method), outputs=EVERYTHING)
        assert all(np.isnan(getattr(result, name)).all() for name in EVERYTHING)
        assert not result.count.any()
        assert not result.nclipped.any()


def test_one_frame_has_a_mean_but_no_scatter_with_ddof_one():
    result = combine_array(np.full((1, 1, 3), 7.5), Clip("sigma"), outputs=EVERYTHING)
    assert (result.mean == 7.5).all()
    assert (result.median == 7.5).all()
    assert (result.count == 1).all()
    assert (result.std0 == 0).all()
    assert np.isnan(result.std).all()
    assert np.isnan(result.error).all()


@pytest.mark.parametrize("value", [0.1, -0.0, 3e38])
def test_constant_pixels_lose_nothing_and_have_no_scatter(value):
    for method in ("none", "sigma", "mad"):
        result = combine_array(np.full((7, 1, 3), value, np.float32), Clip(method))
        assert (result.count == 7).all()
        assert (result.mean == np.float32(value)).all()
        assert (result.std == 0).all()


def test_a_mad_of_zero_rejects_whatever_differs_unless_a_floor_is_given():
    cube = np.zeros((9, 1, 1))
    cube[4] = 3.0
    assert combine_array(cube, Clip("mad")).nclipped[0, 0] == 1
    assert combine_array(cube, Clip("mad", floor=1.0)).nclipped[0, 0] == 0
    assert combine_array(cube, Clip("mad", nsigma=2.9, floor=1.0)).nclipped[0, 0] == 1


@pytest.mark.parametrize("method", ["sigma", "mad"])
def test_a_floor_is_the_least_deviation_of_every_round(method):
    """Written out for one pixel: what no floor would reject in a later round stays."""
    values = np.array([0.0, 1.0, -1.0, 0.5, -0.5, 0.2, -0.2, 4.0, 100.0, 0.1, -0.1])
    kept = values
    for _ in range(5):
        centre = np.median(kept)
        mad = 1.482602218505602 * np.median(np.abs(kept - centre))
        deviation = max({"sigma": kept.std(), "mad": mad}[method], 1.5)
        kept = values[np.abs(values - centre) <= 3 * deviation]
    result = combine_array(values[:, None, None], Clip(method, 3.0, 5, floor=1.5))
    assert result.count[0, 0] == kept.size == 10
    assert result.mean[0, 0] == np.float32(kept.mean())


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Files of a stack with outliers."""
    folder, generator = tmp_path_factory.mktemp("frames"), np.random.default_rng(3)
    paths = [folder / f"{k:02d}.fits" for k in range(12)]
    for path in paths:
        data = generator.normal(1000, 10, (29, 37))
        data[generator.random(data.shape) < 0.02] += 900
        fits.writeto(path, data.astype(np.uint16))
    return paths


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("tile_rows", [1, 7, 29, None])
def test_result_has_the_same_bits_whatever_the_threads_and_tiles(frames, threads, tile_rows):
    clip = Clip("sigma", 3.0, 3)
    cube = np.array([fits.getdata(path) for path in frames])
    with FrameStack(frames) as stack:
        result = combine_stack(
            stack, clip, threads=threads, tile_rows=tile_rows, outputs=EVERYTHING
        )
    assert_same_bits(result, reference(cube, clip))


class Zeros:
    """A stack that records the most bytes asked of it at once; it may lie about its width."""

    def __init__(self, nframes, shape, width):
        self.nframes, self.shape, self.width, self.most = nframes, shape, width, 0

    def read(self, rows):
        band = np.zeros((self.nframes, rows.stop - rows.start, self.width), np.float32)
        self.most = max(self.most, band.nbytes)
        return band


@pytest.mark.parametrize("nframes", [12, 50, 300])
def test_the_bytes_in_work_do_not_grow_with_the_number_of_frames(nframes):
    stack = Zeros(nframes, (64, 5000), 5000)
    combine_stack(stack, Clip("none"), outputs=("mean",))
    assert 4_000_000 < stack.most < 9_000_000


def test_a_band_of_the_wrong_size_is_refused():
    with pytest.raises(ValueError, match=r"values of shape \(3, 64, 40\) for pixels \(64, 50\)"):
        combine_stack(Zeros(3, (64, 50), 40), Clip("none"))


def test_offsets_are_subtracted_in_float64_before_the_clip():
    generator = np.random.default_rng(11)
    cube = random_stack(generator, "outliers", 15, 0.05, "f4")
    offsets = generator.normal(0, 1000, 15)
    clip = Clip("sigma", 3.0, 3)
    result = combine_array(cube, clip, offsets=offsets, outputs=EVERYTHING)
    expected = reference(cube.astype(np.float64) - offsets[:, None, None], clip)
    assert_same_bits(result, expected)


def test_masked_values_count_as_neither_used_nor_clipped(frames):
    generator = np.random.default_rng(12)
    cube = np.array([fits.getdata(path) for path in frames]).astype(np.float32)
    mask = generator.random(cube.shape) < 0.2
    clip = Clip("mad", 3.0, 3)
    expected = reference(np.where(mask, np.nan, cube), clip)
    before = cube.copy()
    assert_same_bits(combine_array(cube, clip, mask=mask, outputs=EVERYTHING), expected)
    np.testing.assert_array_equal(cube, before)

    class Masks:
        """Read like the frames."""

        nframes, shape = cube.shape[0], cube.shape[1:]

        def read(self, rows):
            return mask[:, rows]

    with FrameStack(frames) as stack:
        result = combine_stack(stack, clip, masks=Masks(), tile_rows=5, outputs=EVERYTHING)
    assert_same_bits(result, expected)


def test_a_block_of_pixels_gives_what_the_image_gives():
    cube = random_stack(np.random.default_rng(4), "outliers", 10, 0.1, "f4")
    clip = Clip("mad", 4.0)
    image = combine_array(cube, clip)
    block = clip_block(cube.reshape(10, -1), clip)
    for name in ("mean", "median", "std", "error", "count", "nclipped"):
        np.testing.assert_array_equal(getattr(block, name), getattr(image, name).ravel())


@pytest.mark.parametrize("method", ["none", "sigma", "mad"])
def test_the_finite_values_within_the_limits_are_those_counted(method):
    cube = random_stack(np.random.default_rng(6), "outliers", 20, 0.1, "f4")
    result = combine_array(cube, Clip(method, 3.0), outputs=("low", "high"))
    inside = np.isfinite(cube) & (cube >= result.low) & (cube <= result.high)
    np.testing.assert_array_equal(inside.sum(axis=0), result.count)


def test_only_the_images_asked_for_are_made():
    result = combine_array(np.ones((3, 2, 2)), Clip("sigma"), outputs=("mean",))
    assert result.mean.shape == result.count.shape == (2, 2)
    assert result.median is result.std is result.std0 is result.error is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "mean"}, "clip method 'mean' is none of none, sigma, mad"),
        ({"nsigma": 0.5}, "clip at 0.5 deviations: at least 1 is needed"),
        ({"nsigma": float("nan")}, "clip at nan deviations"),
        ({"iterations": 0}, "clip with 0 iterations: a whole number >= 1 is needed"),
        ({"iterations": 1.5}, "clip with 1.5 iterations"),
        ({"floor": -1.0}, "clip with a least deviation of -1.0"),
    ],
)
def test_a_clip_that_makes_no_sense_is_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        Clip(**settings)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"offsets": [1.0, 2.0]}, r"offsets of shape \(2,\) for 3 frames: one per frame"),
        ({"offsets": [0.0, np.nan, 0.0]}, "offset of frame 1 is not finite"),
        ({"mask": np.zeros((3, 2, 3), bool)}, r"masks of shape \(3, 2, 3\) for a stack of shape"),
    ],
)
def test_offsets_and_masks_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(DarkroomError, match=message):
        combine_array(np.ones((3, 2, 2)), Clip("sigma"), **arguments)


def test_what_cannot_be_combined_is_refused():
    with pytest.raises(DarkroomError, match="the cube is empty"):
        combine_array(np.ones((0, 2, 2)), Clip("sigma"))
    with pytest.raises(DarkroomError, match="a stack needs 3 axes"):
        combine_array(np.ones((2, 2)), Clip("sigma"))
    with pytest.raises(DarkroomError, match="40000 frames in one stack: at most 32767"):
        combine_array(np.broadcast_to(np.float32(1), (40000, 1, 1)), Clip("sigma"))
    with pytest.raises(ValueError, match="output 'mode' is none of mean, median, std"):
        combine_array(np.ones((2, 2, 2)), Clip("sigma"), outputs=("mode",))
