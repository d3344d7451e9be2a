"""The sweep over every operation of a program: it fails, or the power is cut after it."""

from __future__ import annotations

import copy
import errno
import hashlib
import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path

from darkroom.integrity import digests, records, seals
from darkroom.integrity.recording import record
from darkroom.integrity.seen import forget
from durability.disk import (
    DATA,
    WAITING,
    Blind,
    Disk,
    after_power_cut,
    digest,
    flat,
    leftovers,
    named,
    plain,
    read_tree,
    write_tree,
)
from durability.kernel import watched

_OPENS = ("open", "creat", "openat", "openat2")
_WRITES = ("write", "pwrite64", "writev", "pwritev", "pwritev2", "ftruncate", "fallocate")
_WRITES += ("sendfile", "copy_file_range", "splice")
_FLUSHES = ("fsync", "fdatasync")
_REMOVALS = ("unlink", "unlinkat", "rmdir")
#: How an operation fails: the error, and whether the disk stays so from then on.
FAILURES = ((errno.EIO, False), (errno.ENOSPC, False), (errno.ENOSPC, True))
#: What a power cut leaves: which names, and which data that were not flushed.
CUTS = (
    *(("durable", data) for data in ("none", "all")),
    *(("all", data) for data in DATA),
    *(("some", "any") for _ in range(3)),
)
# Last words of a program that ended by an error of the disk, or of darkroom.
_OF_THE_DISK = re.compile(r"ERROR (the disk|OSError|\w*(Input|Darkroom)Error)\b")


@dataclass(frozen=True)
class Operation:
    """A call to the disk in the folder that is watched."""

    kind: str
    path: str

    @property
    def changes(self):
        """Whether anything is different afterwards."""
        return self.kind != "read"

    @property
    def takes_room(self):
        """Whether a full disk refuses it."""
        return self.kind in ("write", "create", "mkdir", "flush", "rename", "link")


@dataclass(frozen=True)
class Case:
    """A program on small inputs.

    Parameters
    ----------
    name : str
    prepare : callable
        ``prepare(folder)`` fills the folder.
    run : callable
        ``run(folder)`` runs the program in this process; it returns None or an exit status.
    notes : dict
        ``{note: files}``: where the note is the new one, so are the files that it speaks of.
    may_vanish : tuple of str
        Files, and folders with a slash at the end, that the program removes before it makes them
        anew.
    results : str
        Folder of results, in which files are recorded as in a campaign, with what it holds before;
        empty: none are.
    records : dict
        ``{file: check}`` of lists of what happened, which differ from run to run:
        ``check(content, files)`` returns what is wrong, or nothing.
    """

    name: str
    prepare: Callable
    run: Callable
    notes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    may_vanish: tuple[str, ...] = ()
    records: dict[str, Callable] = field(default_factory=dict)
    results: str = "."


@dataclass
class Result:
    """What a sweep found."""

    name: str
    operations: int = 0
    outcomes: Counter = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    others: Counter = field(default_factory=Counter)
    repeats: int = 0
    seconds: float = 0.0

    @property
    def points(self):
        """How many points were swept."""
        return sum(self.outcomes.values())


