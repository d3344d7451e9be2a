"""NIRCam darks from raw files to certified reference files, simulated and from a folder."""

import json
import re
import shutil

import numpy as np
import pytest
import yaml
from astropy.io import fits

from darkroom.crds.cache import mapping_sha1
from darkroom.nircam.simulate import exposures as nircam
from end_to_end.conftest import Checkout
from nircam_jwst import need_jwst, small_cache

pytestmark = pytest.mark.end_to_end
DARKS = {"detector": "NRCALONG", "subarray": "SUB160P", "exposures": 3, "nints": 2, "ngroups": 6}
ITEM = {
    "instrument": "nircam",
    "nircam": {"superbias": {"pedigree": "DUMMY"}, "readnoise": {"pedigree": "DUMMY"}},
}
PIPELINE = ITEM | {"nircam": ITEM["nircam"] | {"engine": "jwst"}}
PRODUCTS = [
    f"{product}{suffix}"
    for product in ("superbias", "readnoise")
    for suffix in (".fits", "_details.fits", "_other.fits", ".json", ".certified")
]
PRODUCTS += ["truth.fits", "truth.json", "item.json", "quantities.json", "figures/figures.json"]


def new_context(mappings, name):
    """Write a context that says the same as the old one under a new name."""
    text = (mappings / "jwst_0001.pmap").read_text().replace("jwst_0001.pmap", name)
    stated = re.search(r"'sha1sum' : '(\w+)'", text)[1]
    (mappings / name).write_text(text.replace(stated, mapping_sha1(text)))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """Give one checkout for all campaigns here: kernels are compiled once."""
    need_jwst()
    return Checkout(tmp_path_factory.mktemp("nircam") / "checkout")


def test_simulated_darks_become_a_certified_superbias(checkout):
    kept = ITEM | {"nircam": ITEM["nircam"] | {"keep_ramps": True}}
    choice = checkout.campaign(items={"nrcalong": kept | {"simulate": DARKS}})
    checkout.snakemake("lock", "--config", choice)
    checkout.snakemake("--config", choice)
    results = checkout.folder / "results" / "small"
    folder = results / "nrcalong"
    for name in PRODUCTS:
        assert (folder / name).is_file(), name
    for product in ("superbias", "readnoise"):
        assert "0 errors" in (folder / f"{product}.certified").read_text()
    assert (results / "report/index.html").is_file()
    assert not list(results.rglob("*.part*"))
    table = (results / "crds" / "jwst.tsv").read_text().splitlines()
    assert table[:2] == ["# crds/jwst", "# context: jwst_0001.pmap"]

    truth = np.load(next((results / "raw" / "nrcalong" / "truth").glob("*.npz")))
    with fits.open(folder / "superbias.fits") as hdus:
        header = hdus[0].header
        difference = hdus["SCI"].data - truth["bias"]
        used = (hdus["DQ"].data == 0) & ~truth["reference"]
        pulls = (difference - np.median(difference[used]))[used] / hdus["ERR"].data[used]
    assert header["DETECTOR"] == "NRCALONG"
    assert header["PEDIGREE"] == "DUMMY"
    # Student's t with 5 degrees of freedom.
    assert np.median(np.abs(pulls)) == pytest.approx(0.727, rel=0.1)
    with fits.open(folder / "readnoise.fits") as hdus:
        ratio = hdus["SCI"].data[~truth["reference"]] / truth["read_noise"][~truth["reference"]]
    # 1/f noise adds to the white noise that the truth states.
    assert 1.0 < np.nanmedian(ratio) / np.sqrt(2) < 1.25
    against = {row["quantity"]: row for row in json.loads((folder / "truth.json").read_text())}
    assert 0.9 < against["superbias, pulls of active pixels"]["found"] < 1.1
    noise = against["read noise of one read, amplifier 0"]
    assert noise["found"] == pytest.approx(noise["truth"], rel=0.05)
    assert "Against the truth" in (folder / "item.json").read_text()
    # What several products say alike, such as the number of exposures, is said once.
    names = [entry["name"] for entry in json.loads((folder / "quantities.json").read_text())]
    assert len(names) == len(set(names))
    header = fits.getheader(next((folder / "ramps" / "readnoise").glob("*.fits")))
    assert header["R_SUPERB"] == "superbias.fits"
    assert header["S_REFPIX"] == "COMPLETE"
    assert header["STEPSBY"] == "darkroom, as jwst 3.0.0, stcal 1.20.0"
    assert fits.getheader(folder / "readnoise.fits")["STEPSBY"] == header["STEPSBY"]
    assert "Nothing to be done" in checkout.snakemake("--config", choice)

    # A parameter of a step before the read noise touches neither transfers nor superbias.
    changed = ITEM | {"simulate": DARKS}
    changed["nircam"] = kept["nircam"] | {
        "steps": {"parameters": {"refpix": {"odd_even_columns": False}}}
    }
    jobs = checkout.jobs("--config", checkout.campaign(items={"nrcalong": changed}))
    assert not {"fetch", "superbias", "bestrefs"} & jobs.keys()
    assert jobs["check_ramps"] == 1
    assert jobs["readnoise"] == 1


