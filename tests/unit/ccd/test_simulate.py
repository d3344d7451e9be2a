"""The simulated CCD: the notebook's published statistics, its truth, its random streams."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.campaign.settings import defaults
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as ccd
from darkroom.ccd.simulate import frames as simulated_frames
from darkroom.ccd.simulate.settings import COLD, Simulation
from darkroom.errors import DarkroomError

SMALL = {"shape": [40, 60], "hot_fraction": 0.01, "warm_fraction": 0.02, "unstable_fraction": 0.01}


@pytest.fixture(scope="module")
def notebook():
    """The notebook's frames by its own statistics, the true offsets taken out of the levels."""
    plan, hidden = ccd.plan({}), camera.truth({})
    stack = {
        role: np.array(
            [simulated_frames.frame({}, item, hidden)[0] for item in plan if item.role == role],
            np.float32,
        )
        for role in ("bias", "dark", "science")
    }
    offset = {
        role: np.mean(
            [simulated_frames.frame_offset({}, item) for item in plan if item.role == role]
        )
        for role in stack
    }
    return stack, offset


def test_bias_has_the_published_level_and_structure(notebook):
    """Mean 1080.117, median 1074.9, spatial standard deviation 19.315 of the first frame."""
    stack, offset = notebook
    mean = stack["bias"].mean(axis=0)
    assert mean.mean(dtype=float) - offset["bias"] == pytest.approx(1080.117, abs=0.15)
    assert np.median(mean) - offset["bias"] == pytest.approx(1074.9, abs=0.2)
    assert stack["bias"][0].std(dtype=float) == pytest.approx(19.315, abs=0.1)


def test_noise_images_have_the_published_means_and_medians(notebook):
    """Read noise 10.558 / 10.429, dark noise 10.871 / 10.813, each n - 1 in the denominator."""
    stack, _ = notebook
    read, dark = (stack[role].std(axis=0, ddof=1) for role in ("bias", "dark"))
    assert read.mean(dtype=float) == pytest.approx(10.558, abs=0.04)
    assert np.median(read) == pytest.approx(10.429, abs=0.04)
    assert dark.mean(dtype=float) == pytest.approx(10.871, abs=0.04)
    assert np.median(dark) == pytest.approx(10.813, abs=0.04)


def test_dark_current_is_the_published_one(notebook):
    """13.815 ADU in 10 s; the offsets, which hid the rate in the notebook, taken out."""
    stack, offset = notebook
    counts = stack["dark"].mean(dtype=float) - stack["bias"].mean(dtype=float)
    assert counts - offset["dark"] + offset["bias"] == pytest.approx(13.815, abs=0.05)


def test_hot_pixels_are_as_published(notebook):
    """One dramatic pixel, brightest in the bias; a few dozens above 200 ADU, one above 8000."""
    stack, _ = notebook
    first = stack["bias"][0]
    assert np.unravel_index(first.argmax(), first.shape) == (308, 628)
    assert first.max() == pytest.approx(1918, abs=150)
    subtracted = stack["dark"][0] - stack["bias"].mean(axis=0)
    assert 10 < (subtracted > 200).sum() < 60
    assert (subtracted > 8000).sum() == 1


def test_plan_is_the_notebooks(notebook):
    """Ten biases, 29 darks (eleven of them cold), a target, and no pixel made."""
    plan = ccd.plan({})
    darks = [item for item in plan if item.role == "dark"]
    assert [item.role for item in plan].count("bias") == 10
    assert (plan[-1].file, len(darks)) == ("target_image.FIT", 29)
    cold = [int(item.name[-3:]) for item in darks if item.temperature < -5]
    assert cold == [1, 2, 4, 5, 14, 15, 16, 17, 21, 22, 29]
    assert darks[0].facts["exptime_s"] == "10"


def test_frame_depends_on_its_name_and_the_seed_alone():
    """A frame made by itself, or after other plans were asked for, has the same bytes."""
    plan = ccd.plan(SMALL)
    alone = simulated_frames.frame(SMALL, plan[20])[0]
    more = SMALL | {"darks": [{"count": 2, "exptime": 5.0}, *defaults(Simulation)["darks"]]}
    again = next(item for item in ccd.plan(more) if item.name == plan[20].name)
    assert np.array_equal(alone, simulated_frames.frame(more, again)[0])
    assert not np.array_equal(alone, simulated_frames.frame(SMALL | {"seed": 1}, plan[20])[0])


