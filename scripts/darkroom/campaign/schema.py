"""Settings checked against a JSON schema, with error messages that say what to change."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from darkroom.errors import InputError
from darkroom.plain import plain_text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.hints import StrPath


# Of a sentence, in which a wrong value may stand that is a whole file.
_LONGEST = 1000


def check(settings: Any, schema: dict[str, Any], path: StrPath) -> None:
    """Check settings against a JSON schema.

    Parameters
    ----------
    settings : object
        The settings, as read from a file.
    schema : dict
        The JSON schema.
    path : path-like
        The file, for the message.

    Raises
    ------
    InputError
        For the first violation, with the key and what is allowed.
    """
    # Imported only where it is needed, to keep planning fast.
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(settings), key=_order)
    if errors:
        told = plain_text(_explain(errors[0]), _LONGEST)
        raise InputError(path, told, "every key is explained in config/README.md")


def _order(error: Any) -> tuple[int, bool, str]:
    """Sort violations from the outside in, a misspelt key before the key that it leaves missing."""
    return len(error.absolute_path), error.validator != "additionalProperties", error.message


def _explain(error: Any) -> str:
    """Return a jsonschema error as one sentence."""
    while error.validator in ("oneOf", "anyOf") and error.context:
        error = max(error.context, key=lambda e: len(e.absolute_path))
    where = ".".join(str(part) for part in error.absolute_path)
    key = f"key '{where}'" if where else "the file"
    if error.validator == "additionalProperties":
        known = sorted(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(known))[0]
        full = f"{where}.{unknown}" if where else unknown
        return f"unknown key '{full}'{nearest(unknown, known)}; known here: {', '.join(known)}"
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(error.instance))[0]
        return f"{key} lacks '{missing}'"
    if error.validator == "enum":
        allowed = ", ".join(str(value) for value in error.validator_value)
        close = nearest(str(error.instance), error.validator_value)
        return f"{key} is {error.instance!r}{close}; allowed: {allowed}"
    if error.validator == "type":
        wanted = error.validator_value
        wanted = " or ".join(wanted) if isinstance(wanted, list) else wanted
        return f"{key} is {error.instance!r}, it must be of type {wanted}"
    if error.validator in ("pattern", "propertyNames"):
        rule = error.schema.get("description", error.message)
        return f"{key}: {error.instance!r} is not allowed; {rule}"
    return f"{key}: {error.message}"


def nearest(word: str, known: Iterable[object]) -> str:
    """Return " (did you mean …?)" with the most similar known word, or an empty string."""
    close = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""


def with_defaults(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> Any:
    """Return `value` with the schema's defaults filled in, at every depth.

    Parameters
    ----------
    value : object
        Validated settings.
    schema, root : dict
        The schema of `value`, and the whole one that its references point into.
    """
    while "$ref" in schema:
        schema = _resolve(schema["$ref"], root)
    if isinstance(value, dict):
        filled = dict(value)
        for key, sub in schema.get("properties", {}).items():
            while "$ref" in sub and "default" not in sub:
                sub = _resolve(sub["$ref"], root)
            if key not in filled and "default" in sub:
                filled[key] = sub["default"]
            if key in filled:
                filled[key] = with_defaults(filled[key], sub, root)
        extra = schema.get("additionalProperties")
        if isinstance(extra, dict):
            for key in filled:
                if key not in schema.get("properties", {}):
                    filled[key] = with_defaults(filled[key], extra, root)
        return filled
    return value


def _resolve(reference: str, root: dict[str, Any]) -> dict[str, Any]:
    for part in reference.lstrip("#/").split("/"):
        root = root[part]
    return root
