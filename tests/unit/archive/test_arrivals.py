"""What is noted of an exposure that arrived counts while it is whole, and for this row alone."""

import csv
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from darkroom.archive import arrivals
from darkroom.archive.arrivals import JOURNAL, MANIFEST, Arrivals, arrival_key
from darkroom.campaign.lock_rows import Exposure
from darkroom.campaign.status import acceptance, load_status, write_status
from darkroom.integrity import records
from darkroom.integrity.watch import settle
from darkroom.provenance import sha256
from fork_tests import in_a_process

KEY = "0123456789abcdef"
ROW = Exposure("visit", "science", "a", "a_raw.fits", "mast:a", 7, {})
OTHERS = [
    replace(ROW, exposure=name, file=f"{name}_raw.fits", uri=f"mast:{name}") for name in "bcd"
]


@pytest.fixture
def kept(tmp_path):
    """Give the notes of a campaign, of which one exposure is there."""
    kept = Arrivals(tmp_path / "raw")
    arrive(kept)
    return kept


def path_of(kept, row=ROW):
    return kept.folder / row.item / row.file


def arrive(kept, row=ROW, key=KEY, content=b"content"):
    """Let an exposure arrive and be noted; return its status."""
    path = path_of(kept, row)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    status = acceptance(row, len(content), sha256(path), {}, [])
    kept.note(row, key, status)
    return status


def note_of(kept, kind="json", row=ROW):
    return kept.folder / row.item / ".arrived" / f"{row.exposure}.{kind}"


# Statuses


def test_the_status_of_what_is_whole_is_given_for_its_key_alone(kept):
    status = kept.status(ROW, KEY)
    assert {name: status[name] for name in ("accepted", "file", "size")} == {
        "accepted": True, "file": "a_raw.fits", "size": 7,
    }  # fmt: skip
    assert status["sha256"] == sha256(path_of(kept))
    assert kept.status(ROW, KEY[:-1] + "0") is None
    assert kept.status(OTHERS[0], KEY) is None


@pytest.mark.parametrize("content", [b"contenT", b"conten", b"content ", b""])
def test_what_has_changed_has_not_arrived(kept, content):
    path_of(kept).write_bytes(content)
    assert kept.status(ROW, KEY) is None


def test_a_larger_sum_is_no_better_than_a_smaller_one(kept):
    for content, other in ((b"content", b"conten0"), (b"conten0", b"content")):
        arrive(kept, content=content)
        path_of(kept).write_bytes(other)
        assert kept.status(ROW, KEY) is None


def test_what_is_gone_or_no_file_has_not_arrived(kept):
    path = path_of(kept)
    path.rename(path.with_name("kept"))
    assert kept.status(ROW, KEY) is None
    path.symlink_to("kept")
    assert kept.status(ROW, KEY) is None
    path.unlink()
    path.mkdir()
    assert kept.status(ROW, KEY) is None


@pytest.mark.parametrize("kind", ["json", "key"])
@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{}", None])
def test_a_damaged_note_is_none(kept, kind, content):
    if content is None:
        note_of(kept, kind).unlink()
    else:
        note_of(kept, kind).write_bytes(content)
    assert kept.status(ROW, KEY) is None


def test_a_note_that_lacks_a_sum_or_size_is_none(kept):
    whole = load_status(note_of(kept))
    for name in ("sha256", "size"):
        write_status(note_of(kept), {key: whole[key] for key in whole if key != name})
        assert kept.status(ROW, KEY) is None
        assert kept.known_sha256(ROW) is None


def test_a_note_has_no_key_while_its_status_is_written(kept, monkeypatch):
    """Else a power cut could leave an old status with a new key."""
    seen, write = [], arrivals.write_status
    monkeypatch.setattr(
        arrivals,
        "write_status",
        lambda path, status: seen.append(note_of(kept, "key").exists()) or write(path, status),
    )
    arrive(kept, key="another")
    assert seen == [False]
    assert note_of(kept, "key").read_text() == "another"


