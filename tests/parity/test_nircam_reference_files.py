"""JWST's data models load our reference files, and CRDS certifies them."""

import tarfile

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.detector.subarrays import readout
from nircam_darks import make_darks, write_darks
from nircam_jwst import CONTEXT, WITH_BORDER, jwst, need_jwst, own_program, program, small_cache

MODELS = {"superbias": "SuperBiasModel", "readnoise": "ReadnoiseModel"}
MADE = (
    ("superbias", "aligned"),
    ("superbias", "reffiles"),
    ("readnoise", "line"),
    ("readnoise", "stack"),
)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Give a small CRDS cache and the folder of reference files of all methods."""
    need_jwst()
    folder = tmp_path_factory.mktemp("world")
    darks = make_darks(readout("NRCALONG", "SUB160P"), 6, 6, seed=41, cosmic_rays=0.02)
    paths = write_darks(folder / "raw", darks)
    for product, method in MADE:
        done = own_program(
            f"nircam/{product}", "--method", method, "--pedigree", "INFLIGHT", "--output",
            folder / f"{product}_{method}.fits", *paths,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
    return small_cache(folder / "crds", WITH_BORDER), folder


def test_data_models_open_them_without_a_warning(world):
    cache, folder = world
    paths = [(product, str(folder / f"{product}_{method}.fits")) for product, method in MADE]
    answers = jwst(cache.path, [["open_model", {"path": path}] for _, path in paths])
    for (product, _), (fault, found) in zip(paths, answers, strict=True):
        assert fault is None, found
        assert found == [MODELS[product], [160, 160], ">f4"]


@pytest.mark.parametrize("method", ["aligned", "reffiles"])
def test_flags_reach_the_data_model(world, method):
    """UNRELIABLE_BIAS, which jwst_reffiles' own files lose, and DO_NOT_USE."""
    cache, folder = world
    path, names = folder / f"superbias_{method}.fits", ["DO_NOT_USE", "UNRELIABLE_BIAS", "HOT"]
    with fits.open(path) as hdus:
        expected = {
            name: int((hdus["DQ"].data & bit > 0).sum())
            for name, bit in zip(names, (1, 2, 4), strict=True)
        }
    ((fault, found),) = jwst(cache.path, [["count_flags", {"path": str(path), "names": names}]])
    assert fault is None, found
    assert found == expected
    assert found["UNRELIABLE_BIAS"] > 0


@pytest.mark.parametrize(
    ("product", "method"), [MADE[0], pytest.param(*MADE[2], marks=pytest.mark.heavy)]
)
def test_crds_certifies_them(world, tmp_path, product, method):
    cache, folder = world
    reference, said = folder / f"{product}_{method}.fits", tmp_path / "said"
    where = ("--cache", cache.path, "--context", CONTEXT, "--output", said)
    done = program("references/certify", *where, reference)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 errors" in said.read_text(encoding="utf-8")


@pytest.mark.heavy
@pytest.mark.parametrize(("product", "method"), MADE)
def test_crds_certifies_them_by_its_real_rules(world, reference_data, tmp_path, product, method):
    _, folder = world
    (packed,) = (reference_data / "crds").glob("real_mappings_*.tgz")
    with tarfile.open(packed) as archive:
        archive.extractall(tmp_path, filter="data")
    (cache,) = tmp_path.iterdir()
    reference, said = folder / f"{product}_{method}.fits", tmp_path / "said"
    where = ("--cache", cache, "--context", "jwst_0541.pmap", "--output", said)
    done = program("references/certify", *where, reference)
    assert done.returncode == 0, done.stdout + done.stderr


def test_crds_refuses_what_it_should(world, tmp_path):
    """The check is alive: a file that does not say what it is does not pass."""
    cache, folder = world
    with fits.open(folder / "superbias_aligned.fits") as hdus:
        hdus[0].header["PEDIGREE"] = "GROND"
        hdus[0].header.remove("HISTORY", remove_all=True)
        hdus.writeto(tmp_path / "bad.fits")
    where = ("--cache", cache.path, "--context", CONTEXT, "--output", tmp_path / "said")
    done = program("references/certify", *where, tmp_path / "bad.fits")
    assert done.returncode == 1
    assert "CRDS does not certify it" in done.stderr


def test_read_noise_is_the_difference_of_two_reads(world):
    _, folder = world
    with fits.open(folder / "readnoise_line.fits") as hdus:
        assert np.nanmedian(hdus["SCI"].data) == pytest.approx(np.sqrt(2) * 5, rel=0.02)