class Sweep:
    """All points of a case.

    Parameters
    ----------
    case : Case
    folder : path-like
        Where the case lives; its path is the same in every run.
    log : path-like
        File for what the programs print.
    """

    def __init__(self, case, folder, log):
        self.case, self.folder, self.log = case, Path(folder), Path(log)
        self.folder.mkdir(parents=True)
        case.prepare(self.folder)
        self._record_files()
        self.before = plain(read_tree(self.folder))
        self.named_before = named(self.before)
        self.result = Result(case.name)
        self._repeated = {}
        self.operations, self.states, self._valid = [], [], {}
        self._warm()
        self._record()

    def run(self, every=1, failures=FAILURES, cuts=CUTS):
        """Sweep every `every`-th operation; return the result."""
        begun = time.monotonic()
        for n in range(0, len(self.operations), every):
            for error, lasting in failures:
                # A full disk can still be read.
                if self.operations[n].takes_room or error != errno.ENOSPC:
                    self._fail(n, error, lasting)
        for n in range(0, len(self.states), every):
            if n == 0 or self.operations[n - 1].changes:
                for number, (names, data) in enumerate(cuts):
                    self._cut(n, names, data, number)
        # What a program that has ended made stays.
        self._cut_at_end()
        self.result.seconds = time.monotonic() - begun
        return self.result

    def _record_files(self):
        """Record what is there, as the programs that made it would have."""
        forget()
        if not self.case.results:
            return
        results = self.folder / self.case.results
        results.mkdir(parents=True, exist_ok=True)
        records.begin(results, "snakemake", [(".*", False)])
        forget()
        for path in sorted(results.rglob("*")):
            if path.is_file() and records.FOLDER not in path.parts:
                record(path)

    def _warm(self):
        """Run once in this process, so that modules and compiled loops are loaded before forks."""
        with open(self.log, "w") as stream, redirect_stdout(stream), redirect_stderr(stream):
            self.case.run(self.folder)
        write_tree(self.before, self.folder)

    def _record(self):
        """Run once undisturbed, and keep every operation and the disk after it."""
        disk = Disk(self.folder)
        self.operations, self.states = [], [copy.deepcopy(disk.tree)]
        for path, content in self._bare(named(self.before)).items():
            self._valid.setdefault(path, {None}).add(content)
        for path in named(self.before):
            if not self._may_vanish(path):
                self._valid[path].discard(None)
        waiting = []

        def settle():
            disk.settle()
            if waiting:
                self.operations.append(waiting.pop())
                self.states.append(copy.deepcopy(disk.tree))
                last = self.operations[-1]
                if last.kind in ("rename", "link"):
                    for path, content in self._bare(named(plain(disk.tree))).items():
                        self._valid.setdefault(path, {None}).add(content)

        def decide(call):
            settle()
            operation = apply(call, disk)
            if operation is not None:
                waiting.append(operation)
            return 0

        status = watched(self._action, decide)
        settle()
        self.after = plain(read_tree(self.folder))
        if status:
            raise AssertionError(f"{self.case.name} fails undisturbed:\n{self._said()}")
        # Nothing changed the disk but by a call that was seen.
        if plain(disk.tree) != self.after:
            raise AssertionError(f"{self.case.name}: a change of the disk was not seen")
        self.named_after = named(self.after)
        self.notes = self.case.notes | self._recorded()
        for path in {*self.named_before, *self.named_after}:
            self._valid.setdefault(path, {None}).add(self._bare(self.named_after).get(path))
        self.result.operations = len(self.operations)

    def _recorded(self):
        """Return the record of each file as a note that speaks of it."""
        spoken_of = {path: self._spoken_of(path) for path in self.named_after}
        return {
            note: (path,)
            for note, path in spoken_of.items()
            if path in self.named_after and path not in self.case.records
        }

    def _may_vanish(self, path):
        # A file that is about to be replaced has no record until it is.
        return f"{records.FOLDER}/" in path or any(
            path == one or (one.endswith("/") and path.startswith(one))
            for one in self.case.may_vanish
        )

    def _action(self):
        """Run the program; return its exit status."""
        with open(self.log, "wb") as stream:
            os.dup2(stream.fileno(), 1)
            os.dup2(stream.fileno(), 2)
        # Those of pytest go elsewhere.
        sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
        from darkroom import atomic
        from darkroom.cli import run

        atomic._durable_folders.clear()
        # A program of its own has read nothing yet of what this process wrote and read.
        forget()
        digests._known.clear()
        try:
            run(lambda: self.case.run(self.folder))
        except SystemExit as error:
            return error.code
        finally:
            sys.stdout.flush()
            sys.stderr.flush()

    def _said(self):
        return self.log.read_text(errors="replace")[-2000:]

    def _fail(self, n, error, lasting):
        """Let operation `n` fail, and those after it when the disk stays full."""
        write_tree(self.before, self.folder)
        disk, count = Blind(self.folder), 0

        def decide(call):
            nonlocal count
            operation = apply(call, disk)
            if operation is None:
                return 0
            count += 1
            if count - 1 == n or (lasting and count - 1 > n and operation.takes_room):
                return error
            return 0

        status = watched(self._action, decide)
        said = self._said()
        what = f"{errno.errorcode[error]}{' from' if lasting else ' at'} {n} {self.operations[n]}"
        tree = plain(read_tree(self.folder))
        self._judge(tree, what, ended=status == 0)
        last = said.strip().rpartition("\n")[2]
        if status and "Traceback" in said and not _OF_THE_DISK.match(last):
            self.result.outcomes["failed with another error"] += 1
            self.result.others[last[:200]] += 1
        else:
            self.result.outcomes["ended well" if status == 0 else "failed, said so"] += 1
        if status < 0 or status == 99:
            self.result.faults.append(f"{what}: ended by {status}: {said[-300:]}")
        self._repeat(tree, what)

    def _cut(self, n, names, data, number):
        """Cut the power after operation `n`, before the next one."""
        tree = after_power_cut(self.states[n], names, data, (self.case.name, n, number))
        what = f"cut after {n} {self.operations[n - 1] if n else 'nothing'}, {names}, {data}"
        found = self._judge(tree, what)
        self.result.outcomes[f"power cut, {found}"] += 1
        self._repeat(tree, what)

    def _cut_at_end(self):
        tree = after_power_cut(self.states[-1], "durable", "none", self.case.name)
        if lost := self._differences(named(tree)):
            self.result.faults.append(f"lost after the end: {lost[:5]}")

    def _judge(self, tree, what, ended=False):
        """Compare everything named with what may have that name; return what is there."""
        here, final, every = named(tree), self.named_after, flat(tree)
        fault = self.result.faults.append
        if ended and (wrong := self._differences(here)):
            fault(f"{what}: ended well, but {wrong[:5]} are not as they should be")
        for path, check in self.case.records.items():
            if path in here and (wrong := check(here[path], here)):
                fault(f"{what}: {path} {wrong}")
        here, final = self._bare(here), self._bare(final)
        for path in sorted({*here, *self._valid} - {*self.case.records}):
            if self._spoken_of(path) in self.case.records:
                continue
            if here.get(path) not in self._valid.get(path, {None}):
                state = "gone" if path not in here else f"wrong ({len(here[path])} bytes)"
                fault(f"{what}: {path} is {state}")
        old = self._bare(self.named_before)
        for note, files in self.notes.items():
            if here.get(note) == final[note] != old.get(note):
                for path in files:
                    folder, _, name = path.rpartition("/")
                    waiting = every.get(f"{folder}/{WAITING}/{name}")
                    if final[path] not in (here.get(path), waiting):
                        fault(f"{what}: {note} speaks of {path}, which is not there")
        new = [p for p in final if final[p] != old.get(p) and p not in self.case.records]
        done = sum(here.get(p) == final[p] for p in new)
        return "all there" if done == len(new) else "some there" if done else "nothing new there"

    def _bare(self, files):
        """Return files with their records reduced to what they say of the file.

        What else was read before depends on where a program went on, and of a list of what happened
        there is only its own record to compare it with.
        """
        found = dict(files)
        for path, content in files.items():
            name = self._spoken_of(path)
            if name is None:
                continue
            try:
                record = json.loads(content)
                if seals.seal_fault(record):
                    raise ValueError
                kept = {key: record[key] for key in ("file", "sha256", "size", "content")}
            except (ValueError, KeyError):
                continue
            if name in self.case.records:
                continue
            found[path] = json.dumps(kept).encode()
        return found

    def _spoken_of(self, path):
        """Return the file that a record speaks of; None when a path is not that of a record."""
        below = f"{self.case.results}/".removeprefix("./")
        folder = f"{below}{records.FOLDER}/"
        if not path.startswith(folder) or path == f"{folder}campaign.json":
            return None
        return below + path.removeprefix(folder).removesuffix(".json")

    def _differences(self, here):
        """Return the files that are not as an undisturbed run leaves them."""
        here, final = self._bare(here), self._bare(self.named_after)
        lists = {*self.case.records}
        paths = {path for path in {*here, *final} if not {path, self._spoken_of(path)} & lists}
        return sorted(path for path in paths if here.get(path) != final.get(path))

    def _misrecorded(self, here):
        """Return the lists of what happened whose own record is missing, or of other bytes."""
        found = {self._spoken_of(path): content for path, content in here.items()}
        return [
            path
            for path in self.case.records
            if path in here
            and hashlib.sha256(here[path]).hexdigest().encode() not in found.get(path, b"")
        ]

    def _leftovers(self, tree):
        """Return the temporary files of a tree, without those of records."""
        records = [Path(path).stem for path in self.case.records]
        return [p for p in leftovers(tree) if not any(f"/.{name}." in p for name in records)]

    def _repeat(self, tree, what):
        """Run the program again on what is left; it must complete, with the same bytes."""
        key = digest(tree)
        if key not in self._repeated:
            write_tree(tree, self.folder)
            pid = os.fork()
            if pid == 0:
                os._exit(self._action())
            status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            here = named(plain(read_tree(self.folder)))
            self.result.repeats += 1
            self._repeated[key] = ""
            if status:
                self._repeated[key] = f"a repeat fails: {self._said()[-500:]}"
            elif wrong := self._differences(here):
                self._repeated[key] = f"a repeat gives other bytes: {wrong[:5]}"
            elif wrong := self._misrecorded(here):
                self._repeated[key] = f"a repeat leaves {wrong} without its record"
            elif left := self._leftovers(plain(read_tree(self.folder))):
                self._repeated[key] = f"a repeat leaves {left[:5]}"
        if self._repeated[key]:
            self.result.faults.append(f"{what}: {self._repeated[key]}")


