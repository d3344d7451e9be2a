"""Whatever goes wrong with a CRDS server: no wrong file gets a name, no good one is lost."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from darkroom.crds.cache import Cache
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.references import write_references
from darkroom.crds.server import Server
from darkroom.errors import DarkroomError
from loopback.crds import Crds
from loopback.crds_faults import FAULTS, MAPPING, REFERENCE, RPC, table
from nircam_jwst import CONTEXT, small_cache

ROOT = Path(__file__).resolve().parents[3]
KINDS = ["mask", "superbias"]
SUBJECTS = {
    RPC: RPC,
    MAPPING: "jwst_nircam_mask_0001.rmap",
    REFERENCE: "jwst_nircam_mask_0001.fits",
}
EVERY_FAULT = pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.subject}: {f.name}")
PATIENCE_S, SILENCE_S = 20, 0.5


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Give a complete small cache."""
    folder = tmp_path_factory.mktemp("complete") / "crds"
    return small_cache(folder, {"detector": "NRCB1", "subarray": "SUB64P"})


@pytest.fixture
def server(complete, monkeypatch):
    """Give a running server of it, and a client that does not pause."""
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr("darkroom.transport.transfer.sleep", lambda _: None)
    monkeypatch.setattr("darkroom.crds.server.SILENCE_S", SILENCE_S)
    with Crds.of_cache(complete) as running:
        yield running


@pytest.fixture
def cache(tmp_path):
    """Give an empty cache."""
    return Cache(tmp_path / "crds", "jwst")


def fill(cache, server, timeout_s=PATIENCE_S):
    """Fill a cache for two kinds of reference; return what was verified."""
    client = Server(server.url, "jwst", timeout_s)
    ensure_context(cache, client, CONTEXT, ["nircam"])
    return ensure_references(cache, client, wanted(cache))


def wanted(cache):
    return [cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS]


def names(cache):
    """Return the names of the mappings and references in a cache, private ones too."""
    paths = (*cache.path.glob("mappings/*/*"), *cache.path.glob("references/*/*/*"))
    return sorted(path.name for path in paths)


def complete_names(server):
    """Return what is in a filled cache: all mappings, and the references asked for."""
    asked = {f"jwst_nircam_{kind}_0001.fits" for kind in KINDS}
    return sorted(name for name in server.files if name.endswith("map") or name in asked)


def all_right(cache, server):
    """Tell whether every file in a cache is the server's, byte for byte, and none is left over."""
    paths = (*cache.path.glob("mappings/*/*"), *cache.path.glob("references/*/*/*"))
    return all(path.read_bytes() == server.files.get(path.name) for path in paths)


@EVERY_FAULT
def test_a_fault_ends_in_a_sentence_and_the_next_run_completes(fault, server, complete, cache):
    subject = SUBJECTS[fault.subject]
    lie = fault.name.startswith("a wrong")
    if fault.subject == REFERENCE and not lie:
        # The mappings are there, so that the fault strikes while references are brought.
        client = Server(server.url, "jwst", PATIENCE_S)
        ensure_context(cache, client, CONTEXT, ["nircam"])
    before = server.asked(subject)
    fault.switch(server, subject)
    with pytest.raises(DarkroomError, match="http://localhost") as caught:
        fill(cache, server, SILENCE_S if fault.says == "not done within" else PATIENCE_S)
    assert fault.says in str(caught.value)
    if fault.subject != RPC:
        assert subject in str(caught.value)
        assert subject not in names(cache)
    if fault.name not in ("the server is down", "the server does not know it"):
        assert server.asked(subject) - before == (1 if fault.final else 4)
    if fault.subject == REFERENCE:
        assert "jwst_nircam_superbias_0001.fits" in names(cache), "one fault stopped the others"
    assert all_right(cache, server)
    if lie:
        # What the server said is in the cache; the well one says something else.
        cache.server_config.unlink()
    with Crds.of_cache(complete) as well:
        fill(cache, well)
        assert all_right(cache, well)
    assert names(cache) == complete_names(server)


@pytest.mark.parametrize("kind", ["cut", "cut_without_length", "reset", "hang", "html", "empty"])
@pytest.mark.parametrize("subject", [MAPPING, REFERENCE])
def test_a_fault_that_passes_costs_another_attempt_and_nothing_else(kind, subject, server, cache):
    server.faults.add(kind, SUBJECTS[subject], times=1)
    fill(cache, server)
    assert server.asked(SUBJECTS[subject]) == 2
    assert names(cache) == complete_names(server)
    assert all_right(cache, server)


