"""What a client of a CRDS server asks, how long it waits, what it believes, and what it says."""

import io
import json
from datetime import datetime, timedelta

import pytest
import requests
from requests.adapters import BaseAdapter

from darkroom.crds import server as crds_server
from darkroom.crds.description import FileRecord
from darkroom.crds.server import Server
from darkroom.errors import DarkroomError
from darkroom.transport import transfer
from loopback.crds import Crds, tiny_files
from loopback.faults import Reply

CONTEXT = "jwst_0001.pmap"
MASK, RMAP = "jwst_nircam_mask_0001.fits", "jwst_nircam_mask_0001.rmap"
INFO = "get_server_info"


@pytest.fixture(scope="module")
def running():
    """Give a running server of the smallest rules."""
    with Crds("jwst", tiny_files(), CONTEXT) as server:
        yield server


@pytest.fixture
def pauses(monkeypatch):
    """Give the pauses that a client makes, in seconds; it does not wait."""
    made = []
    monkeypatch.setattr(transfer, "sleep", made.append)
    return made


@pytest.fixture
def server(running, monkeypatch, pauses):
    """Give it without faults or anything asked so far."""
    monkeypatch.setenv("no_proxy", "localhost")
    yield running
    running.requests.clear()
    running.faults.clear()
    running.instead.clear()


@pytest.fixture
def client(server):
    return Server(server.url, "jwst", 20)


def record(server, name=MASK):
    known = server.stated[name]
    return FileRecord(name, int(known["size"]), known["sha1sum"])


def get(server, client, path, name=MASK, **options):
    """Fetch a file; return how often it was asked for, and how often progress was told."""
    before, told = server.asked(name), []
    folder = f"{server.url}/references/"
    try:
        client.fetch(record(server, name), folder, path, lambda: told.append(1), **options)
    finally:
        asked = server.asked(name) - before
    return asked, len(told)


# The address


@pytest.mark.parametrize(
    "address",
    [
        "crds.example.org",
        "ftp://crds.example.org",
        "http://",
        "https://me:pw@x",
        "//x",
        "http://[x",
    ],
)
def test_an_address_that_is_none_is_told_and_not_repeated(address):
    with pytest.raises(DarkroomError) as told:
        Server(address, "hst", 5)
    assert str(told.value) == (
        "crds.hst.server must be an address such as https://hst-crds.stsci.edu, without a name or "
        "password"
    )


@pytest.mark.parametrize(
    "address", ["http://a.example", "https://a.example/", "https://a.example//"]
)
def test_an_address_may_end_with_a_slash(address):
    assert Server(address, "hst", 5).url == address.rstrip("/")


class Line(BaseAdapter):
    """A line that answers each request from a list, and keeps what it was asked."""

    def __init__(self, *answers):
        super().__init__()
        self.answers, self.asked = list(answers), []

    def send(self, request, **options):
        self.asked.append((request, options))
        status, headers, body = self.answers.pop(0)
        answer = requests.Response()
        answer.status_code, answer.url, answer.request = status, request.url, request
        answer.headers.update(headers)
        answer.raw = io.BytesIO(body)
        return answer

    def close(self):
        pass


def on_a_line(line, **options):
    """Return a client whose requests go over a line of the test."""
    client = Server("https://crds.example.org", "jwst", options.get("timeout_s", 20))
    client._session.mount("https://", line)
    client._session.mount("http://", line)
    return client


def test_what_is_asked_encrypted_is_not_fetched_from_an_open_address(tmp_path, pauses):
    line = Line((302, {"Location": "http://elsewhere.example/x"}, b""))
    with pytest.raises(DarkroomError, match="redirects to an address that is not encrypted"):
        on_a_line(line).fetch(
            FileRecord(MASK, 1, "0" * 40), "https://crds.example.org/r", tmp_path / MASK, int
        )
    assert len(line.asked) == 1


