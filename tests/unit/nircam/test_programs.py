"""The programs superbias, readnoise and nircam_figures: products, refusals, the same bytes."""

import json
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from nircam_darks import make_darks, stripe, write_darks


def run(repository, script, *arguments):
    """Run a program; return its status and the last line it wrote."""
    command = [
        sys.executable,
        repository / f"scripts/nircam/{script}.py",
        *map(str, arguments),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = (done.stderr + done.stdout).strip().splitlines()
    return done.returncode, lines[-1] if lines else ""


@pytest.fixture
def files(tmp_path):
    """Give four good exposures."""
    return write_darks(tmp_path, make_darks(stripe(), 4, 3))


def test_facts_are_checked_before_any_file_is_opened(repository, tmp_path):
    for script in ("superbias", "readnoise"):
        arguments = ("--pedigree", "GROND", "--output", tmp_path / "x.fits", tmp_path / "none.fits")
        status, said = run(repository, script, *arguments)
        assert status == 1
        assert said.startswith("ERROR pedigree 'GROND'")


def test_superbias_of_one_exposure_is_refused_in_a_sentence(repository, files, tmp_path):
    output = tmp_path / "out.fits"
    status, said = run(
        repository, "superbias", "--method", "reffiles", "--output", output, files[0]
    )
    assert status == 1
    assert said.startswith("ERROR one exposure only, dark000_uncal.fits: method reffiles uses one")
    assert not output.exists()


def test_ramp_of_one_difference_has_no_scatter(repository, files, tmp_path):
    status, said = run(
        repository, "readnoise", "--method", "ramp", "--output", tmp_path / "out.fits", *files
    )
    assert status == 1
    assert "one difference of groups per exposure has no scatter" in said


def test_saturated_and_empty_exposures_are_refused_by_every_method(repository, tmp_path):
    for name, value, words in (("full", 70000.0, "saturated, 100%"), ("empty", np.nan, "100% of")):
        darks = make_darks(stripe(), 4, 4)
        darks.data[2] = value
        paths = write_darks(tmp_path / name, darks, counts=False)
        for script, method in (("superbias", "reffiles"), ("readnoise", "stack")):
            status, said = run(
                repository, script, "--method", method, "--output", tmp_path / "o.fits", *paths
            )
            assert status == 1
            assert f"dark002_uncal.fits: integration 1: {words}" in said


@pytest.fixture(scope="module")
def products(repository, tmp_path_factory):
    """Give the folder of products of both programs, all methods, on the same exposures."""
    folder = tmp_path_factory.mktemp("products")
    paths = write_darks(folder / "raw", make_darks(stripe("NRCB3"), 6, 8, seed=1))
    common = ("--pedigree", "DUMMY", "--history", "made in a test")
    for script, method in (
        ("superbias", "reffiles"),
        ("superbias", "aligned"),
        ("readnoise", "stack"),
        ("readnoise", "line"),
    ):
        name = folder / f"{script}_{method}.fits"
        extra = ("--quantities", name.with_suffix(".json"), "--pixel", 5, 9)
        if method in ("aligned", "line"):
            other = {"aligned": "superbias_reffiles", "line": "readnoise_stack"}[method]
            extra += ("--previous", folder / f"{other}.fits")
        arguments = ("--method", method, "--output", name, *common, *extra, *paths)
        status, said = run(repository, script, *arguments)
        assert status == 0, said
    return folder


def test_superbias_file_has_the_layout_of_its_data_model(products):
    with fits.open(products / "superbias_aligned.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI", "ERR", "DQ", "DQ_DEF"]
        header = hdus[0].header
        assert header["DATAMODL"] == "SuperBiasModel"
        assert header["REFTYPE"] == "SUPERBIAS"
        assert (header["FASTAXIS"], header["SLOWAXIS"]) == (1, -2)
        assert header["READPATT"] == "ANY"
        assert "made in a test" in list(header["HISTORY"])
        inputs = [line for line in header["HISTORY"] if line.startswith("input dark")]
        assert len(inputs) >= 6
        assert hdus["SCI"].data.dtype == ">f4"
        assert hdus["DQ"].data.dtype == np.uint32
        names = dict(zip(hdus["DQ_DEF"].data["NAME"], hdus["DQ_DEF"].data["VALUE"], strict=True))
        assert names == {"DO_NOT_USE": 1, "UNRELIABLE_BIAS": 2, "HOT": 4}


def test_readnoise_file_holds_cds_noise_in_dn(products):
    with fits.open(products / "readnoise_line.fits") as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "SCI"]
        assert hdus["SCI"].header["BUNIT"] == "DN"
        assert np.nanmedian(hdus["SCI"].data) == pytest.approx(np.sqrt(2) * 5, rel=0.02)
        with fits.open(products / "readnoise_line_details.fits") as details:
            np.testing.assert_allclose(
                hdus["SCI"].data, np.sqrt(2) * details["SINGLE"].data, rtol=1e-6
            )


