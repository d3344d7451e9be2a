"""What a watched process notices, each in a process of its own: watching does not end."""

import errno
import hashlib
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from darkroom import atomic, naming
from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.integrity import digests, watch
from darkroom.integrity.records import begin, place, read_record
from darkroom.integrity.watch import DamagedInput, compare, expect, record, settle, unwatched
from fork_tests import in_a_process


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Give a folder of results with a file that was recorded by another process."""
    monkeypatch.chdir(tmp_path)
    watch.forget()
    folder = tmp_path / "results/c"
    begin("results/c", "snakemake", [(r"results/c/(a|b)\.txt$", False)])
    (folder / "a.txt").write_text("whole")
    record(folder / "a.txt")
    watch.forget()
    yield folder
    watch.forget()


def damage(path, text="other"):
    """Write other bytes without a word to the watch."""
    before = path.stat()
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    os.write(fd, text.encode())
    os.close(fd)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


@in_a_process
def test_a_product_states_what_was_read_before_it(root):
    text = (root / "a.txt").read_text()
    write_text(root / "b.txt", text + "!")
    found = read_record(root / "b.txt")
    assert (found.sha256, found.size) == (sha("whole!"), 6)
    assert found.inputs == {"a.txt": (sha("whole"), "")}
    assert found.made_by == Path(sys.argv[0]).stem
    assert found.run == watch._watch.run
    assert len(found.run) == 16
    write_text(root / "b2.txt", "x")
    assert read_record(root / "b2.txt").run == found.run
    assert read_record(root / "b2.txt").inputs == found.inputs


@in_a_process
def test_what_the_process_wrote_itself_is_no_input(root):
    write_text(root / "b.txt", "x")
    (root / "b.txt").read_text()
    write_text(root / "d.txt", "y")
    assert read_record(root / "d.txt").inputs == {}


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
def test_a_file_that_changes_after_it_was_read_is_told(root):
    (root / "a.txt").read_text()
    settle(root / "b.txt")
    damage(root / "a.txt")
    # What was compared is compared again at the end of the program, or when it is read again.
    settle(root / "b.txt")
    with pytest.raises(DamagedInput, match="has changed while it was being read"):
        settle()
    (root / "a.txt").read_text()
    with pytest.raises(DamagedInput):
        settle(root / "b.txt")


@in_a_process
def test_a_file_that_was_only_touched_has_not_changed(root):
    (root / "a.txt").read_text()
    os.utime(root / "a.txt", ns=(1, 1))
    settle()


@in_a_process
def test_a_file_that_is_gone_after_it_was_read_does_no_harm(root):
    (root / "a.txt").read_text()
    settle(root / "b.txt")
    with unwatched():
        (root / "a.txt").unlink()
    settle()


@in_a_process
def test_a_file_that_is_gone_before_it_could_be_compared_is_told(root):
    watch._watch.queue = type("Nobody", (), {"put": lambda *_: None})()
    watch._SMALL = 4
    (root / "a.txt").read_text()
    (root / "a.txt").unlink()
    with pytest.raises(InputError, match="cannot be read again"):
        settle()


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
    watch.forget()
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
    watch.forget()
    assert not watch.is_intact(root / "a.txt")
    settle()
    # It is still known what it must be.
    expect(root / "x.txt", sha("x"), "a list")
    (root / "x.txt").write_text("y")
    assert not watch.is_intact(root / "x.txt")
    assert not watch.is_intact(root / "x.txt")


@in_a_process
def test_a_file_read_in_passing_is_not_read_again(root):
    passing = watch.reading(root / "a.txt")
    passing.update(0, b"whole")
    passing.finish()
    reads = []
    watch.digests.read_sha256 = lambda path, *_: reads.append(path)
    settle()
    assert reads == []
    assert watch._watch.reads[str(root / "a.txt")].expected == sha("whole")


@in_a_process
def test_a_file_read_in_passing_that_is_damaged_stops_the_product(root):
    damage(root / "a.txt")
    passing = watch.reading(root / "a.txt")
    passing.update(0, b"other")
    passing.finish()
    with pytest.raises(DamagedInput):
        write_text(root / "b.txt", "x")
    expect(root / "n.txt", sha("n"), "a status")
    (root / "n.txt").write_text("m")
    watch.reading(root / "n.txt").finish()
    with pytest.raises(DamagedInput):
        compare(root / "n.txt")


@in_a_process
def test_a_replaced_input_is_no_input_of_what_comes_next(root):
    (root / "a.txt").read_text()
    write_text(root / "b.txt", "x")
    write_text(root / "a.txt", "new")
    write_text(root / "d.txt", "y")
    assert read_record(root / "b.txt").inputs == {"a.txt": (sha("whole"), "")}
    assert read_record(root / "d.txt").inputs == {}


@in_a_process
def test_an_input_of_before_a_replaced_one_stays_one(root):
    write_text(root / "e.txt", "e")
    watch.forget()
    (root / "a.txt").read_text()
    (root / "e.txt").read_text()
    write_text(root / "b.txt", "x")
    write_text(root / "a.txt", "new")
    write_text(root / "d.txt", "y")
    assert read_record(root / "d.txt").inputs == {"e.txt": (sha("e"), "")}


@in_a_process
def test_a_record_is_gone_before_the_file_is_replaced(root):
    seen = []
    real = os.replace

    def replace(source, target):
        if Path(target) == root / "a.txt":
            seen.append(place(root, target).exists())
        real(source, target)

    os.replace = replace
    write_text(root / "a.txt", "new")
    assert seen == [False]
    assert place(root, root / "a.txt").exists()


@in_a_process
def test_unrecorded_files_get_no_record_and_lose_the_old_one(root):
    with watch.unrecorded(), watch.unrecorded():
        write_text(root / "a.txt", "new")
    assert read_record(root / "a.txt") is None
    assert watch.is_unrecorded(root / "a.txt")
    assert not watch.is_unrecorded(root / "none.txt")
    watch.keep_record(root / "none.txt")
    watch.keep_record(root / "a.txt")
    assert read_record(root / "a.txt").sha256 == sha("new")
    assert not watch.is_unrecorded(root / "a.txt")
    write_text(root / "b.txt", "x")
    assert read_record(root / "b.txt") is not None


@in_a_process
def test_a_record_ahead_speaks_of_where_the_file_will_be(root, tmp_path):
    (root / "note.txt").write_text("made")
    watch.record_ahead(root / "b.txt", root / "note.txt")
    assert read_record(root / "b.txt").sha256 == sha("made")
    watch.record_ahead(tmp_path / "elsewhere.txt", root / "note.txt")


@in_a_process
def test_files_outside_of_any_results_are_not_recorded(root, tmp_path):
    write_text(tmp_path / "out.txt", "x")
    assert not (tmp_path / ".records").exists()
    assert not watch.is_unrecorded(tmp_path / "out.txt")


@in_a_process
def test_forgetting_is_complete(root):
    damage(root / "a.txt")
    (root / "a.txt").read_text()
    expect(root / "b.txt", sha("x"), "a list")
    watch.forget()
    settle()
    (root / "b.txt").write_text("y")
    (root / "b.txt").read_text()
    settle()
    write_text(root / "d.txt", "x")
    assert read_record(root / "d.txt").inputs == {}


@in_a_process
def test_a_forked_process_goes_on_watching(root):
    (root / "a.txt").read_text()
    settle()
    pid = os.fork()
    if pid == 0:
        damage(root / "a.txt")
        watch.forget()
        (root / "a.txt").read_text()
        try:
            settle()
        except DamagedInput:
            os._exit(7)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@in_a_process
def test_sums_are_computed_by_a_thread_beside_the_work_unless_they_take_no_time(root):
    watch._SMALL = len("whole")
    (root / "a.txt").read_text()
    assert watch._watch.reads[str(root / "a.txt")].found == sha("whole")
    assert watch._watch.queue is None
    watch.forget()
    digests._known.clear()
    watch._SMALL -= 1
    (root / "a.txt").read_text()
    assert [t.name for t in threading.enumerate() if t.daemon] == ["integrity"]
    for _ in range(500):
        if watch._watch.reads[str(root / "a.txt")].found:
            break
        threading.Event().wait(0.01)
    assert watch._watch.reads[str(root / "a.txt")].found == sha("whole")
    (root / "a.txt").read_text()
    assert [t.name for t in threading.enumerate() if t.daemon] == ["integrity"]


@in_a_process
def test_watching_twice_is_watching_once(root):
    before = list(naming.before), list(naming.after)
    watch.watch()
    assert (naming.before, naming.after) == before
    assert naming.after.count(record) == 1


@in_a_process
def test_a_fits_product_is_recorded_with_its_content(root):
    import numpy as np
    from astropy.io import fits

    from darkroom.fits.content import content_sha256
    from darkroom.fits.write import save

    header = fits.Header({"DATE": "2026-01-01T00:00:00", "CREATOR": "darkroom 1.0"})
    with atomic.written_atomically(root / "p.fits") as temporary:
        save(temporary, fits.HDUList([fits.PrimaryHDU(np.ones((4, 4)), header)]))
    found = read_record(root / "p.fits")
    assert found.sha256 == digests.sha256(root / "p.fits")
    assert found.content == content_sha256(root / "p.fits")
    assert watch.content_of(root / "p.fits") == found.content
    # What a list states is another file than the one whose content is recorded.
    for text in ("other", "more", "still other", "once more"):
        watch.forget()
        (root / "p.fits").write_text(text)
        expect(root / "p.fits", sha(text), "the list")
        assert watch.content_of(root / "p.fits") is None
    write_text(root / "s.fits", "SIMPLE  = nonsense")
    assert read_record(root / "s.fits").content == ""
    assert watch.content_of(root / "s.fits") is None
    assert watch.content_of(root / "none.fits") is None


def test_nothing_is_known_of_the_content_in_a_process_that_is_not_watched(root):
    done = [watch._watch.on]
    try:
        watch._watch.on = False
        assert watch.content_of(root / "a.txt") is None
        assert not watch.is_unrecorded(root / "new.txt")
        (root / "new.txt").write_text("x")
        assert not watch.is_unrecorded(root / "new.txt")
    finally:
        watch._watch.on = done[0]


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


@in_a_process
def test_no_record_speaks_of_a_file_that_was_removed(root):
    watch.remove(root / "a.txt")
    assert not (root / "a.txt").exists()
    assert not place(root, root / "a.txt").exists()
    watch.remove(root / "a.txt")


def test_files_of_packages_are_not_looked_up(root, monkeypatch):
    """A program opens a thousand of them when it starts; to look each up took 8 ms."""
    noted = []
    monkeypatch.setattr(watch, "_note", noted.append)
    beside = root / "site-packages-not/a.txt"
    for path in (json.__file__, pytest.__file__, str(root / "a.txt"), str(beside)):
        watch._audit("open", (path, "r", os.O_RDONLY))
    assert noted == [str(root / "a.txt"), str(beside)]


@in_a_process
def test_a_list_speaks_of_a_file_whatever_size_its_record_states(root):
    # What the list states is of another file than the record: its size says nothing.
    for total in (sha("longer"), "0" * 64, "f" * 64):
        watch.forget()
        damage(root / "a.txt", "longer")
        expect(root / "a.txt", total, "the list")
        (root / "a.txt").read_text()
        if total == sha("longer"):
            settle()
        else:
            with pytest.raises(DamagedInput, match=f"is {sha('longer')}, the list states {total}"):
                settle()


@in_a_process
@pytest.mark.parametrize("text", ["long", "longer"])
def test_a_program_that_reads_all_itself_is_told_of_another_size_first(root, text):
    damage(root / "a.txt", text)
    with pytest.raises(DamagedInput, match=f"has {len(text)} bytes, its record states 5"):
        watch.reading(root / "a.txt")
    expect(root / "a.txt", sha(text), "the list")
    passing = watch.reading(root / "a.txt")
    passing.update(0, text.encode())
    assert passing.finish() == sha(text)
    compare(root / "a.txt")


@in_a_process
def test_a_file_touched_while_it_was_read_is_the_one_that_was_recorded(root):
    (root / "a.txt").read_text()
    os.utime(root / "a.txt", ns=(1, 1))
    settle()
    (root / "a.txt").read_text()
    damage(root / "a.txt", "wholE")
    with pytest.raises(DamagedInput, match="has changed while it was being read"):
        settle()


@in_a_process
@pytest.mark.parametrize("text", ["other", "more", "still other", "once more"])
def test_a_file_that_was_damaged_while_it_was_read_is_not_whole_because_it_is_now(root, text):
    damage(root / "a.txt", text)
    place(root, root / "a.txt").unlink()
    expect(root / "a.txt", sha("whole"), "the list")
    (root / "a.txt").read_text()
    (root / "a.txt").unlink()
    (root / "a.txt").write_text("whole")
    with pytest.raises(DamagedInput, match="has changed while it was being read"):
        settle()


@in_a_process
@pytest.mark.parametrize("text", ["longer", "long"])
def test_a_file_of_another_size_than_recorded_is_not_summed(root, text):
    damage(root / "a.txt", text)
    (root / "a.txt").read_text()
    with pytest.raises(DamagedInput, match=f"it has {len(text)} bytes, its record states 5"):
        settle()


@in_a_process
def test_a_folder_in_the_place_of_a_file_is_left_to_who_opens_it(root):
    (root / "a.txt").unlink()
    (root / "a.txt").mkdir()
    with pytest.raises(IsADirectoryError):
        (root / "a.txt").read_text()
    settle()


@in_a_process
def test_the_thread_goes_on_when_a_file_is_forgotten_before_its_turn(root):
    watch._SMALL = 0
    watch._hand_over(str(root / "forgotten.txt"))
    (root / "a.txt").read_text()
    for _ in range(500):
        if watch._watch.reads[str(root / "a.txt")].found:
            break
        threading.Event().wait(0.01)
    assert watch._watch.reads[str(root / "a.txt")].found == sha("whole")


@in_a_process
def test_a_file_whose_sum_is_known_is_not_summed_again(root):
    (root / "a.txt").read_text()
    settle()
    read = watch._watch.reads[str(root / "a.txt")]
    digests._known.clear()
    watch._complete = None
    compare(root / "a.txt")
    assert read.found == sha("whole")


@in_a_process
def test_a_text_of_the_longest_size_is_read_and_no_longer_one(root):
    watch._LONGEST_TEXT = 5
    (root / "a.txt").read_text()
    settle()
    (root / "c.txt").write_text("longer")
    with pytest.raises(DamagedInput, match="has 6 bytes, 5 are allowed"):
        (root / "c.txt").read_text()
