"""Photon-counted darks and bad-pixel maps from frames to files, by the programs."""

import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.counting.product import read_counters
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.judging import checks
from darkroom.cgi.simulate import exposures as cgi
from darkroom.errors import DarkroomError, InputError
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED, Subject
from programs import load

STACK = {"gain": 5000, "exptime": 4, "frames": 12, "photon_counting": True}
SETTINGS = {"seed": 7, "geometry": "small", "stacks": [STACK], "hot_fraction": 0.005,
            "hot_dark": [0.2, 0.5]}  # fmt: skip


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder = tmp_path_factory.mktemp("frames")
    for exposure in cgi.plan(SETTINGS):
        cgi.deliver(SETTINGS, exposure.name, folder / exposure.file)
    return sorted(folder.glob("*.fits"))


@pytest.fixture
def run(monkeypatch):
    def call(program, *arguments):
        monkeypatch.setattr(sys, "argv", [program, *map(str, arguments)])
        load(f"cgi/{program}").main()

    return call


def count(run, output, frames, *more):
    run("photon_counted_dark", "--geometry", "small", "--output", output, *more, *frames)
    return output


def edited(path, folder, header="image", **cards):
    target = folder / path.name
    with fits.open(path) as hdus:
        hdus[0 if header == "primary" else 1].header.update(cards)
        hdus.writeto(target, overwrite=True)
    return target


def test_dark_recovers_the_truth_within_its_errors(run, frames, tmp_path):
    path = count(run, tmp_path / "dark.fits", frames)
    truth = cgi.truth(SETTINGS)
    area = (slice(2, 106), slice(108, 213))
    true = (truth["cic"] + 4 * truth["dark"])[area]
    with fits.open(path) as hdus:
        header, data, err = hdus[1].header, hdus[1].data, hdus["ERR"].data[0]
        good = (hdus["DQ"].data == 0) & ~truth["hot"][area]
        assert (hdus["UPPER"].data[good] > 0).all()
        hot = hdus["HOT"].data > 0
    assert header["PC_STAT"] == "photon-counted master dark"
    assert (header["PCTHRESH"], header["NUM_FR"]) == (500.0, 12)
    assert (err[good] > 0).all()
    assert ((data[good] - true[good]) / err[good]).std() == pytest.approx(1.0, abs=0.08)
    assert abs(header["PCLEVEL"] - true[good].mean()) < 4 * header["PCLEVERR"]
    assert hot[truth["hot_dark"][area]].mean() > 0.5
    assert abs(header["PCGAIN"] - 5000) < 5 * header["PCGAINER"]


def test_frames_added_later_give_the_dark_of_all(run, frames, tmp_path):
    whole = count(run, tmp_path / "whole.fits", frames)
    first = count(run, tmp_path / "first.fits", frames[:6])
    both = count(run, tmp_path / "both.fits", frames[6:], "--add", first)
    ours, table, _, header = read_counters(both)
    theirs = read_counters(whole)[0]
    for name in ("n", "above", "twice", "four", "seen"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name))
    assert len(table["FILE"]) == header["NUM_FR"] == 12
    with fits.open(whole) as a, fits.open(both) as b:
        assert np.array_equal(a[1].data, b[1].data)
        assert np.array_equal(a["ERR"].data, b["ERR"].data)
        assert read_table(a["UNITS"]).keys() == read_table(b["UNITS"]).keys()
        for name, column in read_table(a["UNITS"]).items():
            assert np.array_equal(column, read_table(b["UNITS"])[name])
    with pytest.raises(DarkroomError, match="there twice"):
        count(run, tmp_path / "twice.fits", frames, "--add", first)
    with pytest.raises(InputError, match="PCTHRESH"):
        count(run, tmp_path / "other.fits", frames[6:], "--add", first, "--threshold", "6")


