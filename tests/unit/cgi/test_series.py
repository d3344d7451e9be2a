"""Fixed pattern, clock-induced charge and dark current over epochs: true, and changes are found."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.series.levels import frame_levels, state_of, template_of
from darkroom.cgi.simulate import exposures as simulator
from darkroom.dates import from_mjd
from darkroom.epochs import laws, table
from darkroom.epochs.folder import gather
from darkroom.epochs.state_file import load
from darkroom.epochs.trends import judge, series_of
from nircam_jwst import own_program

EPOCHS, FRAMES, CHANGED = 6, 4, 4
SETTINGS = {
    "geometry": "small",
    "gains": [1.5, 500.0, 5000.0],
    "exptimes": [2.0, 100.0],
    "frames": EPOCHS * FRAMES,
    "hot_fraction": 0.0,
    "hot_cic_fraction": 0.0,
}
BEFORE, AFTER = 0.02, 0.03


def made(*arguments):
    done = own_program(*arguments)
    assert done.returncode == 0, done.stderr
    return done


@pytest.fixture(scope="module")
def epochs(tmp_path_factory):
    """Frames of every epoch, sixty days apart; the charge steps at the fifth."""
    folder = tmp_path_factory.mktemp("cgi")
    found = [[] for _ in range(EPOCHS)]
    for number, one in enumerate(simulator.plan(SETTINGS)):
        epoch = number % EPOCHS
        path = folder / one.file
        cic = BEFORE if epoch < CHANGED else AFTER
        simulator.deliver(SETTINGS | {"cic": cic, "cic_spread": 0.0}, one.name, path)
        start = from_mjd(62000.0 + 60 * epoch + number / 1e4).isoformat(timespec="milliseconds")
        with fits.open(path, mode="update") as hdus:
            hdus[1].header["SCTSRT"] = start
        found[epoch].append(path)
    return found


@pytest.fixture(scope="module")
def states(epochs, tmp_path_factory):
    """Files of the states of the epochs."""
    folder = tmp_path_factory.mktemp("states")
    made_of = []
    for number, files in enumerate(epochs):
        output = folder / f"epoch{number}.fits"
        series = ("--series", made_of[0]) if made_of else ()
        made("cgi/state", "noise_maps", "--geometry", "small", *series, "--output", output, *files)
        made_of.append(output)
    return made_of


def test_a_step_of_the_charge_is_found_and_dated_and_nothing_else_is_said(states):
    found, _, cards = gather(states, 10)
    assert (cards["INSTRUME"], cards["GEOMETRY"]) == ("CGI", "EXCAM small")
    trends = {one.series.name: one for one in judge(series_of(found), 0.01)}
    assert [name for name, one in trends.items() if one.changed] == ["clock-induced charge"]
    charge = trends["clock-induced charge"]
    assert charge.word == "step"
    assert charge.scan.first == CHANGED
    assert abs(charge.scan.size - (AFTER - BEFORE)) < 3 * charge.scan.error


def test_means_are_the_true_ones_within_their_errors(states, tmp_path):
    output = tmp_path / "series.fits"
    made("report/epochs", "product", *states[:CHANGED], "--output", output)
    rows = fits.getdata(output, "MEANS")
    assert list(rows["KIND"]) == ["e-", "e-/frame", "e-/s"]
    truth = simulator.truth(SETTINGS | {"cic": BEFORE, "cic_spread": 0.0})
    area = read_geometry("small").imaging
    good = ~truth["bad"][area]
    expected = [truth[name][area][good].mean() for name in ("fpn", "cic", "dark")]
    pulls = (rows["MEAN"] - expected) / rows["ERROR"]
    assert np.abs(pulls).max() < 4
    # A clip would take electrons away.
    assert rows["ERROR"][1] < 0.05 * BEFORE


def test_adding_and_withdrawing_equal_the_rebuild(epochs, states, tmp_path):
    bad, left = tmp_path / "bad.fits", tmp_path / "left.fits"
    series = ("--geometry", "small", "--series", states[0])
    made("cgi/state", "noise_maps", *series, "--output", bad, epochs[2][5])
    made("report/epochs", "remove", states[2], bad, "--output", left)
    rest = [path for path in epochs[2] if path != epochs[2][5]]
    again = tmp_path / "again.fits"
    made("cgi/state", "noise_maps", *series, "--output", again, *rest[::-1])
    assert laws.equal(load(left)[0], load(again)[0])
    whole = load(states[0])[0]
    for path in states[:0:-1]:
        whole = laws.merge(load(path)[0], whole)
    every = [path for files in epochs for path in files]
    levels = frame_levels(every, read_geometry("small"), None)
    assert laws.equal(whole, state_of(levels, whole.template))


def test_frames_that_do_not_fit_are_refused_or_left_out(epochs, states, tmp_path):
    output = tmp_path / "x.fits"
    flagged, counting, unit = (tmp_path / f"{name}.fits" for name in ("dq", "counting", "unit"))
    for path in (flagged, counting, unit):
        path.write_bytes(epochs[0][0].read_bytes())
    with fits.open(flagged, mode="update") as hdus:
        hdus["DQ"].data[:100] = 128
    with fits.open(counting, mode="update") as hdus:
        hdus[1].header["ISPC"] = 1
    with fits.open(unit, mode="update") as hdus:
        hdus[1].header["BUNIT"] = "detected electron"
    (level,) = frame_levels([flagged], read_geometry("small"), None)
    assert np.isnan(level.level)
    for path, said in (
        (counting, "no frame is left"),
        (unit, "BUNIT is"),
    ):
        done = own_program(
            "cgi/state", "noise_maps", "--geometry", "small", "--output", output, path
        )
        assert done.returncode == 1
        assert said in done.stderr
    done = own_program("cgi/state", "noise_maps", "--geometry", "sci", "--series", states[0],
                       "--output", output, *epochs[1])  # fmt: skip
    assert done.returncode == 1
    assert "is of another series" in done.stderr
    levels = frame_levels(epochs[0], read_geometry("small"), None)
    one_gain = [one for one in levels if one.gain == 500]
    assert table.product(state_of(levels, template_of(levels))).mean.shape == (3,)
    # Of one gain, charge and fixed pattern are not told apart; the dark current is.
    found = table.product(state_of(one_gain, template_of(levels)))
    assert np.isnan(found.mean).tolist() == [True, True, False]
    assert abs(found.mean[2] - table.product(state_of(levels, template_of(levels))).mean[2]) < (
        4 * found.error[2]
    )
    assert not output.exists()
