"""Workers one by one: which task goes to which, what becomes of it, and what is left of them."""

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from darkroom.archive import pool
from darkroom.archive.pool import run_tasks
from darkroom.errors import DarkroomError


def outcomes(work, tasks, count=1, seconds=20.0):
    return list(run_tasks(work, tasks, count=count, seconds=lambda _: seconds))


def alive(pid):
    """Tell whether there is a process that has not ended (a child that nobody asked has)."""
    with suppress(FileNotFoundError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def open_files():
    return len([*Path("/proc/self/fd").iterdir()])


def test_a_task_that_kills_its_workers_is_given_to_two_of_them(tmp_path, caplog):
    def work(task, beat):
        with (tmp_path / "tries").open("a") as stream:
            stream.write("x")
        os.kill(os.getpid(), signal.SIGKILL)

    ((task, result, _),) = outcomes(work, ["a"])
    assert (task, result) == ("a", None)
    assert (tmp_path / "tries").read_text() == "xx"
    assert [record.getMessage() for record in caplog.records] == [
        "the process at work on it ended with status -9; another one takes its task"
    ]


def test_each_of_two_tasks_has_a_second_worker(tmp_path):
    def work(task, beat):
        if not (tmp_path / task).exists():
            (tmp_path / task).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return task.upper()

    done = outcomes(work, ["a", "b"], count=2)
    assert sorted((task, result, error) for task, result, error in done) == [
        ("a", "A", None), ("b", "B", None),
    ]  # fmt: skip


def test_a_task_of_a_lost_worker_comes_before_those_that_wait(tmp_path):
    def work(task, beat):
        if task == "a" and not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            os._exit(3)
        return task

    assert [task for task, _, _ in outcomes(work, ["a", "b", "c"])] == ["a", "b", "c"]


def test_a_worker_does_one_task_after_the_other():
    def work(task, beat):
        if task == 1:
            raise DarkroomError("no")
        return os.getpid()

    done = outcomes(work, range(4))
    assert [task for task, _, _ in done] == [0, 1, 2, 3]
    assert len({pid for _, pid, _ in done if pid}) == 1


def test_a_result_is_that_of_its_own_task():
    """A worker that hangs has sent one before, of another task."""

    def work(task, beat):
        if task == "hangs":
            time.sleep(600)
        return task.upper()

    tasks, limits = ["a", "hangs", "b"], {"hangs": 0.1}
    done = list(run_tasks(work, tasks, count=1, seconds=lambda task: limits.get(task, 20.0)))
    assert [(task, result) for task, result, _ in done] == [("a", "A"), ("hangs", None), ("b", "B")]
    assert str(done[1][2]) == ("the process at work on it was not done within 0.1 s and was killed")


def test_a_task_that_is_done_is_done_once(tmp_path):
    def work(task, beat):
        with (tmp_path / str(task)).open("a") as stream:
            stream.write("x")
        if task == 1:
            raise DarkroomError("no")
        return task

    assert [task for task, _, _ in outcomes(work, range(3))] == [0, 1, 2]
    assert [(tmp_path / str(task)).read_text() for task in range(3)] == ["x"] * 3


def test_nobody_waits_longer_than_the_first_of_the_tasks_may_take(monkeypatch):
    waited, wait = [], pool.wait
    monkeypatch.setattr(
        pool, "wait", lambda pipes, seconds: waited.append(seconds) or wait(pipes, seconds)
    )
    limits = {"short": 0.05, "long": 300.0}
    running = run_tasks(lambda *_: time.sleep(600), ["long", "short"], count=2, seconds=limits.get)
    next(running)
    running.close()
    assert all(0.0 <= seconds <= 0.05 for seconds in waited)


def test_each_task_has_its_own_time():
    limits = {"short": 0.05, "long": 20.0}

    def work(task, beat):
        time.sleep(600 if task == "short" else 0.12)
        return task

    found = run_tasks(work, ["long", "short"], count=2, seconds=limits.get)
    assert {task: error is None for task, _, error in found} == {"long": True, "short": False}


def test_a_worker_that_dies_between_two_tasks_is_replaced():
    def work(task, beat):
        return os.getpid()

    running = run_tasks(work, range(3), count=1, seconds=lambda _: 20.0)
    _, first, _ = next(running)
    os.kill(first, signal.SIGKILL)
    until = time.monotonic() + 5
    while alive(first) and time.monotonic() < until:
        time.sleep(0.002)
    rest = [(task, pid, error) for task, pid, error in running]
    assert [(task, error) for task, _, error in rest] == [(1, None), (2, None)]
    assert first not in {pid for _, pid, _ in rest}
    assert len({pid for _, pid, _ in rest}) == 1


def test_a_worker_that_dies_before_it_has_read_its_task_is_lost_and_nothing_else(
    tmp_path, monkeypatch
):
    """As one that the kernel kills for want of memory when it has just begun."""
    serve = pool._serve

    def dying(work, pipe, *rest):
        if not (tmp_path / "died").exists():
            (tmp_path / "died").touch()
            pipe.poll(10)
            os._exit(3)
        serve(work, pipe, *rest)

    monkeypatch.setattr(pool, "_serve", dying)
    assert outcomes(lambda task, _: task, ["a", "b"]) == [("a", "a", None), ("b", "b", None)]


def test_a_worker_that_has_died_takes_a_task_and_is_found_lost():
    with pool._Team(lambda task, _: task, 1) as team:
        worker = team.free()
        worker.process.kill()
        worker.process.join()
        worker.give("a", 20.0)
        assert team.next_done() == [worker]
        assert not worker.still_working()
        task, result, error, lost = worker.outcome()
    assert (task, result, lost) == ("a", None, True)
    assert str(error) == "the process at work on it ended with status -9"


def test_a_task_is_taken_when_a_worker_is_free_for_it():
    taken = []

    def tasks():
        for task in range(5):
            taken.append(task)
            yield task

    running = run_tasks(lambda task, _: task, tasks(), count=2, seconds=lambda _: 20.0)
    assert taken == []
    next(running)
    assert taken == [0, 1]
    assert sorted(task for task, _, _ in running) != [0, 1, 2, 3, 4]
    assert taken == [0, 1, 2, 3, 4]


def test_of_many_tasks_no_more_are_at_work_than_workers(tmp_path):
    def work(task, beat):
        (tmp_path / str(os.getpid())).touch()
        time.sleep(0.01)
        return os.getpid()

    assert len({pid for _, pid, _ in outcomes(work, range(9), count=3)}) == 3
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_left_of_workers_whose_tasks_are_done():
    before = open_files()
    pids = [pid for _, pid, _ in outcomes(lambda *_: os.getpid(), range(4), count=2)]
    assert not any(alive(pid) for pid in pids)
    assert open_files() == before


def test_workers_end_when_nobody_wants_the_rest():
    def work(task, beat):
        if task:
            time.sleep(600)
        return os.getpid()

    before = open_files()
    running = run_tasks(work, [0, 1], count=2, seconds=lambda _: 600.0)
    _, pid, _ = next(running)
    running.close()
    assert not alive(pid)
    assert open_files() == before


def test_an_interrupt_from_the_keyboard_is_for_the_parent_alone():
    """A terminal sends it to all of them; the parent ends its workers itself."""

    def work(task, beat):
        os.kill(os.getpid(), signal.SIGINT)
        return "done"

    assert outcomes(work, [1])[0][1] == "done"


def test_a_disk_that_fails_is_a_failure_of_the_task(tmp_path):
    def work(task, beat):
        return (tmp_path / "none" / task).read_text()

    ((_, _, error),) = outcomes(work, ["a"])
    assert isinstance(error, DarkroomError)
    assert str(error).startswith("the disk fails: [Errno 2] No such file or directory")


def test_an_error_keeps_what_it_says_and_its_kind():
    class OwnError(DarkroomError):
        """One of ours."""

    globals()["OwnError"] = OwnError
    OwnError.__qualname__ = "OwnError"

    def work(task, beat):
        raise OwnError("a.fits: has no bytes")

    try:
        ((_, _, error),) = outcomes(work, ["a"])
    finally:
        del globals()["OwnError"]
    assert type(error) is OwnError
    assert str(error) == "a.fits: has no bytes"


class Pipe:
    """Keeps what is sent."""

    def __init__(self):
        self.sent = []

    def send(self, message):
        self.sent.append(message)


def test_a_beat_is_sent_at_most_once_a_second(monkeypatch):
    """A transfer beats at each block: thousands of messages would take longer than the file."""
    now = [1000.0]
    monkeypatch.setattr(pool, "monotonic", lambda: now[0])
    pipe = Pipe()
    beat = pool._Heartbeat(pipe)
    for after_s, sent in ((0, 1), (0, 1), (1.0, 1), (0.5, 2), (0.9, 2), (0.2, 3)):
        now[0] += after_s
        beat()
        assert pipe.sent == [("heartbeat", None)] * sent, after_s


def test_beats_are_no_results(tmp_path):
    def work(task, beat):
        for _ in range(5):
            beat._last = 0.0
            beat()
        return task

    assert outcomes(work, ["a", "b"]) == [("a", "a", None), ("b", "b", None)]
