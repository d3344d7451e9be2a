"""The files of a dark: program, cube, cards, details, and what is refused."""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.nircam.detector.placing import cut_out
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.mask import reffiles_files
from darkroom.nircam.mask.inputs import bad_reference_pixels, telegraph_pixels
from darkroom.nircam.mask.settings import MaskSettings
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.readnoise.measure import Flag as NoiseFlag
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from nircam_jwst import own_program

# The clock of a full frame: in that of so small a subarray no dark current would show.
STEPS = dict.fromkeys(("S_SUPERB", "S_REFPIX", "S_LINEAR"), "COMPLETE") | {
    "TFRAME": DT,
    "TGROUP": DT,
}
LAYOUT = readout("NRCALONG", "SUB64P")


@pytest.fixture(scope="module")
def darks(tmp_path_factory):
    """Give a folder of six exposures of two integrations, and the true rate."""
    folder = tmp_path_factory.mktemp("darks")
    rate = np.full((64, 64), 0.005)
    rate[20:30, 20:30] = 2.0
    rate[40:44, 40:44] = 0.3
    data = make_ramps(12, 20, (64, 64), seed=8, rate=rate, read=1.0)
    paths = [
        write_ramp(
            folder / f"dark{k}.fits", data[2 * k : 2 * k + 2], LAYOUT, mjd=59600 + k,
            groupdq=np.zeros((2, 20, 64, 64)), S_JUMP="COMPLETE", **STEPS,
        )
        for k in range(6)
    ]  # fmt: skip
    return folder, paths, rate


