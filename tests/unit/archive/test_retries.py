"""Attempts, pauses and limits of requests, without a network."""

import logging
from types import SimpleNamespace

import pytest
import requests

from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from darkroom.transport.transfer import (
    TransientError,
    file_time_limit_s,
    guard_session,
    innermost_cause,
    pause,
    with_retries,
)


@pytest.fixture
def pauses(monkeypatch):
    """Give the pauses between attempts, which take no time here."""
    pauses = []
    monkeypatch.setattr(transfer, "sleep", pauses.append)
    return pauses


def failing(*outcomes):
    """Return an action that raises or returns one outcome after the other."""
    left = list(outcomes)

    def act():
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return act


def test_every_failed_attempt_is_told_with_its_number(pauses, caplog):
    caplog.set_level(logging.WARNING)
    action = failing(TransientError("slow"), TransientError("slower"), "done")
    assert with_retries(action, what="fetching", retries=3, advice="wait") == "done"
    assert caplog.messages == [
        "fetching: attempt 1 of 4: slow",
        "fetching: attempt 2 of 4: slower",
    ]
    assert len(pauses) == 2


@pytest.mark.parametrize(
    ("retries", "said"), [(0, "1 attempt"), (1, "2 attempts"), (4, "5 attempts")]
)
def test_the_last_failure_is_the_one_that_is_told(pauses, retries, said):
    outcomes = [TransientError(f"reason {n}", wait_s=n) for n in range(retries + 1)]
    with pytest.raises(DarkroomError) as caught:
        with_retries(failing(*outcomes), what="fetching", retries=retries, advice="wait")
    assert str(caught.value) == f"fetching: reason {retries} ({said}); wait"
    assert len(pauses) == retries
    with pytest.raises(DarkroomError, match=r"\(1 attempt\); its own$"):
        with_retries(failing(TransientError("x", "its own")), what="a", retries=0, advice="wait")


def test_a_final_failure_is_not_tried_again(pauses):
    with pytest.raises(DarkroomError, match=r"^fetching: no$"):
        with_retries(failing(DarkroomError("no")), what="fetching", retries=5, advice="wait")
    assert pauses == []


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 0.5, 1), (2, 1, 2), (5, 8, 16), (6, 15, 30), (60, 15, 30)]
)
def test_pauses_double_to_half_a_minute(attempt, least, most):
    found = [pause(attempt) for _ in range(2000)]
    assert least <= min(found) < least + 0.02 * most
    assert most - 0.02 * most < max(found) <= most


@pytest.mark.parametrize(("asked", "granted"), [(70.0, 70.0), (120.0, 120.0), (5000.0, 120.0)])
def test_a_server_may_ask_for_two_minutes(asked, granted):
    assert pause(1, asked) == granted


@pytest.mark.parametrize(
    ("limit", "size", "seconds"),
    [(60, None, 60), (60, 5_999_999, 60), (60, 6_000_100, 60.001), (1, 10**9, 1e4)],
)
def test_a_file_may_take_as_long_as_at_100_kb_a_second(limit, size, seconds):
    assert file_time_limit_s(limit, size) == pytest.approx(seconds, rel=1e-9)


def test_the_cause_of_all_is_the_first():
    try:
        try:
            try:
                raise OSError("first")
            except OSError:
                raise ValueError("second") from None
        except ValueError as error:
            raise KeyError("third") from error
    except KeyError as error:
        assert innermost_cause(error).args == ("first",)
        assert innermost_cause(OSError("alone")).args == ("alone",)


def test_which_failures_may_pass():
    assert {*transfer.TEMPORARY_STATUSES} == {408, 425, 429, 500, 502, 503, 504}


@pytest.fixture
def network(monkeypatch):
    """Give what is asked of a network and what it answers, in place of one."""
    network = SimpleNamespace(asked=[], parts=[b"ab", b"cd"], closed=0)

    def send(self, request, stream, timeout, *_):
        network.asked.append((request.headers.get("Cookie"), stream, timeout))
        response = requests.Response()
        response.status_code, response.url, response.request = 200, request.url, request
        response.iter_content = lambda size: iter(network.parts) if size == 1 << 20 else None
        response.close = lambda: setattr(network, "closed", network.closed + 1)
        return response

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send)
    return network


@pytest.fixture
def session():
    session = requests.Session()
    guard_session(session, "https://archive.example", silence_s=7, token="secret")
    return session


def test_silence_is_limited_where_the_client_says_nothing(network, session):
    assert session.get("https://archive.example/x").content == b"abcd"
    session.get("https://archive.example/x", timeout=3)
    session.get("https://other.example/x", headers={"Cookie": "a=b"})
    answer = session.get("https://archive.example/x", headers={"Cookie": "a=b"}, stream=True)
    assert network.asked == [
        ("mast_token=secret", False, (20, 7)),
        ("mast_token=secret", False, 3),
        ("a=b", False, (20, 7)),
        ("a=b; mast_token=secret", True, (20, 7)),
    ]
    # What a log or a redirect could show has the client's own alone, and a stream is not read here.
    assert answer.request.headers["Cookie"] == "a=b"
    assert answer._content is False


@pytest.mark.parametrize(("longest", "closed"), [(5, 0), (4, 0), (3, 1), (1, 1)])
def test_no_answer_is_endless(network, session, monkeypatch, longest, closed):
    monkeypatch.setattr(transfer, "LONGEST_ANSWER", longest)
    if closed:
        with pytest.raises(DarkroomError, match="the answer is longer than 0 MB; ask for less"):
            session.get("https://archive.example/x")
    else:
        assert session.get("https://archive.example/x").content == b"abcd"
    assert network.closed == closed
