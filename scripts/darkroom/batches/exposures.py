"""A program that does a step for a batch of exposures, each by itself.

What is made of each exposure is noted: the digest of all it was made from, and of what was made.
When the batch is made again, after a kill, a failure or a change, only those are made whose note
does not hold any more. An exposure that fails takes no other with it: the others are made, and the
program fails with the causes.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import shlex
import sys
import traceback
from collections.abc import Callable, Iterable, Mapping, Sized
from functools import cache
from pathlib import Path

from darkroom.archive.pool import run_tasks
from darkroom.archive.slots import Claims
from darkroom.atomic import make_folder, remove_durably, write_text
from darkroom.batches.notes import key_of, note_of
from darkroom.batches.step import Step
from darkroom.campaign.status import load_status, named_files
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.digests import read_sha256
from darkroom.integrity.recording import is_unrecorded, unrecorded
from darkroom.integrity.seen import forget, unwatched
from darkroom.integrity.watch import compared

# A step has as much time as it needs: Snakemake, or the cluster, sets the limit of a job.
_NO_LIMIT_S = 1e6


def make_batch(step: Step, arguments: argparse.Namespace) -> None:
    """Make the outputs of every exposure of a batch, and list them.

    Parameters
    ----------
    step : Step
        What the program does.
    arguments : argparse.Namespace
        The command line, with the files of any one exposure.

    Raises
    ------
    DarkroomError
        Naming the exposures that failed, and why; all others are made.
    """
    batch = _Batch(step, arguments)
    batch.wait()
    wanted = [name for name in batch.names if not batch.is_current(name)]
    failures: dict[str, DarkroomError] = {}
    if wanted:
        step.prepare(arguments)
        done = run_tasks(batch.make, wanted, count=arguments.workers, seconds=lambda _: _NO_LIMIT_S)
        failures = {name: error for name, _, error in done if error}
    require_all({name: failures[name] for name in batch.names if name in failures}, batch.names)
    for path, argument in zip(arguments.made, step.outputs, strict=True):
        write_text(path, listed(batch.output(name, argument) for name in batch.names))


def require_all(failures: Mapping[str, DarkroomError], names: Sized) -> None:
    """Require that no exposure of a batch has failed.

    Parameters
    ----------
    failures : mapping
        The error of each exposure that failed, by its name.
    names : sized
        All exposures of the batch.

    Raises
    ------
    DarkroomError
        The error of the one that failed; of several, one that lists them.
    """
    if len(failures) == 1:
        raise next(iter(failures.values()))
    if failures:
        lines = [f"  {name}: {error}" for name, error in failures.items()]
        head = f"{len(failures)} of {len(names)} exposures failed, the others are made:"
        raise DarkroomError("\n".join([head, *lines]))


def listed(paths: Iterable[Path]) -> str:
    """Return a list of files that states the SHA-256 of each, for ``@list`` arguments."""
    with unwatched():
        return "".join(f"# sha256 {read_sha256(path)}\n{path}\n" for path in paths)


class _Batch:
    """The exposures of a batch, whose command lines differ in the names of files.

    Parameters
    ----------
    step : Step
    arguments : argparse.Namespace
    """

    def __init__(self, step: Step, arguments: argparse.Namespace) -> None:
        self._step, self._arguments = step, arguments
        self.names: list[str] = arguments.names
        self._own = {words[0]: words[1:] for words in map(shlex.split, arguments.own)}
        # What all have in common is read once.
        self._shared = [f"{_digest(path)}  {path}\n" for path in arguments.batch_file]
        self._of = cache(self._command_line)

    def _command_line(self, name: str) -> argparse.Namespace:
        """Return the command line as it is for one exposure."""
        arguments = copy.copy(self._arguments)
        if words := self._own.get(name):
            if self._step.parse is None:
                raise DarkroomError("this program has no options of single exposures")
            arguments = self._step.parse([*sys.argv[1:], *words])
        for argument in (*self._step.inputs, *self._step.outputs):
            path = getattr(arguments, argument)
            if path is not None:
                setattr(arguments, argument, path.with_name(f"{name}{path.suffix}"))
        return arguments

    def wait(self) -> None:
        """Wait until no other program makes these exposures: the orphan of a run that was killed.

        That may have divided them into other batches.
        """
        folder = self._note(self.names[0]).parent
        make_folder(folder)
        self._claims = Claims(folder / ".claims")
        self._claims.wait_for_all(self.names)

    def output(self, name: str, argument: str) -> Path:
        """Return an output of an exposure."""
        path: Path = getattr(self._of(name), argument)
        return path

    def is_current(self, name: str) -> bool:
        """Tell whether the outputs of an exposure are there, whole, and made from these inputs."""
        try:
            with unwatched():
                noted = self._note(name).read_text(encoding="utf-8")
                if noted != self._state(name, self._inputs(name)):
                    return False
                statuses = (self.output(name, one) for one in self._step.statuses)
                # A status, which states its own digest, has no record.
                others = (self.output(name, one) for one in self._step.records)
                return all(map(self._names_whole, statuses)) and not any(map(is_unrecorded, others))
        except (OSError, UnicodeDecodeError, InputError):
            return False

    @staticmethod
    def _names_whole(status: Path) -> bool:
        """Tell whether the files that a status names are those it states, and recorded."""
        found = load_status(status)
        if not found["accepted"] or not found.get("sha256"):
            return True
        return all(
            read_sha256(status.with_name(name)) == sha256
            and not is_unrecorded(status.with_name(name))
            for name, sha256 in named_files(found).items()
        )

    def make(self, name: str, _: Callable[[], None]) -> None:
        """Make the outputs of an exposure, in a worker process; note what they are made from."""
        forget()
        note = self._note(name)
        try:
            remove_durably(note)
            # Before the work: what replaces an input meanwhile is not what the outputs are made of.
            inputs = self._inputs_there(name)
            compared(lambda: self._step.work(copy.copy(self._of(name))))
            with unrecorded():
                write_text(note, self._state(name, inputs))
        except (DarkroomError, OSError):
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            raise DarkroomError(f"{type(error).__name__}: {error}") from error

    def _note(self, name: str) -> Path:
        return Path(key_of(note_of(str(self.output(name, self._step.outputs[0])))))

    def _inputs(self, name: str) -> list[str]:
        """Return all that the outputs of an exposure are made from."""
        words = [str(self._arguments.batch_key), *self._own.get(name, ())]
        return [f"{shlex.join(words)}\n", *self._shared, *self._sums(name, self._step.inputs)]

    def _inputs_there(self, name: str) -> list[str]:
        """Return the same; nothing when a file is missing, of which the work will tell."""
        try:
            return self._inputs(name)
        except OSError:
            return []

    def _state(self, name: str, inputs: Iterable[str]) -> str:
        """Return what the note of an exposure says while nothing changes."""
        lines = "".join([*inputs, *self._sums(name, self._step.outputs)])
        return f"{hashlib.sha256(lines.encode()).hexdigest()}\n"

    def _sums(self, name: str, arguments: Iterable[str]) -> list[str]:
        """Return the SHA-256 of files of an exposure, with their names."""
        paths = (getattr(self._of(name), argument) for argument in arguments)
        return [f"{_digest(path)}  {path}\n" for path in paths if path is not None]


def _digest(path: Path) -> str:
    with unwatched():
        return read_sha256(path)
