"""Seeded mutations of bytes, of text, and of values inside a structure."""

from __future__ import annotations

import contextlib
import copy

# What a field, a cell or a key is replaced by.
VALUES = (
    None, True, False, 0, -1, 1, 10**21, -(10**21), 10**400, 0.5, -1e308, 1e308, 1e400,
    float("nan"),
    "", " ", "0", "-5", "1E400", "nan", "inf", "9" * 5000, "x" * 30_000, "BIAS", "bias", "24x3a",
    "99999999x99999999", "\x1b[31m", "\u2028", "\x00", "\udcff", "é中", "$(touch X)", "`touch X`",
    "../../../etc/passwd", "/etc/passwd", "local:/etc/passwd", "~nosuchuser", "**", "a**", "[",
    "{item}", "-x", "@x", "%s", "a\tb", "a\nb", '"', "'", "2026-02-31T25:61:61", "1:2:3",
    "!!python/none", "*a", [], {}, [[]], [None], [1, "a", None],
    {"": ""}, {"a": {"a": {}}}, ["x"] * 1000,
)  # fmt: skip
_TOKENS = (
    b"\x00", b"\xff", b"\n", b"\r\n", b"\t", b"\x1b[2J", b"'", b'"', b"{", b"}", b"[", b"]", b"*",
    b"&", b": ", b"- ", b"# ", b"<<: ", b"!!", b"1E400", b"-1", b"9" * 400, b"NaN", b"Infinity",
    b"\xe2\x80\xa8", b"END", b"CONTINUE", b"null", b"\\u0000",
)  # fmt: skip


def of_bytes(content, random):
    """Return damaged bytes: flipped, cut, repeated, moved or replaced, once to four times."""
    content = bytearray(content)
    for _ in range(random.randint(1, 4)):
        size = len(content)
        if not size:
            break
        at, to = sorted(random.randrange(size + 1) for _ in range(2))
        to = min(to, at + random.choice((1, 8, 80, 2880, size)))
        kind = random.randrange(7)
        if kind == 0:
            content[min(at, size - 1)] ^= 1 << random.randrange(8)
        elif kind == 1:
            del content[at:]
        elif kind == 2:
            del content[at:to]
        elif kind == 3:
            content[at:at] = content[at:to]
        elif kind == 4:
            content[at:at] = random.choice(_TOKENS)
        elif kind == 5:
            content[at:to] = random.randbytes(min(to - at, 200))
        else:
            token = random.choice(_TOKENS)
            content[at : at + len(token)] = token
    return bytes(content)


def of_lines(content, random):
    """Return text with a line gone, doubled, moved, cut or empty."""
    lines = content.split(b"\n")
    at = random.randrange(len(lines))
    kind = random.randrange(5)
    if kind == 0:
        del lines[at]
    elif kind == 1:
        lines.insert(at, lines[random.randrange(len(lines))])
    elif kind == 2:
        lines = lines[:at]
    elif kind == 3:
        lines[at] = lines[at][: random.randrange(len(lines[at]) + 1)]
    else:
        other = random.randrange(len(lines))
        lines[at], lines[other] = lines[other], lines[at]
    return b"\n".join(lines)


def of_value(value, random):
    """Return a nested value in which one to three parts are another's, gone, new or hostile."""
    value = copy.deepcopy(value)
    for _ in range(random.randint(1, 3)):
        places = list(_places(value))
        if not places:
            break
        parent, key = random.choice(places)
        kind = random.randrange(8)
        if kind == 0:
            del parent[key]
        elif kind == 1 and isinstance(parent, dict):
            parent[random.choice([str(key).upper(), "x", "", "<<", "\x1b", "é", "a" * 3000])] = 1
        elif kind == 2:
            other, name = random.choice(places)
            if name in other if isinstance(other, dict) else name < len(other):
                # Nested lists are too deep to be copied; a loop would be no file.
                with contextlib.suppress(RecursionError):
                    parent[key] = copy.deepcopy(other[name])
        elif kind == 3:
            for _ in range(random.choice((3, 60, 900))):
                parent[key] = [parent[key]]
        else:
            parent[key] = random.choice(VALUES)
    return value


def _places(value):
    """Every key of every dictionary and list, at any depth."""
    queue = [value]
    while queue:
        part = queue.pop()
        if isinstance(part, dict):
            items = list(part.items())
        elif isinstance(part, list):
            items = list(enumerate(part))
        else:
            continue
        for key, inner in items:
            yield part, key
            queue.append(inner)