def test_unreliable_bias_reaches_the_file(products):
    """The peer's own files lose this flag; its pixels are the same."""
    with fits.open(products / "superbias_reffiles.fits") as hdus:
        dq = hdus["DQ"].data
    assert (dq & 2 > 0).sum() > 0
    np.testing.assert_array_equal(dq & 1 > 0, dq & 2 > 0)


def test_details_hold_what_the_reference_files_cannot(products):
    with fits.open(products / "superbias_aligned_details.fits") as hdus:
        for name in ("STD", "MEDIAN", "COUNT", "NCLIP", "TREND", "DIFF", "DQ", "DQ_DEF"):
            assert name in hdus
        for name in ("LEVELS", "OFFSETS", "NOISE", "DRIFT", "COMPARE"):
            assert len(hdus[name].data) > 0
        assert len(hdus["OFFSETS"].data) == 6 * 8
    with fits.open(products / "readnoise_line_details.fits") as hdus:
        for name in ("CDS", "SINGLE", "ERR", "NU", "PAIR", "NJUMPS", "TELEGRAPH", "BOXES", "DQ"):
            assert name in hdus
        for name in ("AMPS", "STABILITY", "DRIFT", "SPATIAL", "COMPARE"):
            assert len(hdus[name].data) > 0
        assert hdus[0].header["DARKSUB"] is False


def test_quantities_are_numbers_with_definitions(products):
    for name in ("superbias_aligned", "readnoise_line", "superbias_reffiles", "readnoise_stack"):
        entries = json.loads((products / f"{name}.json").read_text(encoding="utf-8"))
        assert {"name", "notebook", "value", "uncertainty", "unit", "definition"} == set(entries[0])
        assert any(entry["name"] == "pixel x 5, y 9" for entry in entries)
    entries = {e["name"]: e for e in json.loads((products / "superbias_reffiles.json").read_text())}
    flagged = entries["flagged UNRELIABLE_BIAS"]
    assert flagged["value"] == flagged["notebook"] > 0


def test_same_inputs_give_the_same_bytes(repository, products, tmp_path):
    """DATE and CHECKSUM apart, whatever the number of threads."""
    paths = sorted((products / "raw").glob("*.fits"))
    for script, method in (("superbias", "aligned"), ("readnoise", "line")):
        name = f"{script}_{method}.fits"
        previous = {"superbias": "superbias_reffiles", "readnoise": "readnoise_stack"}[script]
        arguments = ("--method", method, "--pedigree", "DUMMY", "--history", "made in a test")
        arguments += ("--previous", products / f"{previous}.fits", "--threads", 3)
        status, said = run(repository, script, *arguments, "--output", tmp_path / name, *paths)
        assert status == 0, said
        for part in (name, name.replace(".fits", "_details.fits")):
            ignored = ["DATE", "CHECKSUM", "DATASUM"]
            difference = fits.FITSDiff(products / part, tmp_path / part, ignore_keywords=ignored)
            assert difference.identical, difference.report()


def test_figures_and_item_file_show_both_products(repository, products):
    """Every picture is there, and the item file names only what is."""
    status, said = run(
        repository, "figures",
        "--superbias", products / "superbias_aligned.fits",
        products / "superbias_aligned_details.fits",
        "--readnoise", products / "readnoise_line.fits", products / "readnoise_line_details.fits",
        "--superbias-other", products / "superbias_reffiles.fits",
        products / "superbias_reffiles_details.fits",
        "--readnoise-other", products / "readnoise_stack.fits",
        products / "readnoise_stack_details.fits",
        "--quantities", products / "superbias_aligned.json", products / "readnoise_line.json",
        "--merged", products / "quantities.json", "--pixel", 100, 20,
        "--figures", products / "figures", "--output", products / "item.json",
    )  # fmt: skip
    assert status == 0, said
    from darkroom.report.item import read_item

    found = read_item(products)
    titles = {figure["title"] for figure in found["figures"]}
    wanted = {
        *("Superbias", "Error of the superbias", "Scatter of one sample", "Flagged pixels"),
        *("Offsets of ramps, all amplifiers", "Offsets of ramps, amplifiers apart", "Read noise"),
        *("Change since the previous file", "Two methods side by side", "Scatter over pixels"),
        *("Read noise of active pixels", "Active and reference pixels", "Read noise ramp by ramp"),
    }
    assert titles == wanted
    assert all(panel["path"].is_file() for f in found["figures"] for panel in f["panels"])
    assert len(found["quantities"]) > 30
    assert {table["title"] for table in found["tables"]} == {
        *("Superbias: levels", "Superbias: noise of the reset", "Read noise by amplifier"),
    }
