"""What the rules need to know of a campaign: items, exposures, paths of files.

Standard library only: it is imported each time the workflow is planned, on every node.
"""

from __future__ import annotations

import functools
import json
import shlex
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from darkroom.campaign.settings import command_options
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from darkroom.campaign.campaign import Campaign
    from darkroom.campaign.lock import Lock
    from darkroom.campaign.lock_rows import Exposure
    from darkroom.crds.settings import CrdsSettings


class Plan:
    """The items, exposures and paths of a campaign, for the rules.

    Parameters
    ----------
    campaign : Campaign
        The campaign, defaults filled in.
    results : str
        Folder of all results; those of the campaign are in a folder of its name.
    read_lock : callable
        Returns the campaign's lock; called when a rule first needs it, so that `snakemake lock`
        works before a lock exists.
    crds : callable, optional
        ``crds(observatory)`` returns the `CrdsSettings` of the campaign.
    """

    def __init__(
        self,
        campaign: Campaign,
        results: str,
        read_lock: Callable[[], Lock],
        crds: Callable[[str], CrdsSettings] | None = None,
    ) -> None:
        self.campaign = campaign
        self.results = str(PurePath(results, campaign.name))
        self._read_lock = read_lock
        self._crds = crds
        self.largest_image = cache(self._largest_image)

    @cached_property
    def lock(self) -> Lock:
        """The campaign's lock."""
        return self._read_lock()

    @property
    def is_locked(self) -> bool:
        """Whether there is a lock that fits the campaign; a plan that needs it says why not."""
        try:
            return self.lock is not None
        except (DarkroomError, SystemExit):  # rules give a reader that ends the program
            return False

    @property
    def simulated(self) -> bool:
        """Whether the exposures are simulated, so that their truth is known."""
        return bool(self.campaign.archive["kind"] == "simulated")

    @property
    def instruments(self) -> list[str]:
        """Instruments of the campaign's items, each once, sorted."""
        return sorted({item["instrument"] for item in self.campaign.items.values()})

    def crds(self, observatory: str) -> CrdsSettings:
        """Return the CRDS context, server and cache of an observatory."""
        if self._crds is None:
            raise DarkroomError(f"no CRDS settings are known of {observatory}")
        return self._crds(observatory)

    def items_of(self, instrument: str) -> list[str]:
        """Return the names of an instrument's items."""
        items = self.campaign.items.items()
        return [name for name, item in items if item["instrument"] == instrument]

    def only_items_of(self, instrument: str) -> str:
        """Return a pattern that matches only the items of an instrument."""
        return "|".join(self.items_of(instrument)) or "(?!)"

    def folder(self, item: str) -> str:
        """Return the folder of an item's products."""
        return f"{self.results}/{item}"

    def exposures(self, item: str, role: str | None = None) -> list[Exposure]:
        """Return the exposures of an item, optionally those of one role, in the lock's order."""
        return self.lock.of(item, role)

    def statuses(self, item: str) -> list[str]:
        """Return the status files of an item's exposures, in the lock's order."""
        return [f"{self.results}/raw/{item}/{row.exposure}.json" for row in self.exposures(item)]

    def judging_module(self, item: str) -> str:
        """Return the module that declares the checks of an item's exposures; it need not exist."""
        return f"darkroom.{self.campaign.items[item]['instrument']}.judging"

    def judge_options(self, item: str) -> str:
        """Return the options that determine how the exposures of an item are judged."""
        settings = self.campaign.items[item]
        instrument = settings["instrument"]
        known = settings[instrument]
        # Checks that the campaign skips, where the instrument's programs skip them too; and the
        # product, where exposures of several kinds can be meant.
        names = ("waive", "photon_counted", "product")
        waived = {name: known[name] for name in names if name in known}
        checks = json.dumps(known.get("judge", {}) | waived, sort_keys=True)
        keep = ["--keep", *settings["keep"]] if settings["keep"] else []
        return quoted("--instrument", instrument, "--settings", checks, *keep)

    def truth_comparison(self, item: str) -> dict[str, str]:
        """Return the comparison of an item with its truth, when its exposures are simulated."""
        return {"truth": f"{self.folder(item)}/truth.json"} if self.simulated else {}

    def truth_settings(self, item: str) -> list[Any]:
        """Return the settings that determine the truth of an item's simulated exposures."""
        return [self.campaign.tracked_archive, self.campaign.selection(item)]

    def _largest_image(self, item: str) -> int:
        """Return the number of pixels of the largest image of an item."""
        shapes = {row.facts.get("shape", "") for row in self.exposures(item)}
        parts = (shape.partition("x") for shape in shapes)
        return max((int(rows) * int(columns) for rows, _, columns in parts if columns), default=0)

    def image_memory(self, item: str, attempt: int, bytes_per_pixel: float) -> int:
        """Return the memory in MB of a job that holds whole images, libraries included."""
        return int(attempt * (500 + bytes_per_pixel * self.largest_image(item) / 1e6))


