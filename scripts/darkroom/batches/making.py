"""A program that makes the outputs of one exposure, and of further ones in the same run.

In place of exposures it can be products, each with a command line of its own. The job of each asks
whether its outputs were made already, from the very content of its inputs and with its settings;
only otherwise does it start the program. So an exposure keeps its own result, its own failure and
its own rerun; what a batch has made is kept when it is killed; and one that fails in a batch is
tried again by its own job, which says why.
"""

from __future__ import annotations

import argparse
import copy
import hashlib
import logging
import shlex
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from darkroom.atomic import (
    make_folder,
    name_durably,
    remove_durably,
    rename_unannounced,
    write_text,
)
from darkroom.batches.notes import key_of, note_of
from darkroom.errors import DarkroomError
from darkroom.integrity.recording import record_ahead, unrecorded
from darkroom.integrity.seen import forget, unwatched
from darkroom.integrity.watch import settle

if TYPE_CHECKING:
    from darkroom.archive.slots import Claims

log = logging.getLogger(__name__)

# How long a program goes on taking exposures along: the job it was started for waits.
_TOGETHER_S = 120.0
# Longest time of one exposure in a batch; its own job has as much as it needs.
_LIMIT_S = 1800.0


@dataclass(frozen=True)
class Step:
    """The files of an exposure among a program's arguments.

    Parameters
    ----------
    inputs : sequence of str
        Names of arguments, in the order in which the rule gives them to `Batches.came`. Those of
        another exposure are beside them, under its own name.
    statuses, records : sequence of str
        Names of arguments: outputs that state their own digest, and others. They are not read again
        by `work`.
    work : callable
        ``work(arguments)`` makes the outputs of one exposure.
    prepare : callable
        ``prepare(arguments)`` imports what `work` needs, so that worker processes share it.
    parse : callable, optional
        ``parse(words)`` reads a command line, where those taken along have one each.
    """

    inputs: Sequence[str]
    statuses: Sequence[str]
    records: Sequence[str]
    work: Callable[[argparse.Namespace], None]
    prepare: Callable[[argparse.Namespace], None]
    parse: Callable[[Sequence[str]], argparse.Namespace] | None = None

    @property
    def outputs(self) -> list[str]:
        """Names of the arguments that are outputs, in the order in which the rule gives them."""
        return [*self.statuses, *self.records]


