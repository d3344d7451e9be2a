"""Gain, full well and linearity of simulated flats come out within their errors."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.figures.gain import add_gain
from darkroom.ccd.gain.pairs import PairBlocks, measure_pair
from darkroom.ccd.gain.photon_transfer import photon_transfer
from darkroom.ccd.products import gain as gainfile
from darkroom.ccd.products.amplifiers import opened_part
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as simulator
from darkroom.ccd.simulate import frames as simulated_frames
from darkroom.errors import DarkroomError

ROOT = Path(__file__).parents[3]
TIMES = (1.0, 5.0, 10.0, 20.0, 30.0, 45.0, 55.0)
FLATS = {
    "shape": [96, 96],
    "gain": 2.5,
    "targets": [],
    "darks": [],
    "bias": {"count": 2},
    "flats": [{"count": 2, "exptime": time} for time in TIMES],
}
READ_NOISE = np.hypot(10.79, np.sqrt(1 / 12))


def measured(settings):
    """Measure the gain of a simulated camera whose bias and dark are known."""
    truth = camera.truth(settings)
    good = truth["base_rate"] == truth["dark_rate"]
    frames = {}
    for item in simulator.plan(settings):
        if item.role == "flat":
            image = simulated_frames.frame(settings, item, truth)[0].astype(float)
            factor = camera.dark_factor(settings, item.temperature)
            dark = truth["base_rate"] * factor * item.exptime
            signal = image - truth["bias"] - dark
            frames.setdefault(item.exptime, []).append((signal, image < 65000, dark))
    pairs = [
        measure_pair(one, two, good & below & also, time, dark)
        for time, ((one, below, dark), (two, also, _)) in frames.items()
    ]
    offset = camera.complete(settings)["offset_rms"]
    return photon_transfer(pairs, READ_NOISE, 0.02, offset)


TRAITS = {
    "plain": {},
    "prnu and lamp drift": {"prnu": 0.03, "flat_drift": 0.05},
    "full well": {"full_well": 100000.0},
    "non-linear": {"nonlinearity": 0.05},
    "warm, unsteady offset": {"offset_rms": 30.0, "dark_rate": 40.0},
}


def pulls(traits, seeds):
    found = [measured(FLATS | traits | {"seed": seed}) for seed in seeds]
    return np.array([(one.gain - 2.5) / one.gain_error for one in found])


@pytest.mark.parametrize("traits", TRAITS.values(), ids=TRAITS)
def test_the_gain_is_right_within_its_error(traits):
    """24 cameras: their pulls' mean is known to 0.20, their scatter to 0.14; 3 of these pass."""
    found = pulls(traits, range(24))
    assert abs(found.mean()) < 3 / np.sqrt(24)
    assert abs(found.std(ddof=1) - 1) < 3 / np.sqrt(2 * 24)


@pytest.mark.heavy
@pytest.mark.parametrize("traits", TRAITS.values(), ids=TRAITS)
def test_the_gain_of_many_cameras_is_right_within_its_error(traits):
    """1,600 cameras: the scatter of their pulls is known to 0.018."""
    found = pulls(traits, range(100, 1700))
    assert abs(found.mean()) < 0.15
    assert 0.95 < found.std(ddof=1) < 1.05


def drawn(rng, nblocks, offset_rms=0.0, bias_error=0.0, levels=(1e3, 5e3, 1e4, 2e4, 3e4, 45e3)):
    """Draw blocks of pairs as they are for a gain of 2.5, and fit them."""
    read_noise, freedom, pairs = 10.8, 1021, []
    common = bias_error * rng.standard_normal()
    for level in levels:
        light = level * (1 + 0.01 * rng.standard_normal(nblocks))
        variance = (read_noise**2 + light / 2.5) * rng.chisquare(freedom, nblocks) / freedom
        light = light + common + offset_rms / np.sqrt(2) * rng.standard_normal()
        error, mean = variance * np.sqrt(2 / freedom), light.mean()
        pairs.append(PairBlocks(light, variance, error, np.ones(nblocks), mean, 1, level / 1e3))
    noise = read_noise + 0.02 * rng.standard_normal()
    return photon_transfer(pairs, noise, 0.02, offset_rms, bias_error)


@pytest.mark.parametrize(("offset_rms", "bias_error"), [(0.0, 0.0), (20.0, 6.0), (np.nan, np.nan)])
def test_errors_that_blocks_share_are_in_the_error_of_the_gain(offset_rms, bias_error):
    """1,500 cameras of 64 blocks: the scatter of their pulls is known to 0.018."""
    rng = np.random.default_rng(8)
    known = np.nan_to_num([offset_rms, bias_error])
    found = [drawn(rng, 64, *known) for _ in range(1500)]
    pull = np.array([(one.gain - 2.5) / one.gain_error for one in found])
    assert abs(pull.mean()) < 0.1
    assert 0.95 < pull.std(ddof=1) < 1.05
    assert np.mean([one.chi2 / one.freedom for one in found]) == pytest.approx(1, abs=0.01)


