"""The files below a campaign's folder of results, compared with their records."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from darkroom.archive.arrivals import JOURNAL
from darkroom.batches.notes import note_of
from darkroom.campaign.status import load_status
from darkroom.errors import InputError
from darkroom.integrity.digests import read_sha256
from darkroom.integrity.inputs import read as read_list
from darkroom.integrity.listing import lists_by_file
from darkroom.integrity.records import (
    FOLDER,
    LISTS,
    Record,
    is_private,
    load,
    output_of,
    recorded,
)
from darkroom.integrity.seen import unwatched
from darkroom.report.checking.derived import OUTDATED, derived_fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from darkroom.campaign.lock import Lock
    from darkroom.report.checking.findings import Findings

# Folders and files whose loss changes nothing: what programs said, how long they took, claims.
_APART = (
    *(FOLDER, "logs", "benchmarks", ".claims", ".made", ".snakemake_timestamp", ".archive_down"),
    *(".filling", JOURNAL),
)


def files_below(root: Path) -> Iterator[Path]:
    """Yield the files of a campaign that are checked."""
    for path in sorted(root.iterdir()):
        if path.name in _APART:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from files_below(path)
        else:
            yield path


def sums(paths: Iterable[Path], threads: int) -> dict[Path, str]:
    """Return the SHA-256 of files; empty for one that cannot be read."""

    def one(path: Path) -> str:
        with unwatched():
            try:
                return read_sha256(path)
            except OSError:
                return ""

    paths = list(paths)
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(paths, pool.map(one, paths), strict=True))


class RecordedFiles:
    """The files of a campaign and their records.

    Parameters
    ----------
    root : pathlib.Path
        The campaign's folder of results.
    findings : Findings
        Takes what is found.
    threads : int
        Threads that read.
    """

    def __init__(self, root: Path, findings: Findings, threads: int) -> None:
        self.root, self.findings = root, findings
        found = list(files_below(root))
        # Whoever opens a pipe that nobody writes to waits for ever.
        self.paths = [path for path in found if path.is_file()]
        for path in found:
            if not path.is_file():
                findings.add("foreign", path, "is a pipe, a device, or a link that leads nowhere")
        self.sums = sums(self.paths, threads)
        self.records: dict[Path, Record] = {}
        self.unreadable: set[Path] = set()
        #: Caches of CRDS, each with the table of the references that the campaign uses.
        self.caches: dict[Path, str] = {}
        self._by_file = lists_by_file(root, str(findings.head.get("results", root)))
        # What is stale in each list of inputs, or in one before it.
        self._lists: dict[str, str] = {}
        for path, record in recorded(root):
            try:
                if stated := load(record, path):
                    self.records[path] = stated
            except InputError as error:
                self.unreadable.add(path)
                findings.add("damaged", record, error.fault, self.target(path))
        findings.files += len(self.paths) + len(self.records)
        findings.size += sum(path.stat().st_size for path in self.paths if path.is_file())

    def target(self, path: Path) -> str | None:
        """Return the output of a rule by which a file is made again."""
        if found := output_of(self.root, path, dict(self.findings.head), self._by_file):
            return found
        for cache, table in self.caches.items():
            if cache in path.absolute().parents:
                of_references = "references" in path.absolute().relative_to(cache).parts
                return table if of_references else str(Path(table).with_suffix(".mappings"))
        return None

    def check(self, explained: set[Path], lock: Lock | None) -> None:
        """Compare every file with its record, and every record with its file.

        Parameters
        ----------
        explained : set of pathlib.Path
            Files that were compared with something else already; their records count too.
        lock : darkroom.campaign.lock.Lock or None
            The campaign's exposures.
        """
        faulty = {Path(finding.path) for finding in self.findings.found}
        for path in self.paths:
            if path in self.records:
                self._compare(path, self.records[path], faulty)
            elif path not in explained and path not in self.unreadable:
                self._without_record(path, lock)
        present = set(self.paths)
        for path, record in self.records.items():
            if path not in present:
                self._gone(path, record)
            elif stale := self._stale(path, record):
                self.findings.add("stale", path, stale, self.target(path))
        self._check_lists()

    def _compare(self, path: Path, record: Record, faulty: set[Path]) -> None:
        if self.sums[path] == record.sha256 or path in faulty:
            return
        size = path.stat().st_size
        why = f"its SHA-256 is {self.sums[path]}, recorded is {record.sha256}"
        if size != record.size:
            why = f"has {size} bytes, recorded are {record.size}; {why}"
        self.findings.add("damaged", path, why, self.target(path))

    def _without_record(self, path: Path, lock: Lock | None) -> None:
        """Judge a file that no program recorded: a status, a list of the shell, a foreign file."""
        target = self.target(path)
        why = derived_fault(self.root, path, lock)
        if why is None and path.suffix == ".json" and (target or path.parent.name == ".arrived"):
            try:
                why = "" if "digest" in load_status(path) else None
            except InputError as error:
                # A status that was damaged, or a product made without a record.
                why = error.fault if _may_be_status(path) else None
        if why:
            kind = "stale" if why == OUTDATED else "damaged"
            self.findings.add(kind, path, why, target)
        elif why is None and target:
            self.findings.add("unrecorded", path, "has no record", target)
        elif why is None:
            left = any(is_private(part) for part in path.relative_to(self.root).parts)
            part = " (left by a program that was killed)" if left or ".part" in path.name else ""
            self.findings.add("foreign", path, f"no rule makes it{part}")

    def _gone(self, path: Path, record: Record) -> None:
        """Report a record without its file, unless a later run made its folder without it."""
        target = self.target(path)
        if target and Path(target) != path and Path(target).is_dir():
            runs = [self.records[other].run for other in self._in(Path(target))]
            if runs and record.run not in runs:
                return
        if path.exists():
            return
        # What a batch has made waits there until the job of its exposure gives it its name.
        waiting = Path(note_of(str(path)))
        found = sums([waiting], 1)[waiting]
        if found and found != record.sha256:
            why = f"its SHA-256 is {found}, recorded is {record.sha256}"
            self.findings.add("damaged", waiting, why, target)
        elif not found:
            self.findings.add("missing", path, "is recorded, and gone", target)

    def _in(self, folder: Path) -> list[Path]:
        inside = [path for path in self.paths if folder.resolve() in path.resolve().parents]
        return [path for path in inside if path in self.records]

    def _stale(self, path: Path, record: Record) -> str:
        """Return which input of a product has other bytes now; empty when none has."""
        found = self._changed(record.inputs)
        digest = record.earlier
        passed = []
        # Products of one program share the lists of what was read first.
        while not found and digest and digest not in self._lists:
            try:
                inputs, earlier = read_list(self.root, digest)
            except InputError as error:
                self.findings.add("damaged", error.path, error.fault, self.target(path))
                return ""
            passed.append(digest)
            found, digest = self._changed(inputs), earlier
        found = found or self._lists.get(digest, "")
        self._lists.update(dict.fromkeys(passed, found))
        return found

    def _check_lists(self) -> None:
        """Read the lists of inputs that no record leads to any more, or that none was led to."""
        told = {finding.path for finding in self.findings.found}
        for path in sorted((self.root / FOLDER / LISTS).glob("*.json")):
            self.findings.files += 1
            if path.stem in self._lists or str(path) in told:
                continue
            try:
                read_list(self.root, path.stem)
            except InputError as error:
                self.findings.add("damaged", path, error.fault)

    def _changed(self, inputs: Mapping[str, tuple[str, str]]) -> str:
        """Return which of some inputs has other bytes now; empty when none has."""
        for name, (sha256, content) in inputs.items():
            path = self.root / name
            if path not in self.sums:
                return f"was made from {name}, which is gone"
            now = self.records.get(path)
            # A damaged input is told of itself; what was made from it before is as it should be.
            current = now.sha256 if now else self.sums[path]
            if current != sha256 and not (content and now and now.content == content):
                return (
                    f"was made from {name} of SHA-256 {sha256[:12]}…, which is {current[:12]}… now"
                )
        return ""


def _may_be_status(path: Path) -> bool:
    """Tell whether a JSON file without a record was written as a status file."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError):
        return True
    return not isinstance(content, dict) or bool({"digest", "accepted", "uri"} & content.keys())
