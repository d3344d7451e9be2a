"""The program calibrate on exposures with the faults of real ones."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

from nircam_jwst import CONTEXT, WITH_BORDER, deliver, need_jwst, program, small_cache

pytestmark = pytest.mark.heavy
DARKS = WITH_BORDER | {"nints": 2}
STEPS = ["dq_init", "saturation", "superbias", "refpix"]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give a function that calibrates an exposure, and the raw exposure."""
    need_jwst()
    folder = tmp_path_factory.mktemp("judged")
    cache = small_cache(folder / "crds", DARKS)
    raw = deliver(DARKS, folder / "raw")
    place = ["--cache", cache.path, "--context", CONTEXT]
    kinds = ["--kinds", "mask", "saturation", "superbias", "--output", folder / "best.json"]
    chosen = program("references/bestrefs", raw, *place, *kinds)
    assert chosen.returncode == 0, chosen.stderr

    def calibrate(path):
        output = folder / f"{path.name}_ramp.fits"
        done = program(
            "nircam/calibrate", path, "--steps", *STEPS, "--references", folder / "best.json",
            *place, "--output", output,
        )  # fmt: skip
        return output, done

    return calibrate, raw


def changed(raw, name, change):
    path = raw.with_name(name)
    with fits.open(raw, memmap=False) as hdus:
        change(hdus)
        hdus.writeto(path, overwrite=True)
    return path


@pytest.fixture(scope="module")
def good(world):
    """Give SCI of the exposure without a fault."""
    calibrate, raw = world
    output, done = calibrate(raw)
    assert done.returncode == 0, done.stderr
    return fits.getdata(output, "SCI")


def test_a_gzipped_exposure_has_the_same_ramps(world, good):
    calibrate, raw = world
    packed = raw.with_suffix(".fits.gz")
    packed.write_bytes(gzip.compress(raw.read_bytes()))
    output, done = calibrate(packed)
    assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(fits.getdata(output, "SCI"), good)


def test_lost_groups_are_marked_and_the_others_are_as_before(world, good):
    calibrate, raw = world

    def lose(hdus):
        hdus["SCI"].data[0, 0] = 0
        hdus["SCI"].data[1, 3:] = 0

    output, done = calibrate(changed(raw, "lost.fits", lose))
    assert done.returncode == 0, done.stderr
    assert "3 of 10 groups have no data" in done.stderr
    lost = np.zeros((2, 5), bool)
    lost[0, 0] = lost[1, 3:] = True
    with fits.open(output) as hdus:
        unusable = (hdus["GROUPDQ"].data & 1) != 0
        assert unusable[lost].all()
        assert unusable[~lost].mean() < 0.01
        np.testing.assert_array_equal(hdus["SCI"].data[~lost], good[~lost])
    output, done = calibrate(changed(raw, "all.fits", lambda h: h["SCI"].data.__imul__(0)))
    assert done.returncode == 1
    assert "all.fits: the first group of every integration has no data" in done.stderr


def test_a_promised_zeroframe_ends_in_a_sentence(world):
    calibrate, raw = world
    path = changed(raw, "zero.fits", lambda h: h[0].header.update(ZEROFRAM=True))
    _, done = calibrate(path)
    assert done.returncode == 1
    assert "zero.fits: ZEROFRAM is T, but the file has no extension ZEROFRAME" in done.stderr
    assert "0d arrays" not in done.stderr


def test_a_table_of_times_that_jwst_does_not_know_stays_as_it_is(world, good):
    calibrate, raw = world

    def narrow(hdus):
        columns = [fits.Column("int_mid_MJD_UTC", "D", array=[60000.0, 60001.0])]
        hdus["INT_TIMES"] = fits.BinTableHDU.from_columns(columns, name="INT_TIMES")

    output, done = calibrate(changed(raw, "narrow.fits", narrow))
    assert done.returncode == 0, done.stderr
    with fits.open(output) as hdus:
        np.testing.assert_array_equal(hdus["SCI"].data, good)
        assert list(hdus["INT_TIMES"].data["int_mid_MJD_UTC"]) == [60000.0, 60001.0]