def test_frames_of_the_image_area_alone_are_counted_too(run, frames, tmp_path):
    cut = []
    for path in frames:
        with fits.open(path) as hdus:
            for hdu in hdus[1:]:
                hdu.data = np.ascontiguousarray(hdu.data[..., 2:106, 108:213])
            cut.append(tmp_path / path.name)
            hdus.writeto(cut[-1])
    whole, image = (
        count(run, tmp_path / f"{name}.fits", given)
        for name, given in (("whole", frames), ("image", cut))
    )
    with fits.open(whole) as a, fits.open(image) as b:
        assert np.array_equal(a[1].data, b[1].data)


@pytest.mark.parametrize(
    ("header", "cards", "said"),
    [
        ("primary", {"VISTYPE": "CGIVST_TDD_OBS"}, "VISTYPE"),
        ("image", {"ISPC": 0}, "photons are counted in its stack"),
        ("image", {"EXPTIME": 9.0}, "exposure time"),
        ("image", {"RN": -999.0}, "read noise"),
        ("image", {"RN": 150.0}, "read noise"),
    ],
)
def test_frames_that_cannot_be_counted_are_refused_in_words(
    run, frames, tmp_path, header, cards, said
):
    odd = edited(frames[-1], tmp_path, header, **cards)
    with pytest.raises(DarkroomError, match=said):
        count(run, tmp_path / "dark.fits", [*frames[:3], odd])


def test_thresholds_brightness_and_gain_are_checked(run, frames, tmp_path):
    output = tmp_path / "dark.fits"
    with pytest.raises(InputError, match="not below the EM gain"):
        count(run, output, frames[:3], "--threshold", "50")
    with pytest.raises(InputError, match="electrons hide behind each other"):
        count(run, output, frames[:3], "--most-electrons", "0.001")
    with pytest.raises(DarkroomError, match="more than one frame"):
        count(run, output, frames[:1])
    low = [edited(path, tmp_path, EMGAIN_C=2500.0) for path in frames]
    with pytest.raises(DarkroomError, match="EM gain of"):
        count(run, output, low)


def test_ispc_is_asked_of_the_stacks_in_which_photons_are_counted():
    def verdicts(ispc, gain, counted):
        values = {"commanded_gain": gain, "exptime": 4.0, "photon_counting": ispc}
        found = judge([Subject("a", "a", values)], [
            one for one in checks({"photon_counted": counted}) if one.key == "photon_counting"
        ])  # fmt: skip
        return [each.verdict for each in found]

    counted = [{"gain": 5000, "exptime": 4}]
    assert REFUSED not in verdicts(1, 5000.0, counted)
    assert REFUSED in verdicts(0, 5000.0, counted)
    assert REFUSED in verdicts(1, 500.0, counted)
    assert REFUSED not in verdicts(0, 500.0, counted)
    assert REFUSED in verdicts(1, 5000.0, [])


def test_map_of_the_dark_has_its_hot_pixels(run, frames, tmp_path):
    dark, path = count(run, tmp_path / "a_drk_cal.fits", frames), tmp_path / "map.fits"
    run("pixel_map", "--output", path, dark)
    hot = cgi.truth(SETTINGS)["hot_dark"][2:106, 108:213]
    with fits.open(path) as hdus, fits.open(dark) as given:
        found, header = hdus[1].data, hdus[1].header
        lost = given["DQ"].data != 0
    assert found.dtype == np.uint8
    assert header["DATATYPE"] == "BadPixelMap"
    assert hdus[0].header["FILENAME"].endswith("_bpm_cal.fits")
    assert (found[lost] == 8).all()
    assert (found[hot] == 8).mean() > 0.4
    assert (
        (found != 0) & ~hot & ~lost & ~cgi.truth(SETTINGS)["hot_cic"][2:106, 108:213]
    ).sum() <= 1
    assert header["FLATPIX"] is False


