"""Fetching the exposures of a campaign: one alone, or small ones in batches."""

from __future__ import annotations

import logging
import shutil
import sys
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
from darkroom.campaign.campaign import Campaign
from darkroom.campaign.lock import Lock
from darkroom.campaign.pins import Pins
from darkroom.campaign.status import refusal
from darkroom.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from darkroom.archive.receive import ReadHeader
    from darkroom.campaign.lock import Exposure
    from darkroom.errors import DarkroomError

    Status = dict[str, Any]
    Outcome = tuple[Exposure, Status | None, DarkroomError | None]

log = logging.getLogger(__name__)

# Transfers at once, unless the archive's module or the campaign says otherwise.
PARALLEL = 4
# Files up to this size are fetched in batches: starting a program for each would take longer.
SMALL_BYTES = 20_000_000
# How long a program goes on adding files to its batch.
TOGETHER_S = 60.0
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
    """

    campaign: Campaign
    lock: Lock
    pins: Pins
    folder: Path
    maker: str = ""
    code: str = ""
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
        exposure : darkroom.campaign.lock.Exposure
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
        known = None if self.maker else pinned or self.arrivals.known_sha256(exposure)
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
        except InputError as error:
            return refusal(exposure, error)

    def together(self, own: Exposure, most: int = sys.maxsize) -> Status:
        """Fetch an exposure, and with it small ones that are still missing.

        Worker processes fetch one file after the other. Each arrival is noted, so that the program
        of that exposure finds it; when one of them fails, its own program tries again.

        Parameters
        ----------
        own : darkroom.campaign.lock.Exposure
            The exposure that was asked for.
        most : int
            Largest number of exposures, that one included.

        Returns
        -------
        dict
            The status of the exposure that was asked for.

        Raises
        ------
        DarkroomError
            When the archive fails.
        """
        self.arrivals.claims.wait(self.lock.number(own))
        status = self.arrivals.status(own, self.key(own))
        if status:
            self.arrivals.keep_manifest(self.lock)
            return status
        self._warn_of_space()
        tasks = _Tasks(self, own, most)
        outcomes = self._fetch_batch(own, tasks)
        self.arrivals.write_manifest(self.lock, outcomes.values(), last=tasks.ran_out)
        arrived = sum(bool(status) for _, status, _ in outcomes.values())
        log.info("%d of %d files arrived", arrived, len(outcomes))
        _, status, error = outcomes[self.lock.number(own)]
        if error:
            raise error
        return status or {}

    def _fetch_batch(self, own: Exposure, tasks: _Tasks) -> dict[int, Outcome]:
        """Fetch an exposure and small ones with it; return the outcome of each, by its row."""
        down = self.folder / ".archive_down"
        # A mark of the future is of a clock that was wrong.
        if down.is_file() and abs(time() - down.stat().st_mtime) < DOWN_S:
            self._settings = self._settings | {"retries": 0}
        once = self._settings.get("retries") == 0
        count = self._parallel
        outcomes: dict[int, Outcome] = {}
        failures_in_a_row, reported = 0, monotonic()
        done = run_tasks(self._work, tasks, count=count, seconds=self._seconds)
        for exposure, status, error in done:
            number = self.lock.number(exposure)
            outcomes[number] = exposure, status, error
            if status:
                down.unlink(missing_ok=True)
                # A refused one is verified again by its own program.
                if status["accepted"]:
                    self.arrivals.note(exposure, self.key(exposure), status)
            else:
                remove_leftovers(self.folder / exposure.item / exposure.file)
                log.warning("%s/%s: %s", exposure.item, exposure.exposure, error)
            self.arrivals.claims.free(number)
            if monotonic() - reported > PROGRESS_S:
                reported = monotonic()
                log.info("%d files arrived or failed so far", len(outcomes))
            answered = status or isinstance(error, InputError)
            failures_in_a_row = 0 if answered else failures_in_a_row + 1
            own_failed = failures_in_a_row and once and exposure is own
            if failures_in_a_row >= FAILURES * count or own_failed:
                tasks.end()
                # Anew: a link in its place leads to a file of somebody else.
                down.unlink(missing_ok=True)
                down.touch()
        return outcomes

    def key(self, exposure: Exposure) -> str:
        """Return the `arrival_key` of an exposure."""
        return arrival_key(self.campaign, exposure, self.pins, self.code)

    @property
    def _parallel(self) -> int:
        """Number of transfers at once."""
        usual = getattr(self._archive, "PARALLEL", PARALLEL)
        return int(self._settings.get("parallel", usual))

    def _work(self, exposure: Exposure, heartbeat: Callable[[], None]) -> Status:
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
    """The exposures that one program fetches: its own, then small ones nobody else is fetching."""

    def __init__(self, fetching: Fetching, own: Exposure, most: int) -> None:
        self._fetching = fetching
        self._until, self._left = monotonic() + TOGETHER_S, most
        begin = fetching.lock.number(own)
        self._own: Exposure | None = own
        #: Whether nothing is left that could be taken along.
        self.ran_out = False
        self._others = iter([*range(begin + 1, len(fetching.lock.sizes)), *range(begin)])

    def end(self) -> None:
        """Add no further ones."""
        self._until = 0.0

    def _is_small(self, number: int) -> bool:
        """Tell whether an exposure may be fetched with others; a simulated one has no size yet."""
        if self._fetching.maker:
            return True
        size = self._fetching.lock.sizes[number]
        return size is not None and size <= SMALL_BYTES

    def __iter__(self) -> Iterator[Exposure]:
        return self

    def __next__(self) -> Exposure:
        if self._own is not None:
            own, self._own = self._own, None
            self._left -= 1
            return own
        while self._left and monotonic() < self._until:
            number = next(self._others, None)
            if number is None:
                self.ran_out = True
                break
            if not self._is_small(number) or not self._fetching.arrivals.claims.take(number):
                continue
            row: Exposure = self._fetching.lock.exposures[number]
            key = self._fetching.key(row)
            if not self._fetching.arrivals.status(row, key):
                self._left -= 1
                return row
            self._fetching.arrivals.claims.free(number)
        raise StopIteration
