"""Quantities are found under the names that cameras give them; contradictions are said."""

import bz2

import numpy as np
import pytest
from astropy.io import fits

from darkroom.archive.local import unique_names
from darkroom.errors import DarkroomError, InputError
from darkroom.fits.cards import parse_cards
from darkroom.fits.cubes import different_planes, write_plane
from darkroom.fits.describe import describe
from darkroom.fits.tiles import FrameStack
from darkroom.fits.verify import verify

IMAGE = np.arange(12, dtype="uint16").reshape(3, 4) + 40_000


def written(folder, *cards, image=IMAGE, name="a.fits"):
    hdu = fits.PrimaryHDU(image)
    for card in cards:
        hdu.header[card[0]] = card[1:] if len(card) > 2 else card[1]
    hdu.writeto(folder / name, overwrite=True)
    return folder / name


@pytest.mark.parametrize(
    ("card", "seconds"),
    [
        (("EXPTIME", 60.0), 60), (("EXPTIME", "60.0"), 60), (("EXPTIME", "60.0 s"), 60),
        (("EXPTIME", "60 sec"), 60), (("EXPTIME", "500 ms"), 0.5), (("EXPOSURE", 60), 60),
        (("EXPOSURE", 60000, "[ms] exposure"), 60), (("EXP_TIME", 60.0), 60),
        (("ITIME", 60.0), 60), (("HIERARCH ESO DET WIN1 DIT1", 60.0), 60),
        (("HIERARCH ESO DET DIT", 60.0), 60), (("EXPTIME", 6e1), 60),
    ],
)  # fmt: skip
def test_exposure_times_are_read_in_seconds(tmp_path, card, seconds):
    assert describe(written(tmp_path, card)).exptime == pytest.approx(seconds)


def test_exposure_times_of_other_cards_must_agree(tmp_path):
    path = written(tmp_path, ("EXP_TIME", 60.0), ("ITIME", 30.0))
    with pytest.raises(InputError, match=r"others differ \(EXP_TIME 60, ITIME 30\); name the card"):
        describe(path)
    assert describe(path, cards={"exptime": "ITIME"}).exptime == 30
    with pytest.raises(InputError, match="has no TIME card, which the campaign names"):
        describe(path, cards={"exptime": "TIME"})


def test_a_frame_without_any_says_how_to_name_one(tmp_path):
    with pytest.raises(InputError, match=r"has no EXPTIME or EXPOSURE card; name the card: cards"):
        describe(written(tmp_path, ("T_EXP", 3.0)))


def test_a_second_exposure_time_that_differs_is_said(tmp_path):
    frame = describe(written(tmp_path, ("EXPTIME", 60.0), ("EXPOSURE", 30.0)))
    assert frame.exptime == 60
    assert frame.remarks[0].startswith("EXPTIME is 60 s, but EXPOSURE is 30; EXPTIME is used")
    assert describe(written(tmp_path, ("EXPTIME", 60.0), ("EXPOSURE", 60.1))).remarks == ()


@pytest.mark.parametrize(
    ("cards", "celsius", "remark"),
    [
        ([("CCD-TEMP", -10.0)], -10.0, ""), ([("DET-TEMP", -10.0)], -10.0, ""),
        ([("CCD-TEMP", "-10 C")], -10.0, ""), ([("CCD-TEMP", 263.15)], -10.0, "taken as kelvin"),
        ([("SET-TEMP", -10.0)], -10.0, "states no measured temperature"),
        ([("CCD-TEMP", "n/a")], None, "the temperature is taken as unknown"),
        ([("CCD-TEMP", -9.6), ("SET-TEMP", -10.0)], -9.6, ""), ([], None, ""),
    ],
)  # fmt: skip
def test_temperatures_are_degrees_celsius(tmp_path, cards, celsius, remark):
    frame = describe(written(tmp_path, ("EXPTIME", 1.0), *cards))
    assert frame.temperature == celsius
    assert (remark in " ".join(frame.remarks)) and bool(frame.remarks) == bool(remark)


@pytest.mark.parametrize(
    ("cards", "binning"),
    [
        ([("XBINNING", 2), ("YBINNING", 3)], "2x3"), ([("CCDSUM", "2 2")], "2x2"),
        ([("XBIN", 2), ("YBIN", 2)], "2x2"), ([("BINNING", "4x4")], "4x4"),
        ([("BINNING", 2)], "2x2"), ([("BINX", 2), ("BINY", 1)], "2x1"), ([], "1x1"),
    ],
)  # fmt: skip
def test_binning_is_read_from_any_card(tmp_path, cards, binning):
    assert describe(written(tmp_path, ("EXPTIME", 1.0), *cards)).binning == binning


