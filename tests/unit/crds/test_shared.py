"""A cache that several campaigns, users and hosts fill at the same time."""

import errno
import fcntl
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.crds.cache import Cache
from darkroom.crds.fill import ensure_context, ensure_references
from darkroom.crds.lock import filling
from darkroom.crds.server import Server
from loopback.crds import Crds
from loopback.faults import Reply
from nircam_jwst import CONTEXT, small_cache

ROOT = Path(__file__).resolve().parents[3]
KINDS = ["mask", "superbias"]
SLOW = "jwst_nircam_mask_0001.rmap"
HOLD = """
import sys, time
from pathlib import Path
from darkroom.crds.lock import filling
with filling(Path(sys.argv[1]), 5) as holder:
    holder.heartbeat("fetches x.fits")
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """Give a running server of a small cache."""
    folder = tmp_path_factory.mktemp("complete") / "crds"
    complete = small_cache(folder, {"detector": "NRCB1", "subarray": "SUB64P"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("no_proxy", "localhost")
        with Crds.of_cache(complete) as running:
            yield running


@pytest.fixture
def cache(tmp_path):
    """Give an empty cache."""
    return Cache(tmp_path / "crds", "jwst")


@pytest.fixture
def holder(cache):
    """Give a process that holds the cache's lock."""
    lock = cache.server_config.with_name(".filling")
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, lock],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "scripts")},
    )
    assert process.stdout.readline() == b"held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def fill(cache, server, timeout_s=20):
    client = Server(server.url, "jwst", timeout_s)
    ensure_context(cache, client, CONTEXT, ["nircam"])
    wanted = [cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS]
    return ensure_references(cache, client, wanted)


def test_two_at_once_bring_a_slow_file_once_and_both_have_it(server, tmp_path):
    server.requests.clear()
    server.instead = {SLOW: Reply(body=server.files[SLOW], byte_pause_s=0.002)}
    command = [
        sys.executable,
        ROOT / "scripts/references/context.py",
        "--cache",
        tmp_path / "crds",
    ]
    command += ["--context", CONTEXT, "--server", server.url, "--instruments", "nircam"]
    command += ["--output"]
    both = [
        subprocess.Popen(
            [str(word) for word in (*command, tmp_path / f"{number}.table")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    said = [process.communicate()[1] for process in both]
    server.instead = {}
    assert [process.returncode for process in both] == [0, 0], said
    assert server.asked(SLOW) == 1
    tables = [(tmp_path / f"{number}.table").read_text() for number in range(2)]
    assert tables[0] == tables[1]
    assert SLOW in tables[0]


def test_the_lock_of_a_killed_process_is_in_nobodys_way(server, cache, holder):
    holder.kill()
    holder.wait()
    fill(cache, server)
    assert cache.fault(cache.record("jwst_nircam_mask_0001.fits")) is None


def test_a_lock_file_that_another_host_left_is_in_nobodys_way(server, cache):
    lock = cache.server_config.with_name(".filling")
    lock.parent.mkdir(parents=True)
    lock.write_text("node17, process 4711 fetches x.fits\n")
    lock.chmod(0o444)
    assert len(fill(cache, server)) == 2


def test_who_is_waited_for_is_told_and_a_silent_holder_is_not_waited_for(cache, holder, caplog):
    lock = cache.server_config.with_name(".filling")
    caplog.set_level(logging.INFO)
    with filling(lock, 0.5) as mine:
        assert not mine.alone
    assert f"process {holder.pid} fetches x.fits" in caplog.text
    assert "no sign of life" in caplog.text


def test_a_holder_that_shows_signs_of_life_is_waited_for(cache):
    lock = cache.server_config.with_name(".filling")
    work = "for _ in range(20): holder.heartbeat('works'); time.sleep(0.1)"
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD.replace("time.sleep(60)", work), lock],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(ROOT / "scripts")},
    )
    with process, process.stdout:
        assert process.stdout.readline() == b"held\n"
        with filling(lock, 1) as mine:
            assert mine.alone


def test_without_locks_in_the_file_system_files_are_right_all_the_same(
    server, cache, monkeypatch, caplog
):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    left = cache.path / "references" / "jwst" / "nircam" / ".x.fits.0.part"
    left.parent.mkdir(parents=True)
    left.touch()
    fill(cache, server)
    assert "this file system has no locks (No locks available)" in caplog.text
    assert left.exists(), "it may be that of a living process"


def test_what_a_killed_process_left_is_removed_when_nobody_else_can_be_at_work(server, cache):
    left = cache.path / "references" / "jwst" / "nircam" / ".x.fits.0.part"
    left.parent.mkdir(parents=True)
    left.touch()
    fill(cache, server)
    assert not left.exists()


def test_a_complete_cache_is_used_without_a_lock_and_without_writing(server, cache, holder):
    other = Cache(cache.path.parent / "other", "jwst")
    fill(other, server)
    before = {p: p.stat().st_mtime_ns for p in other.path.rglob("*")}
    fill(other, server)
    assert {p: p.stat().st_mtime_ns for p in other.path.rglob("*")} == before


@pytest.mark.parametrize("layout", ["flat", "instrument"])
def test_references_lie_as_the_layout_of_the_cache_asks(layout, server, cache):
    cache.layout_file.parent.mkdir(parents=True)
    cache.layout_file.write_text(layout)
    fill(cache, server)
    folder = cache.path / "references" / "jwst"
    found = cache.reference("jwst_nircam_mask_0001.fits").parent
    assert found == (folder if layout == "flat" else folder / "nircam")