def true_maps(settings, path):
    """Write the true maps of a simulation as noise maps."""
    truth = cgi.truth(settings)
    planes = np.stack([truth[name] for name in ("fpn", "cic", "dark")]).astype(np.float32)
    header = fits.Header({"DATATYPE": "DetectorNoiseMaps", "DRPNFILE": 84})
    hdus = [
        fits.PrimaryHDU(), fits.ImageHDU(planes, header),
        fits.ImageHDU(np.full_like(planes, 1e-4)[None], name="ERR"),
        fits.ImageHDU(np.zeros(planes.shape, np.uint16), name="DQ"),
    ]  # fmt: skip
    fits.HDUList(hdus).writeto(path)
    return path


def test_the_fixed_pattern_is_subtracted_before_counting_when_asked_for(run, tmp_path):
    # Of pixels with a pattern of 300 e- the read noise of 100 e- reaches the threshold of 500 e-
    # in 2 % of the frames, twice as often as an electron.
    settings = SETTINGS | {"hot_fraction": 0.0, "fpn_spread": 200.0}
    for exposure in cgi.plan(settings):
        cgi.deliver(settings, exposure.name, tmp_path / exposure.file)
    frames = sorted(tmp_path.glob("*.fits"))
    maps = true_maps(settings, tmp_path / "maps.fit")
    wide = ["--gain-tolerance", "0.9", "--most-electrons", "1"]
    plain = count(run, tmp_path / "plain.fit", frames, *wide)
    less = count(run, tmp_path / "less.fit", frames, *wide, "--maps", maps, "--subtract-fpn")
    truth = cgi.truth(settings)
    area = (slice(2, 106), slice(108, 213))
    high = truth["fpn"][area] > 300
    true = (truth["cic"] + 4 * truth["dark"])[area]
    assert high.sum() > 300
    with fits.open(plain) as hdus:
        assert not hdus[1].header["FPNSUB"]
        assert hdus["COUNT"].data[high].sum() > 2 * 12 * true[high].sum()
    with fits.open(less) as hdus:
        header, data, err = hdus[1].header, hdus[1].data, hdus["ERR"].data[0]
        good = hdus["DQ"].data == 0
        expected = 0.908 * 12 * true[high & good].sum()
        found = hdus["COUNT"].data[high & good].sum()
    assert header["FPNSUB"]
    assert abs(found - expected) < 4 * expected**0.5
    assert abs(header["PCLEVEL"] - true[good].mean()) < 4 * header["PCLEVERR"]
    assert ((data[good] - true[good]) / err[good]).std() == pytest.approx(1.0, abs=0.08)


def test_the_fixed_pattern_is_not_subtracted_as_corgidrp_counts_nor_without_maps(
    run, frames, tmp_path
):
    with pytest.raises(DarkroomError, match="needs --method best"):
        count(run, tmp_path / "d.fits", frames[:3], "--method", "peer", "--subtract-fpn")
    with pytest.raises(DarkroomError, match="needs --maps"):
        count(run, tmp_path / "d.fits", frames[:3], "--subtract-fpn")


def test_the_map_of_bad_pixels_names_its_classes(tmp_path, monkeypatch):
    from darkroom.cgi.figures import counted
    from darkroom.plot import images

    header = fits.Header({"NHOT": 1, "NDEAD": 1, "FLATPIX": True})
    fits.HDUList(
        [fits.PrimaryHDU(), fits.ImageHDU(np.array([[8, 4], [0, 12]], np.uint8), header)]
    ).writeto(tmp_path / "map.fits")
    drawn = {}

    def draw(codes, labels, **_):
        drawn.update({label: codes == k for k, label in enumerate(labels, 1)})

    class Book:
        def add(self, *_):
            pass

    monkeypatch.setattr(images, "draw_flags", draw)
    counted.draw_counted(Book(), [], [tmp_path / "map.fits"])
    assert drawn["warm or hot"].tolist() == [[True, False], [False, False]]
    assert drawn["dead"].tolist() == [[False, True], [False, False]]
    assert drawn["both"].tolist() == [[False, False], [False, True]]
