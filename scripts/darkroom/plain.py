"""Text from outside (archives, headers, names of files) as text that can do no harm."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

#: Characters of one value of a header or an archive's answer that are kept.
LONGEST_VALUE = 500
# Letters and signs that are drawn as nothing.
_EMPTY = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
# What a spreadsheet that opens a table takes for a formula, which may call programs.
_FORMULA = re.compile(r"[=@]|[+-].*[(|!]", re.DOTALL)

# Signs of our own sentences, as a FITS header can hold them.
_SIGNS = str.maketrans(
    {"°": "deg ", "×": "x", "−": "-", "–": "-", "±": "+-", "…": "...", "·": " ", "²": "^2",
     "³": "^3", "⁻": "^-", "¹": "1", "√": "sqrt ", "σ": "sigma", "\u00a0": " ", "\u202f": " "}
)  # fmt: skip


def header_text(text: str) -> str:
    """Return a sentence as a card of a FITS header can hold it: printable ASCII.

    Parameters
    ----------
    text : str
        As a person reads it.

    Returns
    -------
    str
        Signs become words (``°C`` is ``deg C``), letters lose their accents, and other characters
        are written as in Python.
    """
    parts = unicodedata.normalize("NFKD", " ".join(text.translate(_SIGNS).split()))
    text = "".join(letter for letter in parts if not unicodedata.combining(letter))
    return plain_text(text.encode("ascii", "backslashreplace").decode(), len(text) * 10)


def plain_text(text: str, longest: int = LONGEST_VALUE, keep: str = "") -> str:
    r"""Return `text` without characters that are not seen, and not longer than `longest`.

    Parameters
    ----------
    text : str
        As it came.
    longest : int
        Characters that are kept; what is cut is said (``… 29,500 more characters``).
    keep : str
        Characters that stay although they are not seen, such as line feeds of a message.

    Returns
    -------
    str
        Each unseen character is written as in Python: ``\x1b``, ``\u2028``.
    """
    if len(text) > longest:
        text = f"{text[:longest]}… {len(text) - longest:,} more characters"
    if text.isprintable() and _EMPTY.isdisjoint(text):
        return text
    return "".join(
        letter if letter in keep or _is_seen(letter) else _written(letter) for letter in text
    )


def _is_seen(letter: str) -> bool:
    """Tell whether a letter can be seen, or is a blank.

    Controls (ESC begins commands to a terminal), halves of characters, what turns the direction of
    writing, tags, and the separators of lines and paragraphs of Unicode cannot.
    """
    return (letter.isprintable() and letter not in _EMPTY) or unicodedata.category(letter) == "Zs"


def plain_value(value: Any, longest: int = LONGEST_VALUE) -> Any:
    """Return a value (text, number, list, dictionary) with all text in it made plain.

    Text that a spreadsheet would take for a formula begins with an apostrophe.
    """
    if isinstance(value, str):
        return plain_text(f"'{value}" if _FORMULA.match(value) else value, longest)
    if isinstance(value, dict):
        return {plain_value(key): plain_value(part, longest) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain_value(part, longest) for part in value]
    return value


def _written(letter: str) -> str:
    return repr(letter)[1:-1]
