"""Raw frames of the coronagraph's camera (level L1), prepared in mode best."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import Calibration, read_calibration
from darkroom.cgi.raw.gather import raw_moments
from darkroom.cgi.raw.network import tables
from darkroom.cgi.raw.peer import Rules
from darkroom.cgi.raw.prepare import Settings, prepare
from darkroom.cgi.simulate import exposures as cgi
from darkroom.cgi.simulate.digitize import apply_nonlinearity
from darkroom.compiled import load_kernel
from darkroom.errors import DarkroomError, InputError
from programs import load

BEST = Settings("best", Calibration(kgain=8.7))
PLAIN = {"level": "L1", "geometry": "small", "bad_fraction": 0.0}
AREA = 106 * 107 * 1.69e-6  # cm2


def deliver(folder, **changes):
    """Write the frames of one camera; return their paths."""
    settings = PLAIN | changes
    paths = []
    for exposure in cgi.plan(settings):
        paths.append(folder / exposure.file)
        cgi.deliver(settings, exposure.name, paths[-1])
    return paths


def one_stack(folder, gain, exptime, frames=8, **changes):
    stacks = [{"gain": gain, "exptime": exptime, "frames": frames}]
    return deliver(folder, stacks=stacks, **changes)


@pytest.fixture
def geometry():
    return read_geometry("small")


@pytest.fixture
def frame(tmp_path):
    """Give a raw frame that can be spoilt."""
    return one_stack(tmp_path, 500.0, 30.0, frames=1)[0]


def test_the_rank_filter_is_that_of_sorted_windows():
    rng = np.random.default_rng(3)
    image = rng.integers(-300, 300, (23, 41))
    padded = np.pad(image, ((5, 4), (5, 4)), mode="symmetric")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (10, 10)).reshape(23, 41, 100)
    wanted = np.sort(windows, axis=2)[..., 50]
    stages = [tables()[name + end] for name in ("sort", "two", "four", "middle")
              for end in ("", "_order")]  # fmt: skip
    for number in (np.int16, np.int32):
        out = np.empty(image.shape, number)
        load_kernel("darkroom.cgi.raw.rank_kernel").rank_filter(padded.astype(number), *stages, out)
        assert np.array_equal(out, wanted)


GAINS_AND_TIMES = [(1.5, 30.0), (30.0, 30.0), (500.0, 30.0), (5000.0, 2.0), (5000.0, 100.0)]


@pytest.mark.parametrize("rays", [0.0, 0.6])
@pytest.mark.parametrize(("gain", "exptime"), GAINS_AND_TIMES)
def test_the_mean_of_what_is_not_masked_is_the_truth(tmp_path, geometry, gain, exptime, rays):
    """Of 16 small frames, with and without the cosmic rays of 60 a full frame.

    At a gain of 5000 they are a fifth of that: a tail there is a tenth of a small image.
    """
    rays /= 5 if gain == 5000 else 1
    changes = {"cosmic_rays": rays / AREA / exptime, "hot_fraction": 0.0, "fpn_spread": 5.0}
    paths = one_stack(tmp_path, gain, exptime, frames=16, seed=int(gain), **changes)
    truth = cgi.truth(PLAIN | changes | {"seed": int(gain)})
    stack, moments, left_out = raw_moments(paths, geometry, BEST)
    area = geometry.section("image")
    expected = (truth["fpn"] + gain * (truth["cic"] + exptime * truth["dark"]))[area]
    count, total = moments.count[area], moments.total[area]
    assert not left_out
    assert 1 - count.mean() / stack.nframes < 0.05
    error = np.sqrt((moments.m2[area]).sum() / count.sum()) / np.sqrt(count.sum())
    error = np.hypot(error, 8.9 / np.sqrt(16 * 104))
    difference = (total.sum() - (count * expected).sum()) / count.sum()
    assert abs(difference) < max(3.5 * error, 0.03 * expected.mean())


@pytest.mark.heavy
@pytest.mark.parametrize("rays", [0, 25, 45])
@pytest.mark.parametrize(("gain", "exptime"), [*GAINS_AND_TIMES, (5000.0, 30.0)])
def test_the_mean_of_full_frames_is_the_truth(tmp_path, gain, exptime, rays):
    """Three frames, within 3 % or three standard errors, less than 5 % masked."""
    geometry, area = read_geometry("sci"), 1037 * 1056 * 1.69e-6
    changes = {
        "geometry": "sci", "cosmic_rays": rays / area / exptime, "cosmic_charge": [1e2, 1e5],
        "hot_fraction": 0.0,
    }  # fmt: skip
    paths = one_stack(tmp_path, gain, exptime, frames=3, **changes)
    truth = cgi.truth(PLAIN | changes)
    stack, moments, _ = raw_moments(paths, geometry, BEST)
    section = geometry.section("image")
    expected = (truth["fpn"] + gain * (truth["cic"] + exptime * truth["dark"]))[section]
    count, total = moments.count[section], moments.total[section]
    assert 1 - count.mean() / stack.nframes < 0.05
    noise = 100**2 + 2 * gain**2 * (0.0088 + exptime * 0.001)
    error = np.sqrt(noise / count.sum() + 8.9**2 / (3 * 1024))
    difference = (total.sum() - (count * expected).sum()) / count.sum()
    assert abs(difference) < max(3 * error, 0.03 * expected.mean())


def test_hot_pixels_keep_their_signal(tmp_path, geometry):
    """Up to what the register holds; beyond, they are flagged in every frame."""
    changes = {"hot_fraction": 0.02, "hot_dark": [0.05, 1.0], "cosmic_rays": 0.0,
               "fpn_spread": 5.0}  # fmt: skip
    paths = one_stack(tmp_path, 500.0, 100.0, frames=16, **changes)
    truth = cgi.truth(PLAIN | changes)
    _, moments, _ = raw_moments(paths, geometry, BEST)
    hot = truth["hot"]
    electrons = 100 * truth["dark"][hot]
    found = moments.mean()[hot] / 500
    assert (moments.count[hot] == 16).mean() > 0.99
    assert found.sum() == pytest.approx(electrons.sum(), rel=0.02)
    bright = one_stack(tmp_path, 5000.0, 100.0, frames=8, **changes)
    _, moments, _ = raw_moments(bright, geometry, BEST)
    assert set(moments.count[hot][electrons > 35]) == {0}


def test_tails_are_followed_to_where_they_end(tmp_path, geometry):
    """At a gain of 1000 a tail is above a tenth of the noise for 300 pixels, over the row's end."""
    changes = {"cosmic_rays": 1 / AREA, "hot_fraction": 0.0, "fpn_spread": 0.0}
    settings = PLAIN | changes | {"stacks": [{"gain": 1000.0, "exptime": 1.0, "frames": 4}]}
    paths = one_stack(tmp_path, 1000.0, 1.0, frames=4, **changes)
    hidden = cgi.truth(settings)
    for prepared, exposure in zip(prepare(paths, geometry, BEST), cgi.plan(settings), strict=True):
        _, touched = cgi.raw_frame(settings, exposure, hidden)
        rows = touched.any(axis=1)
        rays = (prepared.dq & 128) > 0
        assert rays[:-1][~(rows[:-1] | np.roll(rows, 1)[:-1] | np.roll(rows, -1)[:-1])].sum() == 0
        data, _, _ = prepared.planes()
        left = touched & (prepared.dq == 0)
        assert data[left].sum() <= 20 * left.sum() + 300 * np.sqrt(left.sum())


