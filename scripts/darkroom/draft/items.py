"""Files that an instrument recognised, sorted into the items of a campaign."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from darkroom.draft.recognised import Recognised


@dataclass
class DraftItem:
    """An item of the campaign: the files of one set-up.

    Parameters
    ----------
    name : str
    instrument : str
    setup : mapping
        As in `Recognised`.
    files : list of Recognised
        In the order of the folder.
    missing : list of str
        What the item lacks, and what cannot be made for that, one sentence each.
    """

    name: str
    instrument: str
    setup: Mapping[str, str]
    files: list[Recognised] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def of(self, role: str) -> list[Recognised]:
        """Return the files of a role."""
        return [file for file in self.files if file.role == role]

    @property
    def roles(self) -> list[str]:
        """Roles that files have, in the order of first use."""
        return list(dict.fromkeys(file.role for file in self.files if file.role))


def sort_items(files: Iterable[Recognised]) -> list[DraftItem]:
    """Return one item for each instrument and set-up, in the order of the files."""
    found: dict[tuple, DraftItem] = {}
    for file in files:
        key = (file.instrument, *file.setup.items())
        if key not in found:
            found[key] = DraftItem("", file.instrument, file.setup)
        found[key].files.append(file)
    items = _with_their_kind(list(found.values()))
    names = _names(items)
    for item, name in zip(items, names, strict=True):
        item.name = name
    return items


def _with_their_kind(items: list[DraftItem]) -> list[DraftItem]:
    """Put files whose cards are silent on part of the set-up to the only item that they fit."""
    kept = list(items)
    for item in items:
        fitting = [other for other in kept if other is not item and _fits(item, other)]
        if len(fitting) != 1:
            continue
        silent = [
            key for key, value in fitting[0].setup.items() if value and not item.setup.get(key)
        ]
        shown = ", ".join(f"{key} {fitting[0].setup[key]}" for key in silent)
        note = f"states no {' and no '.join(silent)}; taken with those of {shown}"
        fitting[0].files += [
            replace(file, note="; ".join(filter(None, (file.note, note)))) if file.role else file
            for file in item.files
        ]
        kept.remove(item)
    return kept


def _fits(item: DraftItem, other: DraftItem) -> bool:
    """Tell whether the set-up of an item is that of another one as far as it is stated."""
    return item.instrument == other.instrument and all(
        value == other.setup.get(key) for key, value in item.setup.items() if value
    )


def _names(items: list[DraftItem]) -> list[str]:
    """Return short names: the first value of the set-up, and those in which namesakes differ."""
    firsts = [next(iter(item.setup.values()), "") for item in items]
    slugs = []
    for item, first in zip(items, firsts, strict=True):
        alike = [other for other, its in zip(items, firsts, strict=True) if its == first]
        words = [first] + [
            _word(key, value)
            for key, value in list(item.setup.items())[1:]
            if len({other.setup.get(key) for other in alike}) > 1
        ]
        slugs.append(_slug("_".join(words)) or item.instrument)
    counts, seen = Counter(slugs), Counter[str]()
    names = []
    for slug in slugs:
        seen[slug] += 1
        names.append(f"{slug}_{seen[slug]}" if counts[slug] > 1 else slug)
    return names


def _word(key: str, value: str) -> str:
    """Return a value of the set-up as a word of a name: a plain number with what it is of."""
    # A sign would be lost: -20 °C is not 20 °C.
    signed = re.sub(r"(^|\s)[-−](?=\d)", r"\1minus", value)
    return f"{key} {signed}" if re.fullmatch(r"[\d.]+", value) else signed


def _slug(text: str) -> str:
    """Return a text as the name of an item: lower-case letters, digits, underscores."""
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower().replace("×", "x").replace("°", ""))
    return slug.strip("_")[:60].rstrip("_")


def repeated(files: Iterable[Recognised]) -> list[tuple[Recognised, Recognised]]:
    """Return pairs of files of one role with the same start of exposure and exposure time."""
    seen: dict[tuple, Recognised] = {}
    pairs = []
    for file in files:
        # A date without a time says too little, and whole seconds those of a short frame.
        precise = "." in file.date or (file.exptime or 0) >= 1
        if "T" not in file.date or not file.role or not precise or file.damage:
            continue
        key = (file.role, file.date, file.exptime)
        if key in seen:
            pairs.append((seen[key], file))
        seen.setdefault(key, file)
    return pairs
