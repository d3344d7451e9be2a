"""Every fault of the archive: the first run, a run over a good copy, a kill, and the next run."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from darkroom.archive import mast_server
from darkroom.archive.fetching import Fetching
from darkroom.campaign.lock import require_lock
from darkroom.campaign.pins import Pins
from darkroom.errors import DarkroomError, InputError
from darkroom.provenance import sha256
from darkroom.transport import transfer
from loopback import exposures
from loopback.campaigns import ROOT, locked
from loopback.catalogue import Catalogue, Observation, Product, association
from loopback.mast import Mast
from loopback.matrix import FILES, PAGE, page

RAW = "mast:HST/product/iaaa01aaq_raw.fits"
SUMMED = "mast:HST/product/iaaa01sum_raw.fits"
FAST = {"timeout_s": 1.5, "retries": 1}
# As long as it may take: two attempts of a second and a half, and what a busy machine adds.
LIMIT_S = 20


@pytest.fixture(scope="module")
def one_server():
    content = exposures.wfc3("iaaa01sum", "iaaa01010", "RAW", 1, checksum=True)
    summed = Product("iaaa01sum_raw.fits", "HST", "iaaa01sum", "RAW", lambda: content)
    found = [
        association("iaaa01010", "1", ["iaaa01aaq"], nsamp=1),
        Observation("iaaa01sum", "HST", "WFC3/IR", "1", [summed]),
    ]
    with Mast(Catalogue(found)) as server:
        yield server


@pytest.fixture
def server(one_server, monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    monkeypatch.setattr(mast_server, "SILENCE_S", 0.5)
    one_server.reset()
    yield one_server
    if one_server.hold:
        one_server.hold.set()


@pytest.fixture(params=FILES, ids=lambda case: case.fault)
def case(request):
    return request.param


def uri_of(case):
    """The file a case is about: one with checksums where that is the question."""
    return SUMMED if case.fault == "corrupt" else RAW


class Run:
    """A campaign of one file."""

    def __init__(self, folder, server, uri, **archive):
        self.server, self.uri = server, uri
        self.campaign = locked(folder, server, [uri], **(FAST | archive))
        self.lock = require_lock(self.campaign)
        (self.exposure,) = self.lock.exposures
        self.raw = folder / "results" / "trial" / "raw"
        self.file = self.raw / "visit" / self.exposure.file
        self.content = server.catalogue.products[uri].content

    def fetch(self, pins=None):
        """Fetch the file; a refusal that is recorded is raised, with its reason."""
        status = Fetching(self.campaign, self.lock, pins or Pins(), self.raw).one(self.exposure)
        if not status["accepted"]:
            raise InputError(self.exposure.file, status["reason"])

    def reads(self, text):
        """A reason with this file's sizes in it, as a pattern."""
        size = len(self.content)
        return re.escape(text.format(size=size, half=size // 2))

    def pins(self):
        """The pin of the archive's own bytes."""
        good = self.raw / "good"
        good.parent.mkdir(parents=True, exist_ok=True)
        good.write_bytes(self.content)
        pins = Pins("", {("visit", self.exposure.exposure): sha256(good)})
        good.unlink()
        return pins

    def files(self):
        """What lies in the item's folder, hidden or not."""
        folder = self.file.parent
        return sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []

    def command(self):
        script, output = ROOT / "scripts" / "archive" / "fetch.py", self.raw.parent / "visit.list"
        words = ["--campaign", self.campaign.path, "--item", "visit"]
        words += [
            "--names",
            self.exposure.exposure,
            "--folder-of-items",
            self.raw,
            "--output",
            output,
        ]
        return [sys.executable, str(script), *map(str, words)]


@pytest.fixture
def run(server, tmp_path, case):
    return Run(tmp_path, server, uri_of(case))


def test_the_page_in_the_documentation_is_this_table():
    """Write it again with: PYTHONPATH=tests:scripts .venv/bin/python -m loopback.matrix"""
    assert PAGE.read_text(encoding="utf-8") == page()


# The first run


def test_first_run(server, run, case):
    """Nothing is accepted that differs, unless nothing on earth could tell."""
    server.faults.add(case.fault, run.exposure.file)
    begun = time.monotonic()
    if case.ends == "is deceived":
        run.fetch()
        assert run.file.stat().st_size == len(run.content)
        assert run.file.read_bytes() != run.content
    else:
        kind = InputError if case.ends == "refuses" else DarkroomError
        with pytest.raises(kind, match=run.reads(case.reads)) as raised:
            run.fetch()
        assert isinstance(raised.value, InputError) == (case.ends == "refuses")
        assert run.files() == []
    assert server.asked(run.exposure.file) == case.asked
    assert time.monotonic() - begun < LIMIT_S


def test_first_run_with_a_pin(server, run, case):
    """With a pin nothing at all deceives."""
    server.faults.add(case.fault, run.exposure.file)
    with pytest.raises(DarkroomError, match=run.reads(case.pinned or case.reads)):
        run.fetch(run.pins())
    assert run.files() == []


def test_a_fault_that_passes_is_survived_in_the_same_run(server, run, case):
    """Struck once, every fault is mended that a further attempt, or ``confirm``, can mend."""
    server.faults.add(case.fault, run.exposure.file, times=1)
    if case.ends == "is deceived":
        run.campaign.archive["confirm"] = True
    elif case.asked == 1:
        with pytest.raises(DarkroomError):
            run.fetch()
        return
    run.fetch()
    assert run.file.read_bytes() == run.content
    assert server.asked(run.exposure.file) == (3 if case.ends == "is deceived" else 2)


# The next run, over a good copy and over nothing


def test_a_good_copy_is_never_lost(server, run, case):
    """The run that finds nothing noted of a good copy brings the file again, and fails."""
    run.fetch()
    if case.ends == "is deceived":
        server.faults.add(case.fault, run.exposure.file, times=1)
        run.fetch()
        assert run.file.read_bytes() == run.content
        return
    server.faults.add(case.fault, run.exposure.file)
    with pytest.raises(DarkroomError, match=run.reads(case.reads)):
        run.fetch()
    assert run.files() == [run.exposure.file]
    assert run.file.read_bytes() == run.content


def test_a_known_good_copy_needs_no_archive(server, run, case):
    run.fetch()
    server.faults.add(case.fault, run.exposure.file)
    run.fetch(run.pins())
    assert server.asked(run.exposure.file) == 1


def test_the_next_run_makes_it_good(server, run, case):
    server.faults.add(case.fault, run.exposure.file)
    if case.ends != "is deceived":
        with pytest.raises(DarkroomError):
            run.fetch()
    server.faults.clear()
    run.fetch()
    assert run.files() == [run.exposure.file]
    assert run.file.read_bytes() == run.content


# Killed in the middle


def test_killed_in_the_middle(server, run, case, tmp_path):
    """No file under its own name, no process left behind, and the next run brings it whole."""
    server.faults.add(case.fault, run.exposure.file)
    server.hold = threading.Event()
    process = subprocess.Popen(
        run.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until(lambda: server.asked(run.exposure.file))
    if case.fault not in ("down", "silent", "endless_headers", "trickle"):
        until(server.held.is_set)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    until(lambda: not processes_with(str(tmp_path)))
    assert [name for name in run.files() if not name.startswith(".")] == []
    server.hold.set()
    server.faults.clear()
    run.fetch()
    assert run.file.read_bytes() == run.content
    assert [name for name in run.files() if name != ".arrived"] == [run.exposure.file]


def until(condition):
    """Wait until a condition holds; a hang is a failure."""
    for _ in range(LIMIT_S * 50):
        if condition():
            return
        time.sleep(0.02)
    pytest.fail("it took too long")


def processes_with(text):
    """Processes whose command line holds a text."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if text.encode() in path.read_bytes():
                found.append(path.parent.name)
        except OSError:
            continue
    return found
