"""The gain over epochs: its state is that of the pairs of flats, and a change of it is found."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.products import gain as gainfile
from darkroom.ccd.simulate import exposures as simulator
from darkroom.epochs import laws, table
from darkroom.epochs.folder import gather
from darkroom.epochs.settings import EpochSettings
from darkroom.epochs.state_file import load
from darkroom.epochs.told import as_json
from darkroom.epochs.trends import judge, series_of
from nircam_jwst import own_program

# Five cameras, each with every program of its gain.
pytestmark = pytest.mark.heavy
SETTINGS = {
    "shape": [64, 64],
    "targets": [],
    "bias": {"count": 4},
    "darks": [],
    "flats": [{"count": 4, "exptime": time} for time in (2.0, 8.0, 16.0, 24.0)],
}
# Days of the epochs, and the gain of the camera then.
GAINS = (2.5, 2.5, 2.5, 2.65, 2.65)


def made(*arguments):
    done = own_program(*arguments)
    assert done.returncode == 0, done.stderr
    return done


def epoch(here, number, settings, series=()):
    """Return flats, gain product and state of an epoch, the year of which is its number."""
    here.mkdir()
    files = {"bias": [], "flat": []}
    for one in simulator.plan(settings):
        path = here / one.file
        simulator.deliver(settings, one.name, path)
        with fits.open(path, mode="update") as hdus:
            date = hdus[0].header["DATE-OBS"]
            hdus[0].header["DATE-OBS"] = f"{2030 + number}{date[4:]}"
        files[one.role].append(path)
    bias, noise, product = (here / f"{name}.fits" for name in ("bias", "noise", "gain"))
    made("ccd/master_bias", "--output", bias, *files["bias"])
    made("ccd/read_noise", "--output", noise, *files["bias"])
    made(
        "ccd/gain", "--master-bias", bias, "--read-noise", noise,
        "--output", product, *files["flat"],
    )  # fmt: skip
    state = here / "state.fits"
    gain = ("--gain-product", product)
    made("ccd/state", "gain", *gain, *series, "--output", state, *files["flat"])
    return {"flats": files["flat"], "product": product, "state": state}


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    """Files of every epoch: flats, gain product and state."""
    folder, found = tmp_path_factory.mktemp("gain"), []
    for number, gain in enumerate(GAINS):
        settings = SETTINGS | {"seed": 30 + number, "gain": gain}
        series = ("--series", found[0]["state"]) if found else ()
        found.append(epoch(folder / str(number), number, settings, series))
    return found


def test_a_change_of_the_gain_is_found_and_dated(epochs):
    found, _, cards = gather([one["state"] for one in epochs], 10)
    assert (cards["PRODUCT"], cards["UNIT"]) == ("gain", "e-/ADU")
    trends = {one.series.name: one for one in judge(series_of(found), 0.01)}
    assert {*trends} == {"gain of the image", "bend of the variance of the image"}
    gain = trends["gain of the image"]
    assert gain.changed
    assert gain.scan.first == 3
    assert abs(gain.scan.size - 0.15) < 3 * gain.scan.error


def test_the_gain_of_a_state_is_that_of_its_product(epochs):
    for one, true in zip(epochs, GAINS, strict=True):
        product = gainfile.read(one["product"])
        state, _ = load(one["state"])
        found = table.product(state)
        assert abs(found.mean[0] - product.value) < product.error
        assert abs(found.mean[0] - true) < 4 * max(found.error[0], product.error)
        assert found.error[0] == pytest.approx(product.error, rel=0.7)
        assert np.isfinite(state.mjd).all()


def test_adding_and_withdrawing_equal_the_rebuild(epochs, tmp_path):
    states = [load(one["state"])[0] for one in epochs]
    whole = table.empty(states[0].template)
    for state in states[::-1]:
        whole = laws.merge(state, whole)
    assert laws.equal(laws.remove(whole, states[2]), build([*states[:2], *states[3:]]))
    means = tmp_path / "series.fits"
    made("report/epochs", "product", *(one["state"] for one in epochs[:3]), "--output", means)
    rows = fits.getdata(means, "MEANS")
    assert abs(rows["MEAN"][0] - 2.5) < 4 * rows["ERROR"][0]


def build(states):
    whole = states[0]
    for state in states[1:]:
        whole = laws.merge(whole, state)
    return whole


def test_flats_that_are_not_those_of_the_product_are_refused(epochs, tmp_path):
    output = tmp_path / "x.fits"
    one, two = epochs[:2]
    done = own_program(
        "ccd/state", "gain", "--gain-product", one["product"], "--output", output, *two["flats"]
    )
    assert done.returncode == 1
    assert "was made of other flats" in done.stderr
    with fits.open(one["product"]) as hdus:
        hdus["PTC"].columns.del_col("FIRST")
        hdus.writeto(tmp_path / "old.fits")
    old = ("--gain-product", tmp_path / "old.fits")
    done = own_program("ccd/state", "gain", *old, "--output", output, *one["flats"])
    assert done.returncode == 1
    assert "does not name the pairs" in done.stderr
    done = own_program("ccd/state", "gain", "--output", output, *one["flats"])
    assert done.returncode == 2
    assert "a gain needs --gain-product" in done.stderr
    assert not output.exists()


def test_an_epoch_whose_flats_tell_no_gain_stays_without_it(epochs, tmp_path):
    """Its flats have no light: the gain is missing there, and said so; the series goes on."""
    flats = [{"count": 4, "exptime": 1e-4}]
    settings = SETTINGS | {"seed": 50, "flats": flats}
    dark = epoch(tmp_path / "dark", 7, settings, ("--series", epochs[0]["state"]))
    assert gainfile.read(dark["product"]) is None
    states = [one["state"] for one in epochs] + [dark["state"]]
    found = as_json({"gain": gather(states, 10)[0]}, EpochSettings())["products"]["gain"]
    assert len(found["epochs"]) == 6
    for one in found["series"]:
        assert [k for k, value in enumerate(one["value"]) if value is None] == [5]
    assert {one["why"] for one in found["missing"]} == {"none of its units tells it"}
    gain = next(one for one in found["series"] if one["name"] == "gain of the image")
    assert [change["first"] for change in gain["changes"]] == [3]
    means = tmp_path / "series.fits"
    made("report/epochs", "product", *states, "--output", means)
    usual = table.product(build([load(one["state"])[0] for one in epochs]))
    np.testing.assert_allclose(fits.getdata(means, "MEANS")["MEAN"], usual.mean, rtol=1e-12)
    # A series cannot start with it: whether the variance bends is not known.
    done = own_program("ccd/state", "gain", "--gain-product", dark["product"], "--output",
                       tmp_path / "x.fits", *dark["flats"])  # fmt: skip
    assert done.returncode == 1
    assert "start the series with an epoch whose flats do" in done.stderr
