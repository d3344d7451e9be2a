"""A new reference file inserted into CRDS's pinned rules, in memory: nothing is written or sent."""

from __future__ import annotations

import difflib
import itertools
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.delivery.insertion import WILD, Insertion, Probe
from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: A date after every line of the rules.
LATE = "2099-01-01 00:00:00"
# Stands for the values of a parameter that no rule names.
_OTHER = "OTHER"


def insert(path: StrPath, context: str, exposures: Mapping[str, Mapping[str, str]]) -> Insertion:
    """Insert a reference file into the rules of its type, and compare them before and after.

    `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        The new reference file.
    context : str
        The pinned ``.pmap``.
    exposures : dict
        Headers of the exposures on which the file was tested, ``{name: header}``, as `header_of`
        returns them.

    Returns
    -------
    Insertion

    Raises
    ------
    DarkroomError
        When the rules cannot be read, or do not take the file.
    """
    path = Path(path)
    try:
        rules = _rules_for(path, context)
        known = {name.lower() for name in rules.reference_names()}
        # CRDS keeps names in lower case, and remembers the header of each path that it has read: a
        # file written again under its name would be inserted with its old cards.
        name = path.name.lower()
        name = f"new_{name}" if name in known else name
        with tempfile.TemporaryDirectory() as folder:
            trial = Path(folder, name)
            trial.symlink_to(path.resolve())
            new = rules.insert_reference(str(trial))
        return _compared(rules, new, name, context, exposures)
    except DarkroomError:
        raise
    # CRDS ends the process on some errors instead of raising an exception.
    except (Exception, SystemExit) as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DarkroomError(f"{path}: the rules of {context} do not take it ({cause})") from error


def header_of(path: StrPath, observatory: str) -> dict[str, str]:
    """Return the header of an exposure as CRDS's rules read it."""
    from crds import data_file

    from darkroom.fits.verify import unpacked

    with unpacked(path) as plain:
        return dict(data_file.get_header(str(plain), observatory=observatory))


def _rules_for(path: Path, context: str) -> Any:
    """Return CRDS's rules of the type of a reference file."""
    import crds
    from astropy.io import fits

    header = fits.getheader(path)
    instrument = str(header.get("INSTRUME", "")).lower()
    kind = str(header.get("REFTYPE", "")).lower()
    if instrument and not kind and "FILETYPE" in header:
        # HST's card says FILETYPE = 'DARK', the rules darkfile.
        from crds.core import reftypes

        types = reftypes.get_types_object("hst")
        kind = types.filetype_to_filekind(instrument, str(header["FILETYPE"]))
    if not instrument or not kind:
        raise InputError(path, "has no INSTRUME and REFTYPE (or FILETYPE)", "write both cards")
    return crds.get_cached_mapping(context).get_imap(instrument).get_rmap(kind)


def _compared(rules, new, name, context, exposures):
    """Return an `Insertion` from the rules before and after."""
    keys = tuple(rules.parkey[0])
    rows = _rows(rules)
    added = [row for row in _rows(new) if row[-1].lower() == name]
    if not added:
        raise DarkroomError(f"the rules of {context} do not hold {name} after its insertion")
    lost = sorted({row[-1] for row in rows} - {row[-1] for row in _rows(new)})
    same_rule = any(row[:-2] == added[0][:-2] for row in rows)
    same_place = [row for row in rows if row[:-1] == added[0][:-1]]
    own, date = added[0][:-2], added[0][-2]
    seen = {one: _values(keys, rules.minimize_header(header)) for one, header in exposures.items()}
    probes = [
        Probe(values, day, _best(rules, keys, values, day), _best(new, keys, values, day))
        for values, day in _places(rows, own, date, seen.values())
    ]
    tested = {}
    for one, header in exposures.items():
        pair = (_chosen(rules, header), _chosen(new, header))
        tested[one] = Probe(seen[one], _date_of(rules, header), *pair)
    return Insertion(
        name=name,
        context=context,
        rules=str(rules.basename),
        keys=tuple(key.rpartition("META.")[2] or key for key in keys),
        own=own,
        date=date,
        change="replaced" if same_place else "new date" if same_rule else "new rule",
        replaced=tuple(sorted({row[-1] for row in same_place} | set(lost))),
        lines=tuple((row[-1], row[-2]) for row in rows),
        probes=tuple(probes),
        tested=tested,
        difference=_difference(rules, new),
    )


def _rows(rules: Any) -> list[tuple[str, ...]]:
    """Return the lines of the rules: values of the parameters, date, name of the file."""
    return [tuple(map(str, row)) for row in rules.todict()["selections"]]


def _places(rows, own, date, seen):
    """Return the values of parameters and the dates at which the rules are asked.

    A parameter for which the new file, or one that could serve the same exposures, stands for every
    value is asked at each value that a rule or an exposure names, and at one that none names.
    """
    near = [row for row in rows if _overlap(row, own)]
    choices = []
    for number, value in enumerate(own):
        named = {value} | {row[number] for row in near}
        wild = any(one.upper() in WILD for one in named)
        if wild:
            named |= {values[number] for values in seen} | {_OTHER}
        # Several values in one rule stand with | between.
        named = {one for text in named for one in text.split("|")}
        choices.append(sorted(one for one in named if one.upper() not in WILD))
    dates = sorted({row[-2] for row in near} | {date, LATE})
    return [(values, day) for values in itertools.product(*choices) for day in dates]


def _overlap(row: Sequence[str], own: Sequence[str]) -> bool:
    """Return whether an exposure can match two rules."""
    return all(
        one.upper() in WILD or two.upper() in WILD or set(one.split("|")) & set(two.split("|"))
        for one, two in zip(row, own, strict=False)
    )


def _best(rules: Any, keys: Sequence[str], values: Sequence[str], date: str) -> str:
    day, _, time = date.partition(" ")
    header = dict(zip(keys, values, strict=True))
    header |= dict(zip(rules.parkey[1], (day, time), strict=True))
    return _chosen(rules, header)


def _chosen(rules: Any, header: Mapping[str, str]) -> str:
    """Return the file that the rules choose, or an empty text for none."""
    from crds.core.exceptions import CrdsError

    try:
        found = str(rules.get_best_ref(rules.minimize_header(header)))
    # No rule matches.
    except CrdsError:
        return ""
    return "" if found.upper().startswith(("NOT FOUND", "N/A")) else found


def _values(keys: Sequence[str], header: Mapping[str, str]) -> tuple[str, ...]:
    upper = {key.upper(): str(value).upper() for key, value in header.items()}
    return tuple(upper.get(key.upper(), "UNDEFINED") for key in keys)


def _date_of(rules: Any, header: Mapping[str, str]) -> str:
    return " ".join(_values(rules.parkey[1], rules.minimize_header(header)))


def _difference(rules: Any, new: Any) -> str:
    """Return the difference of the texts of the rules, as ``diff -u`` writes it."""
    old, name = rules.format().splitlines(), str(rules.basename)
    after = new.format().splitlines()
    return "\n".join(difflib.unified_diff(old, after, name, f"new {name}", lineterm="")) + "\n"
