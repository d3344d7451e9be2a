"""Offsets of frames, typical noise, rows that do not fit: measured in one pass."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.stack import survey as module
from darkroom.ccd.stack.frames import Cube, Stack, opened, saturation_level
from darkroom.ccd.stack.survey import survey

SHAPE = (60, 80)
OFFSETS = np.array([0.0, 3.0, -1.0, 0.5, -2.5])


def frames(seed=0, noise=10.0, step=1, offsets=OFFSETS, row_noise=0.0):
    rng = np.random.default_rng(seed)
    n = len(offsets)
    pattern = 1000 + 20 * rng.standard_normal(SHAPE)
    values = pattern + noise * rng.standard_normal((n, *SHAPE)) + offsets[:, None, None]
    values += row_noise * rng.standard_normal((n, SHAPE[0], 1))
    return np.rint(values / step) * step


def look(values):
    return survey(Stack(Cube(values)))


def test_offsets_are_recovered_within_their_errors_and_sum_to_zero():
    pulls = []
    for seed in range(60):
        seen = look(frames(seed))
        assert seen.offsets.sum() == pytest.approx(0, abs=1e-9)
        pulls.append((seen.offsets - (OFFSETS - OFFSETS.mean())) / seen.errors)
    assert np.std(pulls) == pytest.approx(1, abs=0.1)


def test_offsets_are_found_where_medians_move_in_steps_of_the_camera():
    """Values in multiples of 16: two frames 2 apart have one median, the offsets tell them."""
    values = frames(1, noise=30.0, step=16, offsets=np.array([0.0, 2.0, -2.0])) + 8
    assert np.median(values[0]) == np.median(values[2])
    values -= 8
    seen = look(values)
    assert seen.offsets == pytest.approx([0, 2, -2], abs=1.5)
    assert (seen.step, seen.errors.max()) == (16, pytest.approx(0.36, abs=0.1))


def test_a_constant_added_to_one_frame_moves_its_offset_and_nothing_else_but_the_zero():
    values = frames()
    seen, moved = look(values), look(values + np.array([0, 0, 10, 0, 0])[:, None, None])
    change = moved.offsets - seen.offsets
    assert change == pytest.approx([-2, -2, 8, -2, -2], abs=1e-6)
    assert moved.noise == pytest.approx(seen.noise, rel=1e-5)


def test_hits_hot_pixels_and_nan_do_not_move_the_offsets():
    values = frames()
    clean = look(values)
    values[1, 5, :30] += 5000
    values[:, 7, 7] += 30000
    values[2, 9, 9] = np.nan
    assert look(values).offsets == pytest.approx(clean.offsets, abs=0.1)


def test_noise_is_that_of_the_frames_without_their_offsets():
    values = frames(noise=10.0, offsets=OFFSETS * 10)
    assert look(values).noise == pytest.approx(np.hypot(10, 1 / np.sqrt(12)), rel=0.02)


def test_noise_common_to_a_row_is_told_and_raises_the_error_of_the_offsets():
    found = [look(frames(seed, row_noise=3.0)) for seed in range(10)]
    assert np.mean([seen.row_noise for seen in found]) == pytest.approx(3.0, rel=0.07)
    assert np.mean([seen.errors for seen in found]) == pytest.approx(
        np.hypot(3, 10 / np.sqrt(80)) / np.sqrt(60), rel=0.2
    )
    assert look(frames()).row_noise < 1.0


def test_rows_where_frames_disagree_are_found_whatever_their_number():
    """Three of five frames lack the light of 12 rows: the rows are told, the offsets stay."""
    values = frames()
    clean = look(values)
    values[[0, 2, 4], 40:52] -= 700
    seen = look(values)
    assert np.flatnonzero(seen.discordant).tolist() == list(range(40, 52))
    assert seen.offsets == pytest.approx(clean.offsets, abs=0.3)
    assert seen.row_level[[0, 2, 4]] == pytest.approx(seen.row_level[1] - 700, abs=20)
    assert not clean.discordant.any()


def test_result_does_not_depend_on_the_height_of_the_bands(monkeypatch):
    values = frames()
    whole = look(values)
    monkeypatch.setattr(module, "_BAND_BYTES", 4 * values.shape[0] * SHAPE[1] * 7)
    banded = look(values)
    for name in ("offsets", "errors", "means", "noise", "sample"):
        assert np.array_equal(getattr(whole, name), getattr(banded, name))


def test_single_frame_has_an_offset_of_zero_and_no_noise():
    seen = look(frames()[:1])
    assert seen.offsets.tolist() == [0.0]
    assert np.isnan(seen.noise)
    assert np.isnan(seen.common_error)


@pytest.mark.parametrize(
    ("step", "gain", "level"),
    [(1, None, 65535), (16, None, 65520), (4, None, 65532), (16, 2.0, 131040)],
)
def test_saturation_is_the_highest_value_the_camera_can_write(step, gain, level):
    assert saturation_level(65535, step, gain) == level


def test_step_survives_a_gain():
    values = frames(step=4).astype(np.float32)
    assert survey(Stack(Cube(values), 1.7)).step == 4


def test_a_row_without_any_value_deviates_from_nothing():
    frames = 1000 + np.random.default_rng(0).normal(0, 8, (5, 32, 48)).astype(np.float32)
    frames[:, 3] = np.nan
    seen = survey(Stack(Cube(frames)))
    assert np.isfinite(seen.row_deviation).all()
    assert not seen.discordant.any()


def test_files_are_surveyed_once_and_again_when_one_has_changed(tmp_path):
    values, paths = frames(), [tmp_path / f"{k}.fits" for k in range(len(OFFSETS))]
    for image, path in zip(values, paths, strict=True):
        fits.PrimaryHDU(image.astype("f4")).writeto(path)
    with opened(paths) as stack:
        first = survey(stack)
    with opened(paths) as stack:
        assert survey(stack) is first
    with opened(paths, 2.0) as stack:
        assert survey(stack).noise == pytest.approx(2 * first.noise)
    fits.PrimaryHDU((values[0] + 50).astype("f4")).writeto(paths[0], overwrite=True)
    with opened(paths) as stack:
        assert survey(stack).offsets[0] == pytest.approx(first.offsets[0] + 40, abs=1e-3)
