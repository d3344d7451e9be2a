"""Worker processes that are used for one task after the other, and can be killed."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections import deque
from multiprocessing.connection import wait
from time import monotonic

from darkroom.errors import DarkroomError

log = logging.getLogger(__name__)

# Forked, so that what was imported once is there, and its memory shared.
_FORK = multiprocessing.get_context("fork")
# A task whose worker died or had to be killed is given to another one, so many times.
_SECOND_CHANCES = 1


def work_through(work, tasks, *, count, seconds):
    """Do tasks in worker processes, each one task at a time.

    Parameters
    ----------
    work : callable
        ``work(task, beat)`` returns a result that can be pickled, or raises a `DarkroomError`; each
        ``beat()`` gives it its seconds anew.
    tasks : iterable
        Asked for the next one when a worker is free.
    count : int
        Workers at most.
    seconds : callable
        ``seconds(task)``: after so much time without a beat a worker is killed.

    Yields
    ------
    task
        As it is done, in no order.
    result
        What `work` returned, or None.
    error : DarkroomError or None
        What it raised; or that the worker died or was killed, when that happened twice.

    Raises
    ------
    RuntimeError
        When `work` raised anything else, with its traceback.
    """
    tasks, again, chances = iter(tasks), deque(), {}
    with _Team(work, count) as team:
        while True:
            while (worker := team.free()) is not None:
                task = again.popleft() if again else next(tasks, None)
                if task is None:
                    break
                worker.give(task, seconds(task))
            if not team.busy():
                return
            for worker in team.next_done():
                if worker.only_beat():
                    continue
                task, result, error, lost = worker.outcome()
                if lost and chances.setdefault(id(task), _SECOND_CHANCES) > 0:
                    chances[id(task)] -= 1
                    log.warning("%s; another one takes its task", error)
                    again.append(task)
                    continue
                yield task, result, error


class _Worker:
    """One process, and the task it has."""

    def __init__(self, work, alive, keep):
        self.pipe, far = _FORK.Pipe()
        self.process = _FORK.Process(
            target=_serve, args=(work, far, alive, [keep, self.pipe]), daemon=True
        )
        self.process.start()
        far.close()
        self.task, self.limit_s, self.deadline, self._said = None, 0.0, 0.0, None

    def give(self, task, seconds):
        self.task, self.limit_s, self.deadline = task, seconds, monotonic() + seconds
        self.pipe.send(task)

    def only_beat(self):
        """Take note of beats; tell whether there is nothing else."""
        while self.pipe.poll():
            try:
                kind, value = self.pipe.recv()
            except EOFError:
                kind, value = "gone", None
            if kind != "beat":
                self._said = kind, value
                return False
            self.deadline = monotonic() + self.limit_s
        return monotonic() < self.deadline

    def outcome(self):
        """Return task, result, error and whether the worker was lost with it."""
        task, self.task = self.task, None
        kind, value = self._said or ("late", None)
        self._said = None
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

    def end(self):
        """Kill the process."""
        self.process.kill()
        self.process.join()
        self.pipe.close()


class _Team:
    """Workers, started when needed."""

    def __init__(self, work, count):
        self._work, self._count, self._workers = work, count, []
        # Nobody writes to it: it ends when this process does, and so do the workers.
        self._alive, self._keep = os.pipe()

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        for worker in self._workers:
            worker.end()
        os.close(self._keep)
        os.close(self._alive)

    def free(self):
        """Return a worker without a task; None when all have one."""
        self._workers = [w for w in self._workers if w.task is not None or w.process.is_alive()]
        for worker in self._workers:
            if worker.task is None:
                return worker
        if len(self._workers) < self._count:
            self._workers.append(_Worker(self._work, self._alive, self._keep))
            return self._workers[-1]
        return None

    def busy(self):
        return [worker for worker in self._workers if worker.task is not None]

    def next_done(self):
        """Wait; return the workers that are done, dead or late."""
        busy = self.busy()
        first = min(worker.deadline for worker in busy)
        ready = wait([worker.pipe for worker in busy], max(0.0, first - monotonic()))
        now = monotonic()
        return [worker for worker in busy if worker.pipe in ready or now >= worker.deadline]


def _serve(work, pipe, alive, not_mine):
    """Do task after task, until the process that gives them is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it kills its workers itself
    for end in not_mine:
        os.close(end) if isinstance(end, int) else end.close()
    threading.Thread(target=_die_with, args=(alive,), daemon=True).start()
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            outcome = "done", work(task, _Beat(pipe))
        except DarkroomError as error:
            outcome = "error", error
        except Exception:
            outcome = "bug", traceback.format_exc()
        pipe.send(outcome)


class _Beat:
    """Tells the process that gives tasks that this one is alive, once a second at most."""

    def __init__(self, pipe):
        self._pipe, self._last = pipe, 0.0

    def __call__(self):
        if monotonic() - self._last > 1.0:
            self._last = monotonic()
            self._pipe.send(("beat", None))


def _die_with(alive):
    """End this process at once when the pipe `alive` ends."""
    os.read(alive, 1)
    os._exit(1)
