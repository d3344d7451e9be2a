"""The simulated coronagraph camera: its statistics, its truth, its bytes."""

import hashlib

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.simulate import exposures as cgi
from darkroom.cgi.simulate.register import add_cosmic_rays, amplify, excess_noise2, partial_charge
from darkroom.errors import DarkroomError, InputError

SETTINGS = {"seed": 2, "geometry": "small", "frames": 2}


@pytest.mark.parametrize("gain", [1.0, 1.5, 30.0, 5000.0])
def test_amplified_electrons_have_the_gain_and_the_excess_noise_of_the_register(gain):
    rng = np.random.default_rng(1)
    electrons = rng.poisson(2.0, 400_000)
    out = amplify(electrons, gain, 604, rng)
    assert out.mean() == pytest.approx(2 * gain, rel=0.01)
    assert out.var() == pytest.approx(2 * gain**2 * excess_noise2(gain, 604), rel=0.03)
    assert (out[electrons == 0] == 0).all()


def test_charge_made_inside_the_register_has_less_gain():
    rng = np.random.default_rng(2)
    out = partial_charge(0.5, (500, 500), 1000.0, rng)
    assert out.mean() == pytest.approx(0.5 * 999 / np.log(1000), rel=0.02)


def test_cosmic_rays_fall_in_their_area_and_tails_grow_with_gain():
    area, touched = (slice(10, 60), slice(20, 70)), []
    for gain in (1.5, 500.0):
        image = np.zeros((80, 200))
        mask = add_cosmic_rays(image, area, 3e5, gain, 1e5, np.random.default_rng(3))
        assert (image[~mask] == 0).all()
        assert (image[mask] > 0).all()
        assert not mask[:10].any()
        assert not mask[:, :20].any()
        touched.append(mask.sum())
    assert touched[1] > 5 * touched[0]


def test_the_plan_is_every_gain_at_every_time_or_the_listed_stacks():
    planned = cgi.plan(SETTINGS)
    assert len(planned) == 24
    assert len({e.name for e in planned}) == 24
    assert planned[0].facts["em_gain"] == "1.5"
    assert planned[0].facts["shape"] == "120x220"
    listed = cgi.plan(SETTINGS | {"stacks": [{"gain": 30, "exptime": 5, "frames": 3}]})
    assert [(e.gain, e.exptime) for e in listed] == [(30.0, 5.0)] * 3


def test_bytes_depend_on_settings_and_name_alone(tmp_path):
    name, sums = cgi.plan(SETTINGS)[5].name, set()
    for number in range(2):
        cgi.deliver(SETTINGS, name, tmp_path / f"{number}.fits")
        sums.add(hashlib.sha256((tmp_path / f"{number}.fits").read_bytes()).hexdigest())
    assert len(sums) == 1
    cgi.deliver(SETTINGS | {"seed": 3}, name, tmp_path / "other.fits")
    assert hashlib.sha256((tmp_path / "other.fits").read_bytes()).hexdigest() not in sums


def test_frames_average_to_their_truth():
    settings = SETTINGS | {
        "cosmic_rays": 0,
        "stacks": [{"gain": 500, "exptime": 100, "frames": 60}],
    }
    hidden = cgi.truth(settings)
    frames = [cgi.frame(settings, exposure, hidden) for exposure in cgi.plan(settings)]
    data, dq = np.array([f[0] for f in frames], float), np.array([f[2] for f in frames])
    good = (dq == 0).all(axis=0)
    good[-1] = False
    expected = hidden["fpn"] + 500 * (hidden["cic"] + 100 * hidden["dark"])
    deviation = (data.mean(0) - expected)[good]
    assert abs(deviation.mean()) < 4 * data.std(0)[good].mean() / np.sqrt(60 * good.sum())
    assert (hidden["dark"][:, :108] == 0).all()
    assert (data[:, -1] == 1e5).all()


def test_an_odd_stack_has_its_offset_and_noise():
    odd = {"gain": 1.5, "exptime": 2.0, "offset": 50.0, "noise": 2.0}
    settings = SETTINGS | {"odd_stack": odd, "fpn_spread": 0.0, "row_noise": 0.0}
    first, second = (cgi.frame(settings, cgi.plan(settings)[k])[0][:-1, :100] for k in (0, 2))
    assert first.mean() - second.mean() == pytest.approx(50, abs=10)
    assert first.std() / second.std() == pytest.approx(2, abs=0.1)


def test_a_frame_is_laid_out_as_corgidrps(tmp_path):
    exposure = cgi.plan(SETTINGS)[0]
    cgi.deliver(SETTINGS, exposure.name, tmp_path / exposure.file)
    with fits.open(tmp_path / exposure.file) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "", "ERR", "DQ"]
        assert hdus[1].data.dtype == ">f4"
        assert hdus["ERR"].shape == (1, 120, 220)
        assert hdus["DQ"].data.dtype == np.uint16
        assert (hdus[1].header["BUNIT"], hdus[1].header["DATALVL"]) == (
            "detected EM electron",
            "L2a",
        )


def test_truth_maps_of_a_persons_own(tmp_path):
    for name in ("fpn", "cic", "dark"):
        fits.writeto(tmp_path / f"{name}.fits", np.full((1024, 1024), 0.25, np.float32))
    hidden = cgi.truth(SETTINGS | {"maps": str(tmp_path), "hot_fraction": 0})
    image = (slice(2, 106), slice(108, 213))
    assert (hidden["fpn"][image] == 0.25).all()
    assert (hidden["dark"][image] == 0.25).all()
    with pytest.raises(InputError, match="holds no truth map"):
        cgi.truth(SETTINGS | {"maps": str(tmp_path / "nowhere")})


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"gian": 3}, r"no setting named gian \(did you mean"),
        ({"stacks": [{"gain": 1, "time": 2}]}, "stacks: no setting named time"),
        ({"odd_stack": {"gains": 1}}, "odd_stack: no setting named gains"),
    ],
)
def test_a_setting_that_does_not_exist_is_refused(settings, text):
    with pytest.raises(DarkroomError, match=text):
        cgi.plan(settings)


def test_corgidrps_maps_need_corgidrp():
    from importlib.util import find_spec

    if find_spec("corgidrp"):
        pytest.skip("corgidrp is installed here")
    with pytest.raises(DarkroomError, match="needs the package corgidrp"):
        cgi.truth(SETTINGS | {"maps": "corgidrp"})
