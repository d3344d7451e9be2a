"""Bias frames and darks over epochs: any order the same bits, equal to the rebuild, true."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.simulate import exposures as simulator
from darkroom.epochs import laws
from darkroom.epochs.state_file import load
from nircam_jwst import own_program

SETTINGS = {
    "shape": [48, 64],
    "seed": 5,
    "bias": {"count": 24, "temperatures": [-4.975]},
    "darks": [{"count": 24, "exptime": 30.0, "temperatures": [-4.975]}],
}


def made(*arguments):
    done = own_program(*arguments)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module", params=["bias", "dark"])
def series(request, tmp_path_factory):
    role = request.param
    folder = tmp_path_factory.mktemp(role)
    plan = [one for one in simulator.plan(SETTINGS) if one.role == role]
    if role == "dark":
        longest = max(one.exptime for one in plan)
        plan = [one for one in plan if one.exptime == longest]
    files = [folder / one.file for one in plan]
    for one, path in zip(plan, files, strict=True):
        simulator.deliver(SETTINGS, one.name, path)
    half = max(len(files) // 2, 3)
    product = folder / "master.fits"
    made(f"ccd/master_{role}", "--output", product, *files)
    made("ccd/state", role, "--start", product, "--output", folder / "one.fits", *files[:half])
    start = ("--series", folder / "one.fits")
    made("ccd/state", role, *start, "--output", folder / "two.fits", *files[half:])
    merged = folder / "both.fits"
    made("report/epochs", "merge", folder / "two.fits", folder / "one.fits", "--output", merged)
    return role, folder, files, product


def test_adding_is_the_rebuild_to_the_bit(series):
    role, folder, files, _ = series
    again = folder / "again.fits"
    made("ccd/state", role, "--series", folder / "one.fits", "--output", again, *files[::-1])
    whole, cards = load(again)
    assert laws.equal(whole, load(folder / "both.fits")[0])
    assert len(whole.units) == len(files)
    assert np.isfinite(whole.mjd).all()
    assert cards["PRODUCT"] == f"{role} stack"


def test_a_withdrawn_frame_leaves_no_trace(series):
    role, folder, files, _ = series
    start = ("--series", folder / "one.fits")
    bad, left, rest = (folder / f"{name}.fits" for name in ("bad", "left", "rest"))
    made("ccd/state", role, *start, "--output", bad, files[1])
    made("report/epochs", "remove", folder / "both.fits", bad, "--output", left)
    made("ccd/state", role, *start, "--output", rest, files[0], *files[2:])
    assert laws.equal(load(left)[0], load(rest)[0])


def test_the_product_of_the_series_is_that_of_all_frames(series):
    _, folder, _, product = series
    output = folder / "series.fits"
    made("report/epochs", "product", folder / "both.fits", "--output", output)
    with fits.open(output) as hdus, fits.open(product) as today:
        value, error = (hdus[name].data.astype(float) for name in ("SCI", "ERR"))
        usual, quoted = (today[name].data.astype(float) for name in ("SCI", "ERR"))
        sure = hdus["CERTIFIED"].data > 0
        assert hdus["CERTIFIED"].data.mean() > 0.9
    # The one centres its clip on the sums, the other on the median.
    apart = ((value - usual) / quoted)[sure & (quoted > 0)]
    assert np.median(np.abs(apart)) < 0.05
    assert np.mean(np.abs(apart) < 0.5) > 0.98
    ratio = (error / quoted)[sure & (quoted > 0)]
    assert np.median(ratio) == pytest.approx(1, abs=0.01)


def test_frames_of_another_time_or_shape_are_refused(series, tmp_path):
    role, folder, files, _ = series
    with fits.open(files[0]) as hdus:
        header, data = hdus[0].header.copy(), hdus[0].data.copy()
    cut = tmp_path / "cut.fits"
    fits.PrimaryHDU(data[:-2], header).writeto(cut)
    output = tmp_path / "x.fits"
    done = own_program("ccd/state", role, "--series", folder / "one.fits", "--output", output, cut)
    assert done.returncode == 1
    assert "the series has" in done.stderr
    header["EXPTIME"] = header["EXPTIME"] + 7.0
    longer = tmp_path / "longer.fits"
    fits.PrimaryHDU(data, header).writeto(longer)
    done = own_program(
        "ccd/state", role, "--series", folder / "one.fits", "--output", output, longer
    )
    assert done.returncode == 1
    assert "EXPTIME" in done.stderr
    assert not output.exists()