@pytest.fixture(scope="module")
def made(darks):
    folder, paths, _ = darks
    done = own_program(
        "nircam/dark", "--output", folder / "dark.fits", "--gain", 2, "--groups", 30, "--pedigree",
        "DUMMY", "--quantities", folder / "dark.json", *paths,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "dark.fits", folder / "dark_details.fits", folder / "dark.json"


def test_cube_is_rate_times_time(made, darks):
    _, _, rate = darks
    with fits.open(made[0], checksum=True) as hdus:
        header, sci, err, dq = hdus[0].header, *(hdus[n].data for n in ("SCI", "ERR", "DQ"))
    assert sci.shape == err.shape == (30, 64, 64)
    assert not sci[0].any()
    time = 29 * DT
    pull = (sci[-1] * 2 / time - rate)[8:, 8:] / (err[-1] * 2 / time)[8:, 8:]
    assert abs(pull.std() - 1) < 0.05
    # The last two groups set the pipeline's extrapolation: no noise of their own.
    assert np.allclose(sci[-1] - sci[-2], sci[-2] - sci[-3], atol=1e-4)
    assert header["EXP_TYPE"] == "N/A"
    assert header["NOUTPUTS"] == 1
    assert header["NGROUPS"] == 30
    assert header["AVDRKCUR"] == pytest.approx(0.005, abs=0.001)
    assert "extrapolated" in str(header["HISTORY"])
    assert (dq[21:29, 21:29] & (1 << 11) > 0).all()
    assert (dq[41:43, 41:43] & (1 << 12) > 0).all()
    assert not (dq & 1).any()


def test_details_hold_what_was_measured(made):
    with fits.open(made[1], checksum=True) as hdus:
        names = {hdu.name for hdu in hdus}
        assert {"RATE", "ERR", "NINT", "NHITS", "CHI2", "INFO", "DQ", "LEVELS", "SETTLING"} <= names
        assert (hdus["NINT"].data[8:, 8:] == 12).all()
        assert np.isnan(hdus["RATE"].data[0, 0])  # a reference pixel
        assert len(hdus["LEVELS"].data) == 1
        assert set(hdus["SETTLING"].data["INTEGRATION"]) == {1, 2}
    said = json.loads(made[2].read_text(encoding="utf-8"))
    assert any("dark current, amplifier 0" in json.dumps(entry) for entry in said)


def test_measured_cube_is_noisier_but_true(darks):
    folder, paths, rate = darks
    out = folder / "measured.fits"
    done = own_program(
        "nircam/dark", "--output", out, "--gain", 2, "--cube", "measured", "--previous",
        folder / "dark.fits" if (folder / "dark.fits").exists() else paths[0], *paths,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with fits.open(out) as hdus:
        sci, err = hdus["SCI"].data, hdus["ERR"].data
    pull = (sci[-1] * 2 - rate * 19 * DT)[8:, 8:] / (2 * err[-1])[8:, 8:]
    assert pull.std() < 1.1


def test_method_reffiles_needs_jumps_and_keeps_their_numbers(darks):
    folder, paths, _ = darks
    out = folder / "peer.fits"
    done = own_program("nircam/dark", "--method", "reffiles", "--output", out, *paths)
    assert done.returncode == 0, done.stderr
    with fits.open(out) as hdus:
        assert hdus["SCI"].shape == (20, 64, 64)
    assert fits.getdata(folder / "peer_details.fits", "COUNT").max() == 12


def test_earlier_files_of_another_place_are_refused():
    """Subarrays of one size lie at several places: their pixels are not those of the exposures."""
    image = np.arange(2048 * 2048).reshape(2048, 2048)
    y, x = LAYOUT.ystart - 1, LAYOUT.xstart - 1
    own = image[y : y + 64, x : x + 64]
    for part, cards in (
        (image, {}),
        (image, {"SUBSTRT1": 1, "SUBSTRT2": 1}),
        (own, {}),
        (own, {"SUBSTRT1": x + 1, "SUBSTRT2": y + 1}),
        (image[y:, x - 3 :], {"SUBSTRT1": x - 2, "SUBSTRT2": y + 1}),
    ):
        assert np.array_equal(cut_out("old.fits", cards, part, LAYOUT), own)
    for part, cards in (
        (own, {"SUBSTRT1": x + 11, "SUBSTRT2": y + 1}),
        (own, {"SUBSTRT1": 1, "SUBSTRT2": 1}),
        (image[:400, :400], {"SUBSTRT1": x + 2, "SUBSTRT2": y + 1}),
        (image[:32, :32], {}),
    ):
        with pytest.raises(DarkroomError, match="does not cover the 64 x 64 pixels"):
            cut_out("old.fits", cards, part, LAYOUT)
    with pytest.raises(DarkroomError, match="subarray SUB64X and says not where that lies"):
        cut_out("old.fits", {"SUBARRAY": "SUB64X"}, own, LAYOUT)


@pytest.mark.parametrize(
    ("name", "read"), [("DQ", telegraph_pixels), ("BAD_REF_PIXEL", bad_reference_pixels)]
)
def test_flags_of_another_place_or_detector_are_refused(tmp_path, name, read):
    """The mask takes telegraph and bad reference pixels from where the dark was taken."""
    y, x = LAYOUT.ystart - 1, LAYOUT.xstart - 1
    whole = np.zeros((2048, 2048), np.uint8)
    whole[y + 3, x + 5] = NoiseFlag.TELEGRAPH
    own, place = whole[y : y + 64, x : x + 64], {"SUBSTRT1": x + 1, "SUBSTRT2": y + 1}

    def given(image, **cards):
        primary = fits.PrimaryHDU()
        primary.header.update({"DETECTOR": LAYOUT.detector} | cards)
        path = tmp_path / "flags.fits"
        fits.HDUList([primary, fits.ImageHDU(image, name=name)]).writeto(path, overwrite=True)
        return read(path, LAYOUT)

    for image, cards in ((own, place), (own, {"SUBARRAY": LAYOUT.subarray}), (whole, {})):
        assert np.argwhere(given(image, **cards)).tolist() == [[3, 5]]
    with pytest.raises(DarkroomError, match="does not cover"):
        given(own, **place | {"SUBSTRT2": y + 65})
    with pytest.raises(DarkroomError, match="says not where"):
        given(own, SUBARRAY="SUB64X")
    with pytest.raises(DarkroomError, match="is of NRCA1"):
        given(own, **place | {"DETECTOR": "NRCA1"})


def test_exposures_of_two_patterns_are_refused(darks, tmp_path):
    _, paths, _ = darks
    data = fits.getdata(paths[0], "SCI")
    other = write_ramp(tmp_path / "b.fits", data, LAYOUT, **STEPS | {"READPATT": "BRIGHT2"})
    done = own_program("nircam/dark", "--output", tmp_path / "x.fits", "--gain", 2, *paths, other)
    assert done.returncode == 1
    assert "READPATT" in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "x.fits").exists()


def test_refusals(darks, tmp_path):
    _, paths, _ = darks
    done = own_program("nircam/dark", "--output", tmp_path / "x.fits", *paths)
    assert done.returncode == 1
    assert "gain" in done.stderr
    data = fits.getdata(paths[0], "SCI")
    wrong = write_ramp(tmp_path / "sub.fits", data, LAYOUT, S_DARK="COMPLETE", **STEPS)
    done = own_program("nircam/dark", "--output", tmp_path / "x.fits", "--gain", 2, wrong)
    assert done.returncode == 1
    assert "dark_current" in done.stderr
    nojump = write_ramp(tmp_path / "nojump.fits", data, LAYOUT, **STEPS)
    done = own_program(
        "nircam/dark", "--method", "reffiles", "--output", tmp_path / "x.fits", nojump
    )
    assert done.returncode == 1
    assert "jump" in done.stderr
    assert not (tmp_path / "x.fits").exists()


@pytest.fixture(scope="module")
def masked(made, darks):
    """Give a mask with a previous one, that of darks alone, and the numbers."""
    folder, _, _ = darks
    old = np.zeros((64, 64), np.uint32)
    old[50, 50] = (1 << 10) | 1  # dead: darks cannot see it
    old[55, 55] = 1 << 12  # warm no more
    primary = fits.PrimaryHDU()
    primary.header["DETECTOR"] = "NRCALONG"
    fits.HDUList([primary, fits.ImageHDU(old, name="DQ")]).writeto(folder / "old.fits")
    bad = np.zeros((64, 64), np.int32)
    bad[1, 30] = bad[20, 20] = 2  # the second is no reference pixel
    pixels = [primary, fits.ImageHDU(bad, name="BAD_REF_PIXEL")]
    fits.HDUList(pixels).writeto(folder / "pixels.fits")
    both = ("--previous", folder / "old.fits", "--reference-pixels", folder / "pixels.fits")
    for name, more in (("mask", both), ("alone", ())):
        done = own_program(
            "nircam/mask", "--output", folder / f"{name}.fits", "--pedigree", "DUMMY", "--injected",
            100, "--quantities", folder / f"{name}.json", *more, made[1],
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return folder


def test_mask_of_a_dark(masked):
    with fits.open(masked / "mask.fits", checksum=True) as hdus:
        header, dq = hdus[0].header, hdus["DQ"].data
        names = {str(row["NAME"]).strip() for row in hdus["DQ_DEF"].data}
    assert header["REFTYPE"] == "MASK"
    assert header["SUBARRAY"] == "SUB64P"
    assert header["FLATPIX"]
    assert (dq[21:29, 21:29] & 1 > 0).all()
    assert dq[50, 50] & (1 << 10)
    assert not dq[55, 55]
    assert dq[0, 0] & (1 << 31)
    bad_reference = np.argwhere(dq & (1 << 17)).tolist()
    assert bad_reference == [[1, 30]]
    assert "previous mask: DEAD 1" in str(header["HISTORY"])
    assert {"HOT", "WARM", "DEAD", "REFERENCE_PIXEL", "DO_NOT_USE", "BAD_REF_PIXEL"} <= names
    good = np.ones((64, 64), bool)
    good[:4] = good[:, :4] = False
    good[20:30, 20:30] = good[40:44, 40:44] = good[50, 50] = False
    assert (dq[good] > 0).sum() <= 2
    with fits.open(masked / "mask_details.fits") as hdus:
        assert {"CHANGE", "COMPARE", "INJECTED"} <= {hdu.name for hdu in hdus}
        assert hdus["CHANGE"].data[55, 55] == 2
    said = json.dumps(json.loads((masked / "mask.json").read_text(encoding="utf-8")))
    assert "are found" in said
    assert "healed pixels" in said


def test_mask_of_darks_alone_says_what_it_lacks(masked):
    header = fits.getheader(masked / "alone.fits")
    assert not header["FLATPIX"]
    assert "darks alone" in str(header["HISTORY"])


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a_rate.fits"], "no file of slopes"),
        (["a_rateints.fits"], "a_jump.fits: does not exist"),
        (["b_rateints.fits"] * 2, "needs 5 exposures, there are 2"),
    ],
)
def test_mask_of_method_reffiles_refuses(tmp_path, names, words):
    for name in ("a", "b"):
        write_ramp(tmp_path / f"{name}_rateints.fits", np.zeros((1, 64, 64), np.float32), LAYOUT)
        with fits.open(tmp_path / f"{name}_rateints.fits", mode="append") as hdus:
            hdus.append(fits.ImageHDU(np.zeros((1, 64, 64), np.uint32), name="DQ"))
    for suffix, name, shape in (("jump", "GROUPDQ", (4,)), ("fitopt", "PEDESTAL", ())):
        planes = fits.ImageHDU(np.zeros((1, *shape, 64, 64), np.float32), name=name)
        if name == "GROUPDQ":
            planes.data = planes.data.astype(np.uint8)
        fits.HDUList([fits.PrimaryHDU(), planes]).writeto(tmp_path / f"b_{suffix}.fits")
    choices = MaskSettings(method="reffiles")
    metadata = ReferenceMetadata.from_settings(choices)
    paths = [tmp_path / name for name in names]
    with pytest.raises(DarkroomError, match=words):
        reffiles_files.make(paths, metadata, choices, tmp_path / "x.fits", tmp_path / "y.fits")
    assert not (tmp_path / "x.fits").exists()