def test_files_are_asked_for_as_they_are_stored(tmp_path, pauses):
    """The sum is of those bytes, and a line that compresses them would change their number."""
    line = Line((200, {}, b"whole"))
    one = FileRecord(MASK, 5, "6aca1d9b7263ef0bcb1b7bb1a3ad8e1c6cb8c9ad")
    with pytest.raises(DarkroomError, match="what came has SHA-1"):
        on_a_line(line).fetch(one, "https://crds.example.org/r/", tmp_path / MASK, int, 0)
    ((request, options),) = line.asked
    assert (request.method, request.url) == ("GET", f"https://crds.example.org/r/{MASK}")
    assert request.headers["Accept-Encoding"] == "identity"
    assert options["stream"] is True
    assert options["timeout"] == (20, 20)


@pytest.mark.parametrize(("timeout_s", "silence_s"), [(59, 59), (61, 60), (600, 60)])
def test_a_silent_server_is_left_after_a_minute_at_most(tmp_path, pauses, timeout_s, silence_s):
    line = Line((404, {}, b""))
    with pytest.raises(DarkroomError):
        on_a_line(line, timeout_s=timeout_s).fetch(
            FileRecord(MASK, 1, "0" * 40), "https://crds.example.org/r", tmp_path / MASK, int
        )
    assert line.asked[0][1]["timeout"] == (20, silence_s)


# The description


def test_a_description_is_as_crdss_own_client_would_keep_it(server, client):
    stated = client.describe().stated
    assert stated["server"] == server.url
    assert (stated["status"], stated["connected"]) == ("server", True)
    when = datetime.strptime(stated["last_synced"], "%Y-%m-%d %H:%M:%S")
    assert abs(datetime.now() - when) < timedelta(minutes=5)
    assert stated["operational_context"] == CONTEXT
    assert [(name, asked) for _, name, asked in server.requests] == [(INFO, [])]


def test_an_older_server_is_asked_for_its_list_of_files(server, client):
    answer = server.call(INFO, [])
    del answer["download_metadata"]
    server.instead[INFO] = Reply(body=json.dumps({"result": answer, "error": None}).encode())
    assert client.describe().record(MASK) == record(server)
    assert server.requests[-1][1:] == ("get_file_info_map", ["jwst", None, ["size", "sha1sum"]])


def test_calls_are_told_apart_and_in_the_form_that_the_servers_take(pauses):
    described = {"observatory": "jwst", "download_metadata": {}}
    body = json.dumps({"result": described}).encode()
    line = Line((200, {}, body), (200, {}, body))
    client = on_a_line(line)
    client.describe()
    client.describe()
    calls = [json.loads(request.body) for request, _ in line.asked]
    assert [(call["jsonrpc"], call["method"], call["params"]) for call in calls] == [
        ("1.0", INFO, [])
    ] * 2
    assert calls[0]["id"] != calls[1]["id"]
    request = line.asked[0][0]
    assert request.method == "POST"
    assert request.url == f"https://crds.example.org/json/{INFO}/{calls[0]['id']}/"
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize("other", ["hst", "roman"])
def test_a_server_of_another_observatory_is_refused_at_once(server, other):
    with pytest.raises(DarkroomError, match=f"is a CRDS server of jwst, not of {other}"):
        Server(server.url, other, 20).describe()
    assert server.asked(INFO) == 1


ANSWERS = [
    (b"", "the answer is no JSON: it is empty"),
    (b"<html><body>Closed</body></html>", "the answer is no JSON: 'Closed'"),
    (b"[1, 2]", "the answer is none of CRDS: '[1, 2]'"),
    (b'{"a": 1}', "the answer is none of CRDS: "),
    (b'{"error": null}', "the answer is none of CRDS: "),
    (b'{"error": {"message": "out of &lt;order&gt;"}}', "the server says: out of <order>"),
    (b'{"error": "busy"}', "the server says: busy"),
    (b'{"error": {"code": 7}}', "the server says: {'code': 7}"),
    (b'{"result": {"a": 1}, "error": "busy"}', "the server says: busy"),
    (b'{"result": {"a": 1}}', "it is no description of a CRDS server"),
    (b'{"result": null}', "it is no description of a CRDS server"),
    (b'{"result": ["download_metadata"]}', "it is no description of a CRDS server"),
]


