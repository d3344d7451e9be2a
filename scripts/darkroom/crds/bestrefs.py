"""Which references are the best ones for an exposure, by CRDS's rules under a pinned context."""

from __future__ import annotations

import re
from pathlib import Path

from darkroom.errors import DarkroomError, InputError
from darkroom.fits.verify import unpacked

NOT_APPLICABLE = "N/A"
_INSTRUMENT = ("META.INSTRUMENT.NAME", "INSTRUME")
_UNKNOWN = re.compile(
    r"parameter='(?P<name>[^']*)' value='(?P<value>[^']*)' is not in \[(?P<known>.*)\]"
)


def best_references(path, kinds, context, observatory, optional=()):
    """Return the names of the best references of an exposure.

    The exposure is only read. `darkroom.crds.environment.go_offline` must have been called.

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
    optional : sequence of str
        Those of `kinds` that the rules need not have.

    Returns
    -------
    dict
        ``{kind: name}``; ``N/A`` where the rules say that none applies, and for an optional kind
        that they have nothing for.

    Raises
    ------
    InputError
        When the rules have no reference of a kind for this exposure.
    DarkroomError
        When CRDS cannot work at all.
    """
    kinds = list(kinds)
    try:
        import crds
        from crds import data_file

        # CRDS reads no compressed file.
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
    # CRDS ends the process where it should raise.
    except SystemExit as error:
        raise DarkroomError(
            f"{path}: CRDS ended (status {error.code}) under {context}; see the log above"
        ) from None
    except DarkroomError:
        raise
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        if "server-less" in cause:
            instrument = _of_any(header, _INSTRUMENT)
            cause = f"{context} has no rules in the cache for INSTRUME = {instrument!r}"
        raise DarkroomError(f"{path}: CRDS found no references under {context}: {cause}") from error


def _name(path, kind, answer, context, header):
    """Return the name in an answer of CRDS; put into words why there is none."""
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
    told = _UNKNOWN.search(cause)
    if told:
        known = told["known"].replace("'", "")
        fault = f"its {_card(told['name'])} = {told['value']!r} is none that {context} has a "
        raise InputError(path, f"{fault}{kind} for (known: {known})", "look at that card")
    asked = "; ".join(
        f"{_card(key)} = {_of_any(header, (key,))!r}" for key in _matched_on(context, kind, header)
    )
    raise InputError(
        path,
        f"{context} has no {kind} for {asked or 'it'} ({cause})",
        "look at those cards, or choose a newer context",
    )


def _matched_on(context, kind, header):
    """Return the parameters that choose among the references of a kind."""
    import crds

    try:
        rules = crds.get_cached_mapping(context).get_imap(_of_any(header, _INSTRUMENT).lower())
        return [key for keys in rules.get_rmap(kind).parkey for key in keys]
    except Exception:
        return []


def _of_any(header, keys):
    """Return the first value there is; CRDS spells parameters in either case."""
    upper = {str(key).upper(): value for key, value in header.items()}
    return str(next((upper[key.upper()] for key in keys if key.upper() in upper), "UNDEFINED"))


def _card(parameter):
    """Return a parameter of the rules as a person looks for it."""
    return parameter.rpartition(".")[2]
