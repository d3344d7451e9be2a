"""A file is whole or not there, whoever is killed while writing it."""

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_another_files_writer_is_left_alone(tmp_path):
    with written_atomically(tmp_path / "image.fits") as temporary:
        temporary.write_text("at work")
        write_text(tmp_path / "age.fits", "whole")
        assert temporary.exists()


def test_a_private_folder_is_empty_and_gone_afterwards_and_so_is_what_a_killed_one_left(tmp_path):
    left, other = tmp_path / ".visit_drz.1.work", tmp_path / ".visit.1.work"
    for folder in (left, other):
        folder.mkdir()
        (folder / "half.fits").write_text("half")
    with private_folder(tmp_path, "visit_drz") as folder:
        assert folder.parent == tmp_path
        assert list(folder.iterdir()) == []
        (folder / "half.fits").write_text("half")
    assert list(tmp_path.iterdir()) == [other]
