"""The flag 1024 of a user's own mask stays; that of the reads left out by the run goes."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

import wfc3_case as case
from darkroom.wfc3.dq import MASKED
from darkroom.wfc3.engine import engine
from darkroom.wfc3.engine.calibrate import calibrate
from darkroom.wfc3.engine.calwf3 import finish_flt
from darkroom.wfc3.files.mask import clear_mask, flags_to_combine, is_left_by_a_mask
from darkroom.wfc3.reads.treated import write_treated
from darkroom.wfc3.visit import drizzle

NSAMP = 6
READS = (4, 5)


@pytest.fixture(scope="module")
def persistence():
    """Give the pixels of a mask of persistence, inside the border."""
    own = np.zeros((case.SIZE, case.SIZE), bool)
    own[4:9, 10:20] = True
    return own


@pytest.fixture
def raw(tmp_path, persistence):
    """Give a RAW in whose reads those pixels have 1024, as a user's script sets it."""
    raw = case.write_case(tmp_path / "in", case.counts(40.0, NSAMP))
    flags = np.zeros(case.SHAPE, np.int16)
    flags[case.INSIDE][persistence] = MASKED
    with fits.open(raw, memmap=False) as hdus:
        for extver in range(1, NSAMP + 1):
            hdus["DQ", extver] = fits.ImageHDU(flags, name="DQ", ver=extver)
            hdus["DQ", extver].header["BUNIT"] = "UNITLESS"
        hdus.writeto(raw, overwrite=True)
    return raw


@pytest.mark.parametrize("scope", ["all", "calwf3"])
@pytest.mark.parametrize("reads", [READS, ()])
def test_a_treated_exposure_has_1024_where_the_user_set_it(
    raw, persistence, tmp_path, scope, reads
):
    ramp = engine.load(raw, raw.parent / "iref")
    image = engine.reduce(ramp, reads, scope=scope)
    if scope == "calwf3" and reads:
        assert (image.dq & MASKED).all()
    made = SimpleNamespace(ramp=ramp, image=image, done="mask", record={"reads": list(reads)})
    flt = tmp_path / "x_flt.fits"
    write_treated(made, raw, raw.parent / "iref", flt, "builtin")
    (tmp_path / "private").mkdir()
    for path in (flt, drizzle._copy(flt, tmp_path / "private")):
        with fits.open(path) as hdus:
            assert np.array_equal((hdus["DQ"].data & MASKED) != 0, persistence)


def test_an_flt_of_calwf3_is_freed_of_it_the_same_way(raw, persistence, tmp_path):
    _, flt = calibrate(raw, raw.parent / "iref", tmp_path / "out", masked=READS, scope="calwf3")
    with fits.open(flt) as hdus:
        assert is_left_by_a_mask(hdus["DQ"].data)
    own = engine.own_mask(engine.load(raw, raw.parent / "iref"))
    finish_flt(flt, raw, READS, {"made_by": "x", "settings": {}, "inputs": []}, own)
    with fits.open(flt) as hdus:
        assert np.array_equal((hdus["DQ"].data & MASKED) != 0, persistence)


def test_only_the_flag_of_the_mask_is_cleared():
    dq = np.array([[1024 + 16, 1024, 4]], np.int16)
    clear_mask(dq, np.array([[False, True, False]]))
    assert dq.tolist() == [[16, 1024, 4]]
    assert not is_left_by_a_mask(dq)
    assert is_left_by_a_mask(np.array([[1040, 1024, 4]], np.int16))


def test_a_pixel_without_a_value_is_not_combined():
    sci = np.array([[1.0, np.nan, np.inf, 2.0]], np.float32)
    dq = np.array([[0, 0, 16, 512]], np.int16)
    assert flags_to_combine(sci, dq).tolist() == [[0, 4, 20, 512]]
    assert flags_to_combine(sci, dq | np.int16(1024)).tolist() == [[0, 4, 20, 512]]
    assert dq.tolist() == [[0, 0, 16, 512]]
