"""Products in the forms that astropy's CCDData, ccdproc and DS9 take."""

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.nddata import CCDData

from ccd_frames import make_products, run_ccd
from darkroom.ccd.products import bad_pixels as bad
from darkroom.ccd.simulate import exposures as simulator

SMALL = {
    "shape": [32, 48],
    "bias": {"count": 5},
    "darks": [{"count": 5, "exptime": 5.0}, {"count": 5, "exptime": 20.0}],
    "targets": [{"exptime": 20.0}],
}


@pytest.fixture(scope="module")
def products(tmp_path_factory):
    folder = tmp_path_factory.mktemp("products")
    paths = {}
    for item in simulator.plan(SMALL):
        path = folder / item.file
        simulator.deliver(SMALL, item.name, path)
        paths.setdefault(item.role, []).append(path)
    made = make_products(paths, folder, folder)
    run_ccd("bad_pixels", "--output", folder / "bad_pixels.fits", made["hot_pixels"])
    return made | {
        "science": folder / "target_image_dsub.fits",
        "bad_pixels": folder / "bad_pixels.fits",
    }


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("master_bias", "adu"),
        ("read_noise", "adu"),
        ("master_dark", "adu"),
        ("dark_rate", "adu/s"),
        ("science", "adu"),
    ],
)
def test_ccddata_reads_a_product_with_mask_and_uncertainty(products, name, unit):
    found = CCDData.read(products[name], unit=unit)
    with fits.open(products[name]) as hdus:
        np.testing.assert_array_equal(found.data, hdus["SCI"].data)
        np.testing.assert_array_equal(found.uncertainty.array, hdus["ERR"].data)
        assert found.mask.dtype == bool
        assert (found.mask == ((hdus["DQ"].data & 0b1111111) > 0)).all()
    assert found.uncertainty.uncertainty_type == "std"
    assert found.unit == unit


def test_ccddata_reads_the_second_master_dark_with_its_own_mask(products):
    found = CCDData.read(
        products["master_dark"], unit="adu", hdu=("SCI", 2), hdu_mask=("MASK", 2),
        hdu_uncertainty=("UNCERT", 2),
    )  # fmt: skip
    with fits.open(products["master_dark"]) as hdus:
        np.testing.assert_array_equal(found.uncertainty.array, hdus["ERR", 2].data)


@pytest.mark.parametrize("name", ["hot_pixels", "bad_pixels"])
def test_ccddata_reads_flags(products, name):
    found = CCDData.read(products[name], unit=units.dimensionless_unscaled)
    assert found.shape == (32, 48)
    if name == "hot_pixels":
        assert found.mask.sum() > 0


def test_ccddata_calculates_with_the_errors_of_products(products):
    science = CCDData.read(products["science"], unit="adu")
    bias = CCDData.read(products["master_bias"], unit="adu")
    difference = science.subtract(bias)
    expected = np.hypot(science.uncertainty.array, bias.uncertainty.array)
    np.testing.assert_allclose(difference.uncertainty.array, expected, rtol=1e-6)


def test_the_mask_marks_what_is_flagged(products):
    mask = fits.getdata(products["bad_pixels"])
    flags = fits.getdata(products["hot_pixels"], "DQ")
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask > 0, (flags & 0b111111) > 0)
    lines = products["bad_pixels"].with_suffix(".txt").read_text().split("\n")[:-1]
    again = np.zeros_like(mask)
    for x1, x2, y1, y2 in (map(int, line.split()) for line in lines):
        again[y1 - 1 : y2, x1 - 1 : x2] = 1
    np.testing.assert_array_equal(again, mask)


def test_a_bad_column_is_one_defect():
    flags = np.zeros((100, 40), bool)
    flags[20:80, 7] = flags[20:80, 8] = True
    flags[30:32, 7] = False
    flags[5, 30] = flags[5, 31] = flags[60, 2] = True
    found = bad.defects(flags)
    assert found[0] == bad.Defect(20, 79, 7, 8, "column")
    assert [(one.x1, one.x2) for one in found if one.kind == "column"] == [(7, 8)]
    assert [one.kind for one in found[1:]] == ["pixel", "pixel"]
    mask = bad.mask_of(flags, found)
    assert mask[30, 7] == 1
    text = bad.regions(found)
    assert text.startswith("# Region file format: DS9")
    assert "box(8.5,50.5,2,60,0)" in text
    assert bad.columns_list(found).split("\n")[0] == "8 9 21 80"
