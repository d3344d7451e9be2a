"""Which references are the best ones for an exposure, by CRDS's rules under a pinned context."""

from __future__ import annotations

from pathlib import Path

from darkroom.errors import DarkroomError, InputError

NOT_APPLICABLE = "N/A"


def best_references(path, kinds, context, observatory):
    """Return the names of the best references of an exposure.

    The exposure is only read. `darkroom.crds.environment.go_offline` must have been called.

    Parameters
    ----------
    path : path-like
        The exposure.
    kinds : iterable of str
        Reference types, e.g. ``superbias``.
    context : str
        The pinned ``.pmap``.
    observatory : str
        ``jwst`` or ``hst``.

    Returns
    -------
    dict
        ``{kind: name}``; ``N/A`` where the rules say that none applies.

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

        header = data_file.get_header(str(path), observatory=observatory)
        found = crds.getrecommendations(
            header, reftypes=kinds, context=context, observatory=observatory
        )
    # CRDS ends the process where it should raise.
    except SystemExit as error:
        raise DarkroomError(
            f"{path}: CRDS ended (status {error.code}) under {context}; see the log above"
        ) from None
    except Exception as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise DarkroomError(f"{path}: CRDS found no references under {context}: {cause}") from error
    return {kind: _name(path, kind, found.get(kind), context) for kind in kinds}


def _name(path, kind, answer, context):
    if answer is None:
        raise InputError(path, f"CRDS gave no answer for its {kind} reference under {context}")
    text = str(answer)
    if not text.upper().startswith("NOT FOUND"):
        return Path(text).name
    cause = text[len("NOT FOUND") :].strip()
    if cause.lower() in ("n/a", ""):
        return NOT_APPLICABLE
    raise InputError(path, f"{context} has no {kind} reference for it ({cause})")
