"""Exposures come in batches: each is noted, none lost, none brought twice."""

import csv
import hashlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from astropy.io import fits

from damaged import damage
from darkroom import atomic
from darkroom.archive import arrivals, fetching, local
from darkroom.archive.arrivals import MANIFEST
from darkroom.archive.fetching import Fetching
from darkroom.campaign.campaign import open_campaign
from darkroom.campaign.lock import Lock, require_lock
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.pins import Pins
from darkroom.campaign.status import load_status
from darkroom.ccd.simulate import exposures as ccd
from darkroom.errors import DarkroomError
from darkroom.integrity import records
from darkroom.integrity.seen import forget
from darkroom.integrity.watch import settle
from darkroom.transport import transfer
from fork_tests import in_a_process
from loopback.campaigns import ROOT, locked
from loopback.catalogue import Catalogue, association
from loopback.mast import Mast

MEMBERS = [f"iaaa01{a}{b}q" for a in "abcd" for b in "abc"]
URIS = [f"mast:HST/product/{name}_raw.fits" for name in MEMBERS]


@pytest.fixture(scope="module")
def one_server():
    with Mast(Catalogue([association("iaaa01010", "1", MEMBERS, nsamp=1)])) as server:
        yield server


@pytest.fixture
def server(one_server, monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    one_server.reset()
    return one_server


@pytest.fixture
def campaign(server, tmp_path):
    return locked(tmp_path, server, URIS, retries=1, timeout_s=20)


@pytest.fixture
def raw(tmp_path):
    return tmp_path / "results" / "trial" / "raw"


def program(campaign, raw, **options):
    """What one call of the program has."""
    return Fetching(campaign, require_lock(campaign), Pins(), raw, **options)


def fetch(campaign, raw, *names, **options):
    """Fetch a batch, all of them by default; return the statuses."""
    run = program(campaign, raw, **options)
    rows = [run.lock.get("visit", name) for name in names or MEMBERS]
    return [load_status(path) for path in run.batch(rows)]


def rows_of(run):
    return list(run.lock.exposures)


def manifest(raw):
    with (raw / MANIFEST).open(newline="") as stream:
        return {row["exposure"]: row for row in csv.DictReader(stream, delimiter="\t")}


def test_one_call_brings_all_of_a_batch(campaign, server, raw):
    assert all(status["accepted"] for status in fetch(campaign, raw))
    for name, uri in zip(MEMBERS, URIS, strict=True):
        content = server.catalogue.products[uri].content
        assert (raw / "visit" / f"{name}_raw.fits").read_bytes() == content
    assert {row["state"] for row in manifest(raw).values()} == {"arrived"}


def test_each_exposure_is_told_with_what_became_of_it(campaign, server, raw, capsys, monkeypatch):
    fetch(campaign, raw, MEMBERS[0])
    whole = server.catalogue.products[URIS[1]]
    other = replace(whole, make=lambda: b"x" * len(whole.content))
    monkeypatch.setitem(server.catalogue.products, URIS[1], other)
    (status,) = fetch(campaign, raw, MEMBERS[1])
    assert not status["accepted"]
    assert capsys.readouterr().out.splitlines() == [
        f"{MEMBERS[0]}_raw.fits: accepted", f"{MEMBERS[1]}_raw.fits: {status['reason']}",
    ]  # fmt: skip


def test_what_is_pinned_needs_no_second_copy(campaign, server, raw):
    fetch(campaign, raw, MEMBERS[0])
    sha256 = manifest(raw)[MEMBERS[0]]["sha256"]
    (raw / "visit" / f"{MEMBERS[0]}_raw.fits").unlink()
    server.reset()
    campaign.archive["confirm"] = True
    pinned = {("visit", MEMBERS[0]): sha256}
    run = Fetching(campaign, require_lock(campaign), Pins("", pinned), raw, code="pinned")
    run.batch([run.lock.get("visit", name) for name in MEMBERS[:2]])
    assert [server.asked(f"{name}_raw.fits") for name in MEMBERS[:2]] == [1, 2]


def test_what_came_is_not_brought_again(campaign, server, raw):
    fetch(campaign, raw, *MEMBERS[:5])
    statuses = fetch(campaign, raw)
    assert [status["exposure"] for status in statuses] == MEMBERS
    assert [server.asked(f"{name}_raw.fits") for name in MEMBERS] == [1] * len(MEMBERS)


def test_an_edit_of_the_program_looks_again_at_what_is_there(campaign, server, raw):
    """At the bytes on this disk, not at the archive's."""
    fetch(campaign, raw)
    (raw / "visit" / f"{MEMBERS[5]}_raw.fits").write_bytes(b"damaged")
    fetch(campaign, raw, code="another")
    asked = [server.asked(f"{name}_raw.fits") for name in MEMBERS]
    assert asked == [1] * 5 + [2] + [1] * 6


@pytest.mark.parametrize("age_s", [0, -1000, 5])
def test_a_file_that_was_damaged_is_received_anew(campaign, server, raw, age_s):
    """Whatever its time says."""
    fetch(campaign, raw)
    path = raw / "visit" / f"{MEMBERS[0]}_raw.fits"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x01")
    os.utime(path, (time.time() + age_s,) * 2)
    fetch(campaign, raw)
    assert path.read_bytes() == content
    assert [server.asked(f"{name}_raw.fits") for name in MEMBERS[1:]] == [1] * 11


def test_what_is_repaired_in_a_folder_is_received_anew(tmp_path):
    """A header may change and the size not: no lock, and no sum of the copy, tells of it."""
    frames = {"shape": [32, 32], "bias": {"count": 2}, "darks": [], "targets": []}
    folder = tmp_path / "frames"
    folder.mkdir()
    for one in ccd.plan(frames):
        ccd.deliver(frames, one.name, folder / one.file)
    items = {"camera": {"instrument": "ccd", "frames": {"bias": "*.FIT"}}}
    archive = {"kind": "local", "folder": str(folder)}
    path = tmp_path / "trial.yaml"
    path.write_text(yaml.safe_dump({"title": "t", "archive": archive, "items": items}))
    campaign = open_campaign(path, ROOT)
    rows = local.find(campaign.archive, campaign.items)
    lock = Lock(campaign.lock_path, {}, rows)

    def copies(code=""):
        run = Fetching(campaign, lock, Pins(), tmp_path / "raw", code=code)
        run.batch(rows)
        return [tmp_path / "raw/camera" / row.file for row in rows]

    before = [one.stat().st_ino for one in copies()]
    for code in ("", "another"):
        fits.setval(folder / rows[1].file, "OBSERVER", value=f"repaired {code}")
        found = copies(code)
        assert [one.read_bytes() for one in found] == [
            (folder / row.file).read_bytes() for row in rows
        ]
        assert found[0].stat().st_ino == before[0]
    # A folder that is not there tells nothing, and is not needed.
    folder.rename(tmp_path / "elsewhere")
    assert copies("another") == found


@in_a_process
def test_of_two_damaged_exposures_none_is_refused_for_the_other(campaign, raw):
    records.begin(raw.parent, "snakemake", [])
    fetch(campaign, raw)
    paths = [raw / "visit" / f"{name}_raw.fits" for name in MEMBERS[:3]]
    contents = [path.read_bytes() for path in paths]
    forget()
    for path, content in zip(paths, contents, strict=True):
        with path.open("r+b") as stream:
            stream.seek(len(content) - 1)
            stream.write(b"\x01")
    assert [status["reason"] for status in fetch(campaign, raw)] == [""] * len(MEMBERS)
    assert [path.read_bytes() for path in paths] == contents
    settle()


@in_a_process
def test_records_of_exposures_that_are_damaged_or_gone_are_written_again(campaign, raw):
    """Whoever reads such an exposure is told to ask for its batch again."""
    records.begin(raw.parent, "snakemake", [])
    fetch(campaign, raw)
    files = [raw / "visit" / f"{name}_raw.fits" for name in MEMBERS[:2]]
    files.append(raw / "visit" / ".arrived" / f"{MEMBERS[2]}.key")
    numbers = [path.stat().st_ino for path in files]
    places = [records.place(raw.parent, path) for path in files]
    forget()
    damage(places[0])
    places[1].unlink()
    damage(places[2])
    assert all(status["accepted"] for status in fetch(campaign, raw))
    settle()
    for path in files:
        assert records.read_record(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [path.stat().st_ino for path in files] == numbers


@pytest.mark.parametrize("kind", ["pipe", "link", "hole"])
def test_what_is_no_exposure_any_more_is_received_anew(campaign, raw, kind):
    """And is neither waited for nor read to its end."""
    fetch(campaign, raw)
    path = raw / "visit" / f"{MEMBERS[0]}_raw.fits"
    content = path.read_bytes()
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "link":
        path.symlink_to(raw / "visit" / f"{MEMBERS[1]}_raw.fits")
    else:
        with path.open("wb") as stream:
            stream.truncate(1 << 40)
    fetch(campaign, raw)
    assert path.read_bytes() == content
    assert not path.is_symlink()


def test_one_that_fails_takes_no_other_with_it(campaign, server, raw):
    server.faults.add("missing", f"{MEMBERS[4]}_raw.fits")
    with pytest.raises(DarkroomError, match="it is not there"):
        fetch(campaign, raw)
    rows = manifest(raw)
    assert [name for name, row in rows.items() if row["state"] != "arrived"] == [MEMBERS[4]]
    assert rows[MEMBERS[4]]["state"] == "did not arrive"
    assert "it is not there (HTTP 404)" in rows[MEMBERS[4]]["why"]
    there = {path.stem for path in (raw / "visit").glob("*.json")}
    assert there == set(MEMBERS) - {MEMBERS[4]}
    server.faults.clear()
    server.requests.clear()
    assert len(fetch(campaign, raw)) == 12
    assert asked(server) == 1


def test_several_that_fail_are_listed(campaign, server, raw):
    for name in MEMBERS[2:4]:
        server.faults.add("missing", f"{name}_raw.fits")
    with pytest.raises(
        DarkroomError, match="2 of 12 exposures failed, the others are made"
    ) as told:
        fetch(campaign, raw)
    lines = str(told.value).splitlines()
    assert [line.split(":")[0].strip() for line in lines[1:]] == MEMBERS[2:4]


def test_the_manifest_is_brought_up_to_date(campaign, server, raw):
    server.faults.add("missing", f"{MEMBERS[4]}_raw.fits")
    with pytest.raises(DarkroomError):
        fetch(campaign, raw)
    server.faults.clear()
    fetch(campaign, raw)
    row = manifest(raw)[MEMBERS[4]]
    assert (row["state"], row["why"]) == ("arrived", "")
    assert len(row["sha256"]) == 64


@pytest.fixture
def bad_product(server):
    """Bytes that come twice the same and are no FITS: what the archive has."""
    product = server.catalogue.products[URIS[2]]
    good = product.content
    product.content = b"SIMPLE  =" + bytes(len(good) - 9)
    yield
    product.content = good


def test_a_refused_exposure_is_recorded(campaign, server, raw, bad_product):
    statuses = fetch(campaign, raw)
    assert [status["accepted"] for status in statuses] == [name != MEMBERS[2] for name in MEMBERS]
    assert manifest(raw)[MEMBERS[2]]["state"] == "refused"
    assert server.asked(f"{MEMBERS[2]}_raw.fits") == 2


def test_a_refused_exposure_is_brought_again_when_it_is_asked_for_again(campaign, server, raw):
    """Whoever asks for its batch again wants another look at it."""
    product = server.catalogue.products[URIS[2]]
    good = product.content
    product.content = b"SIMPLE  =" + bytes(len(good) - 9)
    try:
        assert not fetch(campaign, raw)[2]["accepted"]
    finally:
        product.content = good
    assert fetch(campaign, raw)[2]["accepted"]


@pytest.mark.parametrize("content", [bytes(16), b"\xff\xfe" * 8, b""])
@pytest.mark.parametrize("what", ["key", "json"])
def test_a_damaged_note_is_none(campaign, server, raw, what, content):
    fetch(campaign, raw)
    for note in (raw / "visit" / ".arrived").glob(f"*.{what}"):
        note.write_bytes(content)
    files = {path: path.stat().st_ino for path in (raw / "visit").glob("*.fits")}
    assert len(files) == len(MEMBERS)
    assert all(status["accepted"] for status in fetch(campaign, raw))
    # With the sum that a whole note states nothing is fetched again.
    kept = {path for path, number in files.items() if path.stat().st_ino == number}
    assert kept == ({*files} if what == "key" else set())


def test_the_archive_is_asked_for_so_many_files_at_once(server, tmp_path, raw):
    campaign = locked(tmp_path, server, URIS, parallel=2, timeout_s=60)
    server.slow_s = 0.1
    fetch(campaign, raw)
    assert server.most_at_once == 2


def test_an_archive_that_is_down_is_not_asked_for_everything(campaign, server, raw, monkeypatch):
    """And the next calls ask it once, until it answers."""
    server.faults.add("unavailable", "*")
    with pytest.raises(DarkroomError, match=r"HTTP 503 \(2 attempts\)"):
        fetch(campaign, raw, MEMBERS[0])
    monkeypatch.setattr(fetching, "FAILURES", 1)
    with pytest.raises(DarkroomError, match=r"not tried, since the archive does not answer"):
        fetch(campaign, raw)
    server.requests.clear()
    with pytest.raises(DarkroomError, match=r"HTTP 503 \(1 attempt\)"):
        fetch(campaign, raw, MEMBERS[2])
    server.faults.clear()
    assert fetch(campaign, raw)[2]["accepted"]
    assert {row["state"] for row in manifest(raw).values()} == {"arrived"}


def test_a_worker_that_is_killed_loses_nothing(campaign, server, raw):
    """The kernel may kill any process that takes too much memory."""
    run = program(campaign, raw)
    one, marker = run.one, raw.parent / "killed"

    def dying(exposure, **options):
        if exposure.exposure == MEMBERS[5] and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return one(exposure, **options)

    run.one = dying
    assert len(run.batch(rows_of(run))) == 12
    assert {row["state"] for row in manifest(raw).values()} == {"arrived"}


def test_a_disk_too_small_for_the_campaign_is_told_in_the_log(
    campaign, server, raw, monkeypatch, caplog
):
    lock = require_lock(campaign)
    wanted = sum(row.size for row in lock.exposures)
    monkeypatch.setattr(fetching, "_free", lambda _: wanted - 1)
    fetch(campaign, raw)
    assert "GB of exposures are still missing, and 0.0 GB are free" in caplog.text


def test_the_rows_of_the_manifest_that_are_written_grow_with_their_number(tmp_path, monkeypatch):
    """By counting: after each of n batches all rows would be n^2."""
    written = {}
    lines = arrivals._lines

    def counted(rows):
        rows = list(rows)
        written[count] += len(rows)
        return lines(rows)

    monkeypatch.setattr(arrivals, "_lines", counted)
    monkeypatch.setattr(atomic.os, "fsync", lambda _: None)
    for count in (500, 2000):
        written[count] = 0
        rows = [
            Exposure("visit", "science", f"e{n:05d}", f"e{n:05d}.fits", f"u{n}", 1, {})
            for n in range(count)
        ]
        lock = SimpleNamespace(exposures=rows)
        kept = arrivals.Arrivals(tmp_path / str(count))
        for n in range(0, count, 10):
            status = {"accepted": True, "reason": "", "size": 1, "sha256": "0" * 64}
            outcomes = [(row, status, None) for row in rows[n : n + 10]]
            kept.write_manifest(lock, outcomes, last=n + 10 == count)
        found = manifest(tmp_path / str(count))
        assert [row["state"] for row in found.values()] == ["arrived"] * count
        assert not (tmp_path / str(count) / arrivals.JOURNAL).exists()
    assert written[2000] < 5 * written[500]
    assert written[2000] < 50 * 2000


def test_a_journal_that_a_power_cut_left_costs_its_last_rows_alone(campaign, server, raw):
    fetch(campaign, raw)
    rows = manifest(raw)
    whole = "visit\t{}\tx.fits\trefused\t1\t\tnow\tbecause\n"
    text = whole.format(MEMBERS[1]) + whole.format(MEMBERS[2])[:-9]
    text += "\n" + "\0" * 40 + "\n" + whole.format(MEMBERS[3])[:-9]
    (raw / arrivals.JOURNAL).write_text(text)
    (raw / "visit" / ".arrived" / f"{MEMBERS[5]}.key").unlink()
    fetch(campaign, raw, MEMBERS[5])
    found = manifest(raw)
    changed = {name for name, row in found.items() if row["state"] != rows[name]["state"]}
    assert changed == {MEMBERS[1]}


def test_a_campaign_that_fits_the_disk_looks_at_no_file_of_it(campaign, server, raw, monkeypatch):
    monkeypatch.setattr(fetching, "_free", lambda _: 10**15)
    looked = []
    is_file = Path.is_file
    monkeypatch.setattr(Path, "is_file", lambda path: looked.append(path.name) or is_file(path))
    program(campaign, raw)._warn_of_space()
    assert looked == []


def asked(server):
    """Return how many different files the server was asked for."""
    return sum(server.asked(f"{name}_raw.fits") > 0 for name in MEMBERS)


def test_a_down_archive_whose_files_are_tried_once_is_asked_for_one(server, tmp_path, raw):
    campaign = locked(tmp_path, server, URIS, retries=0, parallel=1, timeout_s=20)
    server.faults.add("unavailable", "*")
    with pytest.raises(DarkroomError, match="HTTP 503"):
        fetch(campaign, raw)
    assert asked(server) == 1
    assert (raw / ".archive_down").is_file()


@pytest.mark.parametrize(("parallel", "fewest", "most"), [(1, 3, 3), (2, 6, 8)])
def test_three_failures_in_a_row_of_each_worker_are_enough(
    server, tmp_path, raw, parallel, fewest, most
):
    campaign = locked(tmp_path, server, URIS, retries=1, parallel=parallel, timeout_s=20)
    server.faults.add("unavailable", "*")
    with pytest.raises(DarkroomError, match="HTTP 503"):
        fetch(campaign, raw)
    assert fewest <= asked(server) <= most


@pytest.mark.parametrize(("age_s", "attempts"), [(1, "1 attempt"), (3600, "2 attempts")])
def test_an_archive_counts_as_down_for_a_while(campaign, server, raw, age_s, attempts):
    raw.mkdir(parents=True)
    (raw / ".archive_down").touch()
    os.utime(raw / ".archive_down", (time.time() - age_s,) * 2)
    server.faults.add("unavailable", "*")
    with pytest.raises(DarkroomError, match=rf"\({attempts}\)"):
        fetch(campaign, raw)


def test_what_has_arrived_is_told_now_and_then(campaign, raw, monkeypatch, caplog):
    caplog.set_level("INFO")
    fetch(campaign, raw)
    assert "so far" not in caplog.text
    assert "12 of 12 files arrived" in caplog.text


def test_progress_is_told(campaign, raw, monkeypatch, caplog):
    caplog.set_level("INFO")
    monkeypatch.setattr(fetching, "PROGRESS_S", -1.0)
    fetch(campaign, raw)
    assert "1 files arrived or failed so far" in caplog.text


def test_a_file_of_unknown_size_comes_too(campaign, server, raw):
    run = program(campaign, raw)
    rows = [replace(row, size=None if k == 2 else row.size) for k, row in enumerate(rows_of(run))]
    run.lock = Lock(run.lock.path, run.lock.head, rows)
    assert len(run.batch(rows)) == 12
    assert asked(server) == 12


def test_the_last_of_a_campaign_brings_the_manifest_up_to_date(campaign, raw, monkeypatch):
    fetch(campaign, raw)
    monkeypatch.setattr(arrivals, "_WAITING", 1e9)
    (raw / "visit" / ".arrived" / f"{MEMBERS[5]}.key").unlink()
    before = manifest(raw)[MEMBERS[5]]["tried"]
    (raw / "manifest.tsv").write_text((raw / "manifest.tsv").read_text().replace(before, "before"))
    fetch(campaign, raw, MEMBERS[5])
    assert manifest(raw)[MEMBERS[5]]["tried"] not in ("before", "")
    assert not (raw / arrivals.JOURNAL).exists()


def test_the_warning_of_space_has_the_sizes_that_are_missing(campaign, raw, monkeypatch, caplog):
    run = program(campaign, raw)
    rows = [replace(row, size=630_000_000) for row in rows_of(run)[:2]]
    run.lock = Lock(run.lock.path, run.lock.head, rows)
    monkeypatch.setattr(fetching, "_free", lambda _: 740_000_000)
    run._warn_of_space()
    assert "1.3 GB of exposures are still missing, and 0.7 GB are free in" in caplog.text
    caplog.clear()
    place = raw / "visit" / run.lock.exposures[0].file
    place.parent.mkdir(parents=True)
    place.touch()
    run._warn_of_space()
    assert caplog.text == ""


def test_rows_that_a_power_cut_left_waiting_come_with_the_next_call(campaign, server, raw):
    """Even when that has nothing to bring."""
    fetch(campaign, raw)
    row = f"visit\t{MEMBERS[1]}\tx.fits\trefused\t1\t\tnow\t{'because ' * 40}\n"
    (raw / arrivals.JOURNAL).write_text(row)
    fetch(campaign, raw, MEMBERS[2])
    assert manifest(raw)[MEMBERS[1]]["why"] == "because " * 40
    assert not (raw / arrivals.JOURNAL).exists()


@pytest.mark.parametrize(
    ("age_s", "attempts"),
    [
        (119.9, "1 attempt"),
        (120.1, "2 attempts"),
        (1_000_000_012, "2 attempts"),
        (-50.0, "1 attempt"),
        # A clock that has gone back since.
        (-3600.0, "2 attempts"),
    ],
)
def test_an_archive_counts_as_down_for_two_minutes(
    campaign, server, raw, monkeypatch, age_s, attempts
):
    """After a jump of the clock, too, until something arrives."""
    raw.mkdir(parents=True)
    down = raw / ".archive_down"
    down.touch()
    os.utime(down, (1_000_000_007, 1_000_000_007))
    monkeypatch.setattr(fetching, "time", lambda: 1_000_000_007 + age_s)
    server.faults.add("unavailable", "*")
    with pytest.raises(DarkroomError, match=rf"HTTP 503 \({attempts}\)"):
        fetch(campaign, raw)
    server.faults.clear()


def test_a_transfer_may_take_its_longest_attempt_and_two_minutes(campaign, raw):
    run = program(campaign, raw)
    own = run.lock.get("visit", MEMBERS[0])
    longest = run._archive.longest_attempt_s(own, run._settings)
    assert run._seconds(own) == longest + 120


def test_a_disk_with_room_for_exactly_what_is_missing_is_enough(campaign, raw, monkeypatch, caplog):
    run = program(campaign, raw)
    own, *others = run.lock.exposures
    place = raw / "visit" / own.file
    place.parent.mkdir(parents=True)
    place.touch()
    wanted = sum(row.size for row in others)
    monkeypatch.setattr(fetching, "_free", lambda _: wanted)
    run._warn_of_space()
    assert caplog.text == ""
    monkeypatch.setattr(fetching, "_free", lambda _: wanted - 1)
    run._warn_of_space()
    assert "of exposures are still missing" in caplog.text
