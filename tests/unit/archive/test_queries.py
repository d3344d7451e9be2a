"""Every fault of a query: the first lock, a lock that is there, and the next call."""

import re
import subprocess
import sys

import pytest

import programs
from darkroom.archive import mast_client, mast_server
from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from loopback.campaigns import ROOT, write_campaign
from loopback.matrix import QUERIES, ROWS

QUERY = {"mission": "hst", "obs_id": "icqtbb020"}
FAST = {"timeout_s": 1.5, "retries": 1}
SUBJECTS = ("Mast.Caom.Filtered", "Mast.Caom.Products")


@pytest.fixture
def server(queried_server, monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    for module in (transfer, mast_client):
        monkeypatch.setattr(module, "sleep", lambda _: None)
    monkeypatch.setattr(mast_server, "SILENCE_S", 0.5)
    queried_server.reset()
    # Made now: an answer lists their sizes, and shall not seem slow for it.
    for product in queried_server.catalogue.products.values():
        if "icqtbb" in product.name:
            _ = product.content
    return queried_server


@pytest.fixture
def campaign(server, tmp_path):
    return write_campaign(tmp_path, server, QUERY, **FAST)


@pytest.fixture
def make_lock(campaign, monkeypatch):
    """Call the program as a person does."""

    def call(*options):
        monkeypatch.setattr(sys, "argv", ["lock", "--campaign", str(campaign.path), *options])
        programs.load("archive/lock").main()

    return call


@pytest.fixture(params=QUERIES, ids=lambda case: case.fault)
def case(request):
    return request.param


@pytest.mark.parametrize("subject", SUBJECTS)
def test_first_lock(server, campaign, make_lock, case, subject):
    """No lock is made, and the next call makes the right one."""
    server.faults.add(case.fault, subject)
    with pytest.raises(DarkroomError, match=re.escape(case.reads)):
        make_lock()
    assert not campaign.lock_path.exists()
    if case.fault != "executing":
        assert server.asked(subject) == (2 if case.again else 1)
    server.faults.clear()
    make_lock()
    assert len(campaign.lock_path.read_text().splitlines()) == 10


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.fault)
def test_rows_that_cannot_be_true_make_no_lock(server, campaign, make_lock, row):
    server.faults.add(row.fault, "Mast.Caom.Products")
    with pytest.raises(DarkroomError, match=re.escape(row.reads)) as caught:
        make_lock()
    assert str(caught.value).isprintable()
    assert not campaign.lock_path.exists()


@pytest.mark.parametrize("subject", SUBJECTS)
def test_a_lock_that_is_there_is_kept(server, campaign, make_lock, case, subject):
    make_lock()
    before = campaign.lock_path.read_bytes()
    server.faults.add(case.fault, subject)
    with pytest.raises(DarkroomError, match=r"trial\.lock\.tsv with its 4 exposures is kept"):
        make_lock("--replace")
    assert campaign.lock_path.read_bytes() == before


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_empty_answer_is_no_failure_of_the_line(server, make_lock, subject):
    server.faults.add("no_rows", subject)
    with pytest.raises(DarkroomError, match=r"MAST (has no HST observation|knows the observ)"):
        make_lock()
    # Of observations twice: the name may be that of an exposure of an association.
    assert server.asked(subject) == (2 if subject == "Mast.Caom.Filtered" else 1)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_an_empty_answer_never_replaces_a_lock(server, campaign, make_lock, subject):
    make_lock()
    before = campaign.lock_path.read_bytes()
    server.faults.add("no_rows", subject)
    with pytest.raises(
        DarkroomError,
        match=r"the same query found exposures before, so the archive's catalogue is incomplete at "
        r"the moment, or the data were withdrawn: .* is kept, try again later",
    ):
        make_lock("--replace")
    assert campaign.lock_path.read_bytes() == before


def test_a_changed_answer_is_shown_and_taken_only_when_that_is_said(
    server, campaign, make_lock, capsys
):
    make_lock()
    before = campaign.lock_path.read_bytes()
    server.faults.add("wrong_size", "Mast.Caom.Products")
    with pytest.raises(DarkroomError, match=r"is kept: the archive's answer differs from it in 4"):
        make_lock()
    assert "icqtbbbxq: size 279360 -> 282240 (other bytes than before" in capsys.readouterr().out
    assert campaign.lock_path.read_bytes() == before
    make_lock("--replace")
    assert campaign.lock_path.read_bytes() != before


def test_a_new_lock_says_how_much_it_is(make_lock, capsys):
    make_lock()
    assert "4 exposures locked, 0.00112 GB" in capsys.readouterr().out


def test_killed_while_it_asks(server, campaign, make_lock, tmp_path):
    make_lock()
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    server.faults.add("silent", "Mast.Caom.Products")
    command = [
        sys.executable,
        str(ROOT / "scripts/archive/lock.py"),
        "--campaign",
        str(campaign.path),
    ]
    server.requests.clear()
    process = subprocess.Popen([*command, "--replace"], stderr=subprocess.DEVNULL)
    while not server.asked("Mast.Caom.Products") and process.poll() is None:
        pass
    process.kill()
    assert process.wait() == -9
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
