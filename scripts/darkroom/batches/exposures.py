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
from darkroom.integrity.recording import unrecorded
from darkroom.integrity.seen import forget, unwatched
from darkroom.integrity.watch import settle

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
        """Wait until no other program makes this batch: the orphan of a run that was killed."""
        made = self._arguments.made[0]
        folder = self._note(self.names[0]).parent
        make_folder(folder)
        self._claims = Claims(folder / ".claims")
        self._claims.wait(int.from_bytes(hashlib.sha256(str(made).encode()).digest()[:7], "big"))

    def output(self, name: str, argument: str) -> Path:
        """Return an output of an exposure."""
        path: Path = getattr(self._of(name), argument)
        return path

    def is_current(self, name: str) -> bool:
        """Tell whether the outputs of an exposure are there, whole, and made from these inputs."""
        try:
            with unwatched():
                same = self._note(name).read_text(encoding="utf-8") == self._state(name)
                return same and all(
                    self._names_whole(self.output(name, one)) for one in self._step.statuses
                )
        except (OSError, UnicodeDecodeError, InputError):
            return False

    @staticmethod
    def _names_whole(status: Path) -> bool:
        """Tell whether the files that a status names are those it states."""
        found = load_status(status)
        if not found["accepted"] or not found.get("sha256"):
            return True
        named = named_files(found).items()
        return all(read_sha256(status.with_name(name)) == sha256 for name, sha256 in named)

    def make(self, name: str, _: Callable[[], None]) -> None:
        """Make the outputs of an exposure, in a worker process; note what they are made from."""
        forget()
        note = self._note(name)
        try:
            remove_durably(note)
            self._step.work(copy.copy(self._of(name)))
            settle()
            with unrecorded():
                write_text(note, self._state(name))
        except (DarkroomError, OSError):
            raise
        except (Exception, SystemExit) as error:
            traceback.print_exc()
            raise DarkroomError(f"{type(error).__name__}: {error}") from error

    def _note(self, name: str) -> Path:
        return Path(key_of(note_of(str(self.output(name, self._step.outputs[0])))))

    def _state(self, name: str) -> str:
        """Return what the note of an exposure says while nothing changes."""
        of_it = self._of(name)
        words = [str(self._arguments.batch_key), *self._own.get(name, ())]
        lines = [f"{shlex.join(words)}\n", *self._shared]
        for argument in (*self._step.inputs, *self._step.outputs):
            if (path := getattr(of_it, argument)) is not None:
                lines.append(f"{_digest(path)}  {path}\n")
        return f"{hashlib.sha256(''.join(lines).encode()).hexdigest()}\n"


def _digest(path: Path) -> str:
    with unwatched():
        return read_sha256(path)