@EVERY_FAULT
def test_a_process_killed_in_the_middle_is_in_nobodys_way(fault, server, complete, cache, tmp_path):
    subject, program = SUBJECTS[fault.subject], ["references/context"]
    words = ["--instruments", "nircam"]
    if fault.subject == REFERENCE:
        client = Server(server.url, "jwst", PATIENCE_S)
        ensure_context(cache, client, CONTEXT, ["nircam"])
        write_references(tmp_path / "wanted.json", {f.name: f for f in wanted(cache)})
        program, words = ["references/sync", tmp_path / "wanted.json"], []
    before = server.asked(subject)
    fault.switch(server, subject)
    command = [sys.executable, ROOT / "scripts" / f"{program[0]}.py", *program[1:], *words]
    command += ["--cache", cache.path, "--context", CONTEXT, "--server", server.url]
    process = subprocess.Popen(
        [str(word) for word in (*command, "--timeout", 30, "--output", tmp_path / "table")],
        stderr=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    # A server that is down is not asked: killed while it is tried.
    until = time.monotonic() + (1 if fault.name == "the server is down" else 30)
    while process.poll() is None and server.asked(subject) == before and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "table").exists()
    with Crds.of_cache(complete) as well:
        if fault.name.startswith("a wrong"):
            cache.server_config.unlink(missing_ok=True)
        fill(cache, well)
        assert all_right(cache, well)
    assert names(cache) == complete_names(server)


def damage(kind, path):
    """Damage a file as clients and disks do."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.unlink()
    if kind != "missing":
        changed = {"cut": content[:-100], "empty": b"", "a web page": b"<html>"}
        path.write_bytes(changed.get(kind, content))


DAMAGES = pytest.mark.parametrize("kind", ["one bit", "cut", "empty", "a web page", "missing"])


@DAMAGES
@pytest.mark.parametrize("subject", [MAPPING, REFERENCE])
def test_a_damaged_file_in_the_cache_is_repaired_and_the_good_ones_are_not_touched(
    kind, subject, server, cache
):
    fill(cache, server)
    struck = SUBJECTS[subject]
    path = next(cache.path.rglob(struck))
    places = {p: p.stat().st_ino for p in cache.path.rglob("*_0001.*") if p != path}
    damage(kind, path)
    asked = {name: server.asked(name) for name in server.files}
    fill(cache, server)
    assert all_right(cache, server)
    again = [name for name in server.files if server.asked(name) != asked[name]]
    assert again == [struck]
    assert {p: p.stat().st_ino for p in places} == places


@DAMAGES
def test_with_the_server_down_a_damaged_reference_is_refused_and_stays_repairable(
    kind, server, complete, cache
):
    fill(cache, server)
    path = cache.reference(SUBJECTS[REFERENCE])
    damage(kind, path)
    server.shutdown()
    server.server_close()
    with pytest.raises(DarkroomError, match="no connection"):
        fill(cache, server)
    with pytest.raises(DarkroomError, match=r"mask_0001\.fits"):
        cache.verified(cache.record(SUBJECTS[REFERENCE]))
    with Crds.of_cache(complete) as well:
        fill(cache, well)
    assert all_right(cache, server)


def test_a_complete_cache_asks_nobody(server, cache):
    fill(cache, server)
    asked = len(server.requests)
    fill(cache, server)
    assert len(server.requests) == asked


def test_a_context_that_the_server_does_not_know_is_told_with_the_newest(server, cache):
    client = Server(server.url, "jwst", PATIENCE_S)
    with pytest.raises(DarkroomError, match=r"not know the context jwst_0777.*newest is jwst_0001"):
        ensure_context(cache, client, "jwst_0777.pmap", ["nircam"])


def test_a_file_that_the_server_has_changed_since_it_was_chosen_is_told(server, cache):
    fill(cache, server)
    chosen = wanted(cache)
    name = SUBJECTS[REFERENCE]
    cache.reference(name).unlink()
    server.stated[name] = {"size": "2880", "sha1sum": "1" * 40}
    client = Server(server.url, "jwst", PATIENCE_S)
    with pytest.raises(DarkroomError, match=r"now states 2880 bytes and SHA-1 1111.*chosen again"):
        ensure_references(cache, client, chosen)


def test_what_does_not_fit_on_the_disk_is_not_begun(server, cache, monkeypatch):
    client = Server(server.url, "jwst", PATIENCE_S)
    ensure_context(cache, client, CONTEXT, ["nircam"])
    monkeypatch.setattr("darkroom.crds.fill.shutil.disk_usage", lambda _: Disk)
    with pytest.raises(DarkroomError, match=r"missing references need 0 MB, 0 MB are free"):
        ensure_references(cache, client, wanted(cache))
    assert not server.asked(SUBJECTS[REFERENCE])


class Disk:
    """A full one."""

    free = 1


def test_a_cache_that_cannot_be_written_says_who_can_help(server, cache):
    cache.path.mkdir()
    (cache.path / "config").write_text("in the way")
    with pytest.raises(DarkroomError, match=r"cannot be written.*the owner of the cache"):
        fill(cache, server)


@pytest.mark.parametrize("name", ["../x.fits", "/etc/x", "a/b", "*.fits", ".x", "x\0", "x" * 300])
def test_a_hostile_name_is_refused_before_any_file_is_touched(name, server, cache):
    fill(cache, server)
    server.stated[name] = {"size": "1", "sha1sum": "0" * 40}
    cache.server_config.unlink()
    client = Server(server.url, "jwst", PATIENCE_S)
    ensure_context(cache, client, CONTEXT, ["nircam"])
    with pytest.raises(DarkroomError, match="is not allowed as a file name"):
        cache.record(name)


def test_the_published_matrix_is_the_one_tested(repository):
    assert table() in (repository / "docs" / "crds-faults.md").read_text()
