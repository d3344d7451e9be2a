"""What each failure of a line to MAST means: another attempt, or the end, in words."""

import json
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace

import pytest
import requests
from requests.packages import urllib3  # the one that requests uses

from darkroom.archive import mast_server
from darkroom.archive.cloud import Cloud
from darkroom.archive.mast_server import Server, errors_translated, raise_http_failure
from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from darkroom.transport.transfer import TransientError

TOKEN = "5ec4e700000000000000000000000000"
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)


@pytest.fixture
def pauses(monkeypatch):
    """Give the pauses that are made, in seconds; nobody waits."""
    made = []
    monkeypatch.setattr(transfer, "sleep", made.append)
    return made


def response(status, body=b"", **headers):
    found = requests.Response()
    found.status_code, found._content = status, body
    found.headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return found


# The address and the settings


@pytest.mark.parametrize(
    "address", ["mast.stsci.edu", "ftp://mast.stsci.edu", "http:", "//x", "http://[x", "http://x:a"]
)
def test_an_address_that_is_none_is_told(address):
    with pytest.raises(DarkroomError) as told:
        Server({"server": address})
    assert str(told.value) == (
        f"archive.server is {address!r}; it must be an address such as https://mast.stsci.edu"
    )


@pytest.mark.parametrize(
    "address", ["https://me:secret@x", "https://:secret@x", "https://secret@x"]
)
@pytest.mark.parametrize("use", ["server", "cloud"])
def test_an_address_with_a_password_is_refused_and_not_repeated(address, use):
    with pytest.raises(DarkroomError) as told:
        Cloud({use: address}, Server({use: address}))
    assert "is an address with a name or password; it must be" in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    "address", ["http://x.example", "ftp://x", "x.example", "https://", "https://[x", "https://x:a"]
)
def test_a_copy_comes_from_an_encrypted_address_or_this_machine(address):
    with pytest.raises(DarkroomError) as told:
        Cloud({"cloud": address}, None)
    assert f"archive.cloud is {address.rstrip('/')!r}; it must be an https" in str(told.value)
    for good in ("https://x.example/", "https://[::1]:8080", NOWHERE, "http://localhost:9"):
        assert Cloud({"cloud": good}, None).address == good.rstrip("/")


def test_an_address_may_be_open_and_end_with_a_slash():
    assert Server({"server": f"{NOWHERE}/"}).address == NOWHERE
    assert Server({}).address == "https://mast.stsci.edu"


# Attempts


def test_an_action_is_tried_again_as_often_as_the_campaign_says(pauses):
    tried = []

    def fails():
        tried.append(1)
        raise TransientError("busy", wait_s=100.0)

    for settings, count in (({}, 4), ({"retries": 1}, 2), ({"retries": 0}, 1)):
        tried.clear()
        with pytest.raises(DarkroomError, match=rf"asking: busy \({count} attempt") as told:
            Server(settings).with_retries(fails, "asking")
        assert len(tried) == count
    assert "see whether the archive is up and this machine has a network" in str(told.value)
    assert pauses == [100.0] * 4


def test_each_attempt_has_its_time_and_its_slot(monkeypatch, pauses):
    said = []

    @contextmanager
    def limit(seconds):
        said.append(seconds)
        yield

    @contextmanager
    def slot():
        said.append("slot")
        yield
        said.append("free")

    monkeypatch.setattr(mast_server, "time_limit", limit)
    server = Server({"timeout_s": 7})
    assert server.with_retries(lambda: "done", "asking", slot=slot) == "done"
    # The wait for a slot does not count.
    assert said == ["slot", 7, "free"]
    server.with_retries(lambda: "done", "asking", 900.0)
    assert said[3:] == [900.0]
    assert Server({}).timeout_s == 600


@pytest.mark.parametrize(("timeout_s", "silence_s"), [(59, 59), (600, 60)])
def test_a_silent_line_is_left_after_a_minute_at_most(timeout_s, silence_s):
    session = requests.Session()
    server = Server({"server": NOWHERE, "timeout_s": timeout_s})
    assert server.guard_session(session) is session
    for address in (f"{NOWHERE}/x", "https://elsewhere.example/"):
        assert session.get_adapter(address)._silence_s == silence_s


def test_warnings_of_a_library_are_not_shown(recwarn):
    import warnings

    Server({}).with_retries(lambda: warnings.warn("old", stacklevel=1), "asking")
    assert not recwarn.list


# The token


def asking(monkeypatch, *answers):
    """Return a server with a token, a session that answers so, and what it was asked."""
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    asked, answers = [], list(answers)

    def get(address):
        asked.append(address)
        return answers.pop(0)

    return Server({"server": NOWHERE}), SimpleNamespace(get=get), asked


def test_a_token_is_asked_about_once_and_only_where_there_is_one(monkeypatch, pauses):
    server, session, asked = asking(monkeypatch, response(200, b'{"anon": false}'))
    server.check_token(session)
    assert asked == [f"{NOWHERE}/whoami"]
    monkeypatch.delenv("MAST_API_TOKEN")
    Server({"server": NOWHERE}).check_token(session)
    assert len(asked) == 1


