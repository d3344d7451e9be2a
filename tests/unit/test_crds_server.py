"""The same programs fill a cache from a server that speaks CRDS's protocol, whatever goes wrong."""

import pytest

from darkroom.crds.cache import Cache
from darkroom.crds.references import write_references
from loopback.crds import serving
from nircam_jwst import CONTEXT, need_jwst, program, small_cache

KINDS = ["mask", "superbias"]
RMAP, MASK = "jwst_nircam_mask_0001.rmap", "jwst_nircam_mask_0001.fits"


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Give a running server of a small cache."""
    need_jwst()
    monkeypatch.setenv("no_proxy", "localhost")
    complete = small_cache(tmp_path / "complete", {"detector": "NRCB1", "subarray": "SUB64P"})
    with serving(complete) as running:
        yield running


def ask(name, server, folder, *arguments):
    place = ["--cache", folder / "cache", "--context", CONTEXT, "--server", server.url]
    return program(name, *arguments, *place, "--output", folder / f"{name}.txt")


def test_an_empty_cache_is_filled_and_damaged_transfers_are_repeated(server, tmp_path):
    server.faults = {RMAP: ["flip"], MASK: ["cut"]}
    done = ask("crds_context", server, tmp_path, "--instruments", "nircam", "--kinds", *KINDS)
    assert done.returncode == 0, done.stderr
    assert RMAP in (tmp_path / "crds_context.txt").read_text().splitlines()
    filled = Cache(tmp_path / "cache", "jwst")
    wanted = tmp_path / "references.json"
    names = [f"jwst_nircam_{kind}_0001.fits" for kind in KINDS]
    write_references(wanted, {name: filled.facts(name) for name in names})
    done = ask("crds_sync", server, tmp_path, wanted)
    assert done.returncode == 0, done.stderr
    assert [server.asked.count(name) for name in (RMAP, MASK)] == [2, 2]
    assert all(filled.fault(filled.facts(name)) is None for name in names)
    asked = len(server.asked)
    ask("crds_sync", server, tmp_path, wanted)
    assert len(server.asked) == asked


def test_a_reference_that_the_server_cannot_give_ends_in_one_sentence(server, tmp_path):
    server.faults = {MASK: ["flip"] * 9}
    wanted = tmp_path / "references.json"
    write_references(wanted, {"mask": server.cache.facts(MASK)})
    done = ask("crds_sync", server, tmp_path, wanted)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert f"{MASK} has SHA-1" in last
    assert "did not mend that" in last
    assert not (tmp_path / "crds_sync.txt").exists()
