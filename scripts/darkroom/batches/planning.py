"""What the rules of a step say of its batches: who may be taken along, and what was made already.

Imported each time the workflow is planned: standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from darkroom.batches.notes import key_of, note_of
from darkroom.errors import DarkroomError
from darkroom.provenance import settings_digest
from darkroom.workflow.plan import Plan, quoted

#: Exposures of a batch when the size is ``auto``: more would save a hundredth of a second each.
USUAL = 20
# Characters in which a command names others: the system allows 131072 a word, the command's own
# files included.
_LONGEST = 60_000


@dataclass(frozen=True)
class Batch:
    """What the command of an exposure's job says of its batch.

    Parameters
    ----------
    came : str
        Shell command that succeeds when the outputs were made by the job of another exposure.
    options : str
        Options with which the program takes further exposures along.
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
    """The batches of a campaign's steps.

    Parameters
    ----------
    plan : Plan
        The campaign.
    size : str or int
        Largest number of exposures of a batch, or ``auto``; 1: no batches.

    Raises
    ------
    DarkroomError
        When the size is no such number.
    """

    def __init__(self, plan: Plan, size: str | int) -> None:
        text = str(size)
        if text != "auto" and not (text.isascii() and text.isdigit() and int(text) > 0):
            raise DarkroomError(
                f"batch={text[:40]}: give auto, or the number of exposures, 1 or more"
            )
        self.plan = plan
        #: Largest number of exposures of a batch; None: the usual one.
        self.size = None if text == "auto" else int(text)

    def step(
        self,
        item: str,
        inputs: Iterable[str],
        outputs: Sequence[str],
        *settings: str,
        shared: Iterable[str] = (),
    ) -> Batch:
        """Return what the command of an exposure's job says of its batch.

        Parameters
        ----------
        item : str
            The item.
        inputs : iterable of str
            Files of the exposure, in the order of `darkroom.batches.making.Step`.
        outputs : sequence of str
            Files that are made of it.
        *settings : str
            All else that determines them: options, code.
        shared : iterable of str
            Files that all exposures have in common.
        """
        size = USUAL if self.size is None else self.size
        if size == 1 or len(self.plan.exposures(item)) == 1:
            return Batch()
        key = settings_digest({"settings": settings})
        words = ["--among", f"{self.plan.folder(item)}/statuses.list", "--batch", size]
        words += ["--batch-key", key, *(f"--batch-file={path}" for path in shared)]
        return Batch(_came(key, [*inputs, *shared], outputs), quoted(*words))

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
        size = USUAL if self.size is None else self.size
        every = list(names)
        begin = every.index(name) if name in every else 0
        others = [one for one in (*every[begin + 1 :], *every[:begin]) if one != name]
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
