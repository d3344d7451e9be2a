"""What products of the coronagraph say of themselves, and in which form."""

import copy
import json
import pickle

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import source_of, sources, tiny_geometry, truth
from darkroom.cgi.darks.darks import traditional_dark
from darkroom.cgi.darks.headers import creation_time
from darkroom.cgi.darks.product import write_dark, write_noise_maps
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.darks.tables import read_table, table_image
from darkroom.cgi.maps.pooled import fit_pooled
from darkroom.cgi.stack_keys import alike, keys


@pytest.fixture
def geometry(tmp_path):
    return tiny_geometry(tmp_path)


def test_a_table_survives_files_copies_pickle_and_single_precision(tmp_path):
    columns = {"NAME": ["a.fits", "°b"], "TIME": [1.5, float("nan")], "USED": [True, False]}
    fits.HDUList(
        [fits.PrimaryHDU(), table_image("T", columns, {"TIME": "s"})]
    ).writeto(tmp_path / "t.fits")  # fmt: skip
    with fits.open(tmp_path / "t.fits", memmap=False) as hdus:
        hdu = hdus[1].copy()
    single = fits.ImageHDU(hdu.data.astype(np.float32))
    for one in (hdu, copy.deepcopy(hdu), pickle.loads(pickle.dumps(hdu)), single):
        found = read_table(one)
        assert list(found["NAME"]) == columns["NAME"]
        assert np.array_equal(found["TIME"], columns["TIME"], equal_nan=True)
        assert found["USED"].dtype == bool
    assert (hdu.header["COL2"], hdu.header.comments["COL2"]) == ("TIME", "column [s]")


def maps_of(geometry, path, **more):
    rng = np.random.default_rng(4)
    maps, _ = truth(geometry, rng)
    fit = fit_pooled(sources(geometry, maps, 4, rng), geometry)
    write_noise_maps(path, fit, geometry, inputs=[], settings={"weights": "pooled"}, **more)
    return fit


def test_maps_have_no_nan_where_asked_and_read_back_as_they_were(geometry, tmp_path):
    for empty in ("zero", "nan"):
        path = tmp_path / f"{empty}.fits"
        fit = maps_of(geometry, path, empty_pixels=empty)
        with fits.open(path) as hdus:
            data, flags = hdus[1].data, hdus["DQ"].data
            assert hdus[1].header["EMPTYPIX"] == empty
            assert np.isfinite(data).all() == np.isfinite(hdus["ERR"].data).all()
            assert np.isfinite(data).all() == (empty == "zero")
            assert (flags[:, -1] != 0).all()
        found = read_noise_maps(path)
        for ours, written in ((found.data, fit.data), (found.err, fit.err)):
            assert np.array_equal(ours, written.astype(np.float32), equal_nan=True)


def test_a_dark_without_nan_is_zero_and_flagged_there(geometry, tmp_path):
    frames = np.random.default_rng(1).normal(2, 3, (6, *geometry.shape))
    dq = np.zeros(frames.shape, np.uint16)
    dq[:, 10, 30] = 4
    source = source_of(geometry, 1.5, 10, frames, dq)
    dark = traditional_dark(source.stack, source._moments, geometry)
    write_dark(tmp_path / "d.fits", dark, [source.stack], made_by="cgi_master_dark", inputs=[],
               settings={}, empty_pixels="zero")  # fmt: skip
    with fits.open(tmp_path / "d.fits") as hdus:
        assert hdus[1].data[10, 30] == hdus["ERR"].data[0, 10, 30] == 0
        assert hdus["DQ"].data[10, 30] == 5
        assert np.isfinite(hdus[1].data).all()
        assert "created from 6 frames" in str(hdus[1].header["HISTORY"]).replace("\n", "")


def test_software_time_recipe_and_stacks_are_in_corgidrps_cards(geometry, tmp_path):
    maps_of(geometry, tmp_path / "maps.fits")
    header = fits.getheader(tmp_path / "maps.fits", 1)
    assert header["DRPVERSN"].startswith("darkroom ")
    assert header["DRPCTIME"] == "2026-01-06"
    recipe = json.loads(header["RECIPE"])
    assert recipe["steps"] == [{"name": "noise_maps", "keywords": {"weights": "pooled"}}]
    history = "".join(map(str, header["HISTORY"]))
    assert "and number of frames):  [[2.0, 1.5, 4.0], [2.0, 30.0, 4.0]" in history


def test_the_time_of_a_product_is_that_of_its_newest_input(geometry):
    stacks = [source_of(geometry, g, 10, np.zeros((2, 40, 60))).stack for g in (1.5, 30)]
    stacks[0].template.image["SCTEND"] = "2026-01-06T00:02:00Z"
    stacks[1].template.image["DRPCTIME"] = "2026-01-07T10:00:00.123"
    stacks[1].template.image["SCTSRT"] = "unknown"
    assert creation_time(stacks[:1]) == "2026-01-06T00:02:00"
    assert creation_time(stacks) == "2026-01-07T10:00:00.123"


def test_times_and_conversion_gains_that_differ_by_rounding_are_one_key():
    found = [(100.000001, 5.0, 8.7), (100.0, 5.0, 8.7), (100.0, 5.0, 8.7), (99.0, 5.0, 8.7),
             (100.0, 5.0, 8.699999809265137), (100.0, 6.0, 8.7)]  # fmt: skip
    common = keys(found)
    assert [common[key] for key in found[:5]] == [*[found[1]] * 3, found[3], found[1]]
    assert not alike(found[1], found[5])
