"""Names that become names of files, folders and wildcards of rules: one alphabet for all of them.

Names come from archives, folders and locks that others made. They are cleaned where they are read
from a folder or an archive, and refused where a lock or a campaign states one that is not clean.
"""

from __future__ import annotations

import re
import unicodedata

# Nothing that a shell, a file system, a wildcard or a table takes for more than a letter.
_CLEAN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=@-]*", re.ASCII)
_LONGEST = 200
#: A name without fault, as a regular expression.
CLEAN_NAME = rf"[A-Za-z0-9_][A-Za-z0-9_.+=@-]{{0,{_LONGEST - 1}}}"
#: Folders of a campaign's results beside those of its items, which therefore have other names.
OWN_FOLDERS = ("benchmarks", "crds", "logs", "raw", "report")


def name_fault(name: str) -> str:
    """Return why `name` is not allowed; empty when it is allowed."""
    if not name:
        return "is empty"
    if len(name) > _LONGEST:
        return f"is longer than {_LONGEST} characters"
    if "/" in name or "\\" in name:
        return "leads to another folder"
    if name.startswith((".", "-", "+", "=", "@")):
        return f"begins with {name[0]!r}"
    if not _CLEAN.fullmatch(name):
        odd = next(letter for letter in name if not _CLEAN.fullmatch(f"a{letter}"))
        return f"holds {odd!a}; letters, digits and _ . + = @ - are allowed"
    return ""


def clean_name(name: str) -> str:
    """Return `name` in the alphabet that is allowed: accents dropped, anything else as ``_``.

    Two names may become one; whoever makes a list of them makes them different again.
    """
    plain = unicodedata.normalize("NFKD", name)
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    plain = re.sub(r"[^A-Za-z0-9_.+=@-]", "_", plain)
    if len(plain) > _LONGEST:
        # The end tells files apart, and has the suffix.
        plain = plain[: _LONGEST // 2] + plain[-(_LONGEST // 2) :]
    return plain if _CLEAN.fullmatch(plain) else f"_{plain}"