def test_a_faint_pair_is_not_taken_for_full():
    """An offset that makes its light look brighter makes its variance look lost."""
    rng = np.random.default_rng(9)
    for _ in range(200):
        found = drawn(rng, 9, offset_rms=30.0, levels=(60.0, 5e3, 1e4, 2e4, 3e4))
        assert not found.reached
        assert found.gain == pytest.approx(2.5, rel=0.08)


def test_shot_noise_of_the_dark_current_is_no_light():
    """Dark counts as many as the light: their noise left out, the gain would be half."""
    settings = FLATS | {"flat_rate": 100.0, "dark_rate": 100.0, "seed": 1}
    found = measured(settings)
    assert found.gain == pytest.approx(2.5, abs=4 * found.gain_error)
    assert found.gain_error < 0.1


def test_the_full_well_is_where_the_variance_falls():
    found = measured(FLATS | {"full_well": 100000.0, "seed": 1})
    assert found.reached
    assert found.full_well * found.gain == pytest.approx(100000, rel=0.05)
    assert not found.used[-3:].any()


def test_without_a_full_well_the_brightest_level_is_its_lower_limit():
    found = measured(FLATS | {"seed": 1})
    assert not found.reached
    assert found.full_well == pytest.approx(55000, rel=0.05)
    assert np.isnan(found.full_well_error)


def test_a_non_linear_camera_shows_in_signal_over_time():
    found = measured(FLATS | {"nonlinearity": 0.05, "flat_drift": 0.001, "seed": 1})
    assert found.linearity[-1] - found.linearity[0] == pytest.approx(-0.041, abs=0.006)
    assert found.linearity_error < 0.003


def test_flats_without_light_tell_no_gain():
    with pytest.raises(DarkroomError, match="hold no light"):
        measured(FLATS | {"flat_rate": 0.0, "seed": 1})


def run(program, *arguments):
    subprocess.run(
        [sys.executable, ROOT / f"scripts/ccd/{program}.py", *map(str, arguments)],
        check=True,
        capture_output=True,
    )


@pytest.mark.heavy
def test_errors_of_science_frames_hold_photon_noise_of_the_measured_gain(tmp_path):
    settings = FLATS | {
        "amplifiers": 2,
        "overscan": {"columns": 16, "drift": 5.0},
        "bias": {"count": 10},
        "darks": [{"count": 6, "exptime": 10.0}],
        "targets": [{"exptime": 10.0}],
        "sky_rate": 500.0,
        "stars": 0,
        "cosmic_rays": 0.0,
        "seed": 9,
    }
    paths = {}
    for item in simulator.plan(settings):
        path = tmp_path / f"{item.name}.fits"
        simulator.deliver(settings, item.name, path)
        paths.setdefault(item.role, []).append(path)
    made = {n: tmp_path / f"{n}.out.fits" for n in ("bias", "noise", "dark", "rate", "hot", "gain")}
    frames = ["--bias", *paths["bias"], "--dark", *paths["dark"]]
    run("master_bias", "--output", made["bias"], *paths["bias"])
    run("read_noise", "--output", made["noise"], *paths["bias"])
    run("master_dark", "--output", made["dark"], *paths["dark"])
    run("dark_rate", "--output", made["rate"], *frames)
    run("hot_pixels", "--output", made["hot"], "--rate", made["rate"], *frames)
    run(
        "gain", "--output", made["gain"], "--master-bias", made["bias"], "--read-noise",
        made["noise"], "--dark-rate", made["rate"], "--hot-pixels", made["hot"], *paths["flat"],
    )  # fmt: skip
    run(
        "subtract_dark", "--output-dir", tmp_path / "s", "--master-dark", made["dark"],
        "--dark-rate", made["rate"], "--read-noise", made["noise"], "--hot-pixels", made["hot"],
        "--gain", made["gain"], *paths["science"],
    )  # fmt: skip
    with fits.open(made["gain"]) as hdus:
        for version in (1, 2):
            header = hdus["PTC", version].header
            assert header["GAINPTC"] == pytest.approx(2.5, abs=4 * header["GAINERR"])
            assert header["GAINERR"] < 0.1
    with fits.open(tmp_path / "s" / "target_image_dsub.fits") as hdus:
        for version in (1, 2):
            image, error, dq = (hdus[name, version].data for name in ("SCI", "ERR", "DQ"))
            assert hdus["SCI", version].header["ERRPHOT"]
            good = (dq & ~128) == 0
            pull = (image[good] - 5000) / error[good]
            assert np.std(pull) == pytest.approx(1, abs=0.06)


