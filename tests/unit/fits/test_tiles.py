"""Frames are read in bands, by the bytes needed, and every unusable file is named."""

import gzip
import os
import resource
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.tiles import FrameStack

SHAPE = (12, 7)
TYPES = ["uint8", "int16", "uint16", "int32", "uint32", "int64", "float32", "float64"]


def pixels(dtype, seed=0):
    generator = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return (1000 * generator.standard_normal(SHAPE)).astype(dtype)
    limits = np.iinfo(dtype)
    return generator.integers(limits.min, limits.max, SHAPE, dtype, endpoint=True)


def write(path, data, **cards):
    header = fits.Header(list(cards.items()))
    fits.PrimaryHDU(data, header).writeto(path)
    return path


@pytest.mark.parametrize("dtype", TYPES)
def test_every_pixel_type_is_read_as_the_nearest_float32(tmp_path, dtype):
    data = pixels(dtype)
    with FrameStack([write(tmp_path / "a.fits", data)]) as stack:
        np.testing.assert_array_equal(stack.read(slice(None))[0], data.astype(np.float32))


@pytest.mark.parametrize("stored", ["uint8", "int16", "int32", "float32"])
def test_bscale_and_bzero_are_applied_in_float64(tmp_path, stored):
    data = pixels(stored)
    path = write(tmp_path / "a.fits", data)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header["BSCALE"], hdus[0].header["BZERO"] = 0.1, 1234567.25
    expected = (data.astype(np.float64) * 0.1 + 1234567.25).astype(np.float32)
    np.testing.assert_array_equal(FrameStack([path]).read(slice(None))[0], expected)


@pytest.mark.parametrize("bzero", [0.0, 32768.0])
def test_blank_integers_become_nan_and_no_others(tmp_path, bzero):
    data = pixels("int16")
    data[3, 4] = -7
    path = write(tmp_path / "a.fits", data)
    with fits.open(path, mode="update", do_not_scale_image_data=True) as hdus:
        hdus[0].header["BLANK"], hdus[0].header["BZERO"] = -7, bzero
    values = FrameStack([path]).read(slice(None))[0]
    np.testing.assert_array_equal(np.isnan(values), data == -7)
    np.testing.assert_array_equal(values[data != -7], data[data != -7].astype("f4") + bzero)


def test_the_image_is_the_first_with_two_axes_unless_named(tmp_path):
    path = tmp_path / "a.fits"
    first, second = pixels("int16", 1), pixels("float32", 2)
    cube = fits.ImageHDU(np.zeros((2, 3, 4), np.float32))
    fits.HDUList(
        [fits.PrimaryHDU(), cube, fits.ImageHDU(first), fits.ImageHDU(second, name="SECOND")]
    ).writeto(path)
    np.testing.assert_array_equal(FrameStack([path]).read(slice(None))[0], first)
    for ext in (3, "SECOND"):
        stack = FrameStack([path], ext=ext)
        np.testing.assert_array_equal(stack.read(slice(None))[0], second)


def test_bands_put_together_are_the_frames(tmp_path):
    frames = [pixels("uint16", k) for k in range(5)]
    paths = [write(tmp_path / f"{k}.fits", frame) for k, frame in enumerate(frames)]
    stack = FrameStack(paths)
    assert (stack.nframes, stack.shape, stack.paths) == (5, SHAPE, paths)
    bands = [stack.read(slice(k, k + 5)) for k in range(0, SHAPE[0], 5)]
    assert [band.shape[1] for band in bands] == [5, 5, 2]
    np.testing.assert_array_equal(np.concatenate(bands, axis=1), frames)


def test_a_band_reads_its_own_bytes_and_no_others(tmp_path, monkeypatch):
    paths = [write(tmp_path / f"{k}.fits", pixels("uint16", k)) for k in range(4)]
    stack = FrameStack(paths)
    read, pread = [], os.preadv

    def counting(descriptor, buffers, offset):
        read.append((offset - 2880, pread(descriptor, buffers, offset)))
        return read[-1][1]

    monkeypatch.setattr(os, "preadv", counting)
    stack.read(slice(3, 5))
    assert read == [(3 * SHAPE[1] * 2, 2 * SHAPE[1] * 2)] * 4


