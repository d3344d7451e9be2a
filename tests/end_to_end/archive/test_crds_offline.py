"""A campaign fills an empty cache from a CRDS server once, and never needs the server again."""

import pytest

from darkroom.crds.cache import Cache
from darkroom.nircam.simulate import exposures as nircam
from end_to_end.conftest import Checkout
from loopback.crds import Crds
from nircam_jwst import need_jwst, small_cache

pytestmark = [pytest.mark.end_to_end, pytest.mark.heavy]
DARKS = {"detector": "NRCALONG", "subarray": "SUB160P", "exposures": 3, "nints": 1, "ngroups": 6}
ITEM = {
    "instrument": "nircam",
    "nircam": {"superbias": {"pedigree": "DUMMY"}, "readnoise": {"pedigree": "DUMMY"}},
    "frames": {"dark": "*.fits"},
}


def test_after_the_cache_is_filled_the_server_may_be_gone(tmp_path, monkeypatch):
    need_jwst()
    monkeypatch.setenv("no_proxy", "localhost")
    checkout = Checkout(tmp_path / "checkout")
    folder = checkout.folder / "data" / "darks"
    folder.mkdir(parents=True)
    for exposure in nircam.plan(DARKS):
        nircam.deliver(DARKS, exposure.name, folder / exposure.file)
    complete = small_cache(tmp_path / "complete", DARKS)
    with Crds.of_cache(complete) as server:
        choice = checkout.campaign(
            "darks",
            archive={"kind": "local", "folder": "data/darks"},
            crds={"jwst": {"context": "jwst_0001.pmap", "server": server.url}},
            items={"nrcalong": ITEM},
        )
        checkout.snakemake("lock", "--config", choice)
        server.faults.add("corrupt", "*", times=2)
        checkout.snakemake("results/darks/crds/jwst.tsv", "--config", choice)
        asked = len(server.requests)
    made = checkout.folder / "results" / "darks"
    targets = ["results/darks/nrcalong/superbias.certified", "results/darks/pins.tsv"]
    checkout.snakemake(*targets, "--config", choice)
    assert len(server.requests) == asked
    assert "0 errors" in (made / "nrcalong" / "superbias.certified").read_text()
    cache = Cache(checkout.folder / "results" / "crds", "jwst")
    references = [path.name for path in (cache.path / "references" / "jwst").rglob("*.fits")]
    assert references
    pinned = (checkout.folder / "darks.pins.tsv").read_text()
    assert all(f"crds/jwst\t{name}\t" in pinned for name in references)
