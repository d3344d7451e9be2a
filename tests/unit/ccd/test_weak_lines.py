"""Columns and rows that are off by their mean alone are found, and rarely others."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from scipy import ndimage

from ccd_frames import Simulated, rate_of
from darkroom.ccd.dq import DQ
from darkroom.ccd.products.bad_pixels import defects
from darkroom.ccd.rate import hot_pixels as hot
from darkroom.ccd.rate.weak_lines import running_median, weak_lines
from darkroom.ccd.simulate import camera
from darkroom.ccd.simulate import exposures as simulator

ROOT = Path(__file__).parents[3]
CAMERA = {
    "shape": [96, 128],
    "bias": {"count": 10, "temperatures": [-5.0]},
    "darks": [{"count": 10, "exptime": 20.0, "temperatures": [-5.0]}],
    "targets": [],
    "cosmic_rays": 0.0,
    "weak_columns": 1,
    "weak_rows": 1,
}


def image(rng, shape=(96, 128)):
    halves = np.sqrt(2) * rng.standard_normal((2, *shape)).astype(np.float32)
    return halves.mean(axis=0), halves


def found_in(excess, halves):
    return weak_lines(excess, halves, np.ones(excess.shape, bool))


@pytest.mark.parametrize("shape", [(96, 128), (60, 200)])
def test_at_most_one_good_image_of_a_hundred_shows_a_bad_line(shape):
    """600 images: 1 in 200 is 3 ± 1.7."""
    rng = np.random.default_rng(3)
    false = sum(found_in(*image(rng, shape)).any() for _ in range(600))
    assert false <= 6


def test_columns_that_differ_all_are_no_defects():
    rng = np.random.default_rng(4)
    for _ in range(50):
        excess, halves = image(rng)
        pattern = 0.5 * rng.standard_normal(128)
        assert not found_in(excess + pattern, halves + pattern).any()


@pytest.mark.parametrize(("errors", "least"), [(5.0, 0.55), (6.0, 0.85), (8.0, 0.99)])
@pytest.mark.parametrize("axis", [0, 1], ids=["column", "row"])
def test_most_lines_that_are_off_by_five_errors_of_their_mean_are_found(errors, least, axis):
    rng, hits = np.random.default_rng(5), 0
    for sign in (-1, 1) * 150:
        excess, halves = image(rng)
        line = (slice(None), 40) if axis == 0 else (40, slice(None))
        off = sign * errors / np.sqrt(excess[line].size)
        excess[line] += off
        halves[:, *line] += off
        hits += found_in(excess, halves)[line].all()
    assert hits >= least * 300


def test_a_weak_column_of_the_simulator_is_one_defect():
    """No pixel is off by more than a third of its threshold; the mean is, by 12 errors."""
    for seed in range(6):
        made = Simulated(CAMERA | {"seed": seed})
        stacks = made.stacks()
        flags = hot.find(stacks, rate_of(stacks)).dq
        weak = made.truth["weak"]
        assert ((flags & DQ.LINE > 0) == weak).all()
        assert (flags[weak] & DQ.HOT > 0).mean() < 0.02
        lines = [(d.kind, d.x2 - d.x1, d.y2 - d.y1) for d in defects(flags & DQ.LINE > 0)]
        assert lines == [("column", 0, 95), ("row", 127, 0)]


def test_mask_and_list_hold_a_weak_column_as_one_defect(tmp_path):
    settings, paths = CAMERA | {"seed": 2}, {}
    for item in simulator.plan(settings):
        simulator.deliver(settings, item.name, tmp_path / item.file)
        paths.setdefault(item.role, []).append(tmp_path / item.file)
    frames = ["--bias", *paths["bias"], "--dark", *paths["dark"]]
    rate, flags, mask = (tmp_path / f"{name}.fits" for name in ("rate", "hot", "mask"))
    for program, *arguments in (
        ("dark_rate", "--output", rate, *frames),
        ("hot_pixels", "--output", flags, "--rate", rate, *frames),
        ("bad_pixels", "--output", mask, flags),
    ):
        command = [sys.executable, ROOT / f"scripts/ccd/{program}.py", *arguments]
        subprocess.run(list(map(str, command)), check=True, capture_output=True)
    weak = camera.truth(settings)["weak"]
    assert fits.getdata(mask)[weak].all()
    assert (fits.getval(mask, "NBADCOL"), fits.getval(mask, "NBADROW")) == (1, 1)
    x = int(np.flatnonzero(weak.all(axis=0))[0]) + 1
    assert f"{x} {x} 1 96" in mask.with_suffix(".txt").read_text().splitlines()


def test_a_product_without_flags_is_one_sentence(tmp_path):
    fits.PrimaryHDU().writeto(tmp_path / "hot.fits")
    program = ROOT / "scripts/ccd/bad_pixels.py"
    command = [sys.executable, program, "--output", tmp_path / "mask.fits", tmp_path / "hot.fits"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode
    assert "hot.fits" in done.stderr
    assert "has no image DQ" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (lambda whole: whole[:3000], "the file ends within it"),
        (lambda whole: whole[:9000], "truncated: HDU 1 should end at byte"),
        (lambda whole: whole.replace(b"hot_pixels'", b"dark_rate '"), "was made by dark_rate"),
        (lambda whole: whole[:0], "not a FITS file"),
        (None, "no such file; make it first"),
    ],
)
def test_a_damaged_or_foreign_product_is_one_sentence(tmp_path, content, words):
    path = tmp_path / "hot.fits"
    primary = fits.PrimaryHDU()
    primary.header["MADEBY"] = "hot_pixels"
    fits.HDUList([primary, fits.ImageHDU(np.zeros((64, 64), np.int32), name="DQ")]).writeto(path)
    whole = path.read_bytes()
    path.unlink()
    if content is not None:
        path.write_bytes(content(whole))
    program = ROOT / "scripts/ccd/bad_pixels.py"
    command = [sys.executable, program, "--output", tmp_path / "mask.fits", path]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    assert done.returncode
    assert "hot.fits" in done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "mask.fits").exists()


@pytest.mark.parametrize("number", [1, 2, 31, 40, 1024])
def test_running_medians_are_those_of_scipy(number):
    values = np.random.default_rng(number).normal(size=number)
    width = min(31, number)
    expected = ndimage.median_filter(values, width, mode="mirror")
    np.testing.assert_array_equal(running_median(values, width), expected)
