"""Frames in corgidrp's layout: reading them, what must not go into a dark, stacks of them."""

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import tiny_geometry
from darkroom.cgi.stacks.frame import open_frame
from darkroom.cgi.stacks.gather import read_moments, sort_out
from darkroom.cgi.stacks.stacks import threshold_dn
from darkroom.cgi.units import ELECTRON, EM_ELECTRON
from darkroom.errors import DarkroomError, InputError

CARDS = {
    "EXPTIME": 30.0, "EMGAIN_C": 500.0, "EMGAIN_A": 0.0, "KGAINPAR": 8.7, "BUNIT": EM_ELECTRON,
    "DATALVL": "L2a", "SAT_DN": 12000.0, "DESMEAR": False, "CTI_CORR": False,
    "SCTSRT": "2026-01-06T00:00:00",
}  # fmt: skip


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


@pytest.fixture
def make(tmp_path):
    """Give a function that writes a frame of 40 x 60 and returns its path."""
    rng = np.random.default_rng(1)

    def write(name="frame.fits", history=(), data=None, err=True, dq=True, **cards):
        data = rng.normal(5, 100, (40, 60)).astype(np.float32) if data is None else data
        image = fits.ImageHDU(data)
        for card, value in (CARDS | cards).items():
            if value is not None:
                image.header[card] = value
        for line in history:
            image.header.add_history(line)
        hdus = [fits.PrimaryHDU(), image]
        if err:
            hdus.append(fits.ImageHDU(np.full((1, *data.shape), 3, np.float32), name="ERR"))
        if dq:
            flags = np.zeros(data.shape, np.uint16)
            flags[5, 30] = 40000
            hdus.append(fits.ImageHDU(flags, name="DQ"))
        fits.HDUList(hdus).writeto(tmp_path / name, overwrite=True)
        return tmp_path / name

    return write


def pixels(path):
    with open_frame(path) as frame:
        shape = frame.pixels.shape
        data, err, dq = np.empty(shape), np.empty(shape), np.empty(shape, np.uint16)
        frame.pixels.read_into(0, data, err, dq)
    return data, err, dq


def headers(path):
    with open_frame(path) as frame:
        return frame.headers


@pytest.mark.parametrize("dtype", ["f4", "f8", "i2", "u2"])
def test_images_errors_and_flags_are_read_as_astropy_reads_them(make, dtype):
    image = np.arange(2400).reshape(40, 60).astype(dtype)
    path = make(data=image)
    data, err, dq = pixels(path)
    with fits.open(path) as hdus:
        assert np.array_equal(data, hdus[1].data)
        assert np.array_equal(err, hdus["ERR"].data[0])
        assert np.array_equal(dq, hdus["DQ"].data)
    assert dq[5, 30] == 40000


def test_a_patch_is_the_same_part_of_the_frame(make):
    path = make()
    data, _, dq = pixels(path)
    with open_frame(path) as frame:
        patch, flags = frame.pixels.read_patch(slice(3, 9), slice(20, 40))
    assert np.array_equal(patch, data[3:9, 20:40])
    assert np.array_equal(flags, dq[3:9, 20:40])


def test_a_frame_without_err_and_dq_has_none_of_both(make):
    _, err, dq = pixels(make(err=False, dq=False))
    assert not err.any()
    assert not dq.any()


@pytest.mark.parametrize(
    ("cards", "gain"),
    [
        ({}, 500.0),
        ({"EMGAIN_A": 480.0}, 480.0),
        ({"EMGAIN_A": 480.0, "EMGAIN_M": 470.0}, 470.0),
        ({"EMGAIN_A": 480.0, "EMGAIN_M": -999.0}, 480.0),
        ({"EMGAIN_M": 0.0}, 500.0),
    ],
)
def test_the_em_gain_is_the_measured_else_the_applied_else_the_commanded_one(make, cards, gain):
    assert headers(make(**cards)).em_gain == gain


def test_the_cosmic_ray_threshold_is_that_of_history_across_its_lines_else_saturation(make):
    line = "x" * 60 + " Cosmic ray threshold of 205.17241829121073 used."
    assert threshold_dn(headers(make(history=[line]))) == 205.17241829121073
    assert threshold_dn(headers(make())) == 12000.0
    assert threshold_dn(headers(make(SAT_DN=-999.0))) is None


@pytest.mark.parametrize(
    ("cards", "history", "unit", "text"),
    [
        ({"BUNIT": "DN"}, [], EM_ELECTRON, "BUNIT is 'DN', .* convert it to electrons first"),
        ({"BUNIT": ELECTRON}, [], EM_ELECTRON, "frames before the division by the EM gain"),
        ({}, [], ELECTRON, "divide it by the EM gain first"),
        ({}, ["data divided by EM gain for dataset"], EM_ELECTRON, "says it was divided"),
        ({"DATALVL": "L1"}, [], EM_ELECTRON, "raw frames are in DN"),
        ({"DATALVL": "IM1"}, [], EM_ELECTRON, "its bias not subtracted .*DATALVL is 'IM1'"),
        ({"DATALVL": None}, ["Bias subtracted"], EM_ELECTRON, "has no mask of cosmic rays"),
        (
            {"DATALVL": "IM1"},
            ["Bias subtracted", "Cosmic ray mask created with x"],
            EM_ELECTRON,
            "not corrected for non-linearity",
        ),
        ({"DESMEAR": True}, [], EM_ELECTRON, "was desmeared"),
        ({}, ["Desmear function applied to data with auto-decide off"], EM_ELECTRON, "desmeared"),
        ({"CTI_CORR": True}, [], EM_ELECTRON, "corrected for charge transfer"),
        ({}, ["Poisson/shot noise propagated to error map"], EM_ELECTRON, "shot noise added"),
        ({}, ["Dark subtracted using dark x."], EM_ELECTRON, "has a dark subtracted already"),
    ],
)
def test_a_frame_that_darks_must_not_be_made_of_is_refused_in_words(
    make, geometry, cards, history, unit, text
):
    with pytest.raises(InputError, match=text):
        sort_out([make(history=history, **cards)], geometry, unit)


