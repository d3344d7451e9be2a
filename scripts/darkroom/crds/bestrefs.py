"""The best references for an exposure, by CRDS's rules under a pinned context."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.verify import unpacked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from darkroom.hints import StrPath

NOT_APPLICABLE = "N/A"
_INSTRUMENT = ("META.INSTRUMENT.NAME", "INSTRUME")
_UNKNOWN = re.compile(
    r"parameter='(?P<name>[^']*)' value='(?P<value>[^']*)' is not in \[(?P<known>.*)\]"
)


def best_references(
    path: StrPath,
    kinds: Iterable[str],
    context: str,
    observatory: str,
    optional: Collection[str] = (),
) -> dict[str, str]:
    """Return the names of the best references for an exposure.

    The exposure is not changed. `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        The exposure (``.gz`` too).
    kinds : iterable of str
        Reference types, e.g. ``superbias``.
    context : str
        The pinned ``.pmap``.
    observatory : str
        ``jwst`` or ``hst``.
    optional : collection of str
        Those of `kinds` for which the rules need not have a reference.

    Returns
    -------
    dict
        ``{kind: name}``; ``N/A`` where the rules say that no reference applies, and for an optional
        kind without a reference.

    Raises
    ------
    InputError
        When the rules have no reference of a kind for this exposure.
    DarkroomError
        When CRDS fails altogether.
    """
    kinds = list(kinds)
    header: dict[str, Any] = {}
    try:
        import crds
        from crds import data_file

        # CRDS cannot read compressed files.
        with unpacked(path) as plain:
            header = dict(data_file.get_header(str(plain), observatory=observatory))
        found = crds.getrecommendations(
            header, reftypes=kinds, context=context, observatory=observatory
        )
        named = {}
        for kind in kinds:
            try:
                named[kind] = _name(path, kind, found.get(kind), context, header)
            except InputError:
                if kind not in optional:
                    raise
                named[kind] = NOT_APPLICABLE
        return named
    # CRDS ends the process on some errors instead of raising an exception.
    except SystemExit as error:
        raise DarkroomError(
            f"{path}: CRDS ended (status {error.code}) under {context}; see the log above"
        ) from None
    except DarkroomError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        if "server-less" in cause:
            instrument = _first_value(header, _INSTRUMENT)
            cause = f"{context} has no rules in the cache for INSTRUME = {instrument!r}"
        raise DarkroomError(f"{path}: CRDS found no references under {context}: {cause}") from error


def _name(path: StrPath, kind: str, answer: Any, context: str, header: Mapping[str, Any]) -> str:
    """Return the name of the reference in CRDS's answer, or raise the reason why there is none."""
    text = str(answer)
    if answer is None:
        raise InputError(path, f"CRDS gave no answer for its {kind} reference under {context}")
    if not text.upper().startswith("NOT FOUND"):
        return Path(text).name
    cause = " ".join(text[len("NOT FOUND") :].split())
    if cause.lower() in ("n/a", ""):
        return NOT_APPLICABLE
    if "unknown reference type" in cause.lower():
        raise InputError(
            path, f"{context} has no rules for the type {kind}", "choose a newer context"
        )
    if unknown := _UNKNOWN.search(cause):
        known = unknown["known"].replace("'", "")
        fault = f"its {_card(unknown['name'])} = {unknown['value']!r} is none that {context} has a "
        raise InputError(path, f"{fault}{kind} for (known: {known})", "check that card")
    asked = "; ".join(
        f"{_card(key)} = {_first_value(header, (key,))!r}"
        for key in _matched_on(context, kind, header)
    )
    raise InputError(
        path,
        f"{context} has no {kind} for {asked or 'it'} ({cause})",
        "check those cards, or choose a newer context",
    )


def _matched_on(context: str, kind: str, header: Mapping[str, Any]) -> list[str]:
    """Return the parameters by which the rules select the reference of a kind."""
    import crds

    try:
        rules = crds.get_cached_mapping(context).get_imap(_first_value(header, _INSTRUMENT).lower())
        return [key for keys in rules.get_rmap(kind).parkey for key in keys]
    except Exception:
        return []


def _first_value(header: Mapping[str, Any], keys: Iterable[str]) -> str:
    """Return the value of the first of the keys there is, in either case (CRDS uses both)."""
    upper = {str(key).upper(): value for key, value in header.items()}
    return str(next((upper[key.upper()] for key in keys if key.upper() in upper), "UNDEFINED"))


def _card(parameter: str) -> str:
    """Return the header keyword of a parameter of the rules."""
    return parameter.rpartition(".")[2]
