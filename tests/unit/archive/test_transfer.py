"""Time limits, further attempts."""

import contextlib
import signal
import time

import pytest
import requests

from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from darkroom.transport.token import read_token
from darkroom.transport.transfer import TransientError, time_limit, with_retries


@pytest.fixture
def pauses(monkeypatch):
    """Pauses between attempts, taken note of instead of slept through."""
    taken = []
    monkeypatch.setattr(transfer, "sleep", taken.append)
    return taken


def failing(times):
    """Return an action that is unlucky so many times, then returns 'done'."""
    left = [times]

    def action():
        left[0] -= 1
        if left[0] >= 0:
            raise TransientError(f"fault {times - left[0]}")
        return "done"

    return action


def test_time_limit_interrupts_what_never_ends():
    with pytest.raises(TransientError, match=r"not done within 0\.05 s"), time_limit(0.05):
        while True:
            time.sleep(10)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_time_limit_strikes_again_where_the_first_strike_is_lost():
    """Python drops an exception that is raised in a destructor."""

    class Swallows:
        def __del__(self):
            time.sleep(10)

    with pytest.raises(TransientError), time_limit(0.05):
        Swallows()
        time.sleep(10)


def test_time_limit_is_no_error_that_clients_catch():
    with pytest.raises(TransientError), time_limit(0.05), contextlib.suppress(OSError):
        time.sleep(10)


def test_time_limit_leaves_no_alarm_behind():
    before = signal.getsignal(signal.SIGALRM)
    with time_limit(100):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_another_attempt_is_made_after_a_longer_pause_each_time(pauses):
    assert with_retries(failing(3), what="it", retries=3, advice="") == "done"
    assert [0.5, 1, 2] <= pauses <= [1, 2, 4]


def test_pauses_are_bounded(pauses):
    with_retries(failing(8), what="it", retries=8, advice="")
    assert 15 <= max(pauses) <= 30


def test_clients_that_failed_together_do_not_come_back_together():
    assert len({transfer.pause(3) for _ in range(20)}) == 20


def test_the_archive_may_ask_for_a_longer_pause(pauses):
    def action():
        if not pauses:
            raise TransientError("busy", wait_s=70)

    with_retries(action, what="it", retries=1, advice="")
    assert pauses == [70]


def test_a_pause_that_is_asked_for_is_bounded():
    assert transfer.pause(1, wait_s=86400) == 120


def test_the_last_reason_ends_a_row_of_failures(pauses):
    with pytest.raises(DarkroomError, match=r"^the file: fault 2 \(2 attempts\); do this$"):
        with_retries(failing(2), what="the file", retries=1, advice="do this")


def test_a_final_error_is_not_tried_again(pauses):
    def action():
        raise DarkroomError("no such file")

    with pytest.raises(DarkroomError, match=r"^the file: no such file$"):
        with_retries(action, what="the file", retries=3, advice="")
    assert pauses == []


@pytest.mark.parametrize(
    ("server", "hosts", "sent"),
    [
        ("https://mast.stsci.edu", "", True),
        ("http://127.0.0.1:8080", "", True),
        ("https://archive.example", "", False),
        ("https://archive.example", "archive.example", True),
        ("https://archive.example", "other.example, archive.example", True),
        ("https://archive.example", "example", False),
        ("https://mast.stsci.edu.example", "", False),
        ("https://mast.stsci.edu@archive.example", "", False),
        ("http://archive.example", "archive.example", False),
        ("wss://mast.stsci.edu", "", False),
        ("https:///no/host", "", False),
        ("https:///no/host", "archive.example", False),
    ],
)
def test_the_token_goes_to_hosts_that_the_user_trusts_alone(monkeypatch, server, hosts, sent):
    """A campaign names the server; which hosts may get the token, only the environment says."""
    monkeypatch.setenv("MAST_API_TOKEN", "0123456789abcdef")
    monkeypatch.setenv("DARKROOM_TOKEN_HOSTS", hosts)
    if sent:
        assert read_token(server) == "0123456789abcdef"
        return
    with pytest.raises(DarkroomError, match="MAST_API_TOKEN") as caught:
        read_token(server)
    assert "0123456789" not in str(caught.value)


def fake(answers):
    """Return a session whose https and http addresses are answered from a table."""
    asked = []

    class Adapter(requests.adapters.BaseAdapter):
        def send(self, request, **_):
            asked.append(request.url)
            response = requests.Response()
            response.status_code, place = 200, answers.get(request.url)
            response.url, response.request, response._content = request.url, request, b"x"
            if place:
                response.status_code, response.headers["Location"] = 302, place
            return response

        def close(self):
            pass

    session = requests.Session()
    session.trust_env = False
    transfer.guard_session(session, "https://a.example", silence_s=1)
    for prefix in ("https://", "http://"):
        session.mount(prefix, Adapter())
    session.mount("https://a.example/", Adapter())
    return session, asked


@pytest.mark.parametrize(
    ("place", "followed"),
    [
        ("https://b.example/y", True),
        ("/y", True),
        ("//b.example/y", True),
        ("http://a.example/x", False),
        ("HTTP://b.example/x", False),
        ("file:///etc/passwd", False),
        ("ftp://b.example/x", False),
    ],
)
def test_what_began_encrypted_stays_so(place, followed):
    """On the way of a plain address anybody could answer; the token stays with the first host."""
    session, asked = fake({"https://a.example/x": place})
    if followed:
        assert session.get("https://a.example/x").status_code == 200
        assert len(asked) == 2
        return
    with pytest.raises(DarkroomError, match="redirects to an address that is not encrypted"):
        session.get("https://a.example/x")
    assert asked == ["https://a.example/x"]


def test_a_plain_address_of_this_machine_may_redirect():
    session, asked = fake({"http://127.0.0.1/x": "http://127.0.0.1/y"})
    assert session.get("http://127.0.0.1/x").status_code == 200
    assert len(asked) == 2


def test_no_token_goes_anywhere(monkeypatch):
    monkeypatch.delenv("MAST_API_TOKEN", raising=False)
    assert read_token("https://archive.example") is None
