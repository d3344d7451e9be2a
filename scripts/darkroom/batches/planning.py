"""What the rules say of batches: which exposures, which products, and what was made already.

Imported each time the workflow is planned: standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import PurePath
from typing import TYPE_CHECKING

from darkroom.batches.notes import key_of, note_of
from darkroom.errors import DarkroomError
from darkroom.provenance import settings_digest
from darkroom.workflow.plan import Pipeline, Plan, quoted

if TYPE_CHECKING:
    from darkroom.campaign.lock_rows import Exposure

#: Exposures of a batch when the size is ``auto``: more would save a hundredth of a second each.
USUAL = 20
# Largest number of them, so that a command can name them all.
_MOST = 1000
# Exposures at once in a step that takes a while for each: a job asks for as many cores.
_AT_ONCE = 4
# Characters in which a command names others: the system allows 131072 a word, the command's own
# files included.
_LONGEST = 60_000


@dataclass(frozen=True)
class Batch:
    """What the command of a product's job says of its batch.

    Parameters
    ----------
    came : str
        Shell command that succeeds when the outputs were made by the job of another product.
    options : str
        Options with which the program takes further products along.
    """

    came: str = "false"
    options: str = ""


@dataclass(frozen=True)
class Job:
    """What a job makes that has a command line of its own.

    Parameters
    ----------
    inputs, outputs : sequence of str
        Its files.
    options : str
        Its command line, without what `Batches` adds.
    settings : sequence of str
        All else that determines its outputs: code.
    """

    inputs: Sequence[str]
    outputs: Sequence[str]
    options: str
    settings: Sequence[str]

    @property
    def key(self) -> str:
        """Digest of all that determines its outputs, but its inputs."""
        return settings_digest({"settings": [self.options, *self.settings]})

    @property
    def words(self) -> str:
        """Its options of batches."""
        return quoted("--batch-key", self.key, *(f"--batch-file={path}" for path in self.inputs))


class Batches:
    """The batches of a campaign's exposures, and its batches of products.

    The exposures of an item are divided once, in the order of the lock: the batch ``0002`` holds
    the same ones at every step. What a step makes of a batch is listed, each file with its SHA-256,
    in ``batches/<step>/0002.list`` of the item's folder: the output that Snakemake knows.

    Parameters
    ----------
    plan : Plan
        The campaign.
    size : str or int
        Largest number of exposures of a batch, or ``auto``.
    pipelines : mapping, optional
        Pipelines of the instruments, which may divide their exposures by what is made of them.

    Raises
    ------
    DarkroomError
        When the size is no such number.
    """

    def __init__(
        self, plan: Plan, size: str | int, pipelines: Mapping[str, Pipeline] | None = None
    ) -> None:
        text = str(size)
        if text != "auto" and not (text.isascii() and text.isdigit() and int(text) > 0):
            raise DarkroomError(
                f"batch={text[:40]}: give auto, or the number of exposures, 1 or more"
            )
        self.plan, self._pipelines = plan, pipelines or {}
        self._most = USUAL if text == "auto" else min(int(text), _MOST)
        # What is made of a group together arrives together, however many they are.
        self._most_of_group = _MOST if text == "auto" else self._most
        self._batches = cache(self._divided)
        self._holders = cache(self._by_exposure)

    def _divided(self, item: str) -> dict[str, list[Exposure]]:
        """Return the exposures of each batch of an item: ``{"0001": exposures, ...}``."""
        rows = self.plan.exposures(item)
        pipeline = self._pipelines.get(self.plan.campaign.items[item]["instrument"])
        groups = pipeline.groups(item) if pipeline else {}
        if not groups:
            return dict(_parts("", rows, self._most))
        known = {row.exposure: row for row in rows}
        found: dict[str, list[Exposure]] = {}
        for name, exposures in groups.items():
            members = [known.pop(exposure) for exposure in exposures]
            found |= _parts(f"{name}_", members, self._most_of_group)
        return found | dict(_parts("", list(known.values()), self._most))

    def _by_exposure(self, item: str) -> dict[str, str]:
        """Return the batch of each exposure of an item."""
        batches = self._batches(item).items()
        return {row.exposure: batch for batch, rows in batches for row in rows}

    def of(self, item: str, batch: str) -> list[Exposure]:
        """Return the exposures of a batch."""
        try:
            return self._batches(item)[batch]
        except KeyError:
            raise DarkroomError(f"item {item} has no batch {batch[:40]!r}") from None

    def lists(self, item: str, step: str) -> list[str]:
        """Return the lists of what a step makes of each batch of an item."""
        folder = f"{self.plan.folder(item)}/batches/{step}"
        return [f"{folder}/{batch}.list" for batch in self._batches(item)]

    def lists_of(self, item: str, step: str, exposures: Iterable[str]) -> list[str]:
        """Return the lists of what a step makes of the batches that hold some exposures."""
        holders = self._holders(item)
        held = dict.fromkeys(holders[name] for name in exposures)
        folder = f"{self.plan.folder(item)}/batches/{step}"
        return [f"{folder}/{batch}.list" for batch in held]

    def tracked(self, item: str, paths: Iterable[str]) -> list[str]:
        """Return the files of a job as Snakemake knows them: lists in place of status files."""
        paths, folder = list(paths), f"{self.plan.results}/raw/{item}/"
        others = [path for path in paths if not path.startswith(folder)]
        names = [PurePath(path).stem for path in paths if path.startswith(folder)]
        return [*others, *self.lists_of(item, "raw", names)]

    def names(self, item: str, batch: str) -> list[str]:
        """Return the names of the exposures of a batch."""
        return [row.exposure for row in self.of(item, batch)]

    def workers(self, item: str, batch: str) -> int:
        """Return how many exposures of a batch are worked on at once, where there are cores."""
        return min(len(self.of(item, batch)), _AT_ONCE)

    def files(self, item: str, batch: str, source: str, **options: str) -> str:
        """Return the files of one exposure of a batch, see `files_of`."""
        return self.files_of(item, self.of(item, batch)[0].exposure, source, **options)

    def files_of(self, item: str, name: str, source: str, **options: str) -> str:
        """Return the files of one exposure: those of others of a batch are found beside them.

        Parameters
        ----------
        item, name : str
            The exposure.
        source : str
            The file that a program takes without an option, below the campaign's results, with
            ``{}`` for the exposure.
        **options : str
            Files of options below the folder of the item.
        """
        words = [
            word
            for option, path in options.items()
            for word in (f"--{option}", f"{self.plan.folder(item)}/{path.format(name)}")
        ]
        return quoted(*words, f"{self.plan.results}/{source.format(name)}")

    @staticmethod
    def step(
        *settings: str, shared: Iterable[str] = (), own: Mapping[str, str] | None = None
    ) -> str:
        """Return the options of a program that makes a batch.

        Parameters
        ----------
        *settings : str
            All that determines its outputs beside the files of each exposure: options, code.
        shared : iterable of str
            Files that all exposures have in common.
        own : mapping, optional
            Further options of single exposures, by name.
        """
        words = ["--batch-key", settings_digest({"settings": settings})]
        words += [f"--batch-file={path}" for path in shared]
        words += [f"--own={name} {options}" for name, options in (own or {}).items()]
        return quoted(*words)

    def together(self, name: str, names: Iterable[str], job: Callable[[str], Job]) -> Batch:
        """Return what the command of a product's job says of its batch.

        Parameters
        ----------
        name : str
            The product.
        names : iterable of str
            All products of the item that the program makes, in their order.
        job : callable
            ``job(name)`` returns what is made of each.
        """
        size = self._most
        every = list(names)
        begin = every.index(name) if name in every else 0
        others = [one for one in (*every[begin:], *every[:begin]) if one != name]
        if size == 1 or not others:
            return Batch()
        own = job(name)
        words, left = [own.words, quoted("--batch", size)], _LONGEST - len(own.words)
        for one in map(job, others[: size - 1]):
            # Before its own options, which may end with names of files after --.
            words.append(quoted(f"--along={one.words} {one.options}"))
            left -= len(words[-1])
            if left < 0:
                words.pop()
                break
        if len(words) == 2:
            return Batch()
        return Batch(_came(own.key, own.inputs, own.outputs), " ".join(words))


def _parts(
    prefix: str, rows: Sequence[Exposure], most: int
) -> Iterator[tuple[str, list[Exposure]]]:
    """Yield the name of each batch of some exposures, and those that it holds."""
    for begin in range(0, len(rows), most):
        yield f"{prefix}{begin // most + 1:04d}", list(rows[begin : begin + most])


def _came(key: str, inputs: Sequence[str], outputs: Sequence[str]) -> str:
    """Return a shell command that gives notes their names if they were made from these inputs.

    A note keeps its name until that of the output is on the disk (`darkroom.atomic.name_durably`)
    and its key is gone from there: no output is taken from it again.
    """
    notes = [note_of(output) for output in outputs]
    keyed = quoted(key_of(notes[0]))
    links = (f"ln {quoted(*pair)}" for pair in zip(notes, outputs, strict=True))
    folders = sorted({str(PurePath(one).parent) for one in (*outputs, *notes)})
    return (
        f"[ -f {keyed} ] && {{ echo {key}; sha256sum -- {quoted(*inputs)}; }} | sha256sum "
        f"| cmp -s - {keyed} && touch -c {quoted(*notes)} && {' && '.join(links)} "
        f"&& rm {keyed} && sync {quoted(*folders)} && rm {quoted(*notes)}"
    )