@pytest.mark.parametrize("body", [b'{"anon": true}', b"{}"])
def test_a_token_that_is_not_said_to_be_known_is_not(monkeypatch, pauses, body):
    server, session, _ = asking(monkeypatch, response(200, body))
    with pytest.raises(DarkroomError, match="does not accept the token in MAST_API_TOKEN") as told:
        server.check_token(session)
    assert TOKEN not in str(told.value)


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (response(503), "HTTP 503"),
        (response(200, b"[]"), "the answer does not say whose token it is"),
        (response(200, b"<p>Closed</p>"), "the answer is no JSON: 'Closed'"),
    ],
)
def test_what_is_no_answer_about_a_token_is_asked_for_again(monkeypatch, pauses, bad, says):
    server, session, asked = asking(monkeypatch, bad, response(200, b'{"anon": false}'))
    server.check_token(session)
    assert len(asked) == 2
    server, session, asked = asking(monkeypatch, *[bad] * 4)
    with pytest.raises(DarkroomError, match=f"checking the token with {NOWHERE}: {says}"):
        server.check_token(session)


# Statuses of answers


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_one(status):
    with pytest.raises(TransientError, match=f"^HTTP {status}$") as told:
        raise_http_failure(response(status))
    assert told.value.wait_s == 0.0


def when(seconds):
    """Return a date of HTTP so many seconds from now."""
    return format_datetime((datetime.now(UTC) + timedelta(seconds=seconds)), usegmt=True)


@pytest.mark.parametrize(
    ("text", "least_s", "most_s"),
    [
        ("7", 7, 7), ("0", 0, 0), ("", 0, 0), ("soon", 0, 0), ("-5", 0, 0), ("7.5", 0, 0),
        (90, 60, 90), (-90, 0, 0), ("Mon, 99 Nov 2026 00:00:00 GMT", 0, 0),
        ("Mon, 30 Nov 99999999999999 00:00:00 GMT", 0, 0),
        # Without a zone it is no time of a clock in common.
        ("Mon, 30 Nov 2099 00:00:00", 0, 0),
    ],
)  # fmt: skip
def test_a_server_is_given_the_time_it_asks_for(text, least_s, most_s):
    text = when(text) if isinstance(text, int) else text
    with pytest.raises(TransientError) as told:
        raise_http_failure(response(503, Retry_After=text))
    assert least_s <= told.value.wait_s <= most_s


@pytest.mark.parametrize("status", [401, 403])
def test_data_that_are_not_public_are_told_with_what_opens_them(monkeypatch, status):
    with pytest.raises(DarkroomError, match=rf"refused \(HTTP {status}\): .*; put your token into"):
        raise_http_failure(response(status))
    monkeypatch.setenv("MAST_API_TOKEN", TOKEN)
    with pytest.raises(DarkroomError, match=r"the token in MAST_API_TOKEN does not open them"):
        raise_http_failure(response(status))


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (404, "it is not there (HTTP 404); look at archive.server"),
        (410, "it is not there (HTTP 410); look at archive.server"),
        (400, "the archive answers with HTTP 400; look at archive.server"),
        (402, "the archive answers with HTTP 402; look at archive.server"),
        (501, "the archive answers with HTTP 501; look at archive.server"),
    ],
)
def test_other_failures_are_told_and_final(status, says):
    with pytest.raises(DarkroomError) as told:
        raise_http_failure(response(status))
    assert str(told.value).startswith(says)


# What a request raises


def caused(error, cause):
    error.__context__ = cause
    return error


JSON = json.JSONDecodeError("x", "<p>Scheduled maintenance</p>", 0)
ERRORS = requests.exceptions
PASSING = [
    (JSON, "the answer is no JSON: 'Scheduled maintenance'"),
    (ERRORS.HTTPError(response=response(503)), "HTTP 503"),
    (ERRORS.ChunkedEncodingError("x"), "the connection broke off"),
    (urllib3.exceptions.ProtocolError("x"), "the connection broke off"),
    (ERRORS.ReadTimeout("x"), "the server fell silent"),
    (urllib3.exceptions.ReadTimeoutError(None, "", "x"), "the server fell silent"),
    (caused(ERRORS.ConnectionError("x"), TimeoutError("y")), "the server fell silent"),
    (caused(ERRORS.ConnectionError("x"), OSError("refused")), "no connection (refused)"),
    (urllib3.exceptions.HTTPError("odd"), "no connection (odd)"),
    (ERRORS.InvalidURL("http://[x"), "no connection (http://[x)"),
    (UnicodeError("no text \x1b[1m"), r"the answer cannot be read (no text \x1b[1m)"),
    (ValueError("y" * 300), f"the answer cannot be read ({'y' * 200}… 100 more characters)"),
]


@pytest.mark.parametrize(("error", "says"), PASSING, ids=[says[:40] for _, says in PASSING])
def test_what_may_pass_is_a_reason_for_another_attempt(error, says):
    with pytest.raises(TransientError) as told, errors_translated():
        raise error
    assert str(told.value) == says


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (ERRORS.HTTPError(response=response(404)), "it is not there (HTTP 404)"),
        (OSError(28, "No space left", "x.fits"), "x.fits: cannot be written (No space left)"),
        (OSError("odd"), "the file that comes: cannot be written (odd)"),
    ],
)
def test_what_another_attempt_cannot_change_is_final(error, says):
    with pytest.raises(DarkroomError) as told, errors_translated():
        raise error
    assert str(told.value).startswith(says)


def test_a_failure_without_an_answer_is_a_mistake_of_ours():
    error = ERRORS.HTTPError()
    with pytest.raises(ERRORS.HTTPError) as told, errors_translated():
        raise error
    assert told.value is error
