"""What a person is told when the disk is full, fails, or may not be written to."""

import errno
import os
import re

import pytest

from darkroom import cli
from darkroom.errors import DarkroomError, InputError, as_written
from fork_tests import in_a_process


def said(capfd, error):
    """Return the exit status of a program that fails so, and what it printed."""

    def main():
        raise error

    with pytest.raises(SystemExit) as ended:
        cli.run(main)
    return ended.value.code, capfd.readouterr().err


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.EACCES, "Permission denied; give this user the right to it, and repeat"),
        (errno.EPERM, "Operation not permitted; give this user the right"),
        (errno.EROFS, "Read-only file system; it is on a disk that can only be read; choose"),
        (errno.EIO, "Input/output error; the disk or the network to it fails"),
        (errno.EFBIG, r"File too large; the system allows no file of that size \(ulimit -f\)"),
        (errno.ENAMETOOLONG, "File name too long; its name is too long for this disk"),
        (errno.ELOOP, "Too many levels of symbolic links; its links lead in a circle"),
        (errno.ENOTDIR, "Not a directory; a file is where a folder should be"),
        (errno.EISDIR, "Is a directory; a folder is where a file should be"),
        (errno.EEXIST, "File exists; a file or a broken link is where a folder should be"),
    ],
)
@in_a_process
def test_a_fault_of_the_system_is_one_sentence(capfd, number, told):
    status, text = said(capfd, OSError(number, os.strerror(number), "results/a.fits"))
    assert status == 1
    assert re.fullmatch(rf"ERROR results/a\.fits: {told}[^\n]*\n", text)


@in_a_process
def test_an_error_of_writing_that_names_no_file_is_one_sentence(capfd):
    """As by `ulimit -f`."""
    status, text = said(capfd, OSError(errno.EFBIG, os.strerror(errno.EFBIG)))
    assert (status, text.count("\n")) == (1, 1)
    assert text.startswith("ERROR a file that was read or written: File too large; ")


@in_a_process
def test_of_a_rename_that_fails_the_place_is_named(capfd):
    error = OSError(errno.EISDIR, os.strerror(errno.EISDIR), ".a.part", None, "results/a.fits")
    assert said(capfd, error)[1].startswith("ERROR results/a.fits: Is a directory; a folder is ")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@in_a_process
def test_a_full_disk_is_one_sentence(capfd, number):
    status, text = said(capfd, OSError(number, os.strerror(number), "a"))
    assert (status, text.count("\n")) == (1, 1)
    assert text.startswith("ERROR the disk is full, make room and repeat: ")


@pytest.mark.parametrize("error", [FileNotFoundError(2, "x", "y"), OSError("z"), KeyError("k")])
@in_a_process
def test_a_fault_of_the_program_keeps_its_traceback(capfd, error):
    status, text = said(capfd, error)
    assert status == 1
    assert "Traceback" in text
    assert text.splitlines()[-1].startswith(f"ERROR {type(error).__name__}: ")


def test_what_is_not_as_it_was_written_is_one_sentence():
    for error in (KeyError("a"), TypeError("b"), RecursionError(), AssertionError(), OSError("c")):
        told = pytest.raises(InputError, match=r"^v\.json: holds no verdict as darkroom writes it")
        with told, as_written("v.json", "no verdict", "judge again"):
            raise error
    for kept in (MemoryError(), DarkroomError("d"), OSError(errno.EIO, "e"), KeyboardInterrupt()):
        with pytest.raises(type(kept)) as caught, as_written("v.json", "no verdict", ""):
            raise kept
        assert caught.value is kept
