"""What a check found of one exposure, and the table of an item's judgements."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.atomic import write_text
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from darkroom.hints import StrPath

PASSED, WARNED, REFUSED = "passed", "warned", "refused"


@dataclass(frozen=True)
class Subject:
    """An exposure to be judged.

    Parameters
    ----------
    name : str
        The exposure, as in the lock.
    file : str
        File name, for sentences.
    values : mapping
        Header values, statistics, digests and faults, by the names that checks use; None or absent
        when the exposure states none.
    """

    name: str
    file: str
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Judgement:
    """Result of one check of one exposure.

    Parameters
    ----------
    exposure, file : str
        As in `Subject`.
    check : str
        Name of the check.
    value, limit : str
        What was found, and what is allowed, with units.
    verdict : {"passed", "warned", "refused"}
    sentence : str
        For a person: file, fault, value, limit and advice; empty when it passed.
    """

    exposure: str
    file: str
    check: str
    value: str
    limit: str
    verdict: str
    sentence: str = ""


COLUMNS = tuple(field.name for field in fields(Judgement))


def sentences(judgements: Iterable[Judgement], verdict: str) -> dict[str, list[str]]:
    """Return the sentences of one verdict by exposure: ``{exposure: [sentence, ...]}``."""
    found: dict[str, list[str]] = {}
    for judgement in judgements:
        if judgement.verdict == verdict:
            found.setdefault(judgement.exposure, []).append(judgement.sentence)
    return found


def require_good(judgements: Sequence[Judgement], product: str) -> list[str]:
    """Raise when an exposure is refused; return the sentences of the warnings.

    Parameters
    ----------
    judgements : sequence of Judgement
        Of all exposures of a product, named by their paths.
    product : str
        Name of the product, for the message.

    Raises
    ------
    InputError
        When one exposure is refused: its file, fault and advice.
    DarkroomError
        When several are: one message that lists them all.
    """
    refused = [each for each in judgements if each.verdict == REFUSED]
    if len({each.exposure for each in refused}) == 1:
        fault = refused[0].sentence.removeprefix(f"{refused[0].file}: ")
        raise InputError(refused[0].exposure, fault)
    if refused:
        listed = "\n  ".join(each.sentence for each in refused)
        raise DarkroomError(
            f"{len({each.exposure for each in refused})} exposures cannot be used for the "
            f"{product}; leave them out:\n  {listed}"
        )
    return [each.sentence for each in judgements if each.verdict == WARNED]


def kept(judgements: Iterable[Judgement], names: Collection[str]) -> list[Judgement]:
    """Return judgements in which exposures kept on request are warned instead of refused.

    Parameters
    ----------
    judgements : iterable of Judgement
    names : collection of str
        Exposures that the campaign keeps.
    """
    return [
        Judgement(
            **asdict(each)
            | {"verdict": WARNED, "sentence": f"{each.sentence} (kept, as the campaign asks)"}
        )
        if each.verdict == REFUSED and each.exposure in names
        else each
        for each in judgements
    ]


def write_judgements(path: StrPath, judgements: Iterable[Judgement]) -> None:
    """Write a table of judgements as tab-separated text, atomically."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    for judgement in judgements:
        row = asdict(judgement)
        writer.writerow({name: " ".join(str(text).split()) for name, text in row.items()})
    write_text(path, stream.getvalue())


def read_judgements(path: StrPath) -> list[Judgement]:
    """Read a table of judgements.

    Raises
    ------
    InputError
        When the file is missing or is no such table.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream, delimiter="\t")
            columns, rows = tuple(reader.fieldnames or ()), list(reader)
    except FileNotFoundError:
        raise InputError(path, "no such table of judgements") from None
    if columns != COLUMNS:
        raise InputError(path, f"is no table of judgements: its columns must be {COLUMNS}")
    return [Judgement(**row) for row in rows]