@in_a_process
def test_an_exposure_that_is_whole_and_unrecorded_is_recorded_with_its_key(tmp_path, monkeypatch):
    """As after a run that was cut short."""
    kept = Arrivals(tmp_path / "results/c/raw")
    arrive(kept)
    monkeypatch.chdir(tmp_path)
    records.begin("results/c", "snakemake", [])
    assert kept.status(ROW, KEY)
    settle()
    root = tmp_path / "results/c"
    assert records.place(root, path_of(kept)).exists()
    assert records.place(root, note_of(kept, "key")).exists()
    arrive(kept, OTHERS[0])
    records.place(root, path_of(kept, OTHERS[0])).unlink(missing_ok=True)
    assert kept.status(OTHERS[0], "another") is None
    settle()
    assert not records.place(root, path_of(kept, OTHERS[0])).exists()


# Sums


def test_the_sum_of_what_arrived_is_known_by_its_row(kept):
    found = sha256(path_of(kept))
    assert kept.known_sha256(ROW) == found
    assert kept.known_sha256(replace(ROW, size=None)) == found
    note_of(kept, "key").unlink()
    assert kept.known_sha256(ROW) == found, "with any key, and with none"


@pytest.mark.parametrize(
    "change", [{"uri": "mast:x"}, {"file": "x.fits"}, {"size": 8}, {"size": 6}, {"exposure": "b"}]
)
def test_the_sum_of_another_row_is_not_known(kept, change):
    row = replace(ROW, **change)
    path_of(kept, row).write_bytes(b"content")
    assert kept.known_sha256(row) is None


def test_the_sum_of_a_file_of_another_size_or_none_is_not_asked_for(kept):
    path_of(kept).write_bytes(b"conten")
    assert kept.known_sha256(ROW) is None
    path_of(kept).write_bytes(b"contenT")
    assert kept.known_sha256(ROW) is not None
    path_of(kept).unlink()
    assert kept.known_sha256(ROW) is None
    arrive(kept)
    note_of(kept).write_text("{}")
    assert kept.known_sha256(ROW) is None


def test_when_and_how_many_were_noted(kept):
    assert kept.noted_ns(ROW) == note_of(kept).stat().st_mtime_ns
    assert kept.noted_ns(OTHERS[0]) is None
    assert kept.noted() == 1
    arrive(kept, OTHERS[0])
    arrive(kept, replace(ROW, item="other"))
    assert kept.noted() == 3
    note_of(kept, "key").unlink()
    assert kept.noted() == 2


# The key


def test_a_key_changes_with_all_that_a_status_depends_on():
    archive, chosen = {"kind": "mast"}, {"query": 1}
    campaign = SimpleNamespace(tracked_archive=archive, selection=lambda item: chosen | {"i": item})
    pins = SimpleNamespace(sums={})
    key = arrival_key(campaign, ROW, pins, "code")
    assert len(key) == 16
    assert int(key, 16) >= 0
    pins.sums[("visit", "b")] = "0" * 64
    assert arrival_key(campaign, ROW, pins, "code") == key
    found = {
        key,
        arrival_key(campaign, ROW, pins, "other"),
        arrival_key(campaign, OTHERS[0], pins, "code"),
    }
    found.add(arrival_key(campaign, replace(ROW, size=8), pins, "code"))
    archive["server"] = "http://x"
    found.add(arrival_key(campaign, ROW, pins, "code"))
    chosen["query"] = 2
    found.add(arrival_key(campaign, ROW, pins, "code"))
    pins.sums[("visit", "a")] = "1" * 64
    found.add(arrival_key(campaign, ROW, pins, "code"))
    assert len(found) == 7


# The manifest


LOCK = SimpleNamespace(exposures=[ROW, *OTHERS])
GOOD = {"accepted": True, "reason": "", "size": 7, "sha256": "a" * 64}
BAD = {"accepted": False, "reason": "its checksum\n\tis wrong", "size": 9, "sha256": "b" * 64}


