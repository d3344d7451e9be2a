"""A product whose note a power cut took, or damaged, is made again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.workflow import notes
from darkroom.workflow.notes import keep_durably

RECORD = {"starttime": 1.0, "endtime": 2.0, "incomplete": False, "rule": "one", "params": []}


@pytest.fixture
def persistence(tmp_path, monkeypatch):
    """Give Snakemake's notes in a folder, kept durably."""
    from snakemake.persistence.file import FilePersistence

    class Notes(FilePersistence):
        """One of its own: the class of other tests stays as it is."""

    keep_durably(Notes)
    monkeypatch.chdir(tmp_path)
    return Notes(path=tmp_path / ".snakemake")


def note_of(persistence, key):
    return Path(persistence._record_path(persistence._metadata_path, key))


def test_a_note_is_on_the_disk_before_the_mark_of_a_job_that_has_begun_is_gone(
    persistence, monkeypatch
):
    flushed = []
    real = notes.flush
    monkeypatch.setattr(notes, "flush", lambda path: flushed.append(str(path)) or real(path))
    persistence._mark_incomplete("a.fits", None)
    mark = Path(persistence._record_path(persistence._incomplete_path, "a.fits"))
    assert flushed == [str(mark.parent)]
    flushed.clear()
    persistence._io_write(persistence._metadata_path, RECORD, "a.fits")
    note = note_of(persistence, "a.fits")
    assert flushed == [str(note), str(note.parent)]
    assert json.loads(note.read_text()) == RECORD


@pytest.mark.parametrize(
    "content", [b"", b"\0" * 300, b"{", b"\xff\xfe", b"[]", b"null", b"[" * 100_000]
)
def test_what_has_a_damaged_note_is_incomplete(persistence, content):
    keys = ["a.fits", "b.fits", "c.fits", "x" * 400]
    for key in keys[:3]:
        persistence._io_write(persistence._metadata_path, RECORD, key)
    persistence._mark_incomplete("c.fits", None)
    assert persistence._filter_incomplete_keys(iter(keys)) == {"c.fits"}
    note_of(persistence, "a.fits").write_bytes(content)
    assert persistence._filter_incomplete_keys(iter(keys)) == {"a.fits", "c.fits"}


@pytest.mark.parametrize("content", [b"\0" * 300, b"\xff\xfe", b'{"rule": []}', b"[1]"])
def test_a_damaged_note_is_none(persistence, content):
    persistence._io_write(persistence._metadata_path, RECORD, "a.fits")
    note_of(persistence, "a.fits").write_bytes(content)
    assert persistence._read_record("a.fits") is None


def test_it_is_done_once(persistence):
    before = type(persistence)._io_write
    keep_durably(type(persistence))
    assert type(persistence)._io_write is before


def test_snakemake_still_has_what_is_replaced():
    """In a process of its own: the class is Snakemake's."""
    code = (
        "from snakemake.persistence.file import FilePersistence as P\n"
        "from darkroom.workflow.notes import keep_durably\n"
        "keep_durably(P)\n"
        "assert P._io_write.durably\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
