"""A program that makes a product, and further ones in the same run.

Each product has a command line and a job of its own. That job asks whether its outputs were made
already, from the very content of its inputs and with its settings; only otherwise does it start the
program. So a product keeps its own result, its own failure and its own rerun; what a batch has made
is kept when it is killed; and one that fails in a batch is tried again by its own job, which says
why. Batches of exposures, which have one job together, are in `darkroom.batches.exposures`.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import shlex
from collections.abc import Callable, Iterator
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
from darkroom.batches.step import Step, add_key_options
from darkroom.errors import DarkroomError
from darkroom.integrity.recording import record_ahead, unrecorded
from darkroom.integrity.seen import forget, unwatched
from darkroom.integrity.watch import settle

if TYPE_CHECKING:
    from darkroom.archive.slots import Claims

log = logging.getLogger(__name__)

# How long a program goes on taking products along: the job it was started for waits.
_TOGETHER_S = 120.0
# Longest time of one of them in a batch; its own job has as much as it needs.
_LIMIT_S = 1800.0


def make(step: Step, arguments: argparse.Namespace) -> None:
    """Make what a command line asks for: a batch of exposures, or a product after others.

    The others are made by a worker process, so that none of them can harm the one asked for.

    Parameters
    ----------
    step : Step
        What the program does.
    arguments : argparse.Namespace
        The command line.
    """
    if arguments.made:
        from darkroom.batches.exposures import make_batch

        make_batch(step, arguments)
        return
    if arguments.batch > 1 and arguments.along:
        batch = _Products(step, arguments)
        if batch.came():
            return
        step.prepare(arguments)
        batch.make_others()
    else:
        step.prepare(arguments)
    for output in filter(None, (getattr(arguments, name) for name in step.outputs)):
        _hidden(output).unlink(missing_ok=True)
    step.work(arguments)


def _hidden(output: Path) -> Path:
    """Return where a batch makes an output: one name, so that the next writer finds leftovers.

    No two make a product at once: each has taken its claim.
    """
    return output.with_name(f".{output.stem}.made.part{output.suffix}")


class _Products:
    """The products of an item that one run of a program makes, each with a command line of its own.

    Parameters
    ----------
    step : Step
    arguments : argparse.Namespace
        The command line of the one asked for.
    """

    def __init__(self, step: Step, arguments: argparse.Namespace) -> None:
        # Not for a program that makes one product.
        from darkroom.archive.slots import Claims

        if step.parse is None:
            raise DarkroomError("this program takes no others along")
        self._step, self._arguments, self._parse = step, arguments, step.parse
        # Of each only what tells whether it is wanted: the rest may name files that are not there.
        parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
        add_key_options(parser)
        for name in step.outputs:
            parser.add_argument(f"--{name.replace('_', '-')}", dest=name, type=Path)
        self._given: dict[str, argparse.Namespace] = {}
        for text in arguments.along:
            words = shlex.split(text)
            given, _ = parser.parse_known_args(words)
            given.words = words
            self._given[self._name(given)] = given
        self._own = self._name(arguments)
        # Of the parts of stacks each stack has a folder of its own.
        self._claims = cache(lambda folder: Claims(folder / ".claims"))

    def _name(self, arguments: argparse.Namespace) -> str:
        # The whole path: parts of two stacks have the same name.
        return str(getattr(arguments, self._step.outputs[0]))

    def _claim(self, name: str) -> tuple[Claims, int]:
        """Return the claims of the folder of an output, and the number of its own."""
        from darkroom.archive.slots import claim_of

        of_it = self._arguments if name == self._own else self._given[name]
        folder = Path(self._notes(of_it)[0]).parent
        make_folder(folder)
        # Programs name the others in different orders, and not always all of them.
        return self._claims(folder), claim_of(name)

    def came(self) -> bool:
        """Tell whether another program has just made what is asked for, and give it its names."""
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
        """Make the outputs of products that have none yet, as many as a batch may have."""
        from darkroom.archive.pool import run_tasks

        others = self._others()
        for name, _, error in run_tasks(self._one, others, count=1, seconds=lambda _: _LIMIT_S):
            claims, number = self._claim(name)
            claims.free(number)
            if error:
                log.warning("%s in a batch: %s; its own job tries again", name, error)

    def _others(self) -> Iterator[str]:
        until, left = monotonic() + _TOGETHER_S, self._arguments.batch - 1
        for name in self._given:
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
        """Tell whether a product has its inputs, and neither outputs nor notes of them."""
        of_it = self._given[name]
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
        """Make the outputs of a product, and keep them as notes."""
        forget()
        of_it = self._given[name]
        key, outputs, notes = self._key(of_it), self._outputs(of_it), self._notes(of_it)
        Path(key_of(notes[0])).unlink(missing_ok=True)
        # Never under their own names: after a kill, nobody would know what they were made with.
        hidden = [_hidden(path) for path in outputs]
        try:
            of_it = self._parse(of_it.words)
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
        for path in arguments.batch_file:
            with unwatched():
                lines.append(f"{_digest(path)}  {path}\n")
        return f"{hashlib.sha256(''.join(lines).encode()).hexdigest()}  -\n"


def _is_keyed(note: str, key: str) -> bool:
    """Tell whether the key beside a note is this one; one that is damaged is another."""
    return Path(key_of(note)).read_bytes() == key.encode()


def _digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