@pytest.mark.parametrize(("body", "says"), ANSWERS, ids=[says for _, says in ANSWERS])
def test_an_answer_that_is_none_is_asked_for_again_and_then_told(server, client, body, says):
    server.instead[INFO] = Reply(body=body)
    with pytest.raises(DarkroomError) as told:
        client.describe()
    assert str(told.value).startswith(f"asking {server.url} about itself: {says}")
    assert "(4 attempts); see whether the server is up" in str(told.value)
    assert server.asked(INFO) == 4


def test_the_first_words_of_a_long_answer_are_enough(server, client):
    server.instead[INFO] = Reply(body=b'{"error": "' + b"x" * 1000 + b'"}')
    with pytest.raises(DarkroomError) as told:
        client.describe()
    assert "x" * 300 in str(told.value)
    assert "x" * 301 not in str(told.value)


@pytest.mark.parametrize(("longest", "says"), [(-1, "the answer does not end"), (0, "no JSON")])
def test_an_answer_may_be_as_long_as_the_longest(server, client, monkeypatch, longest, says):
    body = b"x" * 200_000
    monkeypatch.setattr(crds_server, "LONGEST_ANSWER", len(body) + longest)
    server.instead[INFO] = Reply(body=body)
    with pytest.raises(DarkroomError, match=says):
        client.describe()


# Files


@pytest.mark.parametrize("name", [MASK, RMAP])
def test_a_file_comes_whole_and_progress_is_told(server, client, tmp_path, name):
    assert get(server, client, tmp_path / "x" / name, name) == (1, 1)
    assert (tmp_path / "x" / name).read_bytes() == server.files[name]
    assert [path.name for path in (tmp_path / "x").iterdir()] == [name]


def test_a_good_file_stays_until_a_better_one_is_verified(server, client, tmp_path):
    path = tmp_path / MASK
    path.write_bytes(b"before")
    server.faults.add("corrupt", MASK)
    with pytest.raises(DarkroomError, match="what came has SHA-1"):
        get(server, client, path)
    assert path.read_bytes() == b"before"
    assert [one.name for one in tmp_path.iterdir()] == [MASK]
    server.faults.clear()
    get(server, client, path)
    assert path.read_bytes() == server.files[MASK]


@pytest.mark.parametrize("retries", [0, 2])
def test_a_file_is_tried_again_as_often_as_asked(server, client, tmp_path, pauses, retries):
    server.faults.add("unavailable", MASK)
    with pytest.raises(DarkroomError, match=rf"HTTP 503 \({retries + 1} attempt"):
        get(server, client, tmp_path / MASK, retries=retries)
    assert (server.asked(MASK), len(pauses)) == (retries + 1, retries)


def test_a_file_is_tried_four_times(server, client, tmp_path):
    server.faults.add("cut_without_length", MASK, times=3)
    assert get(server, client, tmp_path / MASK) == (4, 4)


@pytest.mark.parametrize("status", [201, 204, 206, 400, 403, 404])
def test_what_another_attempt_cannot_change_is_told_at_once(server, client, tmp_path, status):
    server.instead[MASK] = Reply(status, server.files[MASK] if status != 204 else b"")
    with pytest.raises(DarkroomError, match=rf"it is not to be had there \(HTTP {status}\); look"):
        get(server, client, tmp_path / MASK)
    assert server.asked(MASK) == 1
    assert not (tmp_path / MASK).exists()


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("html", MASK, "what came has 47 bytes, the server states {size}, it is no FITS: 'Sched"),
        ("html", RMAP, "what came has 47 bytes, the server states {size} (4"),
        ("empty", MASK, "what came has 0 bytes, the server states {size}, it is no FITS: it is "),
        ("corrupt", MASK, "what came has SHA-1 "),
        ("cut", MASK, "the connection broke off (4"),
        ("down", MASK, "no connection (Remote end closed connection"),
        ("broken_redirect", MASK, "the answer cannot be read ("),
    ],
)
def test_what_came_is_told(server, client, tmp_path, kind, name, says):
    server.faults.add(kind, name)
    with pytest.raises(DarkroomError) as told:
        get(server, client, tmp_path / name, name)
    size = len(server.files[name])
    assert str(told.value).startswith(
        f"fetching {name} from {server.url}: {says.format(size=size)}"
    )
    assert ("no FITS" in str(told.value)) == (kind in ("html", "empty") and name == MASK)


