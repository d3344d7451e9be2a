"""A superbias over epochs: states made, merged and withdrawn from, against truth."""

import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.epochs.state_file import load
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import RampSet
from nircam_darks import classes as classes_of
from nircam_darks import make_darks, stripe, write_darks, write_ramp


def run(repository, script, *arguments, status=0):
    """Run a program; return the last line it wrote."""
    command = [sys.executable, repository / f"scripts/{script}.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    lines = (done.stderr + done.stdout).strip().splitlines()
    return lines[-1] if lines else ""


@pytest.fixture(scope="module")
def series(tmp_path_factory, repository):
    """Two epochs of 16 ramps: their files, a superbias of the first, and a state of each."""
    folder = tmp_path_factory.mktemp("series")
    darks = make_darks(stripe(), 32, seed=71)
    files = write_darks(folder, darks)
    first, second = files[:16], files[16:]
    run(repository, "nircam/superbias", "--output", folder / "superbias.fits", *first)
    run(
        repository, "nircam/state", "superbias", "--start", folder / "superbias_details.fits",
        "--output", folder / "one.fits", *first,
    )  # fmt: skip
    run(
        repository, "nircam/state", "superbias", "--series", folder / "one.fits",
        "--output", folder / "two.fits", *second,
    )  # fmt: skip
    run(
        repository, "report/epochs", "merge", folder / "one.fits", folder / "two.fits",
        "--output", folder / "both.fits",
    )  # fmt: skip
    return folder, darks, files


def total(path):
    return fits.getheader(path)["STATESUM"]


def test_the_order_of_epochs_changes_no_bit(series, repository, tmp_path):
    folder, _, files = series
    other, rebuilt = tmp_path / "other.fits", tmp_path / "rebuilt.fits"
    two = folder / "two.fits", folder / "one.fits"
    run(repository, "report/epochs", "merge", *two, "--output", other)
    series_of = ("--series", folder / "one.fits")
    run(repository, "nircam/state", "superbias", *series_of, "--output", rebuilt, *files)
    assert total(other) == total(folder / "both.fits") == total(rebuilt)
    assert total(other) != total(folder / "one.fits")


def test_a_withdrawn_exposure_leaves_no_trace(series, repository, tmp_path):
    folder, _, files = series
    one, left, without = (tmp_path / f"{name}.fits" for name in ("one", "left", "without"))
    series_of = ("--series", folder / "one.fits")
    run(repository, "nircam/state", "superbias", *series_of, "--output", one, files[20])
    run(repository, "report/epochs", "remove", folder / "both.fits", one, "--output", left)
    rest = [file for file in files if file != files[20]]
    run(repository, "nircam/state", "superbias", *series_of, "--output", without, *rest)
    assert total(left) == total(without)
    said = run(
        repository, "report/epochs", "remove", left, one, "--output", tmp_path / "x.fits", status=1
    )
    assert "dark020_uncal 1 is not in the state" in said
    assert not (tmp_path / "x.fits").exists()


def test_the_product_is_true_within_its_error_and_equals_the_full_rebuild(
    series, repository, tmp_path
):
    folder, darks, files = series
    output, anew = tmp_path / "product.fits", tmp_path / "anew.fits"
    run(repository, "report/epochs", "product", folder / "both.fits", "--output", output)
    run(repository, "nircam/superbias", "--output", anew, *files)
    classes = Classes.from_ramps(RampSet(files, "superbias"))
    with fits.open(output) as hdus, fits.open(anew) as today:
        found, error = hdus["SCI"].data.astype(float), hdus["ERR"].data.astype(float)
        certified = hdus["CERTIFIED"].data > 0
        difference = found - today["SCI"].data
        sound = today["DQ"].data == 0
        quoted = today["ERR"].data
    where = certified & classes.usable
    assert certified[classes.usable].mean() > 0.98
    level = classes_of(darks.readout)
    truth = darks.bias + darks.offsets.mean(axis=0)[level]
    pulls = []
    for k in np.unique(level[where]):
        inside = where & (level == k)
        pull = (found - truth)[inside]
        pulls.append((pull - np.median(pull)) / error[inside])
    # 32 samples: Student's law of 31 degrees, whose scatter is 1.034.
    pulls = np.concatenate(pulls)
    assert np.std(pulls[np.abs(pulls) < 6]) / 1.034 == pytest.approx(1, abs=0.05)
    # Today's product centres its clip on the median and solves for the offsets together.
    inside = where & sound
    for k in np.unique(level[inside]):
        part = difference[inside & (level == k)]
        assert np.std(part) < 0.15 * np.median(quoted[inside])


def test_another_detector_and_damaged_states_are_refused(series, repository, tmp_path):
    folder, darks, _ = series
    other = tmp_path / "other_uncal.fits"
    data = np.rint(darks.data[:1]).astype(np.uint16)
    write_ramp(other, data, darks.readout, mjd=59700.0, READPATT="BRIGHT2", NFRAMES=2)
    series_of = ("--series", folder / "one.fits")
    output = tmp_path / "x.fits"
    said = run(
        repository, "nircam/state", "superbias", *series_of, "--output", output, other, status=1
    )
    assert "is of another series: READPATT" in said
    cut = tmp_path / "cut.fits"
    cut.write_bytes((folder / "one.fits").read_bytes()[:-5000])
    said = run(
        repository, "report/epochs", "merge", folder / "two.fits", cut, "--output", output, status=1
    )
    assert "cut.fits" in said
    said = run(
        repository, "report/epochs", "merge", folder / "one.fits", folder / "one.fits",
        "--output", output, status=1,
    )  # fmt: skip
    assert "is in both states (16 units are)" in said
    assert not output.exists()


def test_a_state_names_its_units(series):
    folder, _, _ = series
    state, cards = load(folder / "two.fits")
    assert state.units[0] == "dark016_uncal 1"
    assert len(state.units) == 16
    assert cards["PRODUCT"] == "superbias"
