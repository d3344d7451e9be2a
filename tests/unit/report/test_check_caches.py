"""A cache of CRDS within a campaign's results, some files of which have no record after a cut."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from darkroom.campaign.campaign import load_campaign
from darkroom.crds.cache import Cache
from darkroom.integrity.records import begin, forget_roots, place
from darkroom.report.checking.campaign import check_campaign
from loopback.crds import Crds
from nircam_jwst import CONTEXT, small_cache

ROOT = Path(__file__).resolve().parents[3]
REFERENCE = "jwst_nircam_mask_0001.fits"
FILL = """
import sys
from pathlib import Path
from darkroom.cli import run
from darkroom.crds.cache import Cache
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.references import write_table
from darkroom.crds.server import Server
from darkroom.integrity.digests import sha256

def main():
    url, results = sys.argv[1:]
    cache = Cache(Path(results, "crds"), "jwst")
    server = Server(url, "jwst", 30)
    names = ensure_context(cache, server, "jwst_0001.pmap", ["nircam"])
    wanted = [cache.record("jwst_nircam_mask_0001.fits")]
    found = [(one, sha256(path)) for one, path in ensure_references(cache, server, wanted)]
    write_table(Path(results, "crds/jwst.tsv"), "jwst", "jwst_0001.pmap", found)
    from darkroom.atomic import write_text
    write_text(Path(results, "crds/jwst.mappings"), "\\n".join(["# x", *names]) + "\\n")

run(main)
"""


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """Give a function that fills the cache as the workflow does, and one that checks."""
    complete = small_cache(tmp_path / "complete", {"detector": "NRCB1", "subarray": "SUB64P"})
    settings = {
        "title": "x",
        "archive": {"kind": "simulated", "seed": 1},
        "items": {"a": {"instrument": "nircam", "simulate": {"detector": "NRCB1"}}},
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(settings))
    schema = ROOT / "config" / "schemas" / "campaign.schema.json"
    campaign = load_campaign(tmp_path / "c.yaml", schema)
    monkeypatch.chdir(tmp_path)
    begin("results/c", "snakemake", [(r"results/c/crds/jwst\.(tsv|mappings)$", False)])
    with Crds.of_cache(complete) as server:

        def fill():
            done = subprocess.run(
                [sys.executable, "-c", FILL, server.url, "results/c"],
                env={"PYTHONPATH": str(ROOT / "scripts"), "no_proxy": "localhost"},
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr

        def check():
            forget_roots()
            found = check_campaign(campaign, "results")[0]
            # This campaign has no lock: what is wrong with it is none of these tests' business.
            return {(one.kind, Path(one.path).name): one for one in found.found
                    if "lock" not in one.path}  # fmt: skip

        yield fill, check


@pytest.mark.parametrize("lost", [REFERENCE, CONTEXT, "server_config"])
def test_a_file_without_a_record_is_told_with_the_command_that_records_it(filled, lost):
    fill, check = filled
    fill()
    assert check() == {}
    cache = Cache(Path("results/c/crds"), "jwst")
    paths = [cache.place_for(REFERENCE), cache.mapping(CONTEXT), cache.server_config]
    path = next(path for path in paths if path.name == lost)
    place(Path("results/c"), path).unlink()
    found = check()
    assert list(found) == [("unrecorded", lost)]
    table = "tsv" if lost == REFERENCE else "mappings"
    assert found["unrecorded", lost].target == f"results/c/crds/jwst.{table}"
    fill()
    assert check() == {}


def test_a_damaged_reference_without_a_record_is_told_as_damaged(filled):
    fill, check = filled
    fill()
    path = Cache(Path("results/c/crds"), "jwst").place_for(REFERENCE)
    place(Path("results/c"), path).unlink()
    content = bytearray(path.read_bytes())
    content[-100] ^= 4
    path.write_bytes(content)
    assert ("damaged", REFERENCE) in check()
    fill()
    assert check() == {}


def test_a_pipe_among_the_results_is_foreign_and_waits_for_nobody(filled):
    fill, check = filled
    fill()
    os.mkfifo("results/c/x.json")
    Path("results/c/y.json").symlink_to("/dev/zero")
    Path("results/c/z.json").symlink_to("nowhere")
    found = check()
    assert set(found) == {("foreign", f"{name}.json") for name in "xyz"}
    assert "a pipe" in found["foreign", "x.json"].why
