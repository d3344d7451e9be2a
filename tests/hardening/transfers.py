"""Faults 7 and 8: an answer of a server spliced with another, a file with two names."""

from __future__ import annotations

import contextlib
import hashlib
import io
from types import SimpleNamespace

from hardening.box import fault, library


class _Answer:
    def __init__(self, body, status=200, **headers):
        self.status_code, self.headers, self.raw = status, headers, io.BytesIO(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def _download(second, size=400_000):
    def reproduce(box):
        old, new = (hashlib.shake_256(word).digest(size) for word in (b"old", b"new"))
        # The overlap is the same in both versions, as where only a later row was changed.
        new = old[:200_000] + new[200_000:]
        begin = 200_000 - 65536
        answers = [_Answer(old[:200_000], ETag='"v1"'), second(new, begin, size), None]

        class Session:
            def get(self, *_, **__):
                answer = answers.pop(0)
                if answer is None:
                    raise OSError("no more")
                return answer

        def refuse(response):
            raise OSError(f"status {response.status_code}")

        one = library().download.Download(Session(), "http://x", box.folder / "d", size, refuse)
        with contextlib.suppress(Exception):
            one.attempt()
        try:
            one.attempt()
        except Exception as error:
            return type(error) is ValueError
        return one.path.read_bytes() not in (old, new[:200_000] + new[200_000:]) or (
            one.path.read_bytes() == new
        )

    return reproduce


def _range(begin, size):
    return f"bytes {begin}-{size - 1}/{size}"


fault(7, "206 with another ETag")(_download(lambda new, begin, size: _Answer(
    new[begin:], 206, **{"ETag": '"v2"', "Content-Range": _range(begin, size)})))  # fmt: skip
fault(7, "206 without an ETag")(_download(lambda new, begin, size: _Answer(
    new[begin:], 206, **{"Content-Range": _range(begin, size)})))  # fmt: skip
fault(7, "a range of 5,000 digits")(_download(lambda new, begin, _: _Answer(
    new[begin:], 206, **{"ETag": '"v1"', "Content-Range": f"bytes {'9' * 5000}-9/9"})))  # fmt: skip


@fault(7, "206 that nobody asked for")
def _unasked(box):
    body = bytes(range(256)) * 10
    answer = _Answer(body, 206, **{"Content-Range": f"bytes 5-{len(body) + 4}/99999"})
    session = SimpleNamespace(get=lambda *_, **__: answer)
    one = library().download.Download(session, "http://x", box.folder / "d", None, print)
    try:
        one.attempt()
    except Exception:
        return False
    return True


@fault(8, "two rows of one file")
def _one_file(box):
    box.rows(lambda row: {"file": "bias_002.FIT"} if row.exposure == "bias_001" else {})
    return box.accepts_lock()


@fault(8, "three rows of one file")
def _three(box):
    box.rows(lambda row: {"file": "bias_002.FIT"} if row.role == "bias" else {})
    return box.accepts_lock()


@fault(8, "one exposure twice, of two files")
def _one_name(box):
    box.rows(lambda row: {"exposure": "bias_002"} if row.exposure == "bias_001" else {})
    return box.accepts_lock()
