"""A pool of worker processes that do one task after the other, and can be killed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from time import monotonic
from typing import Any, NoReturn

from darkroom.errors import DarkroomError

log = logging.getLogger(__name__)

# Forked, so that workers share the modules that were imported before.
_FORK = multiprocessing.get_context("fork")
# How often a task whose worker died or was killed is given to another worker.
_RESTARTS = 1

#: ``work(task, heartbeat)``.
Work = Callable[[Any, Callable[[], None]], Any]


def run_tasks(
    work: Work,
    tasks: Iterable[Any],
    *,
    count: int,
    seconds: Callable[[Any], float],
) -> Iterator[tuple[Any, Any, DarkroomError | None]]:
    """Do tasks in worker processes, each one task at a time.

    Parameters
    ----------
    work : callable
        ``work(task, heartbeat)`` returns a result that can be pickled, or raises a `DarkroomError`;
        each call of ``heartbeat()`` restarts its time limit.
    tasks : iterable
        The next task is taken when a worker is free.
    count : int
        Largest number of workers.
    seconds : callable
        ``seconds(task)``: time without a heartbeat after which a worker is killed.

    Yields
    ------
    task
        As it is done, in any order.
    result
        What `work` returned, or None.
    error : DarkroomError or None
        The error that `work` raised, or that its worker died or was killed twice.

    Raises
    ------
    RuntimeError
        When `work` raised any other exception; the message has its traceback.
    """
    waiting, again = iter(tasks), deque[Any]()
    restarts: dict[int, int] = {}
    with _Team(work, count) as team:
        while True:
            while (worker := team.free()) is not None:
                task = again.popleft() if again else next(waiting, None)
                if task is None:
                    break
                worker.give(task, seconds(task))
            if not team.busy():
                return
            for worker in team.next_done():
                if worker.still_working():
                    continue
                task, result, error, lost = worker.outcome()
                if lost and restarts.setdefault(id(task), _RESTARTS) > 0:
                    restarts[id(task)] -= 1
                    log.warning("%s; another one takes its task", error)
                    again.append(task)
                    continue
                yield task, result, error


class _Worker:
    """One process, and its task."""

    def __init__(self, work: Work, alive: int, keep: int) -> None:
        self.pipe, far_end = _FORK.Pipe()
        self.process = _FORK.Process(
            target=_serve, args=(work, far_end, alive, [keep, self.pipe]), daemon=True
        )
        self.process.start()
        far_end.close()
        self.task: Any = None
        self.limit_s: float
        self.deadline: float
        self._message: tuple[str, Any] | None = None

    def give(self, task: Any, seconds: float) -> None:
        """Send a task to the process, which has `seconds` for it."""
        self.task, self.limit_s, self.deadline = task, seconds, monotonic() + seconds
        # One that has died since it was asked is found to be lost when it is waited for.
        with suppress(ConnectionError):
            self.pipe.send(task)

    def still_working(self) -> bool:
        """Read the process's messages; tell whether they are heartbeats only, and in time."""
        while self.pipe.poll():
            try:
                kind, value = self.pipe.recv()
            except (EOFError, ConnectionError):
                kind, value = "gone", None
            if kind != "heartbeat":
                self._message = kind, value
                return False
            self.deadline = monotonic() + self.limit_s
        return monotonic() < self.deadline

    def outcome(self) -> tuple[Any, Any, DarkroomError | None, bool]:
        """Return task, result, error, and whether the worker was lost."""
        task, self.task = self.task, None
        kind, value = self._message or ("late", None)
        self._message = None
        if kind == "bug":
            raise RuntimeError(f"in a worker:\n{value}")
        if kind == "done":
            return task, value, None, False
        if kind == "error":
            return task, None, value, False
        self.end()
        how = f"ended with status {self.process.exitcode}"
        if kind == "late":
            how = f"was not done within {self.limit_s:g} s and was killed"
        return task, None, DarkroomError(f"the process at work on it {how}"), True

    def end(self) -> None:
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Team:
    """Workers, started when needed."""

    def __init__(self, work: Work, count: int) -> None:
        self._work, self._count = work, count
        self._workers: list[_Worker] = []
        # Nothing is written to this pipe: it closes when this process ends, and the workers end.
        self._alive, self._keep = os.pipe()

    def __enter__(self) -> _Team:
        return self

    def __exit__(self, *exception: object) -> None:
        for worker in self._workers:
            worker.end()
        os.close(self._keep)
        os.close(self._alive)

    def free(self) -> _Worker | None:
        """Return a worker without a task; None when all have one."""
        self._workers = [w for w in self._workers if w.task is not None or w.process.is_alive()]
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self._count:
            self._workers.append(_Worker(self._work, self._alive, self._keep))
            return self._workers[-1]
        return None

    def busy(self) -> list[_Worker]:
        """Return the workers that have a task."""
        return [worker for worker in self._workers if worker.task is not None]

    def next_done(self) -> list[_Worker]:
        """Wait; return the workers that sent a message, died or are late."""
        busy = self.busy()
        first = min(worker.deadline for worker in busy)
        ready = wait([worker.pipe for worker in busy], max(0.0, first - monotonic()))
        now = monotonic()
        return [worker for worker in busy if worker.pipe in ready or now >= worker.deadline]


def _serve(work: Work, pipe: Connection, alive: int, inherited: list[int | Connection]) -> None:
    """Do task after task, until the process that gives them has ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process kills its workers itself
    for end in inherited:
        if isinstance(end, int):
            os.close(end)
        else:
            end.close()
    threading.Thread(target=_exit_with_parent, args=(alive,), daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        outcome: tuple[str, Any]
        try:
            outcome = "done", work(task, _Heartbeat(pipe))
        except DarkroomError as error:
            outcome = "error", error
        except OSError as error:
            # Of the disk: no fault of the program, and another task may succeed.
            outcome = "error", DarkroomError(f"the disk fails: {error}")
        except Exception:
            outcome = "bug", traceback.format_exc()
        pipe.send(outcome)


class _Heartbeat:
    """Signals to the parent process that this one is working, at most once a second."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe, self._last = pipe, 0.0

    def __call__(self) -> None:
        if monotonic() - self._last > 1.0:
            self._last = monotonic()
            self._pipe.send(("heartbeat", None))


def _exit_with_parent(alive: int) -> NoReturn:
    """End this process at once when the pipe `alive` closes, that is when its parent ends."""
    os.read(alive, 1)
    os._exit(1)
