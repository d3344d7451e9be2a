"""Which references are the best ones for an exposure, by CRDS's rules under a pinned context."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from darkroom.atomic import write_text
from darkroom.crds.cache import FileFacts
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


def write_references(path, references):
    """Write an exposure's references: ``{kind: FileFacts or None}``, None where none applies.

    The context is not among them: a new one under which nothing changed leaves the file, and all
    that was made with it, as it is.
    """
    content = {kind: facts and asdict(facts) for kind, facts in sorted(references.items())}
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_references(path):
    """Read what `write_references` wrote.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        return {kind: facts and FileFacts(**facts) for kind, facts in content.items()}
    except FileNotFoundError:
        raise InputError(path, "no such file") from None
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            path, f"is a damaged list of references ({error})", "remove it and run again"
        ) from error
