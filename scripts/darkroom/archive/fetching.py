"""Bringing the exposures of a campaign: one, or small ones together."""

from __future__ import annotations

import logging
import shutil
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from time import monotonic, time

from darkroom.archive.arrivals import Arrivals, arrival_key
from darkroom.archive.pool import work_through
from darkroom.archive.receive import receive
from darkroom.archive.slots import TransferSlots
from darkroom.atomic import remove_leftovers
from darkroom.campaign.campaign import Campaign
from darkroom.campaign.lock import Lock
from darkroom.campaign.pins import Pins
from darkroom.campaign.status import refusal
from darkroom.errors import InputError

log = logging.getLogger(__name__)

# Transfers at once, unless the campaign says otherwise.
PARALLEL = 4
# Files up to this size keep an exposure's program company: starting one costs more than they do.
SMALL_BYTES = 20_000_000
# So long it goes on taking them along.
TOGETHER_S = 60.0
# Seconds between two lines in the log.
PROGRESS_S = 15.0
# So many failures for each worker without a file between them: the archive is down.
FAILURES = 3
# So long that is remembered: who asks then, asks once.
DOWN_S = 120.0
# For verification, and for whatever else lies between two attempts.
GRACE_S = 120.0


@dataclass
class Fetching:
    """How the exposures of a campaign are brought.

    Parameters
    ----------
    campaign : darkroom.campaign.campaign.Campaign
        The campaign.
    lock : darkroom.campaign.lock.Lock
        Its exposures.
    pins : darkroom.campaign.pins.Pins
        What their bytes must be.
    folder : pathlib.Path
        Folder of exposures, with a folder for each item.
    maker : str
        Digest of the simulator, for simulated exposures; empty otherwise.
    exclude : bool
        Whether a refused exposure is recorded, and no error.
    code : str
        Digest of the program: what was received by another one is looked at again.
    """

    campaign: Campaign
    lock: Lock
    pins: Pins
    folder: Path
    maker: str = ""
    exclude: bool = False
    code: str = ""
    arrivals: Arrivals = field(init=False)

    def __post_init__(self):
        self.arrivals = Arrivals(self.folder)
        self._archive = import_module(f"darkroom.archive.{self.campaign.archive['kind']}")
        self._settings = self.campaign.archive

    def one(self, exposure, **options):
        """Bring an exposure and return its status.

        Raises
        ------
        InputError
            When it must be refused, unless that is recorded.
        DarkroomError
            When the archive fails.
        """
        pinned = self.pins.sums.get((exposure.item, exposure.exposure))
        item = self.campaign.items[exposure.item]
        destination = self.folder / exposure.item / exposure.file
        # Simulated bytes follow from the simulator's code, not from what was made before.
        known = None if self.maker else pinned or self.arrivals.known(exposure)
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
                confirm=bool(self._settings.get("confirm")) and not pinned,
                fixed=not self.maker,
            )
        except InputError as error:
            if not self.exclude:
                raise
            return refusal(exposure, error)

    def together(self, own):
        """Bring an exposure, and while at it small ones that are still to come.

        Worker processes bring one file after the other. What they bring is noted, so the program of
        such an exposure finds it there; when one of them fails, its own program tries again.

        Parameters
        ----------
        own : darkroom.campaign.lock.Exposure
            The exposure that was asked for.

        Returns
        -------
        dict
            Its status.

        Raises
        ------
        InputError
            When it must be refused, unless that is recorded.
        DarkroomError
            When the archive fails.
        """
        numbers = {id(row): number for number, row in enumerate(self.lock.exposures)}
        self.arrivals.claims.wait(numbers[id(own)])
        status = self.arrivals.status(own, self.key(own))
        if status:
            return status
        self._warn_of_space()
        outcomes = self._bring(own, numbers)
        self.arrivals.write_manifest(self.lock, outcomes.values())
        came = sum(bool(status) for _, status, _ in outcomes.values())
        log.info("%d of %d files came", came, len(outcomes))
        _, status, error = outcomes[id(own)]
        if error:
            raise error
        return status

    def _bring(self, own, numbers):
        """Bring an exposure and those it takes along; return what came of each, by identity."""
        down = self.folder / ".archive_down"
        if down.is_file() and time() - down.stat().st_mtime < DOWN_S:
            self._settings = self._settings | {"retries": 0}
        once = self._settings.get("retries") == 0
        count = self._settings.get("parallel", PARALLEL)
        outcomes, in_a_row, told = {}, 0, monotonic()
        tasks = _Tasks(self, own, numbers)
        done = work_through(self._work, tasks, count=count, seconds=self._seconds)
        for exposure, status, error in done:
            outcomes[id(exposure)] = exposure, status, error
            if status:
                down.unlink(missing_ok=True)
                # A refused one is looked at again when its own turn comes.
                if status["accepted"]:
                    self.arrivals.note(exposure, self.key(exposure), status)
            else:
                remove_leftovers(self.folder / exposure.item / exposure.file)
                log.warning("%s/%s: %s", exposure.item, exposure.exposure, error)
            self.arrivals.claims.free(numbers[id(exposure)])
            if monotonic() - told > PROGRESS_S:
                told = monotonic()
                log.info("%d files came or failed so far", len(outcomes))
            in_a_row = 0 if status or isinstance(error, InputError) else in_a_row + 1
            if in_a_row >= FAILURES * count or (in_a_row and once and exposure is own):
                tasks.end()
                down.touch()
        return outcomes

    def key(self, exposure):
        """Return what an exposure's status follows from, see `arrival_key`."""
        return arrival_key(self.campaign, exposure, self.pins, self.exclude, self.code)

    def _work(self, exposure, beat):
        parallel = self._settings.get("parallel", PARALLEL)
        turns = TransferSlots(self.folder.parent.parent / ".archive_turns", parallel, beat)
        return self.one(exposure, turn=turns)

    def _seconds(self, exposure):
        return self._archive.longest_attempt_s(exposure, self._settings) + GRACE_S

    def _warn_of_space(self):
        """Say when the disk cannot take all that is still to come."""
        sizes = {self.folder / row.item / row.file: row.size or 0 for row in self.lock.exposures}
        wanted = sum(size for path, size in sizes.items() if not path.is_file())
        self.folder.mkdir(parents=True, exist_ok=True)
        free = _free(self.folder)
        if wanted > free:
            log.warning(
                "%.1f GB of exposures are still to come, and %.1f GB are free in %s",
                wanted / 1e9,
                free / 1e9,
                self.folder,
            )


def _free(folder):
    """Return the free bytes where a folder is."""
    return shutil.disk_usage(folder).free


class _Tasks:
    """The exposures that one program brings: its own, then small ones that nobody is at."""

    def __init__(self, fetching, own, numbers):
        self._fetching, self._numbers = fetching, numbers
        self._until = monotonic() + TOGETHER_S
        rows = fetching.lock.exposures
        begin = numbers[id(own)]
        self._own = own
        self._others = iter([*rows[begin + 1 :], *rows[:begin]])

    def end(self):
        """Take no further ones along."""
        self._until = 0.0

    def __iter__(self):
        return self

    def __next__(self):
        if self._own is not None:
            own, self._own = self._own, None
            return own
        while monotonic() < self._until:
            row = next(self._others)
            if row.size is None or row.size > SMALL_BYTES:
                continue
            number = self._numbers[id(row)]
            if not self._fetching.arrivals.claims.take(number):
                continue
            key = self._fetching.key(row)
            if not self._fetching.arrivals.status(row, key):
                return row
            self._fetching.arrivals.claims.free(number)
        raise StopIteration