def apply(call, disk):
    """Let the model follow a call; return the operation, None when it is elsewhere."""
    name = call.name
    if name in _WRITES:
        path = call.descriptor()
        if not disk.inside(path):
            return None
        disk.write(path)
        return _operation("write", path, disk)
    if name in _FLUSHES:
        path = call.descriptor()
        if path != disk.root and not disk.inside(path):
            return None
        disk.flush(path)
        return _operation("flush", path, disk)
    paths = call.paths()
    if not disk.inside(paths[-1]) and not (paths[0] and disk.inside(paths[0])):
        return None
    if name in _OPENS:
        flags = call.flags()
        if not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            return _operation("read", paths[0], disk)
        there = disk.node(disk.inside(paths[0])) is not None
        if there or flags & os.O_CREAT:
            disk.create(paths[0], flags & os.O_TRUNC, flags & os.O_EXCL)
        return _operation("create" if flags & os.O_CREAT else "read", paths[0], disk)
    if name == "truncate":
        disk.write(paths[0])
        return _operation("write", paths[0], disk)
    if name in ("rename", "renameat", "renameat2"):
        disk.rename(*paths)
        return _operation("rename", paths[1], disk)
    if name in ("link", "linkat"):
        disk.rename(*paths, link=True)
        return _operation("link", paths[1], disk)
    if name in _REMOVALS:
        disk.remove(paths[0])
        return _operation("remove", paths[0], disk)
    if name in ("mkdir", "mkdirat"):
        disk.make_folder(paths[0])
        return _operation("mkdir", paths[0], disk)
    raise AssertionError(f"{name} of {paths}: not in the model")


def _operation(kind, path, disk):
    return Operation(kind, os.path.relpath(path, disk.root))
