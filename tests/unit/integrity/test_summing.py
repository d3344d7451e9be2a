"""When the bytes of a file are summed, and what is told of one that changes meanwhile."""

import os
import threading

import pytest

from damaged import damage, sha
from darkroom.atomic import write_text
from darkroom.errors import InputError
from darkroom.integrity import digests, watch
from darkroom.integrity.records import place
from darkroom.integrity.seen import expect, forget, seen, unwatched
from darkroom.integrity.watch import DamagedInput, compare, settle
from fork_tests import in_a_process


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
    seen.queue = type("Nobody", (), {"put": lambda *_: None})()
    watch._SMALL = 4
    (root / "a.txt").read_text()
    (root / "a.txt").unlink()
    with pytest.raises(InputError, match="cannot be read again"):
        settle()


@in_a_process
def test_a_file_read_in_passing_is_not_read_again(root):
    passing = watch.reading(root / "a.txt")
    passing.update(0, b"whole")
    passing.finish()
    reads = []
    watch.digests._sum_of = lambda stream, *_: reads.append(stream)
    settle()
    assert reads == []
    assert seen.reads[str(root / "a.txt")].expected == sha("whole")


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
def test_sums_are_computed_by_a_thread_beside_the_work_unless_they_take_no_time(root):
    watch._SMALL = len("whole")
    (root / "a.txt").read_text()
    assert seen.reads[str(root / "a.txt")].found == sha("whole")
    assert seen.queue is None
    forget()
    digests._known.clear()
    watch._SMALL -= 1
    (root / "a.txt").read_text()
    assert [t.name for t in threading.enumerate() if t.daemon] == ["integrity"]
    for _ in range(500):
        if seen.reads[str(root / "a.txt")].found:
            break
        threading.Event().wait(0.01)
    assert seen.reads[str(root / "a.txt")].found == sha("whole")
    (root / "a.txt").read_text()
    assert [t.name for t in threading.enumerate() if t.daemon] == ["integrity"]


@in_a_process
def test_a_list_speaks_of_a_file_whatever_size_its_record_states(root):
    # What the list states is of another file than the record: its size says nothing.
    for total in (sha("longer"), "0" * 64, "f" * 64):
        forget()
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
def test_the_thread_goes_on_when_a_file_is_forgotten_before_its_turn(root):
    watch._SMALL = 0
    watch._hand_over(str(root / "forgotten.txt"))
    (root / "a.txt").read_text()
    for _ in range(500):
        if seen.reads[str(root / "a.txt")].found:
            break
        threading.Event().wait(0.01)
    assert seen.reads[str(root / "a.txt")].found == sha("whole")


@in_a_process
def test_a_file_whose_sum_is_known_is_not_summed_again(root):
    (root / "a.txt").read_text()
    settle()
    read = seen.reads[str(root / "a.txt")]
    digests._known.clear()
    watch._complete = None
    compare(root / "a.txt")
    assert read.found == sha("whole")


@in_a_process
def test_of_two_that_state_one_sum_the_record_states_the_size_too(root):
    damage(root / "a.txt", "longer")
    expect(root / "a.txt", sha("whole"), "the list")
    (root / "a.txt").read_text()
    with pytest.raises(DamagedInput, match="it has 6 bytes, its record states 5"):
        settle()


@in_a_process
def test_a_file_that_has_grown_beyond_bounds_is_not_even_read(root):
    watch._LONGEST_TEXT = 2
    write_text(root / "g.fits", "whole")
    forget()
    for text, opens in (("longer.", True), ("longest.", False)):
        damage(root / "g.fits", text)
        forget()
        if opens:
            (root / "g.fits").read_text()
        with pytest.raises(DamagedInput, match=f"it has {len(text)} bytes, its record states 5"):
            settle() if opens else (root / "g.fits").read_text()
    # One of which nothing but its sum is stated may be of any size.
    (root / "n.fits").write_text("of any size")
    expect(root / "n.fits", sha("of any size"), "the list")
    assert (root / "n.fits").read_text() == "of any size"
    forget()


def test_two_threads_that_ask_for_one_sum_read_the_file_once(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("whole")
    begun, go_on, reads = threading.Event(), threading.Event(), []

    def slowly(stream):
        reads.append(stream.name)
        begun.set()
        assert go_on.wait(30)
        return read(stream)

    read = digests._sum_of
    monkeypatch.setattr(digests, "_sum_of", slowly)
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(digests.sha256(path))) for _ in range(3)
    ]
    threads[0].start()
    assert begun.wait(30)
    for thread in threads[1:]:
        thread.start()
    go_on.set()
    for thread in threads:
        thread.join()
    assert reads == [str(path)]
    assert found == [sha("whole")] * 3


def test_a_sum_that_cannot_be_computed_keeps_nobody_waiting(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    path.write_text("whole")

    def fail(stream):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(digests, "_sum_of", fail)
        with pytest.raises(OSError, match="Input/output error"):
            digests.sha256(path)
    assert digests.sha256(path) == sha("whole")


@in_a_process
def test_whoever_sums_reads_and_compares_at_once_waits_for_nobody_in_a_circle(root):
    """A sum opens a file, which is looked at when it is opened, which sums it."""

    def work(number):
        for turn in range(40):
            digests.sha256(root / f"{(turn + number) % 7}.txt")
            (root / f"{(turn * number) % 7}.txt").read_text()
            compare(root / f"{turn % 7}.txt")
            settle(root / "b.txt")
            digests._known.clear()

    for number in range(7):
        write_text(root / f"{number}.txt", "x" * number * 40_000)
    forget()
    digests._known.clear()
    threads = [threading.Thread(target=work, args=(number,), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
