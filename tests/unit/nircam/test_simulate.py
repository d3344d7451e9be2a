"""The NIRCam simulator against the laws it states, and its truth against its pixels."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.errors import DarkroomError
from darkroom.fits.verify import verify
from darkroom.nircam.detector.readout import DETECTORS, PIXEL_TIME, Readout
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.detector import make_detector
from darkroom.nircam.simulate.noise import ReadoutNoise, power_law, synthesise
from darkroom.nircam.simulate.ramp import make_groups
from darkroom.nircam.simulate.values import DEFAULTS, complete
from nircam_sim import STILL, ramp

SMALL = {"detector": "NRCB1", "subarray": "SUB64P", "exposures": 2, "nints": 2, "ngroups": 3}
COMMON = {"amplitude": 0.24, "index": 1.0, "excess": 3.0, "knee_hz": 2.0}
# One component each, with the variance (DN²) that it must give; where, and between what.
WHITE = {"white": 5.0}
KTC = {"ktc": 20.0}


def detector_frame(cube, detector):
    return Readout.full(detector, STILL["rows"]).flip(cube).astype(float)


@pytest.mark.parametrize(
    "law",
    [
        {"amplitude": 0.24, "index": 1.0},
        {"amplitude": 0.07, "index": 1.4},
        {"amplitude": 0.24, "index": 1.0, "excess": 3.0, "knee_hz": 2.0},
    ],
)
def test_noise_has_its_power_spectrum_within_three_sigma_in_every_decade(law):
    n, realisations = 1 << 18, 8
    taper = np.hanning(n)
    power = np.zeros(n // 2 + 1)
    for seed in range(realisations):
        noise = synthesise(np.random.default_rng(seed), power_law(law), n, PIXEL_TIME)
        power += np.abs(np.fft.rfft(noise * taper)) ** 2
    power *= 2 * PIXEL_TIME / (taper**2).sum() / realisations
    frequency = np.fft.rfftfreq(n, PIXEL_TIME)
    # The taper spreads the lowest few bins.
    for low in (2, 10, 100, 1e3, 1e4):
        band = (frequency >= max(low, 6 * frequency[1])) & (frequency < low * 10)
        ratio = power[band] / power_law(law)(frequency[band])
        error = np.sqrt(1.944 / (ratio.size * realisations))
        assert abs(ratio.mean() - 1) < 3 * error, (low, ratio.mean(), error)


def test_correlated_noise_runs_on_from_frame_to_frame():
    full = complete(STILL | {"noise_sampling": "tick", "common": COMMON})
    readout = Readout.full("NRCA1", 64)
    rng = np.random.default_rng(3)
    noise = ReadoutNoise(full, readout, 3, np.ones(4), lambda _: rng)
    stream = np.concatenate([readout.to_clock(noise.frame(k), fill=np.nan) for k in range(3)], -1)
    read = np.isfinite(stream)
    np.testing.assert_array_equal(stream[read], noise.streams[:, : stream.shape[1]][read])


def test_alternating_column_noise_lies_at_half_the_pixel_rate():
    quiet = {"amplitude": 0.0, "excess": 0.0}
    full = complete(
        STILL
        | {
            "noise_sampling": "tick",
            "common": quiet,
            "amplifier": {"amplitude": 0.0},
            "alternating": {"amplitude": 1.0, "index": 1.0},
        }
    )
    rng = np.random.default_rng(3)
    noise = ReadoutNoise(full, Readout.full("NRCA1", 64), 4, np.ones(4), lambda _: rng)
    power = np.abs(np.fft.rfft(noise.streams)) ** 2
    frequency = np.fft.rfftfreq(noise.streams.shape[1], PIXEL_TIME)
    assert power[:, frequency > 49e3].sum() > 100 * power[:, frequency < 1e3].sum()


def test_common_noise_is_common_to_the_amplifiers_by_their_coupling():
    full = complete(
        STILL | {"noise_sampling": "row", "common": COMMON, "amplifier": {"amplitude": 0.0}}
    )
    coupling = np.array([1.0, 0.9, 1.1, 1.05])
    rng = np.random.default_rng(3)
    noise = ReadoutNoise(full, Readout.full("NRCA1", 64), 4, coupling, lambda _: rng)
    np.testing.assert_allclose(
        noise.streams / coupling[:, None], np.tile(noise.streams[0], (4, 1)), rtol=1e-5
    )


def test_the_common_noise_of_a_difference_of_reads_is_as_measured():
    # 5 to 9 DN were measured; the default law is that of a typical detector.
    f = np.geomspace(1e-3, 5e4, 200_000)
    step = Readout.full("NRCA1").frame_time
    power = power_law(DEFAULTS["common"])(f) * 4 * np.sin(np.pi * f * step) ** 2
    assert 5.5 < np.sqrt(np.trapezoid(power, f)) < 7.5


def test_white_noise_of_active_and_reference_pixels_is_as_set():
    cube, truth = ramp(ngroups=8, **WHITE)
    in_truth = truth["reference"]
    residual = cube[0] - 5000.0
    expected = 25 + 1 / 12
    assert residual[:, ~in_truth].var() == pytest.approx(expected, rel=0.01)
    assert residual[:, in_truth].var() == pytest.approx(25 * 0.85**2 + 1 / 12, rel=0.02)
    assert truth["read_noise"][~in_truth].max() == pytest.approx(np.sqrt(expected))


@pytest.mark.parametrize(
    ("settings", "variance"),
    [
        (KTC, 400.0),
        ({"bias_scatter": 30.0}, 900.0),
        ({"ktc": 20.0, "bias_scatter": 30.0, "white": 5.0}, 1325.0),
        ({"gain": 2.0, "dark": 2000.0}, 2000.0 * Readout.full("NRCA1", 64).frame_time / 4),
    ],
)
def test_variances_of_the_components_add(settings, variance):
    cube, truth = ramp(ngroups=1, **settings)
    active = cube[0, 0][~truth["reference"]].astype(float)
    # 114,000 pixels: the sampling error of the variance is 0.4 %.
    assert active.var() == pytest.approx(variance + 1 / 12, rel=0.013)


def test_reset_noise_is_common_to_the_groups_of_an_integration_and_new_in_the_next():
    cube, truth = ramp(nints=2, **KTC)
    assert np.ptp(cube.astype(int), axis=1).max() == 0
    np.testing.assert_allclose(cube[:, 0] - 5000.0, truth["ktc"], atol=0.51)
    first, second = (k[~truth["reference"]] for k in truth["ktc"])
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.02


def test_reference_pixels_have_no_charge_and_a_tenth_of_the_reset_noise():
    cube, truth = ramp(dark=500.0, cosmic_rays=50.0, hot_fraction=0.01, rtn_fraction=0.02)
    assert (cube[0][:, truth["reference"]] == 5000).all()
    assert not truth["dark_rate"][truth["reference"]].any()
    _, truth = ramp(**KTC)
    assert truth["ktc"][0][truth["reference"]].std() == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize("detector", DETECTORS)
def test_offsets_are_found_where_the_truth_says(detector):
    cube, truth = ramp(
        detector=detector,
        nints=2,
        ramp_offset_rms=40.0,
        amplifier_ramp_rms=8.0,
        parity_ramp_rms=3.0,
        pedestal_rms=15.0,
        amplifier_pedestal_rms=9.0,
    )
    frames = detector_frame(cube, detector) - 5000.0
    readout = Readout.full(detector, 64)
    for amplifier in range(4):
        for parity in range(2):
            where = (readout.amplifiers() == amplifier) & (readout.parity() == parity)
            expected = (
                (truth["ramp_offset"] + truth["amplifier_ramp_offset"][:, amplifier])[:, None]
                + truth["parity_ramp_offset"][:, amplifier, parity, None]
                + truth["pedestal"]
                + truth["amplifier_pedestal"][:, :, amplifier]
            )
            np.testing.assert_allclose(frames[..., where].mean(axis=-1), expected, atol=0.51)


@pytest.mark.parametrize("detector", ["NRCA1", "NRCB1"])
def test_cosmic_rays_are_where_and_what_the_truth_says(detector):
    cube, truth = ramp(detector=detector, cosmic_rays=3.0, nints=2, ngroups=6)
    expected = np.zeros(cube.shape)
    for hit in truth["cosmic_rays"]:
        expected[hit["integration"], hit["group"] :, hit["y"], hit["x"]] += hit["charge"]
    assert truth["cosmic_rays"].size > 1000
    np.testing.assert_allclose(cube - 5000.0, np.minimum(expected, 60535), atol=0.51)


@pytest.mark.parametrize("detector", ["NRCA1", "NRCB1"])
def test_telegraph_noise_is_where_and_what_the_truth_says(detector):
    cube, truth = ramp(detector=detector, rtn_fraction=0.01, ngroups=12)
    where = truth["telegraph"] > 0
    assert where.mean() == pytest.approx(0.01, rel=0.2)
    expected = truth["telegraph"][where] * (truth["telegraph_state"][0] - 0.5)
    np.testing.assert_allclose(cube[0][:, where] - 5000.0, expected, atol=0.51)
    assert (cube[0][:, ~where] == 5000).all()


def test_hot_pixels_glow_at_their_rate():
    cube, truth = ramp(hot_fraction=0.01, hot_rate=[200.0, 400.0], ngroups=10)
    rate = (cube[0, -1].astype(float) - cube[0, 0]) / (9 * Readout.full("NRCA1", 64).frame_time)
    np.testing.assert_array_equal(rate > 0, truth["hot"])
    expected = truth["dark_rate"][truth["hot"]]
    assert rate[truth["hot"]].mean() == pytest.approx(expected.mean(), rel=0.02)


def test_switching_a_component_off_leaves_all_others_as_they_were():
    settings = {"ktc": 20.0, "pedestal_rms": 10.0, "cosmic_rays": 50.0, "rtn_fraction": 0.01}
    _, all_on = ramp(white=5.0, dark=1.0, noise_sampling="row", **settings)
    _, some_off = ramp(white=0.0, dark=0.0, noise_sampling="off", **settings)
    for name in ("ktc", "pedestal", "cosmic_rays", "telegraph_state", "bias"):
        np.testing.assert_array_equal(all_on[name], some_off[name])


def test_averaged_frames_have_less_white_noise():
    cube, truth = ramp(readpatt="SHALLOW4", **WHITE)
    active = cube[0][:, ~truth["reference"]]
    assert active.var() == pytest.approx(25 / 4 + 1 / 12, rel=0.02)
    assert truth["read_noise"][~truth["reference"]].max() ** 2 == pytest.approx(25 / 4 + 1 / 12)


def test_a_subarray_shows_the_pixels_of_the_full_detector():
    settings = {"detector": "NRCALONG", "amplifier_offset": 0, "even_odd": [0, 0]}
    full = make_detector(complete(settings))
    part = make_detector(complete(settings | {"subarray": "SUB160P"}))
    row, column = part.readout.origin
    window = (slice(row, row + 160), slice(column, column + 160))
    for name in ("bias", "reference", "hot", "telegraph"):
        np.testing.assert_array_equal(getattr(full, name)[window], getattr(part, name))
    assert part.reference.any()


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    name = nircam.plan(SMALL)[1].name
    for folder, seed in (("a", 1), ("b", 1), ("c", 2)):
        nircam.deliver(SMALL | {"seed": seed}, name, tmp_path / folder / f"{name}_uncal.fits")
    a, b, c = ((tmp_path / f / f"{name}_uncal.fits").read_bytes() for f in "abc")
    assert a == b
    assert a != c
    truths = [(tmp_path / f / "truth" / f"{name}.npz").read_bytes() for f in "ab"]
    assert truths[0] == truths[1]


def test_an_exposure_does_not_depend_on_which_others_are_made():
    alone, _ = ramp("jw2", **WHITE)
    ramp("jw1", **WHITE)
    again, _ = ramp("jw2", **WHITE)
    np.testing.assert_array_equal(alone, again)


def test_the_raw_file_is_whole_and_says_what_was_planned(tmp_path):
    exposure = nircam.plan(SMALL)[0]
    path = tmp_path / exposure.file
    nircam.deliver(SMALL, exposure.name, path)
    verify(path)
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "GROUP", "INT_TIMES"]
        header, data = hdus[0].header, hdus["SCI"].data
        assert Readout.from_header(header).subarray == "SUB64P"
        assert header["TFRAME"] == pytest.approx(0.05016)
        assert data.dtype == np.uint16
        assert data.shape == (2, 3, 64, 64)
        assert len(hdus["GROUP"].data) == 6
        starts = hdus["INT_TIMES"].data["int_start_MJD_UTC"]
        assert np.diff(starts)[0] * 86400 == pytest.approx(4 * 0.05016, rel=1e-3)
    assert header["DATE-OBS"] == exposure.facts["date_obs"][:10]
    assert exposure.facts["shape"] == "64x64"


def test_settings_that_cannot_be_are_refused_in_a_sentence():
    with pytest.raises(DarkroomError, match=r"no setting named ngroup \(did you mean 'ngroups'"):
        nircam.plan({"ngroup": 3})
    with pytest.raises(DarkroomError, match="detector is 'NRCA5'"):
        nircam.plan({"detector": "NRCA5"})
    with pytest.raises(DarkroomError, match="nints is 0, it must be 1 or more"):
        nircam.plan({"nints": 0})
    with pytest.raises(DarkroomError, match="lines need noise_sampling: tick"):
        complete({"lines": [{"hz": 60, "rms": 1}], "noise_sampling": "row"})


# A frame of 64 rows takes 0.34 s: rates are large, so that few groups show them.
def test_warm_and_unstable_pixels_collect_what_the_truth_says():
    data, truth = ramp(
        warm_fraction=0.05, warm_rate=[400.0, 800.0], unstable_fraction=0.05,
        unstable_rate=[2000.0, 4000.0], nints=40, ngroups=2,
    )  # fmt: skip
    seconds = Readout.full("NRCA1", 64).frame_time
    rates = np.diff(data.astype(float), axis=1)[:, 0] / seconds
    warm, unstable = truth["hot"], truth["unstable"] > 0
    assert 0.04 < warm[4:-4, 4:-4].mean() < 0.06
    only = warm & ~unstable
    error = np.sqrt(truth["dark_rate"][only] / 2.0 / seconds / 40)
    pull = (rates.mean(axis=0)[only] - truth["dark_rate"][only]) / error
    assert abs(pull.mean()) < 5 / np.sqrt(pull.size)
    assert abs(pull.std() - 1) < 0.1
    # As in files: the detector frame's order of the truth's map, integration by integration.
    on = truth["unstable_state"]
    assert 0.45 < on.mean() < 0.55
    added = rates[:, unstable] - truth["dark_rate"][unstable]
    assert np.abs(added[~on]).max() < 600
    expected = (on * truth["unstable"][unstable])[on]
    assert abs((added[on] - expected).mean() / expected.mean()) < 0.01
    assert not (unstable | warm)[truth["reference"]].any()


def test_settling_cycles_and_first_integrations_are_of_active_pixels_alone():
    data, truth = ramp(
        settling=100.0, settling_s=1.0, cycle=[30.0, 0.0, 0.0], first_integration=500.0, nints=5,
        ngroups=6,
    )  # fmt: skip
    active = ~truth["reference"]
    seconds = Readout.full("NRCA1", 64).frame_time
    levels = data[:, :, active].mean(axis=2) - 5000
    time = seconds * np.arange(1, 7)
    assert np.allclose(truth["settling"], -100 * np.exp(-time))
    assert truth["cycle"].tolist() == [30, 0, 0, 30, 0]
    expected = truth["settling"] + truth["cycle"][:, None]
    expected[0] += 500 / 2 * time  # gain 2
    assert np.abs(levels - expected).max() < 1.5
    assert (data[:, :, truth["reference"]] == 5000).all()


def test_a_later_segment_goes_on_with_the_cycle():
    full = complete(STILL | {"cycle": [30.0, 0.0, 0.0], "first_integration": 500.0, "nints": 2})
    taken = []
    truth = make_groups(full, "x", lambda group: taken.append(group.copy()), first=4)
    assert truth["cycle"].tolist() == [30, 0]
    assert max(group.max() for group in taken[4:]) == 5000  # and no first integration
