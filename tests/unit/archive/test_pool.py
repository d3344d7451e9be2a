"""Workers that are used again, killed when they hang, and end with whoever gives them tasks."""

import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from darkroom.archive.pool import run_tasks
from darkroom.archive.slots import Claims, TransferSlots, claim_of
from darkroom.errors import DarkroomError
from loopback.campaigns import ROOT


def outcomes(work, tasks, count=2, seconds=20.0):
    return list(run_tasks(work, tasks, count=count, seconds=lambda _: seconds))


def test_every_task_is_done_by_few_processes():
    done = outcomes(lambda task, _: (task, os.getpid()), range(50))
    assert sorted(task for task, _, _ in done) == list(range(50))
    assert len({result[1] for _, result, _ in done}) <= 2
    assert os.getpid() not in {result[1] for _, result, _ in done}


def test_no_more_workers_are_started_than_tasks():
    done = outcomes(lambda *_: os.getpid(), [1], count=8)
    assert len(done) == 1


def test_a_failure_is_the_tasks_own():
    def work(task, beat):
        if task == 3:
            raise DarkroomError("no such file")
        return task

    found = {task: (result, str(error or "")) for task, result, error in outcomes(work, range(5))}
    assert found[3] == (None, "no such file")
    assert [found[k] for k in (0, 1, 2, 4)] == [(k, "") for k in (0, 1, 2, 4)]


def test_a_mistake_of_ours_is_no_failure_of_a_task():
    with pytest.raises(RuntimeError, match=r"(?s)in a worker:.*ZeroDivisionError"):
        outcomes(lambda task, _: 1 / task, [0])


def test_a_worker_that_dies_is_replaced_and_its_task_done(tmp_path):
    def work(task, beat):
        if task == 1 and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    assert sorted(task for task, _, error in outcomes(work, range(4)) if not error) == [0, 1, 2, 3]


def test_a_worker_that_dies_of_a_task_twice_is_told():
    def work(task, beat):
        if task == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    errors = {task: str(error or "") for task, _, error in outcomes(work, range(4))}
    assert errors == {0: "", 1: "the process at work on it ended with status -9", 2: "", 3: ""}


def test_a_worker_that_hangs_is_killed():
    """Even one that no alarm can wake."""

    def work(task, beat):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        time.sleep(600)

    ((_, _, error),) = outcomes(work, [1], seconds=0.2)
    assert "was not done within 0.2 s and was killed" in str(error)


def test_a_beat_gives_more_time():
    def work(task, beat):
        for _ in range(4):
            beat._last = 0.0
            beat()
            time.sleep(0.3)
        return "done"

    assert outcomes(work, [1], seconds=1.0)[0][1] == "done"


ORPHANS = """
import os, sys, time
from darkroom.archive.pool import run_tasks
def work(task, beat):
    os.write(1, b"%d\\n" % os.getpid())  # at once, so that two lines never mix
    time.sleep(600)
for _ in run_tasks(work, range(2), count=2, seconds=lambda _: 600):
    pass
"""


def test_no_worker_outlives_a_killed_program():
    process = subprocess.Popen(
        [sys.executable, "-c", ORPHANS],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
    )
    workers = [int(process.stdout.readline()) for _ in range(2)]
    process.kill()
    # The workers hold the other end of the pipe: it ends when all of them have.
    assert process.stdout.read() == ""
    process.wait()
    assert len(set(workers)) == 2


def test_a_turn_is_held_by_so_many_processes_at_once(tmp_path):
    def work(task, beat):
        with TransferSlots(tmp_path / "turns", 2, beat)():
            (tmp_path / f"{task}.begun").touch()
            begun = len(list(tmp_path.glob("*.begun"))) - len(list(tmp_path.glob("*.done")))
            time.sleep(0.05)
            (tmp_path / f"{task}.done").touch()
            return begun

    assert max(begun for _, begun, _ in outcomes(work, range(12), count=6)) <= 2


def test_a_claim_ends_with_its_process(tmp_path):
    def work(task, beat):
        return Claims(tmp_path / "claims").take(7)

    mine = Claims(tmp_path / "claims")
    assert mine.take(7)
    assert outcomes(work, [1])[0][1] is False
    mine.free(7)
    assert outcomes(work, [1])[0][1] is True
    assert mine.take(7)


def test_claims_of_several_names_are_taken_in_one_order(tmp_path):
    """Two that take them in different orders would wait for each other."""
    mine, taken = Claims(tmp_path / "claims"), []
    mine.wait = taken.append
    assert mine.wait_for_all(["a", "b", "c"]) == mine.wait_for_all(["c", "a", "b"])
    assert taken[:3] == taken[3:] == sorted(map(claim_of, "abc"))
    assert len(set(taken)) == 3


def test_a_disk_that_fails_is_told_and_not_waited_for(tmp_path, monkeypatch):
    """A slot that cannot be taken because the disk fails would never become free."""

    def fails(*_):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("darkroom.archive.slots.fcntl.lockf", fails)
    with pytest.raises(OSError, match="Input/output"):
        Claims(tmp_path / "claims").take(7)

    def work(task, beat):
        with TransferSlots(tmp_path / "turns", 2, beat)():
            return task

    ((_, _, error),) = outcomes(work, [1])
    assert str(error) == "the disk fails: [Errno 5] Input/output error"


def test_a_claim_of_another_is_not_free_by_whichever_error_it_is_told(tmp_path, monkeypatch):
    for number in (errno.EAGAIN, errno.EACCES):

        def taken(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("darkroom.archive.slots.fcntl.lockf", taken)
        assert not Claims(tmp_path / "claims").take(7)