class Pipeline(ABC):
    """Options, inputs and products of an instrument's rules; each instrument has a subclass.

    Parameters
    ----------
    plan : Plan
        The campaign.
    """

    #: Name of the instrument, and of its folders, its rules and its key in a campaign.
    instrument = ""
    #: Declaration of the settings below that key (`darkroom.campaign.settings`).
    settings_group: type
    #: Settings of each program: ``{program: names}``.
    programs: Mapping[str, tuple[str, ...]] = {}
    #: Observatory of CRDS whose references the exposures need.
    observatory: str | None = None
    #: Reference types that an exposure may do without: CRDS may have no file.
    optional_kinds: tuple[str, ...] = ()

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        # ``options(item, program)``, made once: an item has the same for each of its exposures.
        self.options = cache(self._options)

    @property
    def items(self) -> list[str]:
        """Names of the instrument's items for which products are made."""
        return self.plan.items_of(self.instrument)

    def settings(self, item: str) -> dict[str, Any]:
        """Return the settings of an item's pipeline."""
        settings: dict[str, Any] = self.plan.campaign.items[item][self.instrument]
        return settings

    def named_file(self, item: str, setting: str, path: str) -> str:
        """Return a file that a setting of an item names, for the inputs of a rule.

        Raises
        ------
        InputError
            When there is no such file, and no rule that could make it: it is not among the results.
        """
        made = Path(self.plan.results).absolute() in Path(path).absolute().parents
        if made or Path(path).is_file():
            return path
        where = f"item {item}: {self.instrument}.{setting} names it"
        raise InputError(path, f"no such file; {where}", "correct the campaign, or bring the file")

    def _options(self, item: str, program: str) -> str:
        """Return the settings of one of the instrument's programs as options."""
        names = self.programs[program]
        return command_options(self.settings(item), self.settings_group, names)

    def groups(self, item: str) -> dict[str, list[str]]:  # noqa: ARG002
        """Return exposures of which something is made together: ``{group: names}``.

        They arrive in batches of their own, so that more of others change none of these; by default
        an item has no groups.
        """
        return {}

    @abstractmethod
    def products(self, item: str) -> list[str]:
        """Return the products of an item other than its frame table."""

    def judged(self, item: str) -> dict[str, dict[str, Any]]:  # noqa: ARG002
        """Return the products of an item that have gates: ``{product: named inputs}``.

        The inputs are those of the instrument's program ``gates``; by default there is none.
        """
        return {}

    def gate_options(self, item: str, product: str, inputs: Any) -> str:  # noqa: ARG002
        """Return the options of the program ``gates`` that name its inputs and settings."""
        return ""

    def counterfactuals(self, item: str) -> dict[str, list[str]]:  # noqa: ARG002
        """Return the files that compare products with those in use: ``{product: files}``."""
        return {}

    def harm_options(self, product: str) -> str:
        """Return the harms that the campaign sets for a product, as options."""
        harms = self.plan.campaign.settings["judge"]["harm"]
        chosen = {name: value for name, value in harms.items() if name.split(".")[0] == product}
        words = [f"--harm={name.partition('.')[2]}={value:g}" for name, value in chosen.items()]
        return quoted(*words)

    def compared(self, item: str) -> list[str]:  # noqa: ARG002
        """Return the products of an item that are compared with a file in use: by default none."""
        return []

    def deck_kinds(self, item: str) -> Iterable[str]:  # noqa: ARG002
        """Return the CRDS reference types through which products are compared: by default none."""
        return ()

    def reference_kinds(self, item: str) -> Iterable[str]:  # noqa: ARG002
        """Return the CRDS reference types that an item's exposures need: by default none."""
        return ()


def input_options(inputs: Any, options: Mapping[str, str]) -> str:
    """Return the options of those named inputs that a job has, quoted for the shell.

    Parameters
    ----------
    inputs : snakemake InputFiles
        Named inputs of a job.
    options : dict
        Text before each name, e.g. ``{"truth": "--truth ", "science": "--science @"}``.
    """
    given = set(inputs.keys())  # `in` of Snakemake's lists compares values
    return " ".join(
        f"{text}{_quoted_files(inputs[name])}" for name, text in options.items() if name in given
    )


def _quoted_files(value: Any) -> str:
    """Return the file, or the files, of a named input for the shell."""
    return quoted(value) if isinstance(value, str) else quoted(*value)


def named_options(inputs: Any, *names: str) -> str:
    """Return ``--name value`` for those named inputs that a job has."""
    return input_options(inputs, {name: f"--{name.replace('_', '-')} " for name in names})


def quoted(*words: Any) -> str:
    """Return words joined for the shell, each quoted where necessary."""
    return shlex.join(str(word) for word in words)


def or_exit(work: Callable, *arguments: Any, **keywords: Any) -> Any:
    """Call a function; a `DarkroomError` ends the program with its message."""
    try:
        return work(*arguments, **keywords)
    except DarkroomError as error:
        sys.exit(f"darkroom: {error}")


class OrExit:
    """A proxy of an object, for rules: a `DarkroomError` ends the program with its message.

    Parameters
    ----------
    target : object
        The object whose attributes it has.
    """

    def __init__(self, target: Any) -> None:
        self._target = target

    def __getattr__(self, name: str) -> Any:
        try:
            found = getattr(self._target, name)
        except DarkroomError as error:
            sys.exit(f"darkroom: {error}")
        if not callable(found) or isinstance(found, type):
            return found

        @functools.wraps(found)
        def call(*arguments: Any, **keywords: Any) -> Any:
            try:
                return found(*arguments, **keywords)
            except DarkroomError as error:
                sys.exit(f"darkroom: {error}")

        # Kept, so that the next look-up finds it at once.
        self.__dict__[name] = call
        return call