def test_history_alone_can_tell_that_all_steps_were_done(make, geometry):
    history = [
        "Bias subtracted",
        "Cosmic ray mask created with median_filter_mode = 2.",
        "Data corrected for non-linearity with x.fits",
    ]
    assert sort_out([make(DATALVL="IM1", history=history)], geometry).stacks


def test_a_frame_that_auto_decide_left_as_it_was_is_not_desmeared(make, geometry):
    history = ["Desmear function applied to data with auto-decide on"]
    assert sort_out([make(history=history, DESMEAR=False)], geometry).stacks
    with pytest.raises(InputError, match="was desmeared"):
        sort_out([make(history=history, DESMEAR=True)], geometry)


def test_a_check_can_be_waived_by_the_name_the_refusal_tells(make, geometry):
    frame = make(DESMEAR=True)
    with pytest.raises(InputError, match="--waive desmear"):
        sort_out([frame], geometry)
    assert sort_out([frame], geometry, waived=["desmear"]).stacks


def test_frames_are_sorted_into_stacks_and_bad_ones_left_out(make, geometry):
    paths = [
        make("a.fits", EXPTIME=30.0),
        make("b.fits", EXPTIME=2.0),
        make("c.fits", EXPTIME=30.0),
        make("d.fits", EXPTIME=30.0, IS_BAD=True),
        make("e.fits", EXPTIME=2.0, EMGAIN_C=30.0),
    ]
    stacks, left_out, _ = sort_out(paths, geometry)
    assert [s.stack.key for s in stacks] == [(2, 30, 8.7), (2, 500, 8.7), (30, 500, 8.7)]
    assert [m.name for m in stacks[2].stack.members] == ["a.fits", "c.fits"]
    assert left_out == ["d.fits"]


def test_compressed_frames_count_like_plain_ones(make, geometry, tmp_path):
    paths = [make(f"{k}.fits") for k in range(3)]
    plain = read_moments(sort_out(paths, geometry)[0][0])
    for path in paths:
        with path.open("rb") as source, gzip.open(f"{path}.gz", "wb") as target:
            shutil.copyfileobj(source, target)
    packed = read_moments(sort_out([f"{p}.gz" for p in paths], geometry)[0][0], scratch=tmp_path)
    for one, two in zip(plain.arrays(), packed.arrays(), strict=True):
        assert np.array_equal(one, two)


def test_the_same_frame_twice_is_refused(make, geometry):
    path = make()
    with pytest.raises(DarkroomError, match=r"frame\.fits: its file is the same as frame\.fits"):
        sort_out([path, path], geometry)
    copy = make("copy.fits")
    with pytest.raises(DarkroomError, match=r"copy\.fits: its content is the same as frame\.fits"):
        sort_out([path, copy], geometry, sums={str(path): "ab", str(copy): "ab"})


def test_em_gains_of_one_stack_must_agree(make, geometry):
    paths = [make("a.fits", EMGAIN_M=500.0), make("b.fits", EMGAIN_M=520.0)]
    with pytest.raises(DarkroomError, match=r"b\.fits: EM gain is 520, but 500 in as many"):
        sort_out(paths, geometry)
    paths.append(make("c.fits", EMGAIN_M=500.0))
    with pytest.raises(InputError, match=r"b\.fits: EM gain is 520, but 500 in 2 exposures"):
        sort_out(paths, geometry)


@pytest.mark.parametrize(
    ("how", "text"),
    [
        (lambda make: make(data=np.zeros((40, 61), np.float32)), "40 rows x 61 columns"),
        (lambda make: make(EXPTIME=None), "has no card EXPTIME"),
        (lambda make: make(EXPTIME="30"), "card EXPTIME is '30', a finite number is needed"),
        (lambda make: make(data=np.zeros((2, 40, 60), np.float32), dq=False), "holds no 2-D image"),
    ],
)
def test_frames_that_do_not_fit_are_named(make, geometry, how, text):
    with pytest.raises(InputError, match=text):
        sort_out([how(make)], geometry)


def test_a_cut_off_frame_is_named(make, geometry):
    path = make()
    path.write_bytes(path.read_bytes()[:14400])
    with pytest.raises(InputError, match=r"frame\.fits: (truncated|cannot be read)"):
        sort_out([path], geometry)


def test_a_tile_compressed_frame_is_refused_with_a_way_out(make, geometry, tmp_path):
    path = tmp_path / "packed.fits"
    with fits.open(make()) as hdus:
        packed = fits.CompImageHDU(hdus[1].data, hdus[1].header)
        fits.HDUList([hdus[0], packed]).writeto(path)
    with pytest.raises(InputError, match=r"packed\.fits: .*tile-compressed: unpack it with"):
        sort_out([path], geometry)


def test_no_frame_is_an_error(make, geometry):
    with pytest.raises(DarkroomError, match="no frames were given"):
        sort_out([], geometry)