def test_the_corrected_signal_of_a_nonlinear_detector_is_linear(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text("nan,1,100,5000\n800,1.06,1.08,0.99\n3000,1,1.02,1.0\n9000,0.97,0.98,1.01\n")
    calibration = read_calibration(nonlinearity=table, kgain=8.7)
    linear = np.linspace(-50, 12000, 301)
    for gain in (1.0, 40.0, 5000.0, 9000.0):
        counts = apply_nonlinearity(linear, gain, calibration)[None]
        raw = np.rint(counts + 1000).astype(np.uint16)
        out = np.empty(raw.shape)
        load_kernel("darkroom.cgi.raw.kernel").electrons(
            raw, raw.max(axis=1).astype(np.int64), np.full(1, 1000.0),
            calibration.nonlinearity.counts, calibration.nonlinearity.curve(gain), 8.7, 1.0, out,
        )  # fmt: skip
        assert np.abs(out[0] / 8.7 - linear).max() < 0.7


def test_a_row_whose_prescan_is_spoilt_takes_its_neighbours_bias(tmp_path, geometry):
    paths = one_stack(tmp_path, 500.0, 30.0, frames=1, cosmic_rays=0.0)
    (clean,) = prepare(paths, geometry, BEST)
    with fits.open(paths[0], mode="update") as hdus:
        hdus[1].data[40:43, :108] += 500
    (spoilt,) = prepare(paths, geometry, BEST)
    assert np.abs(spoilt.bias.level - clean.bias.level)[40:43].max() < 12
    others = np.delete(spoilt.bias.level - clean.bias.level, slice(40, 43))
    assert np.abs(others).max() < 0.01
    assert spoilt.bias.error[41] > clean.bias.error[41]


def test_statistics_of_raw_frames_are_those_of_the_prepared_ones(tmp_path, monkeypatch):
    paths = one_stack(tmp_path, 500.0, 30.0, frames=9)

    def run(program, *words):
        words = [program, "--geometry", "small", *map(str, words)]
        monkeypatch.setattr(sys, "argv", words)
        load(f"cgi/{program}").main()

    raw = ("--nonlinearity", "none", "--output")
    run("stack_statistics", *raw, tmp_path / "direct.fits", *paths)
    run("prepare", *raw, tmp_path / "prepared", *paths)
    run("stack_statistics", "--output", tmp_path / "two.fits",
        *sorted((tmp_path / "prepared").glob("*.fits")))  # fmt: skip
    with fits.open(tmp_path / "direct.fits") as one, fits.open(tmp_path / "two.fits") as two:
        for name in ("COUNT", "SUM", "M2", "ERR2", "DQ"):
            assert np.array_equal(one[name].data, two[name].data)
        assert 'setting preprocess = "best"' in str(one[0].header["HISTORY"])


def test_a_dark_of_raw_frames_is_divided_by_their_gain(tmp_path, monkeypatch):
    paths = one_stack(tmp_path, 500.0, 30.0, frames=3)
    words = ["master_dark", "--geometry", "small", "--nonlinearity", "none", "--output"]
    monkeypatch.setattr(sys, "argv", [*words, *map(str, [tmp_path / "dark.fits", *paths])])
    load("cgi/master_dark").main()
    with fits.open(tmp_path / "dark.fits") as hdus:
        assert hdus[1].header["BUNIT"] == "detected electron"
        assert np.nanmean(hdus[1].data) == pytest.approx(0.0486, abs=0.03)


def test_setup_frames_and_bad_ones_are_left_out(tmp_path, geometry):
    paths = one_stack(tmp_path, 500.0, 30.0, frames=3)
    fits.setval(paths[0], "ISACQ", value=1, ext=1)
    with fits.open(paths[1], mode="update") as hdus:
        hdus[1].data[:60, 108:] = 65535
    stack, _, left_out = raw_moments(paths, geometry, BEST)
    assert [member.name for member in stack.members] == [paths[2].name]
    assert left_out == [paths[1].name]


def spoil_shape(path):
    with fits.open(path, mode="update") as hdus:
        hdus[1].data = hdus[1].data[:100].copy()


def spoil_length(path):
    path.write_bytes(path.read_bytes()[:20000])


def spoil_values(path):
    with fits.open(path, mode="update") as hdus:
        data = hdus[1].data.astype(np.float32)
        data[3, :7] = np.nan
        hdus[1] = fits.ImageHDU(data, hdus[1].header)


def card(name, value):
    def spoil(path):
        if value is None:
            fits.delval(path, name, ext=1)
        else:
            fits.setval(path, name, value=value, ext=1)

    return spoil


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (spoil_length, "truncated"),
        (spoil_shape, "image of 100 rows x 220 columns, geometry 'EXCAM small' has 120 x 220"),
        (spoil_values, "7 pixels are NaN or infinite; raw counts are whole numbers"),
        (card("EMGAIN_C", None), "has no card EMGAIN_C"),
        (card("EMGAIN_C", 0.5), "its EM gain is 0.5, it must be 1 or more"),
        (card("EXPTIME", "long"), "card EXPTIME is 'long', a finite number is needed"),
        (card("DATALVL", "L2a"), "DATALVL is 'L2a', a raw frame of level L1 is needed"),
        (card("ARRTYPE", "CAL"), "ARRTYPE is 'CAL'; frames of SCI, ENG"),
        (card("BUNIT", "electron"), "BUNIT is 'electron', raw frames are in DN"),
    ],
)
def test_a_frame_that_cannot_be_prepared_is_refused_in_words(frame, geometry, spoil, text):
    spoil(frame)
    for mode in ("best", "peer"):
        if mode == "peer" and "must be 1" in text:
            continue
        with pytest.raises(InputError, match=text):
            list(prepare([frame], geometry, replace(BEST, mode=mode)))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ({}, "no non-linearity is named"),
        ({"nonlinearity": "none", "kgain": "0"}, "it must be positive"),
        ({"nonlinearity": "missing.csv"}, "no such file: a table of non-linearity is needed"),
        ({"nonlinearity": "missing.fits"}, "no such calibration file"),
        ({"nonlinearity": "none", "kgain": "missing.fits"}, "no such calibration file"),
        ({"nonlinearity": "none", "bias_offset": "missing.fits"}, "no such calibration file"),
        ({"nonlinearity": "corgidrp"}, "the package corgidrp is not installed"),
    ],
)
def test_a_calibration_that_is_not_there_is_refused_in_words(words, text):
    with pytest.raises(DarkroomError, match=text):
        read_calibration(**words)


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("nan,1,30\n800,1.1,1.2\n900,1.1,0.9\n", "neither contains nor straddles 1"),
        ("nan,30,1\n800,1.1,1.2\n900,0.9,0.9\n", "EM gain .* does not increase"),
        ("nan,1,30\n900,1.1,1.2\n800,0.9,0.9\n", "DN .* does not increase"),
        ("nan,1,30\n900,1.1,nan\n", "values missing"),
        ("hello\n", "is no table of non-linearity"),
    ],
)
def test_a_table_that_is_none_is_refused_in_words(tmp_path, table, text):
    path = tmp_path / "table.csv"
    path.write_text(table)
    with pytest.raises(InputError, match=text):
        read_calibration(nonlinearity=path)


