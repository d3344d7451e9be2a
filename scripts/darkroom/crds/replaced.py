"""Which reference file a new one would replace, by the rules of a pinned context."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from astropy.io import fits

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath

# Cards whose name differs from that of the rules' parameter.
_CARDS = {"META.SUBARRAY.NAME": "SUBARRAY"}
_LATE = "2099-01-01"
# Reference types of HST, by the FILETYPE of their files.
_KINDS = {"DARK": "darkfile"}
# Parameters of the rules for instrument, date and time.
_NAMES = {
    "jwst": ("META.INSTRUMENT.NAME", "META.OBSERVATION.DATE", "META.OBSERVATION.TIME"),
    "hst": ("INSTRUME", "DATE-OBS", "TIME-OBS"),
}
# Rules of HST give a dark only to exposures from which one is to be subtracted.
_DARKS = {"DARKCORR": "PERFORM"}
# A file for all exposure types (N/A) is that of science exposures; CRDS finds none for N/A itself.
_TYPE, _SCIENCE = "META.EXPOSURE.TYPE", "NRC_IMAGE"
_REPLACED = re.compile(r"replaced '(?P<old>[^']+)' with")


@dataclass(frozen=True)
class Place:
    """Where a new reference file would stand among the rules.

    Attributes
    ----------
    replaces : str
        Name of the file that would no longer be chosen, from the new one's date on; or empty.
    sentence : str
    """

    replaces: str
    sentence: str


def place_of(path: StrPath, context: str) -> Place:
    """Return which file of the rules a new reference file would replace.

    The file is inserted into a copy of the rules as CRDS would do it. `go_offline` of
    `darkroom.crds.environment` must have been called.

    Parameters
    ----------
    path : path-like
        The new reference file.
    context : str
        The pinned ``.pmap``.

    Raises
    ------
    DarkroomError
        When the rules of the context cannot be read, or do not take the file.
    """
    header = fits.getheader(path)
    kind = str(header.get("REFTYPE") or _KINDS.get(str(header.get("FILETYPE")), "")).lower()
    instrument = str(header["INSTRUME"]).lower()
    try:
        import crds

        rules = crds.get_cached_mapping(context).get_imap(instrument).get_rmap(kind)
        changes = rules.difference(rules.insert_reference(str(path)))
        keys_of = rules.parkey[0]
        keys, change = changes[0][1], changes[0][-1]
        own = [str(header.get(_CARDS.get(key, key.rpartition(".")[2]), "N/A")) for key in keys_of]
        date, _, time = _moment(header).partition("T")
        now = _chosen(rules, kind, context, own, date, time or "00:00:00")
        later = _chosen(rules, kind, context, own, _LATE, "00:00:00")
        names = [key.rpartition(".")[2] for key in keys_of]
    except (Exception, SystemExit) as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DarkroomError(
            f"{path}: the rules of {context} for {instrument} {kind} do not tell what it would "
            f"replace ({cause})"
        ) from error
    rule = _shown(names, keys)
    useafter = str(header.get("USEAFTER", ""))
    if found := _REPLACED.match(change):
        return Place(found["old"], f"It would replace {found['old']} of {context} ({rule}).")
    if "Match rule" not in change:
        until = f", until {later} of the same rule begins" if later not in ("", now) else ""
        if now:
            sentence = f"would be used instead of {now} of {context} ({rule}){until}."
            return Place(now, f"From {useafter} on it {sentence}")
        return Place(
            "",
            f"It would replace no file of {context}: it would be used from {useafter} on{until}, "
            f"and what is there stays ({rule}).",
        )
    beside = f"It would replace no file of {context}: there is no rule for {rule}"
    now = now or later
    if not now:
        return Place("", f"{beside}.")
    theirs = rules.file_matches(now)
    whose = f" ({_shown(names, [value for _, value in theirs[0][1]])})" if theirs else ""
    return Place(
        "",
        f"{beside}. It would stand beside {now}{whose}, which such exposures get now; "
        "a file made for the same values would replace that one.",
    )


def _moment(header: fits.Header) -> str:
    """Return USEAFTER as ``YYYY-MM-DDThh:mm:ss``; files of HST have ``Mon DD YYYY hh:mm:ss``."""
    text = str(header.get("USEAFTER", ""))
    try:
        return datetime.strptime(text, "%b %d %Y %H:%M:%S").isoformat()
    except ValueError:
        return text


def _chosen(rules: Any, kind: str, context: str, own: Sequence[str], date: str, time: str) -> str:
    """Return the file that exposures with the values of a new reference get at a date, or ''."""
    import crds

    asked = dict(zip(rules.parkey[0], own, strict=True))
    if asked.get(_TYPE) == "N/A":
        asked[_TYPE] = _SCIENCE
    observatory = str(rules.observatory).lower()
    values = str(rules.instrument).upper(), date, time
    asked |= dict(zip(_NAMES[observatory], values, strict=True))
    if observatory == "hst":
        asked |= _DARKS
    found = crds.getrecommendations(
        asked, reftypes=[kind], context=context, observatory=str(rules.observatory)
    )
    name = str(found.get(kind, ""))
    return "" if name.upper().startswith("NOT FOUND") or not name else name.rpartition("/")[2]


def _shown(names: Sequence[str], keys: Sequence[str]) -> str:
    cards = {"NAME": "SUBARRAY", "TYPE": "EXP_TYPE"}
    # The rules write N/A for the subarray GENERIC, and for any exposure type.
    words = {("NAME", "N/A"): "GENERIC"}
    return ", ".join(
        f"{cards.get(name, name)} {words.get((name, key), 'ANY' if key == '*' else key)}"
        for name, key in zip(names, keys, strict=True)
    )