@pytest.mark.parametrize("component", ["hot", "warm", "unstable"])
def test_switching_odd_pixels_off_changes_no_other_pixel(component):
    """To the last bit."""
    target, hidden = ccd.plan(SMALL)[-1], camera.truth(SMALL)
    here = simulated_frames.frame(SMALL, target, hidden)[0]
    there = simulated_frames.frame(SMALL | {f"{component}_fraction": 0.0}, target)[0]
    where = hidden[f"{component}_rate"] > 0
    assert where.any()
    assert np.array_equal(here[~where], there[~where])


@pytest.mark.parametrize(
    ("off", "limit"),
    [
        ({"offset_rms": 0.0}, 8.0),
        ({"sky_rate": 0.0}, 250.0),
        ({"stars": 0}, None),
        ({"dark_rate": 0.0}, 60.0),
        ({"cosmic_rays": 0.0}, None),
        ({"dramatic": None}, None),
    ],
)
def test_switching_a_component_off_takes_away_just_that(off, limit):
    """What is left differs nowhere by more than the component is; never upwards but rounding."""
    settings = SMALL | {"cosmic_rays": 10.0}
    target = ccd.plan(settings)[-1]
    change = (
        simulated_frames.frame(settings, target)[0].astype(int)
        - simulated_frames.frame(settings | off, target)[0]
    )
    assert change.any()
    if "offset_rms" in off:
        assert np.ptp(change) <= 1
    else:
        assert change.min() >= 0
    if limit is not None:
        assert np.abs(change).max() <= limit


def test_truth_is_what_the_frames_hold():
    """The mean of many frames agrees with bias + rate × time + offset in units of its error."""
    settings = SMALL | {
        "darks": [{"count": 100, "exptime": 10.0, "temperatures": [-5.0]}],
        "unstable_fraction": 0.0,
        "cosmic_rays": 0.0,
    }
    hidden = camera.truth(settings)
    darks = [item for item in ccd.plan(settings) if item.role == "dark"]
    cube = np.array([simulated_frames.frame(settings, item, hidden)[0] for item in darks], float)
    cube -= np.array([simulated_frames.frame_offset(settings, item) for item in darks])[
        :, None, None
    ]
    expected = hidden["bias"] + hidden["dark_rate"] * 10.0 * camera.dark_factor(settings, -5.0)
    pull = (cube.mean(axis=0) - expected) / (cube.std(axis=0, ddof=1) / 10)
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert pull.std() == pytest.approx(1.0, abs=0.05)


def test_saturation_is_a_ceiling():
    """No sample above it, however hot."""
    settings = SMALL | {"darks": [{"count": 1, "exptime": 100.0}]}
    dark = next(item for item in ccd.plan(settings) if item.role == "dark")
    assert simulated_frames.frame(settings, dark)[0].max() == 65535


def test_delivered_file_is_the_cameras(tmp_path):
    """16 bit with BZERO, the notebook's cards, no IMAGETYP and no gain; the same bytes again."""
    ccd.deliver(SMALL, "dark_10s_001", tmp_path / "a.FIT")
    ccd.deliver(SMALL, "dark_10s_001", tmp_path / "b.FIT")
    header = fits.getheader(tmp_path / "a.FIT")
    assert (header["BITPIX"], header["BZERO"], header["EXPTIME"]) == (16, 32768, 10.0)
    assert (header["INSTRUME"], header["CCD-TEMP"]) == ("SBIG ST-402", COLD)
    assert not {"IMAGETYP", "GAIN"} & set(header)
    assert (tmp_path / "a.FIT").read_bytes() == (tmp_path / "b.FIT").read_bytes()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"readnoise": 5},
            r"simulated CCD: no setting named readnoise \(did you mean 'read_noise'\?\); there ",
        ),
        ({"darks": [{"number": 3}]}, "darks: no setting named number"),
        ({"bias": {"n": 3}}, "bias: no setting named n"),
        ({"darks": 2 * [{"count": 1, "exptime": 5.0}]}, "dark_5s_001 is planned twice"),
    ],
)
def test_wrong_settings_are_named(settings, message):
    with pytest.raises(DarkroomError, match=message):
        ccd.plan(settings)