def test_a_rule_that_does_not_exist_is_refused_in_words():
    with pytest.raises(DarkroomError, match="no rule named 'cosm_tresh'"):
        Rules.from_words(["cosm_tresh=1"])
    with pytest.raises(DarkroomError, match="rule mode cannot be 'half'"):
        Rules.from_words(["mode=half"])


def test_raw_frames_and_others_are_not_mixed(frame, tmp_path, monkeypatch):
    other = tmp_path / "other.fits"
    other.write_bytes(frame.read_bytes())
    fits.setval(other, "DATALVL", value="L2a", ext=1)
    words = ["noise_maps", "--geometry", "small", "--output", str(tmp_path / "maps.fits")]
    monkeypatch.setattr(sys, "argv", [*words, str(frame), str(other)])
    with pytest.raises(InputError, match=r"raw frames .* and others cannot be mixed"):
        load("cgi/noise_maps").main()


@pytest.mark.heavy
def test_noise_maps_of_raw_frames_are_unbiased_and_their_errors_true(tmp_path, geometry):
    """From counts to maps, cosmic rays masked on the way: 4 realisations of 12 stacks of 8."""
    planes = []
    for seed in range(4):
        folder = tmp_path / str(seed)
        folder.mkdir()
        changes = {"seed": seed, "hot_fraction": 0.0, "partial_cic": 0.0}
        paths = deliver(folder, **changes)
        words = ["--geometry", "small", "--nonlinearity", "none", "--output", folder / "maps.fits"]
        program = Path(cgi.__file__).parents[3] / "cgi" / "noise_maps.py"
        subprocess.run([sys.executable, program, *words, *paths], check=True, capture_output=True)
        maps, hidden = read_noise_maps(folder / "maps.fits"), cgi.truth(PLAIN | changes)
        true = np.stack([hidden["fpn"], hidden["cic"], hidden["dark"]])
        both = np.concatenate([maps.data - true, maps.err])
        planes.append(both[(slice(None), *geometry.imaging)].reshape(6, -1))
    planes = np.concatenate(planes, axis=1)
    planes = planes[:, np.isfinite(planes).all(axis=0)]
    assert planes.shape[1] > 0.99 * 4 * 106 * 107
    for deviation, error in zip(planes[:3], planes[3:], strict=True):
        assert abs(deviation.mean()) < 0.1 * np.median(error)
        assert (deviation / error).std() == pytest.approx(1.0, abs=0.05)