def add_batch_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of `darkroom.batches.planning.Batches`."""
    group = parser.add_argument_group("batches")
    who = group.add_mutually_exclusive_group()
    who.add_argument("--among", type=Path, help="list of status files: who may be taken along")
    who.add_argument("--along", action="append", default=[], metavar="OPTIONS", help=(
        "the command line of another that may be taken along, as one word"
    ))  # fmt: skip
    group.add_argument("--batch", type=int, default=1, help="exposures at most (default: 1)")
    _add_key_options(group)


def _add_key_options(parser: argparse._ActionsContainer) -> None:
    """Add the options that say what the outputs are made from."""
    parser.add_argument("--batch-key", default="", help="digest of settings and program")
    parser.add_argument(
        "--batch-file", action="append", default=[], type=Path, help=(
            "a file that the outputs are made from, beside those of the exposure"
        ),
    )  # fmt: skip


def make(step: Step, arguments: argparse.Namespace) -> None:
    """Make the outputs of the exposure that was asked for, after those of others.

    The others are made by a worker process, so that none of them can harm the one asked for.

    Parameters
    ----------
    step : Step
        What the program does.
    arguments : argparse.Namespace
        The command line.
    """
    if batch := _batch(step, arguments):
        if batch.came():
            return
        step.prepare(arguments)
        batch.make_others()
    else:
        step.prepare(arguments)
    for output in filter(None, (getattr(arguments, name) for name in step.outputs)):
        _hidden(output).unlink(missing_ok=True)
    step.work(arguments)


def _batch(step: Step, arguments: argparse.Namespace) -> _Batch | None:
    """Return the batch of which a command line is part; None where it is for one alone."""
    if arguments.batch > 1 and arguments.along:
        return _Products(step, arguments)
    if arguments.batch > 1 and arguments.among and arguments.among.is_file():
        return _Exposures(step, arguments)
    return None


def _hidden(output: Path) -> Path:
    """Return where a batch makes an output: one name, so that the next writer finds leftovers.

    No two make an exposure at once: each has taken its claim.
    """
    return output.with_name(f".{output.stem}.made.part{output.suffix}")


class _Batch(ABC):
    """The exposures or products of an item that one run of a program makes.

    Parameters
    ----------
    step : Step
    arguments : argparse.Namespace
        The command line of the one asked for.
    names : sequence of str
        Of all, in their order.
    """

    def __init__(self, step: Step, arguments: argparse.Namespace, names: Sequence[str]) -> None:
        # Not for a program that makes one exposure.
        from darkroom.archive.slots import Claims

        self._step, self._arguments, self._names = step, arguments, names
        self._own = self._name(arguments)
        # Of the parts of stacks each stack has a folder of its own.
        self._claims = cache(lambda folder: Claims(folder / ".claims"))

    def _name(self, arguments: argparse.Namespace) -> str:
        """Return the name of an exposure or product among the others."""
        return str(getattr(arguments, self._step.outputs[0]).stem)

    @abstractmethod
    def _number(self, name: str) -> int:
        """Return the number of the claim to a name, the same for every program."""

    def _claim(self, name: str) -> tuple[Claims, int]:
        """Return the claims of the folder of an output, and the number of its own."""
        of_it = self._arguments if name == self._own else self._of(name)
        folder = Path(self._notes(of_it)[0]).parent
        make_folder(folder)
        return self._claims(folder), self._number(name)

    @abstractmethod
    def _of(self, name: str) -> argparse.Namespace:
        """Return what the command line of another says of its outputs and of its key."""

    def _inputs(self, arguments: argparse.Namespace) -> list[Path]:  # noqa: ARG002
        """Return the inputs that the options of batches do not name."""
        return []

    def _whole(self, of_it: argparse.Namespace) -> argparse.Namespace:
        """Return the whole command line of what `_of` returned; called where it is made."""
        return of_it

    def came(self) -> bool:
        """Tell whether another program has just made what is asked for, and give it its names."""
        if self._own not in self._names:
            return False
        claims, number = self._claim(self._own)
        claims.wait(number)
        notes = self._notes(self._arguments)
        try:
            with unwatched():
                same = _is_keyed(notes[0], self._key(self._arguments))
            if same:
                for note, output in zip(notes, self._outputs(self._arguments), strict=True):
                    name_durably(note, output)
                # Used once: the output is not taken from it again when it is damaged.
                remove_durably(key_of(notes[0]))
                for note in notes:
                    Path(note).unlink(missing_ok=True)
        except OSError:
            return False
        return same

    def make_others(self) -> None:
        """Make the outputs of exposures that have none yet, as many as a batch may have."""
        from darkroom.archive.pool import run_tasks

        if self._own not in self._names:
            return
        others = self._others()
        for name, _, error in run_tasks(self._one, others, count=1, seconds=lambda _: _LIMIT_S):
            claims, number = self._claim(name)
            claims.free(number)
            if error:
                log.warning("%s in a batch: %s; its own job tries again", name, error)

    def _others(self) -> Iterator[str]:
        until, begin = monotonic() + _TOGETHER_S, self._names.index(self._own)
        left = self._arguments.batch - 1
        for name in [*self._names[begin + 1 :], *self._names[:begin]]:
            if not left or monotonic() > until:
                return
            if not self._wanted(name):
                continue
            claims, number = self._claim(name)
            if claims.take(number):
                if self._wanted(name):
                    left -= 1
                    yield name
                else:
                    claims.free(number)

    def _wanted(self, name: str) -> bool:
        """Tell whether an exposure has its inputs, and neither outputs nor notes of them."""
        of_it = self._of(name)
        if any(path.exists() for path in self._outputs(of_it)):
            return False
        try:
            key = self._key(of_it)
        except OSError:
            return False
        try:
            with unwatched():
                return not _is_keyed(self._notes(of_it)[0], key)
        except OSError:
            return True

    def _one(self, name: str, _: Callable[[], None]) -> None:
        """Make the outputs of an exposure, and keep them as notes."""
        forget()
        of_it = self._of(name)
        key, outputs, notes = self._key(of_it), self._outputs(of_it), self._notes(of_it)
        Path(key_of(notes[0])).unlink(missing_ok=True)
        # Never under their own names: after a kill, nobody would know what they were made with.
        hidden = [_hidden(path) for path in outputs]
        try:
            of_it = self._whole(of_it)
            for argument, path in zip(self._step.outputs, hidden, strict=True):
                setattr(of_it, argument, path)
            self._step.work(of_it)
            settle()
            for path, note in zip(hidden, notes, strict=True):
                make_folder(Path(note).parent)
                rename_unannounced(path, note)
            for argument, output, note in zip(self._step.outputs, outputs, notes, strict=True):
                if argument in self._step.records:
                    record_ahead(output, note)
            with unrecorded():
                write_text(key_of(notes[0]), key)
        except DarkroomError:
            raise
        except (Exception, SystemExit) as error:
            raise DarkroomError(f"{type(error).__name__}: {error}") from error
        finally:
            for path in hidden:
                path.unlink(missing_ok=True)

    def _outputs(self, arguments: argparse.Namespace) -> list[Path]:
        return [getattr(arguments, name) for name in self._step.outputs]

    def _notes(self, arguments: argparse.Namespace) -> list[str]:
        return [note_of(str(path)) for path in self._outputs(arguments)]

    def _key(self, arguments: argparse.Namespace) -> str:
        """Return what `Batches.came` computes by sha256sum."""
        lines = [f"{arguments.batch_key}\n"]
        for path in (*self._inputs(arguments), *arguments.batch_file):
            with unwatched():
                lines.append(f"{_digest(path)}  {path}\n")
        return f"{hashlib.sha256(''.join(lines).encode()).hexdigest()}  -\n"


def _is_keyed(note: str, key: str) -> bool:
    """Tell whether the key beside a note is this one; one that is damaged is another."""
    return Path(key_of(note)).read_bytes() == key.encode()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


class _Exposures(_Batch):
    """Exposures, whose command lines differ in the names of files only."""

    def __init__(self, step: Step, arguments: argparse.Namespace) -> None:
        with unwatched():
            lines = arguments.among.read_text(encoding="utf-8").splitlines()
        super().__init__(step, arguments, [Path(line).stem for line in lines])

    def _number(self, name: str) -> int:
        return self._names.index(name)

    def _inputs(self, arguments: argparse.Namespace) -> list[Path]:
        return [getattr(arguments, name) for name in self._step.inputs]

    def _of(self, name: str) -> argparse.Namespace:
        """Return the command line as it is for another exposure."""
        arguments = copy.copy(self._arguments)
        for argument in (*self._step.inputs, *self._step.outputs):
            path = getattr(arguments, argument)
            if path is not None:
                setattr(arguments, argument, path.with_name(f"{name}{path.suffix}"))
        return arguments


class _Products(_Batch):
    """Products, each with a command line of its own."""

    def __init__(self, step: Step, arguments: argparse.Namespace) -> None:
        if step.parse is None:
            raise DarkroomError("this program takes no others along")
        self._parse = step.parse
        # Of each only what tells whether it is wanted: the rest may name files that are not there.
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        _add_key_options(parser)
        for name in step.outputs:
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name, type=Path)
        self._given: dict[str, argparse.Namespace] = {}
        for text in arguments.along:
            words = shlex.split(text)
            given, _ = parser.parse_known_args(words)
            given.words = words
            self._given[str(getattr(given, step.outputs[0]))] = given
        own = str(getattr(arguments, step.outputs[0]))
        super().__init__(step, arguments, [own, *self._given])

    def _name(self, arguments: argparse.Namespace) -> str:
        # Not the name alone: parts of two stacks have the same.
        return str(getattr(arguments, self._step.outputs[0]))

    def _number(self, name: str) -> int:
        # Programs name the others in different orders, and not always all of them.
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")

    def _of(self, name: str) -> argparse.Namespace:
        return copy.copy(self._given[name])

    def _whole(self, of_it: argparse.Namespace) -> argparse.Namespace:
        return self._parse(of_it.words)