def test_not_a_byte_more_than_stated_is_taken(server, client, tmp_path, monkeypatch):
    content = server.files[MASK]
    monkeypatch.setattr(crds_server, "_BLOCK", len(content))
    server.instead[MASK] = Reply(body=content + b"x")
    with pytest.raises(DarkroomError, match=f"what came has {len(content) + 1} bytes"):
        get(server, client, tmp_path / MASK)


def test_what_is_far_too_long_is_not_read_whole(server, client, tmp_path):
    content = server.files[MASK]
    server.instead[MASK] = Reply(body=content + bytes(1_000_000))
    with pytest.raises(DarkroomError, match=r"what came has (\d{4,5}|1\d{5}) bytes"):
        get(server, client, tmp_path / MASK)


def test_a_file_without_end_is_left_soon_after_its_size(server, client, tmp_path, monkeypatch):
    monkeypatch.setattr(crds_server, "_BLOCK", 1000)
    content = server.files[MASK]
    server.instead[MASK] = Reply(body=content + bytes(500_000))
    told = []
    with pytest.raises(DarkroomError, match=r"what came has (\d+) bytes, the server states"):
        client.fetch(record(server), server.url, tmp_path / MASK, lambda: told.append(1), 0)
    assert len(content) // 1000 < len(told) <= len(content) // 1000 + 1
    # One that has exactly its size is read to its end.
    server.instead.clear()
    monkeypatch.setattr(crds_server, "_BLOCK", len(content))
    assert get(server, client, tmp_path / MASK) == (1, 1)


def test_the_first_bytes_tell_what_came(server, client, tmp_path, monkeypatch):
    """And not those of the last block."""
    monkeypatch.setattr(crds_server, "_BLOCK", 300)
    content = server.files[MASK]
    server.instead[MASK] = Reply(body=content[:-1])
    with pytest.raises(DarkroomError) as told:
        get(server, client, tmp_path / MASK)
    assert "no FITS" not in str(told.value)


@pytest.mark.parametrize("subject", [INFO, MASK])
def test_silence_and_slowness_are_not_waited_for(server, tmp_path, subject):
    client = Server(server.url, "jwst", 0.15)
    server.instead[subject] = Reply(announce=1000, silence_s=30.0)

    def ask():
        if subject == INFO:
            client.describe()
        else:
            get(server, client, tmp_path / MASK, retries=0)

    with pytest.raises(DarkroomError, match=r"the server fell silent|not done within 0\.15 s"):
        ask()
    client._silence_s = 0.05
    with pytest.raises(DarkroomError, match="the server fell silent"):
        ask()


def test_a_large_file_may_take_longer_than_an_answer(server, client, tmp_path, monkeypatch):
    limits = []
    time_limit = crds_server.time_limit
    monkeypatch.setattr(
        crds_server, "time_limit", lambda seconds: limits.append(seconds) or time_limit(seconds)
    )
    get(server, client, tmp_path / MASK)
    with pytest.raises(DarkroomError):
        client.fetch(FileRecord(RMAP, 9_000_000, "0" * 40), server.url, tmp_path / RMAP, int, 0)
    client.describe()
    assert limits == [20, 90, 20]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (requests.exceptions.ChunkedEncodingError(), "the connection broke off"),
        (requests.exceptions.ProxyError("x"), "the proxy does not help (x)"),
        (requests.exceptions.ReadTimeout(), "the server fell silent"),
        (requests.exceptions.ConnectionError("read timed out"), "the server fell silent"),
        (requests.exceptions.ConnectionError("refused"), "no connection (refused)"),
        (UnicodeError("not a text"), "the answer cannot be read (not a text)"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_failure_of_a_line_has_its_words(pauses, monkeypatch, error, says):
    line = Line()
    client = on_a_line(line)

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(line, "send", fails)
    with pytest.raises(DarkroomError) as told:
        client.describe()
    assert str(told.value).startswith(f"asking https://crds.example.org about itself: {says} (4")
    assert len(pauses) == 3
