"""Fetching the exposures of a campaign, many at a time."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, time
from typing import TYPE_CHECKING, Any

from darkroom.archive.arrivals import Arrivals, arrival_key
from darkroom.archive.pool import run_tasks
from darkroom.archive.receive import facts_of_lock, receive
from darkroom.archive.slots import TransferSlots
from darkroom.atomic import make_folder, remove_leftovers
from darkroom.batches.exposures import require_all
from darkroom.campaign.campaign import Campaign
from darkroom.campaign.lock import Lock
from darkroom.campaign.pins import Pins
from darkroom.campaign.status import refusal, write_status
from darkroom.errors import DarkroomError, InputError
from darkroom.integrity.seen import forget
from darkroom.integrity.watch import DamagedInput

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from darkroom.archive.receive import ReadHeader
    from darkroom.campaign.lock_rows import Exposure

    Status = dict[str, Any]
    Outcome = tuple[Exposure, Status | None, DarkroomError | None]

log = logging.getLogger(__name__)

# Transfers at once, unless the archive's module or the campaign says otherwise.
PARALLEL = 4
# Seconds between two lines in the log.
PROGRESS_S = 15.0
# Failures in a row, per worker, after which the archive counts as down.
FAILURES = 3
# How long it then counts as down: meanwhile each file is tried once only.
DOWN_S = 120.0
# Time for verification, and for everything else between two attempts.
GRACE_S = 120.0


@dataclass
class Fetching:
    """How the exposures of a campaign are fetched.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    lock : darkroom.campaign.lock.Lock
        Its exposures.
    pins : darkroom.campaign.pins.Pins
        The SHA-256 that pinned exposures must have.
    folder : pathlib.Path
        Folder of exposures, with a folder for each item.
    maker : str
        Digest of the simulator, for simulated exposures; empty otherwise.
    code : str
        Digest of the program: a file received by another version of it is verified again.
    workers : int
        Files at once, where the archive is not a service that many share.
    """

    campaign: Campaign
    lock: Lock
    pins: Pins
    folder: Path
    maker: str = ""
    code: str = ""
    workers: int = 1
    arrivals: Arrivals = field(init=False)

    def __post_init__(self) -> None:
        self.arrivals = Arrivals(self.folder)
        # The module of the archive's kind: find, deliver, longest_attempt_s.
        self._archive: Any = import_module(f"darkroom.archive.{self.campaign.archive['kind']}")
        self._settings = self.campaign.archive

    def one(self, exposure: Exposure, **options: Any) -> Status:
        """Fetch an exposure and return its status.

        Parameters
        ----------
        exposure : darkroom.campaign.lock_rows.Exposure
            Its row of the lock.
        **options
            Passed to the archive's ``deliver``: ``slot``.

        Raises
        ------
        DarkroomError
            When the archive fails.
        """
        pinned = self.pins.sums.get((exposure.item, exposure.exposure))
        item = self.campaign.items[exposure.item]
        destination = self.folder / exposure.item / exposure.file
        # A simulated exposure is made again whenever the simulator changes.
        known = None if self.maker else pinned or self._known_sha256(exposure)
        deliver = partial(self._archive.deliver, **options)
        try:
            return receive(
                exposure,
                destination,
                lambda path: deliver(exposure, path, self._settings, item),
                item,
                lambda found: self.pins.check(
                    exposure.item, exposure.exposure, found, exposure.file, self.maker
                ),
                known=known,
                read_header=header_reader(item["instrument"]),
                confirm=bool(self._settings.get("confirm")) and not pinned,
                fixed=not self.maker,
            )
        except DamagedInput:
            raise
        except InputError as error:
            return refusal(exposure, error)

    def batch(self, exposures: Sequence[Exposure]) -> list[Path]:
        """Fetch exposures, and return their status files.

        What arrived before, by the same program, is compared with its SHA-256, and is fetched again
        when it differs.

        Parameters
        ----------
        exposures : sequence of darkroom.campaign.lock_rows.Exposure
            Rows of the lock.

        Returns
        -------
        list of pathlib.Path
            The status file of each, in the order given.

        Raises
        ------
        DarkroomError
            Naming those that did not arrive, and why; the others are there.
        """
        # What the orphan of a killed run is still bringing is waited for, though its lock, or its
        # division into batches, was another.
        numbers = self.arrivals.claims.wait_for_all(
            f"{exposure.item}/{exposure.exposure}" for exposure in exposures
        )
        try:
            return self._batch(exposures)
        finally:
            for number in numbers:
                self.arrivals.claims.free(number)

    def _batch(self, exposures: Sequence[Exposure]) -> list[Path]:
        keys = {exposure.exposure: self.key(exposure) for exposure in exposures}
        found = {
            exposure.exposure: None
            if self._is_changed(exposure)
            else self.arrivals.status(exposure, keys[exposure.exposure])
            for exposure in exposures
        }
        wanted = [exposure for exposure in exposures if not found[exposure.exposure]]
        came = {exposure.exposure for exposure in wanted}
        failures: dict[str, DarkroomError] = {}
        if wanted:
            self._warn_of_space()
            outcomes = self._fetch(wanted)
            found |= {exposure.exposure: status for exposure, status, _ in outcomes if status}
            failures = {exposure.exposure: error for exposure, _, error in outcomes if error}
            last = bool(failures) or self.arrivals.noted() >= len(self.lock.exposures)
            self.arrivals.write_manifest(self.lock, outcomes, last=last)
            log.info("%d of %d files arrived", len(outcomes) - len(failures), len(wanted))
        else:
            self.arrivals.keep_manifest(self.lock)
        for exposure in exposures:
            if status := found[exposure.exposure]:
                # What came just now has its status already.
                if exposure.exposure not in came:
                    write_status(self._status_file(exposure), status)
                print(f"{exposure.file}: {'accepted' if status['accepted'] else status['reason']}")
        require_all(failures, keys)
        return [self._status_file(exposure) for exposure in exposures]

    def _is_changed(self, exposure: Exposure) -> bool:
        """Tell whether the archive has another file of an exposure than that which arrived."""
        if not hasattr(self._archive, "changed_since"):
            return False
        noted_ns = self.arrivals.noted_ns(exposure)
        if noted_ns is None:
            return False
        return bool(self._archive.changed_since(exposure, self._settings, noted_ns))

    def _known_sha256(self, exposure: Exposure) -> str | None:
        """Return the SHA-256 of the file that arrived, unless the archive has another one now."""
        return None if self._is_changed(exposure) else self.arrivals.known_sha256(exposure)

    def _status_file(self, exposure: Exposure) -> Path:
        return self.folder / exposure.item / f"{exposure.exposure}.json"

    def _fetch(self, exposures: Sequence[Exposure]) -> list[Outcome]:
        """Fetch exposures by worker processes, one file after the other; note what arrives."""
        down = self.folder / ".archive_down"
        # A mark of the future is of a clock that was wrong.
        if down.is_file() and abs(time() - down.stat().st_mtime) < DOWN_S:
            self._settings = self._settings | {"retries": 0}
        once = self._settings.get("retries") == 0
        count = self._parallel
        outcomes: dict[str, Outcome] = {}
        failures_in_a_row, reported = 0, monotonic()
        tasks = _Tasks(exposures)
        done = run_tasks(self._work, tasks, count=count, seconds=self._seconds)
        for exposure, status, error in done:
            outcomes[exposure.exposure] = exposure, status, error
            if status:
                down.unlink(missing_ok=True)
                # A refused one is verified again when its batch is asked for again.
                if status["accepted"]:
                    self.arrivals.note(exposure, self.key(exposure), status)
                write_status(self._status_file(exposure), status)
            else:
                remove_leftovers(self.folder / exposure.item / exposure.file)
                log.warning("%s/%s: %s", exposure.item, exposure.exposure, error)
            if monotonic() - reported > PROGRESS_S:
                reported = monotonic()
                log.info("%d files arrived or failed so far", len(outcomes))
            answered = status or isinstance(error, InputError)
            failures_in_a_row = 0 if answered else failures_in_a_row + 1
            if failures_in_a_row >= (1 if once else FAILURES * count):
                tasks.ended = True
                # Anew: a link in its place leads to a file of somebody else.
                down.unlink(missing_ok=True)
                down.touch()
        untried = DarkroomError("not tried, since the archive does not answer")
        return [outcomes.get(one.exposure, (one, None, untried)) for one in exposures]

    def key(self, exposure: Exposure) -> str:
        """Return the `arrival_key` of an exposure."""
        return arrival_key(self.campaign, exposure, self.pins, self.code)

    @property
    def _parallel(self) -> int:
        """Number of transfers at once."""
        usual = max(self.workers, getattr(self._archive, "PARALLEL", PARALLEL))
        return int(self._settings.get("parallel", usual))

    def _work(self, exposure: Exposure, heartbeat: Callable[[], None]) -> Status:
        # A damaged file of another exposure is no reason to refuse this one.
        forget()
        turns = self.folder.parent.parent / ".archive_turns"
        slots = TransferSlots(turns, self._parallel, heartbeat)
        return self.one(exposure, slot=slots)

    def _seconds(self, exposure: Exposure) -> float:
        limit_s: float = self._archive.longest_attempt_s(exposure, self._settings)
        return limit_s + GRACE_S

    def _warn_of_space(self) -> None:
        """Log a warning when the disk has no room for all that is still missing."""
        make_folder(self.folder)
        free = _free(self.folder)
        # Usually there is room for all of them, and no file has to be looked at.
        if sum(size or 0 for size in self.lock.sizes) <= free:
            return
        sizes = {self.folder / row.item / row.file: row.size or 0 for row in self.lock.exposures}
        wanted = sum(size for path, size in sizes.items() if not path.is_file())
        if wanted > free:
            log.warning(
                "%.1f GB of exposures are still missing, and %.1f GB are free in %s",
                wanted / 1e9,
                free / 1e9,
                self.folder,
            )


def header_reader(instrument: str) -> ReadHeader:
    """Return the function that reads the header of a received exposure of an instrument.

    That is ``read_header`` of the module ``received`` in the instrument's package, when it has one;
    otherwise the header values of the lock are taken.
    """
    name = f"darkroom.{instrument}.received"
    if find_spec(name) is None:
        return facts_of_lock
    read_header: ReadHeader = import_module(name).read_header
    return read_header


def _free(folder: Path) -> int:
    """Return the free bytes on the disk of a folder."""
    return shutil.disk_usage(folder).free


class _Tasks:
    """Exposures to fetch, until nothing more is to be asked of the archive."""

    def __init__(self, exposures: Iterable[Exposure]) -> None:
        self._waiting = iter(exposures)
        self.ended = False

    def __iter__(self) -> Iterator[Exposure]:
        return self

    def __next__(self) -> Exposure:
        if self.ended:
            raise StopIteration
        return next(self._waiting)
