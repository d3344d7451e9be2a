"""What the rules of a step say of its batches: who may be taken along, and what was made already.

Imported each time the workflow is planned: standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from darkroom.batches.notes import key_of, note_of
from darkroom.errors import DarkroomError
from darkroom.provenance import settings_digest
from darkroom.workflow.plan import Plan, quoted

#: Exposures of a batch when the size is ``auto``: more would save a hundredth of a second each.
USUAL = 20


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
