"""Runs damaged inputs in processes of their own, with a limit of time and of memory.

By hand, from the repository's folder, which prints what went wrong::

    PYTHONPATH=tests:scripts .venv/bin/python -m fuzz.run lock 2000
"""

from __future__ import annotations

import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

from darkroom.errors import DarkroomError
from fuzz import subjects
from fuzz.lists import ListFile

SUBJECTS = subjects.SUBJECTS | {"list": ListFile}
SECONDS, BYTES = 10, 1_000_000_000
# Inputs of one process: a crash loses no more.
_TOGETHER = 250


class _TooLong(BaseException):
    """The time of one input is over."""


def outcome(subject, number):
    """Return how the input of a number ends: ``answer``, ``sentence``, or what went wrong."""
    subject.damage(number)
    begun = time.monotonic()
    signal.setitimer(signal.ITIMER_REAL, SECONDS, 1.0)
    try:
        subject.read()
        found = "answer"
    except DarkroomError as error:
        text = str(error)
        found = (
            "sentence" if text.strip() and len(text) < 110_000 else f"no sentence: {text[:200]!r}"
        )
    except _TooLong:
        found = f"longer than {SECONDS} s\n{traceback.format_exc()}"
    except BaseException:
        found = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return found, time.monotonic() - begun


def _work(name, folder, numbers, pipe):
    """Try some inputs in this process, and send each outcome."""

    def over(*_):
        raise _TooLong

    warnings.simplefilter("ignore")
    signal.signal(signal.SIGALRM, over)
    subject = SUBJECTS[name](Path(folder))
    subject.damage(numbers[0])
    # What is mapped already, the libraries' own, and a gigabyte.
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (mapped + BYTES, mapped + BYTES))
    for number in numbers:
        pipe.send((number, *outcome(subject, number)))
    pipe.send(None)


def run(name, count, first=0):
    """Try `count` inputs of a subject.

    Returns
    -------
    counts : Counter
        Number of answers and sentences.
    wrong : dict
        ``{number: what went wrong}``.
    slowest : float
        Seconds of the slowest input.
    """
    counts, wrong, slowest = Counter(), {}, 0.0
    context = multiprocessing.get_context("fork")
    for begin in range(first, first + count, _TOGETHER):
        numbers = range(begin, min(begin + _TOGETHER, first + count))
        with tempfile.TemporaryDirectory() as folder:
            ours, theirs = context.Pipe()
            worker = context.Process(target=_work, args=(name, folder, numbers, theirs))
            worker.start()
            theirs.close()
            done = begin - 1
            try:
                while (message := ours.recv()) is not None:
                    done, found, seconds = message
                    slowest = max(slowest, seconds)
                    if found in ("answer", "sentence"):
                        counts[found] += 1
                    else:
                        wrong[done] = found
            except EOFError:
                worker.join()
                wrong[done + 1] = f"the process died of it (exit status {worker.exitcode})"
            worker.join()
    return counts, wrong, slowest


if __name__ == "__main__":
    counts, wrong, slowest = run(sys.argv[1], int(sys.argv[2]), int((sys.argv[3:] or ["0"])[0]))
    ends = Counter()
    for number, text in sorted(wrong.items()):
        lines = text.strip().splitlines()
        places = [line.strip() for line in lines if "/scripts/darkroom/" in line][-2:]
        key = "\n".join([*places, lines[-1].partition(":")[0]])
        if not ends[key]:
            print(f"-- {number}\n{key}: {lines[-1]:.150}")
        ends[key] += 1
    print(dict(counts), f"{len(wrong)} wrong in {len(ends)} ways, slowest {slowest:.1f} s")
