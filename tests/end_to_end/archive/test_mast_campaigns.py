"""The shipped MAST campaigns against the loopback archive: locked, planned, fetched."""

import json
import subprocess
import threading

import pytest

from loopback.campaigns import point_at
from loopback.mast import Mast

pytestmark = pytest.mark.end_to_end

SMALL = "wfc3_icxt27020"
# Everything fetched and verified, nothing calibrated: the exposures served here are too small.
FETCHED = "exposures"


@pytest.fixture
def server(monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    with Mast() as server:
        yield server


@pytest.fixture
def locked(checkout, server):
    """Give a checkout in which a campaign by name is pointed at the server and locked."""

    def lock(name):
        point_at(checkout.folder / f"config/campaigns/{name}.yaml", server.url, retries=1)
        checkout.snakemake("lock", "--config", f"campaign={name}")
        return checkout

    return lock


@pytest.mark.parametrize(
    ("name", "batches"), [("nrc09_darks", 10), ("wfc3_icqtbb020", 2), (SMALL, 2)]
)
def test_a_campaign_is_locked_once_and_planned_without_the_archive(locked, server, name, batches):
    checkout = locked(name)
    asked = len(server.requests)
    assert checkout.jobs("--config", f"campaign={name}")["fetch"] == batches
    assert len(server.requests) == asked


def test_exposures_are_fetched_and_verified_once(locked, server):
    checkout = locked(SMALL)
    checkout.snakemake(FETCHED, "--config", f"campaign={SMALL}")
    folder = checkout.folder / "results" / SMALL / "raw" / "icxt27020"
    for name in ("icxt27hkq", "icxt27hoq"):
        file = f"{name}_raw.fits"
        content = server.catalogue.products[f"mast:HST/product/{file}"].content
        assert (folder / file).read_bytes() == content
        assert json.loads((folder / f"{name}.json").read_text())["accepted"]
        assert server.asked(file) == 1
    assert checkout.jobs(FETCHED, "--config", f"campaign={SMALL}") == {}


def test_a_failing_transfer_stops_nothing_else_and_the_next_run_makes_it_good(locked, server):
    checkout = locked(SMALL)
    server.faults.add("cut", "icxt27hkq_raw.fits")
    text = checkout.snakemake(FETCHED, "--config", f"campaign={SMALL}", status=1)
    assert "icxt27hkq_raw.fits from http://127.0.0.1" in text
    assert "the connection broke off (2 attempts)" in text
    folder = checkout.folder / "results" / SMALL / "raw" / "icxt27020"
    assert sorted(path.name for path in folder.iterdir() if path.name != ".arrived") == [
        "icxt27hoq.json",
        "icxt27hoq_raw.fits",
    ]
    manifest = (folder.parent / "manifest.tsv").read_text()
    assert "icxt27hkq\ticxt27hkq_raw.fits\tdid not arrive\t" in manifest
    assert "icxt27hoq\ticxt27hoq_raw.fits\tarrived\t279360\t" in manifest
    server.faults.clear()
    checkout.snakemake(FETCHED, "--config", f"campaign={SMALL}")
    assert server.asked("icxt27hoq_raw.fits") == 1
    assert "did not arrive" not in (folder.parent / "manifest.tsv").read_text()


def test_a_run_killed_in_the_middle_of_a_file_is_repeated_without_loss(locked, server):
    """What the killed run's orphan is still bringing is waited for, not brought beside it."""
    checkout = locked(SMALL)
    server.hold = threading.Event()
    command = checkout.command(FETCHED, "--config", f"campaign={SMALL}")
    run = subprocess.Popen(
        command,
        cwd=checkout.folder,
        env=checkout.environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    assert server.held.wait(120)
    run.kill()
    run.wait()
    release = threading.Timer(3.0, server.hold.set)
    release.start()
    checkout.snakemake(FETCHED, "--config", f"campaign={SMALL}")
    release.join()
    folder = checkout.folder / "results" / SMALL / "raw"
    for item, name in (("icxt27020", "icxt27hkq_raw.fits"), ("icxt27020", "icxt27hoq_raw.fits")):
        content = server.catalogue.products[f"mast:HST/product/{name}"].content
        assert (folder / item / name).read_bytes() == content
        assert server.asked(name) <= 2
    assert list(folder.rglob("*.part*")) == []


def test_a_changed_archive_is_told_and_the_lock_kept(locked, server):
    checkout = locked(SMALL)
    lock = checkout.folder / "config/locks" / f"{SMALL}.tsv"
    before = lock.read_bytes()
    server.faults.add("wrong_size", "Mast.Caom.Products")
    text = checkout.snakemake("lock", "--config", f"campaign={SMALL}", status=1)
    assert "~ icxt27020/icxt27hkq: size 279360 -> 282240" in text
    assert lock.read_bytes() == before


def test_an_archive_without_the_campaign_is_told_and_no_lock_made(checkout, server):
    server.faults.add("no_rows", "*")
    point_at(checkout.folder / f"config/campaigns/{SMALL}.yaml", server.url)
    text = checkout.snakemake("lock", "--config", f"campaign={SMALL}", status=1)
    assert "item icxt27020: MAST has no HST observation with obs_id: icxt27020; look for" in text
    assert not (checkout.folder / "config/locks" / f"{SMALL}.tsv").exists()
