"""Files that an instrument recognised, sorted into the items of a campaign."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
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
    """

    name: str
    instrument: str
    setup: Mapping[str, str]
    files: list[Recognised] = field(default_factory=list)

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
    items = list(found.values())
    names = _names(items)
    for item, name in zip(items, names, strict=True):
        item.name = name
    return items


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
