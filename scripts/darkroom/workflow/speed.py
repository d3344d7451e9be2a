"""Faster planning and running of large campaigns."""

from __future__ import annotations

import gc
import inspect
import os
import threading
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any


def collect_rarely() -> None:
    """Run the garbage collector every 50,000 new objects instead of every 700.

    A plan consists of many objects that all stay in use: garbage collection took a ninth of the
    time of planning 50,000 jobs, and freed nothing (`benchmarks/planning.py`).
    """
    gc.set_threshold(50_000)


# Smaller files are read again sooner than they are looked up.
_WORTH_BYTES = 100_000


def remember_checksums(file_class: Any) -> None:
    """Let Snakemake compute the checksum of a large file once, as long as nobody writes to it.

    When a job has ended it reads all inputs again for each of its outputs: products that twenty
    jobs use, some with four outputs, took longer than the steps between them.

    Parameters
    ----------
    file_class : type
        ``snakemake.io._IOFile``.
    """
    compute: Callable[..., Awaitable[str | None]] = file_class.checksum
    if hasattr(compute, "known"):
        return  # done before in this process
    known: dict[tuple, str | None] = {}

    async def checksum(
        self: Any, threshold: int | None = None, force: bool = False, algorithm: Any = None
    ) -> str | None:
        try:
            found = None if self.is_storage or force or algorithm else Path(self.file).stat()
        except OSError:
            found = None
        if found is None or found.st_size < _WORTH_BYTES:
            return await compute(self, threshold, force, algorithm)
        # Whoever writes to a file changes its time of change, which nobody can set.
        key = (str(self.file), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
        if (*key, threshold) not in known:
            known[*key, threshold] = await compute(self, threshold)
        return known[*key, threshold]

    checksum.known = known  # type: ignore[attr-defined]
    file_class.checksum = checksum


def evaluate_once(scheduler_class: Any) -> None:
    """Let Snakemake's scheduler choose jobs again when the rate of starting them held some back.

    It chooses again a second after each choice, since more jobs may then be started, and each of
    these choices sets a further timer: a campaign that has started 600 jobs chose from all that are
    ready 600 times a second, until its last job had begun. One timer waits here, and none where all
    jobs were started that there was room for: then the next choice comes when a job ends. To choose
    once a second took a hundredth of a core for as long as a campaign ran.

    Parameters
    ----------
    scheduler_class : type
        ``snakemake.scheduling.job_scheduler.JobScheduler``.
    """

    def reevaluate(self: Any, delay: float) -> None:
        if getattr(self, "_darkroom_waits", False) or not _held_back(self, delay):
            return

        def wake() -> None:
            # First this: who chooses next must be able to wait again.
            self._darkroom_waits = False
            self._open_jobs.release()

        self._darkroom_waits = True
        timer = threading.Timer(delay, wake)
        timer.daemon = True
        timer.start()

    scheduler_class._schedule_reevalutation = reevaluate


def _held_back(scheduler: Any, delay: float) -> bool:
    """Tell whether more jobs may be started later than were started now."""
    limiter = scheduler.job_rate_limiter
    if limiter is None or delay != limiter.timespan:
        return True  # it waits for something else
    # Those of the last choice and of the time span before it: as many as are allowed?
    begun = limiter._jobs
    recent = [one for one in begun if one > begun[-1] - limiter.timespan]
    most: int = limiter.max_jobs
    return len(recent) >= most


def find_by_end(index_class: Any) -> None:
    """Let Snakemake look up the rules that make a file by how its name ends.

    It looks at all rules whose outputs begin as the file does, and at all outputs of those that
    end as it does: in a workflow whose outputs all lie in one folder the first are all of its
    rules, for each input of each job.

    Parameters
    ----------
    index_class : type
        ``snakemake.output_index.OutputIndex``.
    """

    def init(self: Any, rules: Iterable[Any]) -> None:
        self._found, self._ends = {}, {}
        for rule in rules:
            for product in rule.products():
                end, start = str(product.constant_suffix()), str(product.constant_prefix())
                self._ends.setdefault(end, []).append((start, product, rule))
        self._lengths = sorted({len(end) for end in self._ends})

    def match_producers(self: Any, target: str) -> set[Any]:
        name = str(target)
        if name not in self._found:
            length = len(name)
            self._found[name] = {
                rule
                for tail in self._lengths
                if tail <= length
                for start, product, rule in self._ends.get(name[length - tail :], ())
                if name.startswith(start) and product.match(name)
            }
        return set(self._found[name])

    index_class.__init__, index_class.match_producers = init, match_producers


def compare_as_text(file_class: Any) -> None:
    """Let Snakemake's file names be compared and looked up as the text that they are.

    It does both in Python, by what the name was made from, which is the same text: two million
    times in a plan of 50,000 exposures.

    Parameters
    ----------
    file_class : type
        ``snakemake.io._IOFile``, a kind of text.
    """
    for name in ("__eq__", "__hash__"):
        if name in vars(file_class):
            delattr(file_class, name)


def look_up_flags(io: Any, *users: Any) -> None:
    """Let Snakemake look up the flags of a file name where they are.

    It asks first whether the name is of an abstract class, 1.6 million times in a plan of 50,000
    exposures, which takes longer than the answer.

    Parameters
    ----------
    io : module
        ``snakemake.io``.
    *users : module
        Those that have taken its function ``is_flagged``.
    """
    named, annotated = io._IOFile, io.AnnotatedString
    original = getattr(io.is_flagged, "original", io.is_flagged)

    def is_flagged(value: Any, flag: str) -> bool:
        if type(value) is named:
            value = value._file
        if type(value) is annotated:
            return bool(value.flags.get(flag))
        return type(value) is not str and original(value, flag)

    is_flagged.original = original  # type: ignore[attr-defined]
    for module in (io, *users):
        module.is_flagged = is_flagged


def look_for_folders_first(dag_class: Any) -> None:
    """Let Snakemake compare outputs with each other only when one lies in another.

    It orders all outputs as paths, to refuse one that lies in a folder which another job makes.

    Parameters
    ----------
    dag_class : type
        ``snakemake.dag.DAG``.
    """
    check = getattr(
        dag_class.check_directory_outputs, "original", dag_class.check_directory_outputs
    )

    def check_directory_outputs(self: Any) -> None:
        # As text: objects of Path take ten times as long.
        outputs = {os.path.abspath(name) for job in self.jobs for name in job.output}  # noqa: PTH100
        folders: set[str] = set()
        for name in outputs:
            folder = name.rpartition("/")[0]
            while folder not in folders:
                folders.add(folder)
                folder = folder.rpartition("/")[0]
        if not outputs.isdisjoint(folders):
            check(self)

    check_directory_outputs.original = check  # type: ignore[attr-defined]
    dag_class.check_directory_outputs = check_directory_outputs


def remember_parameters(rules: Iterable[Any], tell: Callable[[Any, Any], None]) -> None:
    """Tell Snakemake once what every function of the rules is called with.

    It determines this several times for each job.

    Parameters
    ----------
    rules : iterable of snakemake.rules.Rule
        The rules of the workflow.
    tell : callable
        ``snakemake.common.overwrite_function_params``.
    """
    for rule in rules:
        given = [*rule.input, *rule.params]
        given += [getattr(one, "_evaluator", None) for one in rule.resources.values()]
        for one in given:
            function = getattr(one, "callable", one)
            if inspect.isfunction(function):
                tell(function, dict(inspect.signature(function).parameters))