def test_many_more_frames_than_open_files_are_allowed(tmp_path):
    path = write(tmp_path / "a.fits", pixels("uint16"))
    packed = tmp_path / "b.fits.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 12, hard))
        with FrameStack([path, packed] * 40, scratch=tmp_path) as stack:
            assert stack.read(slice(0, 2)).shape == (80, 2, SHAPE[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int32", "float32"])
def test_compressed_frames_read_as_plain_ones_and_leave_nothing_behind(tmp_path, dtype):
    data = pixels(dtype)
    plain = write(tmp_path / "a.fits", data)
    packed, tiled = tmp_path / "a.fits.gz", tmp_path / "a.fits.fz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    hdu = fits.CompImageHDU(data, compression_type="GZIP_1", quantize_level=0)
    hdu.writeto(tiled)
    scratch = tmp_path / "scratch"
    with FrameStack([plain, packed, tiled], scratch=scratch) as stack:
        assert len(list(scratch.rglob("*.raw"))) == 2
        for values in stack.read(slice(None)):
            np.testing.assert_array_equal(values, data.astype(np.float32))
    assert not list(scratch.iterdir())


def test_plain_frames_need_no_scratch_folder(tmp_path):
    with FrameStack([write(tmp_path / "a.fits", pixels("int16"))], scratch=tmp_path / "scratch"):
        assert not (tmp_path / "scratch").exists()


def test_no_frames_at_all_is_an_error():
    with pytest.raises(DarkroomError, match="no frames to combine"):
        FrameStack([])


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.fits: no such file"):
        FrameStack([tmp_path / "gone.fits"])


def test_the_frame_of_another_shape_is_named_with_both_shapes(tmp_path):
    paths = [write(tmp_path / f"{k}.fits", pixels("int16")) for k in range(3)]
    paths.insert(0, write(tmp_path / "odd.fits", np.zeros((5, 9), np.int16)))
    with pytest.raises(InputError, match=r"odd\.fits: image of 9 x 5 pixels among 3 of 7 x 12"):
        FrameStack(paths)


@pytest.mark.parametrize("packed", [False, True])
def test_truncated_data_are_refused_and_scratch_is_cleaned(tmp_path, packed):
    path = write(tmp_path / "short.fits", np.zeros((100, 100), np.int16))
    content = path.read_bytes()[:10000]
    if packed:
        path = tmp_path / "short.fits.gz"
        content = gzip.compress(content)
    path.write_bytes(content)
    fault = r"truncated: HDU 0 should end at byte 23040, the file ends at 10000"
    with pytest.raises(InputError, match=r"short\.fits.*" + fault):
        FrameStack([path], scratch=tmp_path / "scratch")
    assert not list(tmp_path.glob("scratch/*"))


def test_a_file_that_shrinks_meanwhile_is_refused(tmp_path):
    path = write(tmp_path / "a.fits", pixels("int16"))
    stack = FrameStack([path])
    os.truncate(path, 2900)
    with pytest.raises(InputError, match="became shorter while it was read"):
        stack.read(slice(None))


def test_what_is_no_fits_file_is_refused_even_if_astropy_would_unpack_it(tmp_path):
    path = write(tmp_path / "a.fits", pixels("int16"))
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(InputError, match="not a FITS file: it begins with"):
        FrameStack([path])


def test_a_file_without_an_image_is_refused(tmp_path):
    path = write(tmp_path / "a.fits", np.zeros((2, 3, 4), np.int16))
    with pytest.raises(InputError, match=r"no HDU holds a 2-D image \(shapes found: .*2, 3, 4"):
        FrameStack([path])
    with pytest.raises(InputError, match=r"HDU 0 holds no 2-D image \(shape \(2, 3, 4\)\)"):
        FrameStack([path], ext=0)
    with pytest.raises(InputError, match="has no HDU 'SCI'"):
        FrameStack([path], ext="SCI")
