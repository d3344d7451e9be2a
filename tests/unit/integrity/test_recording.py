"""What a watched process records of what it writes, each in a process of its own."""

import os
import sys
from pathlib import Path

from damaged import damage, sha
from darkroom import atomic
from darkroom.atomic import write_text
from darkroom.integrity import digests, watch
from darkroom.integrity.recording import (
    is_unrecorded,
    keep_record,
    record_ahead,
    remove,
    unrecorded,
)
from darkroom.integrity.records import place, read_record
from darkroom.integrity.seen import expect, forget, seen
from darkroom.integrity.watch import settle
from fork_tests import in_a_process


@in_a_process
def test_a_product_states_what_was_read_before_it(root):
    text = (root / "a.txt").read_text()
    write_text(root / "b.txt", text + "!")
    found = read_record(root / "b.txt")
    assert (found.sha256, found.size) == (sha("whole!"), 6)
    assert found.inputs == {"a.txt": (sha("whole"), "")}
    assert found.made_by == Path(sys.argv[0]).stem
    assert found.run == seen.run
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
    forget()
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
    with unrecorded(), unrecorded():
        write_text(root / "a.txt", "new")
    assert read_record(root / "a.txt") is None
    assert is_unrecorded(root / "a.txt")
    assert not is_unrecorded(root / "none.txt")
    keep_record(root / "none.txt")
    keep_record(root / "a.txt")
    assert read_record(root / "a.txt").sha256 == sha("new")
    assert not is_unrecorded(root / "a.txt")
    write_text(root / "b.txt", "x")
    assert read_record(root / "b.txt") is not None


@in_a_process
def test_a_file_whose_record_is_damaged_is_recorded_when_it_was_verified_otherwise(root):
    damage(place(root, root / "a.txt"))
    assert is_unrecorded(root / "a.txt")
    (root / "a.txt").read_text()
    keep_record(root / "a.txt")
    settle()
    assert read_record(root / "a.txt").sha256 == sha("whole")
    # That of other bytes is whole: it is the file that was damaged.
    damage(root / "a.txt")
    keep_record(root / "a.txt")
    assert read_record(root / "a.txt").sha256 == sha("whole")


@in_a_process
def test_a_record_ahead_speaks_of_where_the_file_will_be(root, tmp_path):
    (root / "note.txt").write_text("made")
    record_ahead(root / "b.txt", root / "note.txt")
    assert read_record(root / "b.txt").sha256 == sha("made")
    record_ahead(tmp_path / "elsewhere.txt", root / "note.txt")


@in_a_process
def test_files_outside_of_any_results_are_not_recorded(root, tmp_path):
    write_text(tmp_path / "out.txt", "x")
    assert not (tmp_path / ".records").exists()
    assert not is_unrecorded(tmp_path / "out.txt")


@in_a_process
def test_forgetting_is_complete(root):
    damage(root / "a.txt")
    (root / "a.txt").read_text()
    expect(root / "b.txt", sha("x"), "a list")
    forget()
    settle()
    (root / "b.txt").write_text("y")
    (root / "b.txt").read_text()
    settle()
    write_text(root / "d.txt", "x")
    assert read_record(root / "d.txt").inputs == {}


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
        forget()
        (root / "p.fits").write_text(text)
        expect(root / "p.fits", sha(text), "the list")
        assert watch.content_of(root / "p.fits") is None
    write_text(root / "s.fits", "SIMPLE  = nonsense")
    assert read_record(root / "s.fits").content == ""
    assert watch.content_of(root / "s.fits") is None
    assert watch.content_of(root / "none.fits") is None


def test_nothing_is_known_of_the_content_in_a_process_that_is_not_watched(root):
    done = [seen.on]
    try:
        seen.on = False
        assert watch.content_of(root / "a.txt") is None
        assert not is_unrecorded(root / "new.txt")
        (root / "new.txt").write_text("x")
        assert not is_unrecorded(root / "new.txt")
    finally:
        seen.on = done[0]


@in_a_process
def test_no_record_speaks_of_a_file_that_was_removed(root):
    remove(root / "a.txt")
    assert not (root / "a.txt").exists()
    assert not place(root, root / "a.txt").exists()
    remove(root / "a.txt")


@in_a_process
def test_what_was_stated_of_a_file_is_not_said_of_the_one_that_replaced_it(root):
    expect(root / "b.txt", sha("old"), "a list")
    write_text(root / "b.txt", "new")
    (root / "b.txt").read_text()
    settle()


@in_a_process
def test_texts_are_not_looked_through_for_the_content_of_fits(root):
    from darkroom.fits import content

    content.is_product = content.content_sha256 = None
    for text in ("AAAAAA", "zzzzzz", "", "SIMPL"):
        write_text(root / "b.txt", text)
        assert read_record(root / "b.txt").content == ""
