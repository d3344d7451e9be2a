"""A file is whole or not there, whoever is killed while writing it."""

import errno
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom import atomic
from darkroom.atomic import private_folder, write_text, written_atomically

SCRIPTS = Path(__file__).resolve().parents[3] / "scripts"

# A program that hands its temporary name to another writer, as fetch does to a simulator.
KILLED_WRITER = """
import os, signal, sys
from darkroom.atomic import written_atomically

with written_atomically(sys.argv[1]) as outer, written_atomically(outer) as inner:
    inner.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("name", ["frame.fits", "frame[1].fits"])
def test_what_a_killed_writer_left_is_gone_after_the_next_one(tmp_path, name):
    command = [sys.executable, "-c", KILLED_WRITER, tmp_path / name]
    subprocess.run(command, env={"PYTHONPATH": str(SCRIPTS)}, check=False)
    assert len(list(tmp_path.iterdir())) == 1
    write_text(tmp_path / name, "whole")
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "whole"


def test_a_failing_writer_leaves_the_old_file_and_nothing_else(tmp_path):
    write_text(tmp_path / "frame.fits", "old")
    with pytest.raises(ZeroDivisionError), written_atomically(tmp_path / "frame.fits") as temporary:
        temporary.write_text("half")
        1 / 0  # noqa: B018
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_writer_that_is_given_a_temporary_name_writes_to_it(tmp_path):
    with written_atomically(tmp_path / "frame.fits") as outer:
        with written_atomically(outer) as inner:
            inner.write_text("frame")
        assert inner == outer
        assert not (tmp_path / "frame.fits").exists()
    assert (tmp_path / "frame.fits").read_text() == "frame"


def test_what_belongs_beside_a_file_finds_the_folder_in_which_it_will_be(tmp_path):
    for name in ("frame.fits", ".hidden", "a.part"):
        path = tmp_path / name
        assert atomic.final_folder(path) == tmp_path
        with written_atomically(path) as temporary:
            assert atomic.final_folder(temporary) == tmp_path
            temporary.touch()
    for folder in (tmp_path / "x.part", tmp_path / ".hidden"):
        assert atomic.final_folder(folder / "frame.fits") == folder


def test_another_files_writer_is_left_alone(tmp_path):
    with written_atomically(tmp_path / "image.fits") as temporary:
        temporary.write_text("at work")
        write_text(tmp_path / "age.fits", "whole")
        assert temporary.exists()


def test_a_private_folder_is_empty_and_gone_afterwards_and_so_is_what_a_killed_one_left(tmp_path):
    left, other = tmp_path / ".visit_drz.work" / "1", tmp_path / ".visit.work" / "1"
    for folder in (left, other):
        folder.mkdir(parents=True)
        (folder / "half.fits").write_text("half")
    with private_folder(tmp_path, "visit_drz") as folder:
        assert folder.parent == left.parent
        assert list(left.parent.iterdir()) == [folder]
        assert list(folder.iterdir()) == []
        (folder / "half.fits").write_text("half")
    assert list(tmp_path.iterdir()) == [other.parent]
    assert other.is_dir()


def test_what_a_killed_writer_left_for_a_folder_is_gone_after_the_next_one(tmp_path):
    for left in (".figures.part/1", ".figures.old.part"):
        (tmp_path / left).mkdir(parents=True)
        (tmp_path / left / "half.png").write_text("half")
    with atomic.folder_written_atomically(tmp_path / "figures") as folder:
        assert list(folder.parent.iterdir()) == [folder]
        (folder / "a.png").write_text("whole")
    assert [path.name for path in tmp_path.rglob("*")] == ["figures", "a.png"]


@pytest.mark.parametrize("count", [20, 200])
def test_no_writer_looks_through_the_files_beside_its_own(tmp_path, monkeypatch, count):
    """A campaign of n exposures writes n files into a folder: n looks through it would be n^2."""
    for number in range(count):
        (tmp_path / f"{number}.json").write_text("{}")
    looked = []
    scandir = os.scandir

    class Counted:
        def __init__(self, path="."):
            self.found = scandir(path)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.found.close()

        def __iter__(self):
            return self

        def __next__(self):
            entry = next(self.found)
            looked.append(entry.name)
            return entry

    monkeypatch.setattr(os, "scandir", Counted)
    monkeypatch.setattr(os, "listdir", lambda path: pytest.fail(f"lists {path}"))
    write_text(tmp_path / "a.json", "{}")
    atomic.remove_leftovers(tmp_path / "a.json")
    with private_folder(tmp_path, "visit"), atomic.folder_written_atomically(tmp_path / "figures"):
        pass
    assert not [name for name in looked if name.endswith(".json")]


def test_two_who_write_the_same_file_leave_it_whole(tmp_path):
    """The second takes the first for one that was killed: it fails, and takes nothing away."""
    with (
        pytest.raises(FileNotFoundError),
        written_atomically(tmp_path / "a.json") as first,
    ):
        first.write_text("first")
        write_text(tmp_path / "a.json", "second")
        assert not first.exists()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["second"]


@pytest.fixture
def order(monkeypatch):
    """Give the list of what reaches the disk, and gets or loses a name, in order."""
    seen = []
    fsync, replace, link, unlink = os.fsync, os.replace, os.link, Path.unlink

    def recorded(what, call, name):
        def wrapped(*arguments, **keywords):
            seen.append((what, name(*arguments)))
            return call(*arguments, **keywords)

        return wrapped

    def flushed(handle):
        return Path(f"/proc/self/fd/{handle}").readlink().name

    def removed(path, missing_ok=False):
        if path.exists():
            seen.append(("unlink", path.name))
        unlink(path, missing_ok)

    monkeypatch.setattr(atomic, "_durable_folders", set())
    monkeypatch.setattr(os, "fsync", recorded("flush", fsync, flushed))
    monkeypatch.setattr(os, "replace", recorded("rename", replace, lambda _, new: Path(new).name))
    monkeypatch.setattr(os, "link", recorded("link", link, lambda _, new: Path(new).name))
    monkeypatch.setattr(Path, "unlink", removed)
    return seen


def test_bytes_reach_the_disk_before_the_name_and_the_name_before_what_follows(tmp_path, order):
    atomic.make_folder(tmp_path)
    order.clear()
    write_text(tmp_path / "a.json", "{}")
    temporary = f".a.{os.getpid()}.part.json"
    assert order == [("flush", temporary), ("rename", "a.json"), ("flush", tmp_path.name)]


def test_the_names_of_new_folders_reach_the_disk_before_a_file_in_them(tmp_path, order):
    write_text(tmp_path / "item" / "inner" / "a.json", "{}")
    place = order.index(("rename", "a.json"))
    assert ("flush", tmp_path.name) in order[:place]
    assert ("flush", "item") in order[:place]


def test_the_name_of_a_folder_that_another_made_reaches_the_disk_once(tmp_path, order):
    (tmp_path / "item").mkdir()
    write_text(tmp_path / "item" / "a.json", "{}")
    assert order.count(("flush", tmp_path.name)) == 1
    write_text(tmp_path / "item" / "b.json", "{}")
    assert order.count(("flush", tmp_path.name)) == 1


def test_a_folder_that_went_is_made_again(tmp_path):
    write_text(tmp_path / "item" / "a.json", "{}")
    shutil.rmtree(tmp_path / "item")
    write_text(tmp_path / "item" / "a.json", "{}")
    assert (tmp_path / "item" / "a.json").is_file()


def test_a_folder_takes_the_place_of_another_when_all_of_it_is_on_the_disk(tmp_path, order):
    for name in ("new", "old"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / f"{name}.png").write_text(name)
    atomic.replace_folder_durably(tmp_path / "new", tmp_path / "old")
    assert [path.name for path in tmp_path.rglob("*")] == ["old", "inner", "new.png"]
    named = order.index(("rename", "old"))
    assert {("flush", "new.png"), ("flush", "inner"), ("flush", "new")} <= set(order[:named])
    assert order[named + 1] == ("flush", tmp_path.name)


def test_a_folder_can_take_a_name_that_is_free(tmp_path):
    (tmp_path / "new").mkdir()
    atomic.replace_folder_durably(tmp_path / "new", tmp_path / "figures")
    assert [path.name for path in tmp_path.iterdir()] == ["figures"]


def test_a_note_that_is_removed_durably_is_gone_before_what_follows(tmp_path, order):
    (tmp_path / "note.json").write_text("{}")
    atomic.remove_durably(tmp_path / "note.json")
    assert order == [("unlink", "note.json"), ("flush", tmp_path.name)]
    atomic.remove_durably(tmp_path / "note.json")
    assert len(order) == 2


def test_a_new_text_is_whole_and_never_replaces_anything(tmp_path, order):
    atomic.write_new_text(tmp_path / "c.yaml", "mine")
    linked = order.index(("link", "c.yaml"))
    assert order[linked - 1] == ("flush", "c.yaml")
    assert order[linked + 1] == ("flush", tmp_path.name)
    with pytest.raises(FileExistsError):
        atomic.write_new_text(tmp_path / "c.yaml", "yours")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("c.yaml", "mine")]


def test_a_new_text_is_written_where_there_are_no_links(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    atomic.write_new_text(tmp_path / "c.yaml", "mine")
    with pytest.raises(FileExistsError):
        atomic.write_new_text(tmp_path / "c.yaml", "yours")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("c.yaml", "mine")]


def test_a_disk_that_cannot_flush_a_file_is_an_error_and_one_that_cannot_flush_folders_is_not(
    tmp_path, monkeypatch
):
    number = errno.EINVAL

    def refused(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode) == folders:
            raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", refused)
    folders = True
    write_text(tmp_path / "a.json", "{}")
    number = errno.ENOTSUP
    write_text(tmp_path / "a.json", "{}")
    number = errno.EIO
    with pytest.raises(OSError, match="Input/output"):
        write_text(tmp_path / "a.json", "{}")
    folders, number = False, errno.EINVAL
    with pytest.raises(OSError, match="Invalid"):
        write_text(tmp_path / "b.json", "{}")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("name", [".hidden.fits", "frame.part.fits"])
def test_a_name_that_only_resembles_a_temporary_one_is_written_atomically(tmp_path, name):
    with written_atomically(tmp_path / name) as temporary:
        assert temporary.name == f".{Path(name).stem}.{os.getpid()}.part.fits"
        temporary.write_text("frame")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_leftover_that_another_removes_meanwhile_is_no_failure(tmp_path, monkeypatch):
    (tmp_path / ".a.json.part").mkdir()
    (tmp_path / ".a.json.part" / ".a.1.part.json").write_text("half")
    unlink = os.unlink

    def gone(path, **options):
        unlink(path, **options)
        raise FileNotFoundError(errno.ENOENT, "gone", path)

    monkeypatch.setattr(os, "unlink", gone)
    write_text(tmp_path / "a.json", "{}")
    monkeypatch.undo()
    with private_folder(tmp_path, "a") as folder:
        shutil.rmtree(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.parametrize("missing", [0, 1])
def test_a_folder_that_another_makes_at_the_same_moment_is_no_failure(
    tmp_path, monkeypatch, missing
):
    """Between the look and the call: here the first look at a folder finds nothing."""
    folder = tmp_path / "item" / "inner"
    folder.mkdir(parents=True)
    is_dir, seen = Path.is_dir, set()

    def second_look(path):
        new = path not in seen
        seen.add(path)
        return not new and is_dir(path)

    monkeypatch.setattr(Path, "is_dir", second_look)
    calls = iter([missing])
    mkdir = Path.mkdir

    def failing_first(path, **options):
        if next(calls, 0):
            raise FileNotFoundError(errno.ENOENT, "none above it")
        mkdir(path, **options)

    monkeypatch.setattr(Path, "mkdir", failing_first)
    atomic.make_folder(folder)


def test_folders_that_this_user_may_not_write_to_are_not_flushed(tmp_path, order, monkeypatch):
    (tmp_path / "item").mkdir()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and mode == 6)
    atomic.make_folder(tmp_path / "item" / "inner")
    assert order == [("flush", "item")]


def test_a_file_that_moves_between_folders_always_has_a_name(tmp_path, order):
    (tmp_path / "made").mkdir()
    source, target = tmp_path / "made" / "a.txt", tmp_path / "a.txt"
    source.write_text("a")
    atomic.name_durably(source, target)
    assert order == [("flush", "a.txt"), ("link", "a.txt"), ("flush", tmp_path.name)]
    assert target.samefile(source)
    # Again, by one that does not know whether the name reached the disk.
    atomic.name_durably(source, target)
    assert order[-1] == ("flush", tmp_path.name)
    other = tmp_path / "made" / "b.txt"
    other.write_text("b")
    with pytest.raises(FileExistsError):
        atomic.name_durably(other, target)
    assert target.read_text() == "a"


@pytest.mark.parametrize("taken", [False, True])
def test_a_copy_that_was_killed_leaves_nothing_once_the_name_is_taken(tmp_path, taken):
    source, target = tmp_path / "source.fits", tmp_path / "a.fits"
    source.write_text("new")
    left = tmp_path / ".a.fits.part" / "killed.fits"
    left.parent.mkdir()
    left.write_text("half")
    if taken:
        target.write_text("old")
        with pytest.raises(FileExistsError):
            atomic.copy_new(source, target)
    else:
        atomic.copy_new(source, target)
    assert target.read_text() == ("old" if taken else "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits", "source.fits"]


def test_a_copy_that_fails_leaves_no_name_and_no_draft(tmp_path):
    with pytest.raises(FileNotFoundError):
        atomic.copy_new(tmp_path / "none.fits", tmp_path / "a.fits")
    assert list(tmp_path.iterdir()) == []


def test_a_copy_whose_draft_another_removed_finds_the_name_taken(tmp_path, monkeypatch):
    source, target = tmp_path / "source.fits", tmp_path / "a.fits"
    source.write_text("mine")
    copy = shutil.copyfileobj

    def overtaken(*streams):
        monkeypatch.setattr(shutil, "copyfileobj", copy)
        copy(*streams)
        atomic.copy_new(source, target)

    monkeypatch.setattr(shutil, "copyfileobj", overtaken)
    with pytest.raises(FileExistsError):
        atomic.copy_new(source, target)
    assert target.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.fits", "source.fits"]