def manifest(kept):
    with (kept.folder / MANIFEST).open(newline="") as stream:
        return {row["exposure"]: row for row in csv.DictReader(stream, delimiter="\t")}


def journal(kept):
    path = kept.folder / JOURNAL
    return path.read_text().splitlines() if path.exists() else None


def test_the_manifest_says_what_became_of_each(kept):
    error = ValueError("the archive  is\tdown")
    kept.write_manifest(LOCK, [(ROW, GOOD, None), (OTHERS[0], BAD, None), (OTHERS[1], None, error)])
    text = (kept.folder / MANIFEST).read_text()
    assert text.splitlines()[0].split("\t") == [
        "item", "exposure", "file", "state", "bytes", "sha256", "tried", "why",
    ]  # fmt: skip
    rows = manifest(kept)
    assert list(rows) == ["a", "b", "c", "d"]
    told = {
        name: tuple(row[k] for k in ("state", "bytes", "sha256", "why"))
        for name, row in rows.items()
    }
    assert told == {
        "a": ("arrived", "7", "a" * 64, ""),
        "b": ("refused", "9", "b" * 64, "its checksum is wrong"),
        "c": ("did not arrive", "", "", "the archive is down"),
        "d": ("not tried", "", "", ""),
    }
    assert [(row["item"], row["file"]) for row in rows.values()] == [
        ("visit", f"{name}_raw.fits") for name in "abcd"
    ]
    tried = [row["tried"] for row in rows.values()]
    assert tried[3] == ""
    assert datetime.now(UTC) - datetime.fromisoformat(tried[0]) < timedelta(minutes=1)
    assert tried[0] == tried[1] == tried[2]
    assert journal(kept) is None


def test_a_row_stays_until_there_is_news_of_it(kept):
    kept.write_manifest(LOCK, [(ROW, None, ValueError("down")), (OTHERS[0], GOOD, None)])
    before = manifest(kept)
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    rows = manifest(kept)
    assert (rows["a"]["state"], rows["a"]["why"]) == ("arrived", "")
    assert {name: rows[name] for name in "bcd"} == {name: before[name] for name in "bcd"}
    # What is no longer in the lock has no row.
    kept.write_manifest(SimpleNamespace(exposures=OTHERS), [])
    assert list(manifest(kept)) == ["b", "c", "d"]


def test_a_file_without_bytes_has_no_size_in_the_manifest(kept):
    kept.write_manifest(LOCK, [(ROW, BAD | {"size": 0}, None)])
    assert manifest(kept)["a"]["bytes"] == ""


def test_a_few_rows_wait_in_the_journal_and_the_last_brings_them(kept, monkeypatch):
    kept.write_manifest(LOCK, [], last=False)
    assert {row["state"] for row in manifest(kept).values()} == {"not tried"}, "there was none"
    monkeypatch.setattr(arrivals, "_WAITING", 1.0)
    before = (kept.folder / MANIFEST).read_bytes()
    kept.write_manifest(LOCK, [(ROW, GOOD, None)], last=False)
    assert (kept.folder / MANIFEST).read_bytes() == before
    assert [line.split("\t")[1] for line in journal(kept)] == ["a"]
    kept.write_manifest(LOCK, [], last=True)
    assert manifest(kept)["a"]["state"] == "arrived"
    assert journal(kept) is None


@pytest.mark.parametrize(("more", "waits"), [(1, True), (0, False), (-1, False)])
def test_rows_wait_until_they_are_a_part_of_the_manifest(kept, monkeypatch, more, waits):
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    line = arrivals._lines(
        [arrivals._row(OTHERS[0], GOOD, "", datetime.now(UTC).isoformat(timespec="seconds"))]
    )
    size = (kept.folder / MANIFEST).stat().st_size
    monkeypatch.setattr(arrivals, "_WAITING", (len(line) + more) / size)
    kept.write_manifest(LOCK, [(OTHERS[0], GOOD, None)], last=False)
    assert (journal(kept) is not None) == waits


