"""A NIRCam campaign by the built-in engine, by the pipeline, and by both, has the same products."""

import pytest
from astropy.io import fits

from end_to_end.conftest import Checkout
from nircam_jwst import need_jwst

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
DARKS = {"detector": "NRCALONG", "subarray": "SUBGRISM64", "exposures": 3, "nints": 2, "ngroups": 5}
NIRCAM = {
    "superbias": {"pedigree": "DUMMY"},
    "readnoise": {"pedigree": "DUMMY"},
    "reference_pixels": {"corrections": ["top_bottom", "side"], "exposures": 2},
}
# Cards that name the engine, the time, and the bytes.
_CARDS = ("STEPSBY", "DATE", "CHECKSUM", "DATASUM")
MADE = ("superbias", "readnoise", "noise_spectrum", "reference_pixels", "corrections")


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    need_jwst()
    checkout = Checkout(tmp_path_factory.mktemp("engines") / "checkout")
    for engine in ("builtin", "jwst", "both"):
        item = {"instrument": "nircam", "nircam": NIRCAM | {"engine": engine}, "simulate": DARKS}
        choice = checkout.campaign(engine, items={"dark": item})
        checkout.snakemake("lock", "--config", choice)
        checkout.snakemake("--config", choice)
    return checkout.folder / "results"


@pytest.mark.parametrize("engine", ["jwst", "both"])
def test_products_are_the_same_but_for_the_cards_that_name_the_engine(results, engine):
    ours, theirs = results / "builtin" / "dark", results / engine / "dark"
    names = [path.name for path in ours.glob("*.fits") if not path.name.startswith("previous")]
    assert {f"{name}.fits" for name in MADE} <= set(names)
    for name in names:
        assert (ours / name).stat().st_size == (theirs / name).stat().st_size
        found = fits.FITSDiff(str(ours / name), str(theirs / name), ignore_keywords=_CARDS)
        assert found.identical, found.report()
    for name in (*MADE, "quantities"):
        path = f"{name}.json"
        assert (ours / path).read_bytes() == (theirs / path).read_bytes()


def test_products_name_what_ran_the_steps(results):
    stated = {
        engine: fits.getheader(results / engine / "dark" / "readnoise.fits")["STEPSBY"]
        for engine in ("builtin", "jwst", "both")
    }
    follows = "darkroom, as jwst 3.0.0, stcal 1.20.0"
    assert stated == {"builtin": follows, "jwst": "jwst 3.0.0", "both": follows}


def test_the_built_in_engine_writes_no_ramps(results):
    assert not list((results / "builtin" / "dark" / "ramps").rglob("*.fits"))
    assert not (results / "builtin" / "dark" / "calibrated").exists()
    assert not (results / "builtin" / "dark" / "corrected").exists()
    log = (results / "both" / "logs" / "check_ramps" / "dark_readnoise.log").read_text()
    assert log.count("and all flags, are those of the pipeline") == 3
