"""The list of an exposure's references: what was chosen, and what it must look like."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from darkroom.atomic import write_text
from darkroom.crds.cache import FileFacts
from darkroom.errors import InputError


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