@pytest.mark.heavy
def test_each_amplifier_has_the_gain_of_its_own_card(tmp_path):
    settings = FLATS | {
        "amplifiers": 2,
        "overscan": {"columns": 16, "drift": 5.0},
        "bias": {"count": 6},
        "darks": [{"count": 4, "exptime": 10.0}],
        "targets": [{"exptime": 10.0}],
        "seed": 9,
    }
    paths = {}
    for item in simulator.plan(settings):
        path = tmp_path / f"{item.name}.fits"
        simulator.deliver(settings, item.name, path)
        with fits.open(path, mode="update") as hdus:
            for number, gain in ((1, 2.0), (2, 3.0)):
                hdus[number].header["EGAIN"] = gain
        paths.setdefault(item.role, []).append(path)
    made = {n: tmp_path / f"{n}.out.fits" for n in ("bias", "noise", "adu", "dark", "rate", "hot")}
    frames = ["--bias", *paths["bias"], "--dark", *paths["dark"]]
    card = ["--gain-e-per-adu", "EGAIN"]
    run("master_bias", *card, "--output", made["bias"], *paths["bias"])
    run("read_noise", *card, "--output", made["noise"], *paths["bias"])
    run("read_noise", "--output", made["adu"], *paths["bias"])
    run("master_dark", *card, "--output", made["dark"], *paths["dark"])
    run("dark_rate", *card, "--output", made["rate"], *frames)
    run("hot_pixels", *card, "--output", made["hot"], "--rate", made["rate"], *frames)
    subtract = [
        "--output-dir", tmp_path / "s", "--master-dark", made["dark"], "--dark-rate", made["rate"],
        "--read-noise", made["noise"], "--hot-pixels", made["hot"], *paths["science"],
    ]  # fmt: skip
    run("subtract_dark", *card, *subtract)
    for number, gain in ((0, 2.0), (1, 3.0)):
        with opened_part(made["noise"], number) as ours, opened_part(made["adu"], number) as adu:
            assert ours[0].header["GAIN"] == gain
            assert ours["SCI"].header["BUNIT"] == "electron"
            noise = adu["SCI"].header["READNOIS"]
            assert ours["SCI"].header["READNOIS"] == pytest.approx(gain * noise, rel=1e-5)
        with opened_part(tmp_path / "s" / "target_image_dsub.fits", number) as hdus:
            assert hdus[0].header["GAIN"] == gain
    assert "GAIN" not in fits.getheader(made["noise"])
    # Flats are in ADU: the gain that they tell is not that of the card. Darks are not needed.
    run(
        "gain", "--output", tmp_path / "gain.fits", "--master-bias", made["bias"], "--read-noise",
        made["noise"], *paths["flat"],
    )  # fmt: skip
    with fits.open(tmp_path / "gain.fits") as hdus:
        for version in (1, 2):
            header = hdus["PTC", version].header
            assert header["GAINPTC"] == pytest.approx(2.5, abs=4 * header["GAINERR"])
            assert header["GAINHDR"] == version + 1
    with pytest.raises(subprocess.CalledProcessError) as caught:
        run("subtract_dark", "--gain-e-per-adu", "2", *subtract)
    assert b"was made with a gain of 3, 2 is needed" in caught.value.stderr


def gain_product(tmp_path, flats, **settings):
    """Make the gain product of a camera with these flats; return it and what was said."""
    settings = FLATS | {"flats": flats, "bias": {"count": 6}, "seed": 3} | settings
    paths = {}
    for item in simulator.plan(settings):
        path = tmp_path / f"{item.name}.fits"
        simulator.deliver(settings, item.name, path)
        paths.setdefault(item.role, []).append(path)
    made = {name: tmp_path / f"{name}.out.fits" for name in ("bias", "noise", "gain")}
    run("master_bias", "--output", made["bias"], *paths["bias"])
    run("read_noise", "--output", made["noise"], *paths["bias"])
    arguments = ["--output", made["gain"], "--master-bias", made["bias"], "--read-noise",
                 made["noise"], *paths["flat"]]  # fmt: skip
    return made["gain"], arguments, paths["flat"]


def rewrite(path, values):
    with fits.open(path, mode="update") as hdus:
        hdus[0].data[...] = values


def test_pairs_without_light_or_saturated_are_left_out_and_said(tmp_path):
    times = [{"count": 2, "exptime": time} for time in (5.0, 10.0, 20.0, 30.0)]
    path, arguments, flats = gain_product(tmp_path, times)
    for flat in flats[:2]:
        rewrite(flat, 65535)
    biases = sorted(tmp_path.glob("bias_*.fits"))[:2]
    for flat, bias in zip(flats[2:4], biases, strict=True):
        rewrite(flat, fits.getdata(bias))
    run("gain", *arguments)
    header = fits.getheader(path, "PTC")
    assert header["NLEFT"] == 2
    assert "saturated" in header["LEFT1"]
    assert flats[0].name in header["LEFT1"]
    assert "hold no light" in header["LEFT2"]
    assert header["GAINPTC"] == pytest.approx(2.5, abs=4 * header["GAINERR"])
    assert abs(header["LINWORST"]) < 0.1


def test_flats_that_are_all_saturated_tell_no_gain_and_stop_nothing(tmp_path):
    path, arguments, flats = gain_product(tmp_path, [{"count": 4, "exptime": 5.0}])
    for flat in flats:
        rewrite(flat, 65535)
    run("gain", *arguments)
    assert gainfile.read(path) is None
    described = {"key_numbers": [], "warnings": [], "tables": [], "products": []}
    add_gain(described, path, tmp_path)
    assert described["key_numbers"] == []
    assert "The flats tell no gain" in described["warnings"][-1]
