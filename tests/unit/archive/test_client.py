"""The client of MAST's catalogues: its pauses, its tables, and what astroquery raises."""

import json
import logging
import os
from types import SimpleNamespace

import numpy as np
import pytest
import requests
from astropy.table import MaskedColumn, Table
from astroquery.exceptions import InvalidQueryError, RemoteServiceError

from darkroom.archive import mast_client
from darkroom.archive.mast_client import Client
from darkroom.errors import DarkroomError
from darkroom.transport import transfer


@pytest.fixture
def pauses(monkeypatch):
    """Give the pauses between two requests for the answer of a query, in seconds."""
    made = []
    monkeypatch.setattr(mast_client, "sleep", made.append)
    monkeypatch.setattr(transfer, "sleep", lambda _: None)
    return made


@pytest.fixture
def client(queried_server, monkeypatch, pauses):
    """Give a client of the loopback archive that tries everything twice."""
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    queried_server.reset()
    return Client({"server": queried_server.url, "retries": 1, "timeout_s": 20})


def ask(client, table, *columns):
    return client.ask(lambda: table, "the rows", columns)


# Tables


def test_rows_are_what_the_table_has(client):
    table = Table({"obs_id": ["a", "b"], "size": [1, 2], "time": [0.5, np.nan]})
    first, second = ask(client, table, "obs_id", "size")
    assert first == {"obs_id": "a", "size": 1, "time": 0.5}
    assert (second["obs_id"], second["size"]) == ("b", 2)
    assert type(first["size"]) is int


def test_what_is_masked_is_not_there(client):
    table = Table({"obs_id": ["a", "b"], "size": MaskedColumn([1, 2], mask=[True, False])})
    assert ask(client, table, "obs_id") == [{"obs_id": "a"}, {"obs_id": "b", "size": 2}]
    with pytest.raises(DarkroomError) as told:
        ask(client, table, "obs_id", "size", "uri")
    assert str(told.value) == (
        f"asking {client.server.address} for the rows: the answer lacks size, uri; this version of "
        "darkroom does not know that form of answer"
    )


@pytest.mark.parametrize("nothing", [None, Table({"obs_id": []})])
def test_nothing_is_no_rows(client, nothing):
    assert ask(client, nothing, "obs_id", "size") == []


def test_text_of_an_archive_is_plain(client):
    (row,) = ask(client, Table({"obs_id": ["\x1b[1ma"]}), "obs_id")
    assert row == {"obs_id": r"\x1b[1ma"}


# Failures

PASSING = [
    (RemoteServiceError("the database \x1b is locked"), r"the archive says: the database \x1b is"),
    (KeyError("data"), "astroquery cannot read the answer (KeyError: 'data')"),
    (TypeError("none"), "astroquery cannot read the answer (TypeError: none)"),
    (AttributeError("none"), "astroquery cannot read the answer (AttributeError: none)"),
    (ValueError("none"), "astroquery cannot read the answer (ValueError: none)"),
    (OverflowError("none"), "astroquery cannot read the answer (OverflowError: none)"),
    (RecursionError(), "the answer nests too deeply to be read"),
    (requests.ConnectionError("refused"), "no connection (refused)"),
    (json.JSONDecodeError("x", "<p>Closed</p>", 0), "the answer is no JSON: 'Closed'"),
]


@pytest.mark.parametrize(("error", "says"), PASSING, ids=[type(e).__name__ for e, _ in PASSING])
def test_what_may_pass_is_asked_again_and_then_told(client, error, says):
    tried = []

    def fails():
        tried.append(1)
        raise error

    with pytest.raises(DarkroomError) as told:
        client.ask(fails, "the rows", ())
    assert str(told.value).startswith(f"asking {client.server.address} for the rows: {says}")
    assert "(2 attempts)" in str(told.value)
    assert len(tried) == 2


def test_a_query_that_is_not_accepted_is_told_at_once(client):
    tried = []

    def fails():
        tried.append(1)
        raise InvalidQueryError("no column \x1b x")

    with pytest.raises(DarkroomError, match=r"MAST does not accept this query: no column \\x1b x$"):
        client.ask(fails, "the rows", ())
    assert len(tried) == 1


# Running queries


def answer(method="POST", status="EXECUTING", body=None, more=0):
    body = json.dumps({"status": status, "msg": "x" * more}).encode() if body is None else body
    found = requests.Response()
    found._content = body
    found.request = SimpleNamespace(method=method)
    return found


@pytest.mark.parametrize(
    ("response", "waits"),
    [
        (answer(), True),
        (answer(more=4096 - len(answer().content) - 1), True),
        (answer(more=4096 - len(answer().content)), False),
        (answer(more=9000), False),
        (answer("GET"), False),
        (answer("PUT"), False),
        (answer(status="COMPLETE"), False),
        (answer(status="ERROR"), False),
        (answer(body=b"<html>"), False),
        (answer(body=b"[]"), False),
        (answer(body=b'{"a": 1}'), False),
    ],
)
def test_only_a_query_that_runs_is_waited_for(pauses, response, waits):
    mast_client._pause_while_executing(response)
    assert pauses == [1.0] * waits


def test_both_catalogues_are_paused_between_two_requests(client, queried_server, pauses):
    queried_server.faults.add("executing", "Mast.Caom.Filtered", times=2)
    queried_server.faults.add("executing", "Mast.Jwst.Filtered.Nircam", times=3)
    client.observations.query_criteria(obs_collection="HST", obs_id=["icqtbb020"])
    assert pauses == [1.0] * 2
    client.keywords.service_request("Mast.Jwst.Filtered.Nircam", {"columns": "*", "filters": []})
    assert pauses == [1.0] * 5


# The process


def test_a_client_leaves_the_environment_as_it_is(client, monkeypatch):
    for before in (None, "/of/mine"):
        monkeypatch.delenv("ASTROPY_CONFIG_DIR", raising=False)
        if before:
            monkeypatch.setenv("ASTROPY_CONFIG_DIR", before)
        mast_client._astroquery(client.server.address)
        assert os.environ.get("ASTROPY_CONFIG_DIR") == before


@pytest.mark.parametrize("other", ["http://0.0.0.0", "https://mast.stsci.edu"])
def test_another_archive_needs_another_process(client, other):
    with pytest.raises(RuntimeError, match=f"in this process, {other} needs another"):
        mast_client._astroquery(other)


def test_a_library_logs_no_steps(client):
    assert logging.getLogger("astroquery").level == logging.WARNING
