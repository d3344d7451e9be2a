"""The table of what can go wrong between a CRDS server and a cache, and what a person then reads.

Tests go through it row by row; docs/crds-faults.md shows it as this module, run as
a program with PYTHONPATH=tests:scripts, writes it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from loopback.faults import Reply

RPC, MAPPING, REFERENCE = "get_server_info", "mapping", "reference"


@dataclass(frozen=True)
class Fault:
    """One row.

    Parameters
    ----------
    subject : str
        What it strikes: `RPC`, `MAPPING` or `REFERENCE`.
    name : str
        What happens, in words.
    switch : callable
        ``switch(server, subject)`` makes a server do so from now on; `subject` is the name of the
        file or remote call.
    says : str
        What the one sentence at the end holds; ``{name}`` is the file's name.
    final : bool
        Whether further attempts are pointless, so that none is made.
    """

    subject: str
    name: str
    switch: Callable
    says: str
    final: bool = False


def _kind(kind):
    return lambda server, subject: server.faults.add(kind, subject)


def _answer(content):
    """Return a switch: the remote call is answered by this."""
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return lambda server, subject: server.instead.update({subject: Reply(body=body)})


def _result(**changes):
    """Return a switch: the server's description of itself is another."""

    def switch(server, subject):
        answer = {"result": server.call(subject, []) | changes, "error": None}
        server.instead[subject] = Reply(body=json.dumps(answer).encode())

    return switch


def _silent(server, subject):
    server.instead[subject] = Reply(announce=1000, silence_s=30.0)


def _too_long(server, subject):
    content = server.files[subject]
    server.instead[subject] = Reply(body=content + bytes(1_000_000))


def _older(server, subject):
    other = b"x" * len(server.files[subject])
    server.instead[subject] = Reply(body=other)


def _stated(**changes):
    """Return a switch: the server states something else of the file."""

    def switch(server, subject):
        server.stated[subject] = server.stated[subject] | changes

    return switch


def _down(server, _):
    server.shutdown()
    server.server_close()


_WIRE = {
    "half of the bytes, the full length announced": ("cut", "the connection broke off"),
    "half of the bytes, no length announced": ("cut_without_length", "what came has"),
    "the connection is reset halfway": ("reset", "the connection broke off"),
    "silence halfway": ("hang", "the server fell silent"),
    "a byte at a time": ("trickle", "not done within"),
    "a web page and status 200": ("html", "what came has"),
    "nothing and status 200": ("empty", "what came has 0 bytes"),
    "one bit is wrong": ("corrupt", "what came has SHA-1"),
    "HTTP 503": ("unavailable", "HTTP 503"),
}

FAULTS = [
    Fault(RPC, "a web page and status 200", _kind("html"), "is no JSON: 'Scheduled maintenance'"),
    Fault(RPC, "JSON that is no answer", _answer([1, 2]), "the answer is none of CRDS"),
    Fault(RPC, "another description", _answer({"result": {"a": 1}}), "is no description of a CRDS"),
    Fault(RPC, "nothing and status 200", _answer(b""), "is no JSON: it is empty"),
    Fault(RPC, "an error", _answer({"error": {"message": "busy"}}), "the server says: busy"),
    Fault(
        RPC,
        "a damaged list of files",
        _result(download_metadata={"crds_payload": "H4sIAAAA"}),
        "its list of files cannot be unpacked",
    ),
    Fault(RPC, "another observatory", _result(observatory="roman"), "a CRDS server of roman", True),
    Fault(RPC, "silence", _silent, "the server fell silent"),
    Fault(RPC, "HTTP 503", _kind("unavailable"), "HTTP 503"),
    Fault(RPC, "HTTP 404", _kind("missing"), "it is not to be had there (HTTP 404)", True),
    Fault(RPC, "the server is down", _down, "no connection"),
]
for _subject in (MAPPING, REFERENCE):
    FAULTS += [Fault(_subject, name, _kind(kind), said) for name, (kind, said) in _WIRE.items()]
    FAULTS += [
        Fault(_subject, "HTTP 404", _kind("missing"), "(HTTP 404)", True),
        Fault(_subject, "more bytes than there are", _too_long, "what came has"),
        Fault(_subject, "other bytes of the right size", _older, "what came has SHA-1"),
        Fault(_subject, "a wrong size is stated", _stated(size="9"), "the server states 9"),
        Fault(_subject, "a wrong SHA-1 is stated", _stated(sha1sum="0" * 40), f"states {'0' * 40}"),
    ]
FAULTS.append(
    Fault(
        MAPPING,
        "the server does not know it",
        lambda server, subject: server.stated.pop(subject),
        "states no size and SHA-1 of",
        True,
    )
)


def table():
    """Return the matrix as a table in markdown."""
    words = {RPC: "the server's description", MAPPING: "a mapping", REFERENCE: "a reference"}
    disk = {
        RPC: "the cache unchanged",
        MAPPING: "the mappings fetched before it",
        REFERENCE: "all other references",
    }
    rows = [
        "| file | fault | message | attempts | on disk after the first run "
        "| next run, server working | next run after `kill -9` |",
        "|---|---|---|---|---|---|---|",
    ]
    rows += [
        f"| {words[fault.subject]} | {fault.name} | `… {fault.says} …` "
        f"| {1 if fault.final else 4} | {disk[fault.subject]}, verified | complete | complete |"
        for fault in FAULTS
    ]
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(table())