@pytest.mark.heavy
def test_ground_test_darks_of_other_names_are_taken_alike(checkout):
    """A local folder, a cache that is there already, no server; one file is cut short."""
    folder = checkout.folder / "data" / "otis_long_darks"
    folder.mkdir(parents=True)
    settings = DARKS | {"exposures": 4, "nints": 1}
    for number, exposure in enumerate(nircam.plan(settings), 1):
        made = folder / exposure.file
        nircam.deliver(settings, exposure.name, made)
        made.rename(folder / f"NRCN815A-LONG-7{number:09d}_1_484_SE_2017-09-02.fits")
    shutil.rmtree(folder / "truth")
    cut = sorted(folder.iterdir())[1]
    cut.write_bytes(cut.read_bytes()[:-5000])
    small_cache(checkout.folder / "cache", DARKS)
    choice = checkout.campaign(
        "ground",
        archive={"kind": "local", "folder": "data/otis_long_darks"},
        crds={"jwst": {"context": "jwst_0001.pmap", "server": None, "path": "cache"}},
        on_bad_exposure="exclude",
        items={"nrcalong": PIPELINE | {"frames": {"dark": "NRC*_484_*.fits"}}},
    )
    checkout.snakemake("lock", "--config", choice)
    lock = (checkout.folder / "ground.lock.tsv").read_text()
    assert "NRCALONG\tSUB160P\tRAPID" in lock
    checkout.snakemake("results/ground/nrcalong/superbias.certified", "--config", choice)
    made = checkout.folder / "results" / "ground" / "nrcalong"
    assert "0 errors" in (made / "superbias.certified").read_text()
    used = (made / "superbias_ramps.list").read_text().count("# sha256")
    assert used == 3
    status = json.loads((made / "calibrated" / "superbias" / f"{cut.stem}.json").read_text())
    assert not status["accepted"]
    assert status["reason"]

    # Under a new context that changes no reference of these exposures no step runs again.
    new_context(checkout.folder / "cache" / "mappings" / "jwst", "jwst_0002.pmap")
    settings = yaml.safe_load((checkout.folder / "ground.yaml").read_text())
    settings["crds"]["jwst"]["context"] = "jwst_0002.pmap"
    (checkout.folder / "ground.yaml").write_text(yaml.safe_dump(settings))
    target = "results/ground/nrcalong/superbias_ramps.list"
    before = (checkout.folder / target).read_text()
    checkout.snakemake(target, "--config", choice)
    logs = (checkout.folder / "results/ground/logs/calibrate/nrcalong/superbias").glob("*.log")
    (log,) = [path.read_text() for path in logs]
    assert "calibrated" not in log
    assert (checkout.folder / target).read_text() == before


def test_the_commissioning_campaign_needs_its_context_named(checkout):
    choice = checkout.campaign(
        "unpinned",
        archive={"kind": "local", "folder": "."},
        items={"nrca1": ITEM | {"frames": {"dark": "u*.yaml"}}},
    )
    checkout.snakemake("lock", "--config", choice)
    text = checkout.snakemake("-n", "--config", choice, status=1)
    assert "the campaign needs references of jwst; pin the context" in text