def test_without_a_manifest_nothing_waits(kept, monkeypatch):
    monkeypatch.setattr(arrivals, "_WAITING", 1e9)
    kept.write_manifest(LOCK, [(ROW, GOOD, None)], last=False)
    assert manifest(kept)["a"]["state"] == "arrived"


def test_of_several_rows_of_one_exposure_the_last_counts(kept):
    kept.write_manifest(LOCK, [(ROW, BAD, None)])
    rows = [arrivals._row(ROW, status, "", "2026-01-01") for status in (None, BAD, GOOD)]
    (kept.folder / JOURNAL).write_text(arrivals._lines(rows))
    kept.write_manifest(LOCK, [])
    assert manifest(kept)["a"]["state"] == "arrived"


@pytest.mark.parametrize(
    "tail", ["visit\ta\ta_raw.fits\trefused\t1", "visit\ta\ta_raw.fits\trefused\t1\tx\tnow\tno",
             "visit\ta\tx\trefused\t1\tx\tnow\tno\tmore\n", "visit\ta\tx\trefused\t1\n",
             "visit\ta\tx\trefused\t1\t\0\tnow\tno\n"],
)  # fmt: skip
def test_a_line_that_is_not_whole_is_none(kept, tail):
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    (kept.folder / JOURNAL).write_text(
        arrivals._lines([arrivals._row(OTHERS[0], GOOD, "", "now")]) + tail
    )
    kept.write_manifest(LOCK, [])
    assert [row["state"] for row in manifest(kept).values()] == ["arrived"] * 2 + ["not tried"] * 2


def test_what_waits_is_brought_by_whoever_has_nothing_to_bring(kept):
    kept.keep_manifest(LOCK)
    assert not (kept.folder / MANIFEST).exists()
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    number = (kept.folder / MANIFEST).stat().st_ino
    kept.keep_manifest(LOCK)
    assert (kept.folder / MANIFEST).stat().st_ino == number
    line = arrivals._lines([arrivals._row(OTHERS[0], GOOD, "x" * 400, "now")])
    (kept.folder / JOURNAL).write_text(line)
    kept.keep_manifest(LOCK)
    assert manifest(kept)["b"]["state"] == "arrived"
    # Short ones still wait: a batch that has all its exposures need not write all rows.
    (kept.folder / JOURNAL).write_text("x")
    kept.keep_manifest(LOCK)
    assert journal(kept) == ["x"]


@in_a_process
def test_a_manifest_without_a_record_is_written_with_one(tmp_path, monkeypatch):
    kept = Arrivals(tmp_path / "results/c/raw")
    arrive(kept)
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    monkeypatch.chdir(tmp_path)
    records.begin("results/c", "snakemake", [])
    (kept.folder / JOURNAL).write_text(arrivals._lines([arrivals._row(OTHERS[0], GOOD, "", "now")]))
    monkeypatch.setattr(arrivals, "_WAITING", 1e9)
    kept.keep_manifest(LOCK)
    assert records.place(tmp_path / "results/c", kept.folder / MANIFEST).exists()
    assert manifest(kept)["b"]["state"] == "arrived"


def test_two_programs_write_no_manifest_at_once(kept, monkeypatch):
    """The claim is held while it is written, and free afterwards, also after a failure."""

    def free():
        pid = os.fork()
        if pid == 0:
            os._exit(int(not Arrivals(kept.folder).claims.take(arrivals._MANIFEST_CLAIM)))
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

    seen, write = [], arrivals.write_text
    monkeypatch.setattr(
        arrivals, "write_text", lambda path, text: seen.append(free()) or write(path, text)
    )
    kept.write_manifest(LOCK, [(ROW, GOOD, None)])
    assert seen == [False]
    assert free()

    def fails(*_):
        raise OSError

    monkeypatch.setattr(arrivals, "write_text", fails)
    with pytest.raises(OSError):
        kept.write_manifest(LOCK, [])
    assert free()