def test_cards_that_contradict_in_binning_are_said(tmp_path):
    cards = ("EXPTIME", 1.0), ("XBINNING", 1), ("YBINNING", 1), ("CCDSUM", "2 2")
    frame = describe(written(tmp_path, *cards))
    assert frame.remarks == (
        "XBINNING/YBINNING is 1x1, but CCDSUM is 2x2; XBINNING/YBINNING is used",
    )


def test_a_date_without_a_time_has_that_of_its_own_card(tmp_path):
    cards = ("EXPTIME", 1.0), ("DATE-OBS", "2024-01-01"), ("TIME-OBS", "12:00:00")
    frame = describe(written(tmp_path, *cards))
    assert (frame.date_obs, frame.mjd) == ("2024-01-01T12:00:00", 60310.5)


def test_named_cards_are_parsed():
    assert parse_cards(["exptime=EXP_TIME", "role = OBSMODE"]) == {
        "exptime": "EXP_TIME", "role": "OBSMODE",
    }  # fmt: skip
    with pytest.raises(DarkroomError, match="is not of the form QUANTITY=CARD"):
        parse_cards(["gain=EGAIN"])


def values(path):
    with FrameStack([path]) as stack:
        return stack.read(slice(None))[0]


def test_arrays_with_a_third_axis_of_one_are_images(tmp_path):
    path = written(tmp_path, ("EXPTIME", 1.0), image=IMAGE[None])
    assert describe(path).shape == (3, 4)
    assert np.array_equal(values(path), IMAGE)


def test_bzip2_and_tile_compressed_files_are_read(tmp_path):
    path = written(tmp_path, ("EXPTIME", 1.0))
    packed = tmp_path / "a.fits.bz2"
    packed.write_bytes(bz2.compress(path.read_bytes()))
    tiles = tmp_path / "a.fits.fz"
    fits.CompImageHDU(IMAGE, fits.getheader(path)).writeto(tiles)
    for each in (packed, tiles):
        verify(each)
        frame = describe(each)
        assert (frame.name, frame.shape, frame.bitpix, frame.exptime) == ("a", (3, 4), 16, 1.0)
        assert np.array_equal(values(each), IMAGE)
    packed.write_bytes(packed.read_bytes()[:-20])
    with pytest.raises(InputError, match="bzip2 data are damaged or end early"):
        describe(packed)


def test_missing_values_are_nan(tmp_path):
    image = IMAGE.astype("int32")
    path = written(tmp_path, ("EXPTIME", 1.0), ("BLANK", 40_003), image=image)
    assert np.isnan(values(path)[0, 3])
    assert np.isnan(values(path)).sum() == 1


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32"])
def test_images_of_a_cube_are_frames_of_their_own(tmp_path, dtype):
    cube = np.stack([IMAGE, IMAGE + 1, IMAGE, IMAGE + 2]).astype(dtype)
    path = written(tmp_path, ("EXPTIME", 1.0), ("GAIN", 3), image=cube)
    with pytest.raises(InputError, match="holds a cube of 4 images"):
        describe(path)
    assert different_planes(path) == [1, 2, 4]
    for number in (1, 2, 4):
        out = tmp_path / f"{number}.fits"
        write_plane(path, number, out)
        assert np.array_equal(values(out), cube[number - 1])
        header = fits.getheader(out)
        assert (header["GAIN"], header["CUBPLANE"], header["CUBEQUAL"]) == (3, number, 1)
    with pytest.raises(InputError, match="has no image 5, its cube has 4"):
        write_plane(path, 5, tmp_path / "5.fits")


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.fits", "b.fits"], ["a.fits", "b.fits"]),
        (
            ["bias/f-0.fits", "dark/f-0.fits", "x.fits"],
            ["bias_f-0.fits", "dark_f-0.fits", "x.fits"],
        ),
        (["1/bias/f.fits", "2/bias/f.fits"], ["1_bias_f.fits", "2_bias_f.fits"]),
        (["a.fits", "a.fits.gz"], ["a.fits", "a_2.fits.gz"]),
        (["a b.fits", "a_b.fits"], ["a_b.fits", "a_b_2.fits"]),
        ([], []),
    ],
)
def test_equal_names_are_made_unique(paths, names):
    assert unique_names(paths) == names
