"""Where the CPU time of a program goes: Python runs this file when it starts.

`benchmarks/campaign.py` puts its folder on PYTHONPATH. While the program runs, a timer of CPU time
looks at it every few milliseconds; the time since the last look belongs to what the program is
doing then. At the end one line is added to the file that DARKROOM_METER names.
"""

import atexit
import json
import os
import resource
import signal
import sys
import time
from multiprocessing import util
from pathlib import Path

_INTERVAL_S = 0.004
# What the files of a program's stack say that it is doing; the first that is found decides.
_KINDS = (
    ("start", ("<frozen importlib", "numba/core/caching", "darkroom/compiled")),
    (
        "files",
        (
            "astropy/io/fits",
            "darkroom/fits/",
            "darkroom/atomic",
            "darkroom/integrity",
            "darkroom/provenance",
            "darkroom/campaign/status",
            "asdf/",
            "json/",
            "PIL/",
            "stdatamodels/",
        ),
    ),
)
_spent = {"start": time.process_time(), "files": 0.0, "work": 0.0, "children": 0.0}
_last = time.process_time()


def _look(_signal, frame):
    global _last
    names = []
    while frame is not None:
        names.append(frame.f_code.co_filename)
        frame = frame.f_back
    now = time.process_time()
    for kind, marks in _KINDS:
        if any(mark in name for name in names for mark in marks):
            _spent[kind] += now - _last
            break
    else:
        _spent["work"] += now - _last
    _last = now


def _begin():
    signal.signal(signal.SIGPROF, _look)
    signal.setitimer(signal.ITIMER_PROF, _INTERVAL_S, _INTERVAL_S)


def _in_fork():
    global _last
    for kind in _spent:
        _spent[kind] = 0.0
    _last = time.process_time()
    _begin()
    util.Finalize(None, _note, exitpriority=-100)


def _note():
    signal.setitimer(signal.ITIMER_PROF, 0)
    spent = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    own = spent.ru_utime + spent.ru_stime
    # From the last look on the program ends: Python takes itself apart.
    _spent["start"] += own - sum(_spent.values())
    line = {
        "pid": os.getpid(),
        "parent": os.getppid(),
        "program": "/".join(_script().removesuffix(".py").split("/")[-2:]),
        "peak_MB": spent.ru_maxrss / 1024,
        "waited": children.ru_utime + children.ru_stime,
        **_spent,
    }
    with Path(os.environ["DARKROOM_METER"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _script():
    words = sys.orig_argv[1:]
    return words[words.index("-m") + 1] if "-m" in words[:2] else next(iter(words), "")


if os.environ.get("DARKROOM_METER"):
    _begin()
    atexit.register(_note)
    os.register_at_fork(after_in_child=_in_fork)
