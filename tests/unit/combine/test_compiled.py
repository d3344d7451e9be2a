"""Compiled code is shared between jobs, but never made by two of them at once."""

import errno
import fcntl
import subprocess
import sys

import pytest

from darkroom.compiled import cache_lock
from darkroom.errors import DarkroomError

CLIP_TWO_VALUES = """
import numpy
from darkroom.combine import Clip, clip_block
print(clip_block(numpy.ones((2, 3), "f4"), Clip("none")).mean)
"""


def locked(folder):
    with (folder / "darkroom.lock").open("w") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_the_cache_is_locked_inside_the_block_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    with cache_lock():
        assert locked(tmp_path / "cache")
    assert not locked(tmp_path / "cache")


def test_a_folder_that_cannot_be_made_needs_no_lock(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with cache_lock():
        pass


def test_a_file_system_without_locks_is_named(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(fcntl, "flock", refuse)
    message = r"cannot be locked there \(No locks available\); set NUMBA_CACHE_DIR"
    with pytest.raises(DarkroomError, match=message), cache_lock():
        pass


@pytest.mark.parametrize("name", ["combine", "combine.clip", "combine.bias", "fits.tiles"])
def test_importing_compiles_and_loads_nothing(repository, name):
    code = f"import sys, darkroom.{name}; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=repository / "scripts")


def test_processes_that_start_together_share_one_compilation(repository, tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    command = [sys.executable, "-c", CLIP_TWO_VALUES]
    jobs = [
        subprocess.Popen(command, cwd=repository / "scripts", stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [job.communicate()[0] for job in jobs] == ["[1. 1. 1.]\n"] * 3
    assert len(list(tmp_path.rglob("*.nbc"))) == 1
