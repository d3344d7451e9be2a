"""What the insertion of a reference file into the rules changes, and gates on it.

CRDS takes every file whose cards are well formed: one that replaces nothing, one that no exposure
will ever get, and one that takes over from newer files, all without a warning. The gates compare
what happens with what was meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

#: Format of what `record` returns.
FORMAT = "darkroom insertion 1"
#: Values of a rule that stand for every value of an exposure.
WILD = ("ANY", "N/A", "GENERIC", "*")
#: The campaign means a file that stands beside those of the rules, and replaces none.
NONE_MEANT = "none"
_MOST_NAMED = 6


@dataclass(frozen=True)
class Probe:
    """An exposure, or values that one may have, and the file that it gets.

    Attributes
    ----------
    values : tuple of str
        Values of the parameters by which the rules match.
    date : str
        Date and time of the exposure.
    before, after : str
        Names of the file that the rules choose without and with the new file; empty: none.
    """

    values: tuple[str, ...]
    date: str
    before: str
    after: str


@dataclass(frozen=True)
class Insertion:
    """A new file among the rules.

    Attributes
    ----------
    name : str
        Name of the new file, in lower case, as CRDS writes it.
    context, rules : str
        The pinned context, and the rules (``.rmap``) of the type.
    keys : tuple of str
        Names of the parameters by which the rules match.
    own : tuple of str
        Their values in the rule of the new file.
    date : str
        Date from which on the new file is used.
    change : str
        ``replaced``, ``new date`` or ``new rule``.
    replaced : tuple of str
        Files that the rules do not name any more.
    lines : tuple of (str, str)
        Files of the rules before, each with its date.
    probes : tuple of Probe
        Every kind of exposure that the new file or the files beside it serve, at every date of
        their lines.
    tested : dict
        Exposures of the deck, ``{name: Probe}``.
    difference : str
        Of the text of the rules.
    """

    name: str
    context: str
    rules: str
    keys: tuple[str, ...]
    own: tuple[str, ...]
    date: str
    change: str
    replaced: tuple[str, ...]
    lines: tuple[tuple[str, str], ...]
    probes: tuple[Probe, ...]
    tested: Mapping[str, Probe]
    difference: str

    @property
    def taken(self) -> list[Probe]:
        """The kinds of exposures that get the new file."""
        return [probe for probe in self.probes if probe.after == self.name]

    @property
    def lost_again(self) -> list[Probe]:
        """The same kinds at dates after the new file's at which they get another file."""
        kinds = {probe.values for probe in self.taken}
        late = [one for one in self.probes if one.values in kinds and one.date > self.date]
        return [probe for probe in late if probe.after != self.name]

    @property
    def affected(self) -> list[str]:
        """Names of the exposures of the deck that get the new file."""
        return [name for name, probe in self.tested.items() if probe.after == self.name]

    @property
    def shadowed(self) -> list[str]:
        """Files with a later date than the new file's that lose exposures to it."""
        replaced = set(self.replaced)
        newer = {
            probe.before
            for probe in self.taken
            if probe.before not in ("", *replaced) and self._line(probe) > self.date
        }
        return sorted(newer)

    def current(self) -> str:
        """Return the file that most exposures of the deck get before the insertion; or empty."""
        names = [probe.before for probe in self.tested.values() if probe.before]
        return max(names, key=names.count, default="")

    def criteria(self) -> dict[str, str]:
        """Return which exposures get the new file: values of the parameters, and dates."""
        found = dict(zip(self.keys, self.own, strict=True))
        last = max((probe.date for probe in self.taken), default="")
        ended = {probe.date for probe in self.lost_again if probe.date > last}
        return found | {"from": self.date, "until": min(ended, default="no end")}

    def useafter_matches(self) -> str:
        """Return whether USEAFTER equals that of the file replaced: Yes, No, or N/A without one."""
        return {"replaced": "Yes", "new date": "No"}.get(self.change, "N/A")

    def _line(self, probe: Probe) -> str:
        """Return the date of the line by which an exposure got its file before."""
        dates = [day for name, day in self.lines if name == probe.before and day <= probe.date]
        return max(dates, default="")


@dataclass(frozen=True)
class Gate:
    """A check of an insertion: ``pass``, ``warn`` or ``fail``, and why."""

    name: str
    verdict: str
    sentence: str


def gates(found: Insertion, meant: str = "") -> list[Gate]:
    """Return the gates of an insertion.

    Parameters
    ----------
    found : Insertion
    meant : str
        Name of the file that is to be replaced; ``none``: the new one is to stand beside the
        others; empty: the file that the exposures of the deck get now.

    Returns
    -------
    list of Gate
    """
    return [_replaces(found, meant), _shadows(found), _tested(found), _lasts(found)]


