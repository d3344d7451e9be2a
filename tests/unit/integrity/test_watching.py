"""What a watched process notices, each in a process of its own: watching does not end."""

import errno
import json
import os
import sys

import pytest

from damaged import damage, sha
from darkroom import atomic, naming
from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.integrity import digests, watch
from darkroom.integrity.recording import record
from darkroom.integrity.records import place, read_record
from darkroom.integrity.seen import expect, forget, unwatched
from darkroom.integrity.watch import DamagedInput, compare, settle
from fork_tests import in_a_process


@in_a_process
def test_a_damaged_file_gives_no_product_and_the_old_one_stays(root):
    write_text(root / "b.txt", "old")
    damage(root / "a.txt")
    (root / "a.txt").read_text()
    with pytest.raises(DamagedInput) as caught:
        write_text(root / "b.txt", "new")
    assert caught.value.path == "results/c/a.txt"
    said = str(caught.value)
    assert f"its SHA-256 is {sha('other')}, its record states {sha('whole')}" in said
    assert "it was damaged or replaced since" in said
    assert "snakemake --forcerun results/c/a.txt" in said
    with unwatched():
        assert (root / "b.txt").read_text() == "old"
    assert not list(root.glob(".b*"))
    with pytest.raises(DamagedInput):
        settle()


@in_a_process
def test_bytes_paths_and_reads_that_go_round_python_s_open_are_seen(root):
    damage(root / "a.txt")
    handle = os.open(os.fsencode(root / "a.txt"), os.O_RDONLY)
    os.close(handle)
    with pytest.raises(DamagedInput):
        settle()


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_RDONLY | os.O_CREAT])
@in_a_process
def test_opening_to_write_is_no_reading(root, flags):
    damage(root / "a.txt")
    os.close(os.open(root / "a.txt", flags))
    settle()


@in_a_process
def test_what_is_read_unwatched_is_not_compared(root):
    damage(root / "a.txt")
    with unwatched(), unwatched():
        (root / "a.txt").read_text()
    with unwatched():
        with unwatched():
            pass
        (root / "a.txt").read_text()
    settle()
    (root / "a.txt").read_text()
    with pytest.raises(DamagedInput):
        settle()


@in_a_process
def test_files_of_which_nothing_is_stated_are_free(root, tmp_path):
    (root / "n.txt").write_text("x")
    for path in (root / "n.txt", tmp_path / "out.txt", root):
        with unwatched():
            if not path.exists():
                path.write_text("y")
        if path.is_file():
            path.read_text()
            damage(path)
            path.read_text()
        compare(path)
    settle()
    write_text(root / "b.txt", "z")
    assert read_record(root / "b.txt").inputs == {}


@in_a_process
def test_a_stated_sum_is_compared_wherever_the_file_is(root, tmp_path):
    path = tmp_path / "frame.fits"
    path.write_text("frame")
    expect(path, sha("frame"), "frame.json")
    path.read_text()
    settle()
    expect(tmp_path / "other.fits", sha("frame"), "the list")
    (tmp_path / "other.fits").write_text("bad")
    (tmp_path / "other.fits").read_text()
    with pytest.raises(DamagedInput, match=f"the list states {sha('frame')}"):
        settle()


@in_a_process
def test_a_status_weighs_more_than_a_record(root):
    expect(root / "a.txt", sha("stated"), "a.json")
    with pytest.raises(DamagedInput, match=r"a\.json states"):
        compare(root / "a.txt")
    expect(root / "a.txt", sha("whole"), "a.json")


@in_a_process
def test_a_damaged_record_stops_who_reads_its_file(root):
    place(root, root / "a.txt").write_text("{")
    (root / "a.txt").read_text()
    with pytest.raises(InputError, match=r"the record of .*a\.txt cannot be read"):
        settle()


@in_a_process
def test_the_target_itself_need_not_be_whole(root):
    damage(root / "a.txt")
    (root / "a.txt").read_text()
    settle(root / "a.txt")
    write_text(root / "a.txt", "new")
    assert read_record(root / "a.txt").sha256 == sha("new")
    settle()
    (root / "a.txt").read_text()
    settle()


@in_a_process
def test_a_folder_that_is_replaced_need_not_be_whole_and_what_resembles_it_must(root):
    with atomic.folder_written_atomically(root / "figures") as folder:
        (folder / "a.png").write_text("a")
    assert read_record(root / "figures/a.png").sha256 == sha("a")
    write_text(root / "figures.txt", "t")
    forget()
    damage(root / "figures/a.png")
    (root / "figures/a.png").read_text()
    with atomic.folder_written_atomically(root / "figures") as folder:
        (folder / "b.png").write_text("b")
    assert read_record(root / "figures/a.png") is None
    assert read_record(root / "figures/b.png").sha256 == sha("b")
    damage(root / "figures.txt")
    (root / "figures.txt").read_text()
    with pytest.raises(DamagedInput):
        settle(root / "figures")


@in_a_process
def test_intact_or_not_without_an_error(root):
    assert watch.is_intact(root / "a.txt")
    assert watch.is_intact(root / "nothing.txt")
    damage(root / "a.txt")
    forget()
    assert not watch.is_intact(root / "a.txt")
    settle()
    # It is still known what it must be.
    expect(root / "x.txt", sha("x"), "a list")
    (root / "x.txt").write_text("y")
    assert not watch.is_intact(root / "x.txt")
    assert not watch.is_intact(root / "x.txt")


@in_a_process
def test_a_forked_process_goes_on_watching(root):
    (root / "a.txt").read_text()
    settle()
    pid = os.fork()
    if pid == 0:
        damage(root / "a.txt")
        forget()
        (root / "a.txt").read_text()
        try:
            settle()
        except DamagedInput:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@in_a_process
def test_watching_twice_is_watching_once(root):
    before = list(naming.before), list(naming.after)
    watch.watch()
    assert (naming.before, naming.after) == before
    assert naming.after.count(record) == 1


@in_a_process
def test_an_error_of_the_disk_is_left_to_who_opens(root):
    real = digests.signature

    def refused(path):
        raise OSError(errno.EIO, "Input/output error", path)

    digests.signature = refused
    try:
        assert (root / "a.txt").read_text() == "whole"
    finally:
        digests.signature = real


def test_files_of_packages_are_not_looked_up(root, monkeypatch):
    """A program opens a thousand of them when it starts; to look each up took 8 ms."""
    noted = []
    monkeypatch.setattr(watch, "_note", noted.append)
    beside = root / "site-packages-not/a.txt"
    for path in (json.__file__, pytest.__file__, str(root / "a.txt"), str(beside)):
        watch._audit("open", (path, "r", os.O_RDONLY))
    assert noted == [str(root / "a.txt"), str(beside)]


@in_a_process
def test_a_folder_in_the_place_of_a_file_is_left_to_who_opens_it(root):
    (root / "a.txt").unlink()
    (root / "a.txt").mkdir()
    with pytest.raises(IsADirectoryError):
        (root / "a.txt").read_text()
    settle()


@in_a_process
def test_a_text_of_the_longest_size_is_read_and_no_longer_one(root):
    watch._LONGEST_TEXT = 5
    (root / "a.txt").read_text()
    settle()
    (root / "c.txt").write_text("longer")
    with pytest.raises(DamagedInput, match="has 6 bytes, 5 are allowed"):
        (root / "c.txt").read_text()


@in_a_process
def test_other_events_of_python_pass(root):
    for event, arguments in (("import", [None] * 5), ("exec", ["x"]), ("os.remove", [1, 2])):
        sys.audit(event, *arguments)
