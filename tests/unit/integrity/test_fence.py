"""A program whose run was killed gives no file a name once another run is at work."""

import os

import pytest

from darkroom.archive.slots import Claims
from darkroom.atomic import folder_written_atomically, write_text
from darkroom.errors import DarkroomError
from darkroom.integrity import fence
from darkroom.integrity.records import FOLDER
from fork_tests import in_a_process

RUN = "process 1 on here since 2026-01-01 00:00:00 UTC"


def at_work(root, run):
    (root / FOLDER / fence.AT_WORK).write_text(run)


@in_a_process
def test_a_program_of_an_earlier_run_gives_no_names(root, tmp_path):
    at_work(root, RUN)
    fence.fence("results/c", RUN)
    write_text(root / "b.txt", "mine")
    at_work(root, RUN.replace("process 1", "process 2"))
    with pytest.raises(DarkroomError, match=r"another one is at work \(process 2 on here .*a\.txt"):
        write_text(root / "a.txt", "late")
    with (
        pytest.raises(DarkroomError, match="another one is at work"),
        folder_written_atomically(root / "figures"),
    ):
        pass
    assert (root / "a.txt").read_text() == "whole"
    assert not (root / "figures").exists()
    # Who holds a claim on a file is waited for.
    before = os.environ["DARKROOM_RUN"]
    Claims(tmp_path / "claims").wait_for_all(["c"])
    write_text(root / "c.txt", "fetched")
    os.environ["DARKROOM_RUN"] = before
    # Elsewhere nothing is known of any run.
    write_text(tmp_path / "results/a.txt", "x")
    (tmp_path / "results/d" / FOLDER).mkdir(parents=True)
    write_text(tmp_path / "results/d/a.txt", "x")


@in_a_process
def test_a_program_that_no_run_began_writes_as_always(root):
    os.environ.pop("DARKROOM_RUN", None)
    at_work(root, RUN)
    write_text(root / "a.txt", "by hand")
    fence.fence(root, RUN)
    (root / FOLDER / fence.AT_WORK).unlink()
    write_text(root / "a.txt", "again")