def record(found: Insertion, judged: Iterable[Gate], product: str) -> dict[str, Any]:
    """Return what an insertion changes, as it is written."""
    return {
        "format": FORMAT,
        "product": product,
        "context": found.context,
        "rules": found.rules,
        "change": found.change,
        "current": found.current(),
        "useafter_matches": found.useafter_matches(),
        "replaced": list(found.replaced),
        "shadowed": found.shadowed,
        "affected": {
            "exposures": found.affected,
            "total": len(found.tested),
            "criteria": found.criteria(),
        },
        "gates": [asdict(gate) for gate in judged],
        "notes": [],
    }


def _replaces(found: Insertion, meant: str) -> Gate:
    name = "replaces what was meant"
    lost = ", ".join(found.replaced)
    if meant == NONE_MEANT:
        if found.replaced:
            return Gate(name, "fail", f"It replaces {lost}, and no file was to be replaced")
        return Gate(name, "pass", "It replaces no file, as was meant")
    meant = (meant or found.current()).lower()
    if not meant:
        return Gate(
            name, "pass", f"The exposures have no file in {found.context}: there is none to replace"
        )
    if others := [one for one in found.replaced if one != meant]:
        return Gate(name, "fail", f"It replaces {', '.join(others)}; meant was {meant}")
    if meant not in {file for file, _ in found.lines}:
        return Gate(name, "fail", f"{meant} was to be replaced, and {found.rules} does not name it")
    served = [probe for probe in found.probes if probe.before == meant]
    gone = [probe for probe in served if probe.after == found.name]
    if not gone:
        return Gate(
            name,
            "fail",
            f"{meant} stays in use for all its exposures: the new file ({_rule(found)}, from "
            f"{found.date} on) takes none of them",
        )
    kept = [probe for probe in served if probe.date >= found.date and probe.after == meant]
    if kept:
        return Gate(
            name,
            "fail",
            f"{meant} stays in use beside it for {_kinds(found, kept)}: the rule of the new file "
            f"is {_rule(found)}; write the same values as those of {meant}, or say that none is "
            "to be replaced (deliver.replaces: none)",
        )
    if found.change == "replaced":
        return Gate(name, "pass", f"It replaces {meant} exactly")
    return Gate(name, "pass", f"It takes over from {meant} on {found.date}")


def _shadows(found: Insertion) -> Gate:
    name = "shadows nothing newer"
    if newer := found.shadowed:
        dates = {file: max(day for one, day in found.lines if one == file) for file in newer}
        listed = ", ".join(f"{file} (from {day})" for file, day in dates.items())
        return Gate(
            name,
            "fail",
            f"From {found.date} on it takes exposures from newer files, because its rule "
            f"({_rule(found)}) comes before their dates: {listed}",
        )
    return Gate(name, "pass", "No file with a later date loses exposures to it")


def _tested(found: Insertion) -> Gate:
    name = "affects what the deck tested"
    total, affected = len(found.tested), found.affected
    if not affected:
        return Gate(
            name,
            "fail",
            f"None of the {total} exposures on which it was tested gets it: its rule is "
            f"{_rule(found)}, from {found.date} on",
        )
    seen = [found.tested[one] for one in affected]
    kinds = {probe.values for probe in seen}
    untested = [probe for probe in found.taken if probe.values not in kinds]
    if left := [one for one in found.tested if one not in affected]:
        return Gate(name, "warn", f"{len(left)} of {total} exposures do not get it: {_some(left)}")
    if untested:
        return Gate(
            name,
            "warn",
            f"All {total} exposures get it; so do exposures of {_kinds(found, untested, seen)}, of "
            "which none was tested",
        )
    return Gate(name, "pass", f"All {total} exposures get it, and no kind that was not tested")


def _lasts(found: Insertion) -> Gate:
    name = "serves exposures of today"
    if late := found.lost_again:
        others = sorted({probe.after for probe in late if probe.after})
        return Gate(
            name,
            "warn",
            f"It is used until {found.criteria()['until']}: then {_some(others)} begins; to serve "
            "exposures of today its USEAFTER must be later",
        )
    return Gate(name, "pass", f"It is used from {found.date} on, without end")


def _rule(found: Insertion) -> str:
    return ", ".join(f"{_short(k)} {v}" for k, v in zip(found.keys, found.own, strict=True))


def _kinds(found: Insertion, probes: Iterable[Probe], seen: Iterable[Probe] = ()) -> str:
    """Return the values in which exposures differ from the new file's rule, or from those seen."""
    words = []
    for number, key in enumerate(found.keys):
        own = found.own[number]
        known = {own} if own.upper() not in WILD else {probe.values[number] for probe in seen}
        values = {probe.values[number] for probe in probes}
        if (own.upper() not in WILD or known) and (others := sorted(values - known)):
            words.append(f"{_short(key)} {_some(others)}")
    return "; ".join(words) or "other combinations of these values"


def _short(key: str) -> str:
    """Return the name of a parameter as its card is called."""
    return {"SUBARRAY.NAME": "SUBARRAY"}.get(key, key.rpartition(".")[2])


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _MOST_NAMED} more" if len(listed) > _MOST_NAMED else ""
    return ", ".join(listed[:_MOST_NAMED]) + more
