"""One attempt of a download after the other, against a server of a few lines."""

import io
import logging
import shutil

import pytest

from darkroom.errors import DarkroomError
from darkroom.transport import download
from darkroom.transport.download import OVERLAP, RESERVE, Download, check_space, first_words
from darkroom.transport.transfer import TransientError

CONTENT = b"SIMPLE  =" + bytes(range(256)) * 1024
SIZE = len(CONTENT)
TAG = {"ETag": '"v1"'}


class Answer:
    """An answer that ends, or breaks off, where it is told to."""

    def __init__(self, body=CONTENT, status=200, **headers):
        self.status_code, self.headers = status, headers
        self.raw = io.BytesIO(body)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Session:
    """Gives one answer after the other, and takes note of what was asked."""

    def __init__(self, *answers):
        self.answers, self.asked = list(answers), []

    def get(self, url, headers, stream):
        assert stream
        self.asked.append((url, headers))
        return self.answers.pop(0)


def refuse(response):
    raise DarkroomError(f"status {response.status_code}")


@pytest.fixture
def start(tmp_path):
    """Give a function that begins a download from given answers."""

    def begin(*answers, size=SIZE):
        return Download(Session(*answers), "http://x/a.fits", tmp_path / "a.part", size, refuse)

    return begin


def part(begin, body=CONTENT, size=SIZE, last=None, **headers):
    """Return the answer with the rest of a file."""
    last = size - 1 if last is None else last
    headers = {**TAG, "Content-Range": f"bytes {begin}-{last}/{size}"} | headers
    return Answer(body[begin:], 206, **headers)


def broken(at=200_000, **headers):
    return Answer(CONTENT[:at], **(TAG | headers))


def test_a_file_comes_whole_at_the_first_attempt(start):
    one = start(Answer(**{"Content-Length": str(SIZE)}))
    one.attempt()
    assert one.path.read_bytes() == CONTENT
    assert one.session.asked == [("http://x/a.fits", {"Accept-Encoding": "identity"})]
    assert one.resumed == 0


@pytest.mark.parametrize("size", [SIZE, None])
def test_a_file_without_an_announced_length_comes_too(start, size):
    one = start(Answer(), size=size)
    one.attempt()
    assert one.path.read_bytes() == CONTENT


def test_an_interrupted_file_is_resumed_with_an_overlap(start, caplog):
    caplog.set_level(logging.INFO)
    one = start(broken(), part(200_000 - OVERLAP))
    with pytest.raises(TransientError, match=f"^200000 bytes came, {SIZE} are expected$") as caught:
        one.attempt()
    assert "lock the campaign again" in caught.value.advice
    one.attempt()
    assert one.path.read_bytes() == CONTENT
    assert one.resumed == 1
    asked = one.session.asked[1][1]
    assert asked == {
        "Accept-Encoding": "identity",
        "Range": f"bytes={200_000 - OVERLAP}-",
        "If-Range": '"v1"',
    }
    assert f"a.part: resumed at byte {200_000 - OVERLAP} of {SIZE}" in caplog.text


def test_it_may_be_interrupted_again_and_again(start):
    one = start(broken(), part(200_000 - OVERLAP, CONTENT[:230_000]), part(230_000 - OVERLAP))
    for _ in range(2):
        with pytest.raises(TransientError):
            one.attempt()
    one.attempt()
    assert (one.path.read_bytes(), one.resumed) == (CONTENT, 2)


@pytest.mark.parametrize("at", [0, 1, OVERLAP, SIZE])
def test_what_is_too_little_or_the_whole_is_begun_again(start, at, monkeypatch):
    """At the whole size nothing is missing: it was refused for another reason."""
    one = start(Answer(CONTENT[:at], **TAG), Answer(**TAG))
    monkeypatch.setattr(one, "_check_size", lambda: None)
    one.attempt()
    one.attempt()
    assert one.path.read_bytes() == CONTENT
    assert "Range" not in one.session.asked[1][1]


def test_one_byte_more_than_the_overlap_is_resumed(start):
    one = start(broken(OVERLAP + 1), part(1))
    with pytest.raises(TransientError):
        one.attempt()
    one.attempt()
    assert one.session.asked[1][1]["Range"] == "bytes=1-"
    assert one.path.read_bytes() == CONTENT


def test_a_file_of_unknown_size_is_not_resumed(start):
    one = start(broken(), Answer(**TAG), size=None)
    one.attempt()
    one.attempt()
    assert "Range" not in one.session.asked[1][1]


def test_the_whole_file_in_answer_to_a_request_for_the_rest_is_taken_as_such(start):
    """The file has changed since: If-Range makes the server send all of it."""
    new = CONTENT[::-1]
    one = start(broken(), Answer(new, ETag='"v2"'))
    with pytest.raises(TransientError):
        one.attempt()
    one.attempt()
    assert (one.path.read_bytes(), one.resumed) == (new, 0)


@pytest.mark.parametrize(
    "answer",
    [
        part(200_000 - OVERLAP + 1),
        part(200_000 - OVERLAP, last=SIZE),
        part(200_000 - OVERLAP, last=SIZE - 2),
        part(200_000 - OVERLAP, size=SIZE + 1, last=SIZE - 1),
        part(200_000 - OVERLAP, **{"Content-Range": "bytes */1"}),
        part(200_000 - OVERLAP, **{"Content-Range": ""}),
        part(200_000 - OVERLAP, CONTENT[::-1]),
        Answer(
            CONTENT[200_000 - OVERLAP :],
            206,
            **{"Content-Range": f"bytes {200_000 - OVERLAP}-{SIZE - 1}/{SIZE}"},
        ),
        part(200_000 - OVERLAP, CONTENT[: 200_000 - 1]),
        part(200_000 - OVERLAP, CONTENT[:199_999] + b"x" + CONTENT[200_000:]),
    ],
)
def test_a_rest_that_is_of_another_file_or_another_place_discards_the_beginning(start, answer):
    one = start(broken(), answer, Answer(**TAG))
    with pytest.raises(TransientError, match="bytes came"):
        one.attempt()
    with pytest.raises(
        TransientError, match=r"another part of the|of another file than|was replaced"
    ):
        one.attempt()
    assert not one.path.exists()
    one.attempt()
    assert "Range" not in one.session.asked[2][1]
    assert one.path.read_bytes() == CONTENT


def test_the_overlap_may_come_in_small_pieces(start):
    answer = part(200_000 - OVERLAP)
    read1 = answer.raw.read1
    answer.raw = type("Slow", (), {"read1": lambda _, n: read1(min(n, 1000))})()
    one = start(broken(), answer)
    with pytest.raises(TransientError):
        one.attempt()
    one.attempt()
    assert (one.path.read_bytes(), one.resumed) == (CONTENT, 1)


@pytest.mark.parametrize("status", [201, 204, 205, 207, 404, 503])
def test_other_statuses_mean_what_the_archive_says(start, status):
    one = start(Answer(status=status))
    with pytest.raises(DarkroomError, match=f"status {status}"):
        one.attempt()
    assert not one.path.exists()


@pytest.mark.parametrize(
    ("headers", "validator"),
    [
        ({"ETag": '"v1"'}, '"v1"'),
        ({"ETag": 'W/"v1"'}, None),
        ({"ETag": "v1"}, None),
        ({"ETag": '""'}, None),
        ({"ETag": '"v 1"'}, None),
        ({}, None),
        ({"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"Date": "Mon, 01 Jan 2024 00:00:00 GMT"}, None),
        ({"Last-Modified": "yesterday", "Date": "Mon, 01 Jan 2024 00:01:00 GMT"}, None),
        (
            {
                "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
                "Date": "Mon, 01 Jan 2024 00:01:00 GMT",
            },
            "Mon, 01 Jan 2024 00:00:00 GMT",
        ),
        (
            {
                "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
                "Date": "Mon, 01 Jan 2024 00:00:59 GMT",
            },
            None,
        ),
        (
            {
                "ETag": 'W/"v1"',
                "Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT",
                "Date": "Mon, 01 Jan 2024 00:02:00 GMT",
            },
            None,
        ),
    ],
)
def test_what_identifies_a_version_of_a_file(start, headers, validator):
    assert download._validator(headers) == validator
    one = start(Answer(CONTENT[:200_000], **headers), Answer(**headers))
    with pytest.raises(TransientError):
        one.attempt()
    one.attempt()
    assert one.session.asked[1][1].get("If-Range") == validator


def test_after_it_was_discarded_a_file_begins_at_byte_0(start):
    one = start(broken(), Answer(**TAG))
    with pytest.raises(TransientError):
        one.attempt()
    one.discard()
    assert not one.path.exists()
    one.discard()
    one.attempt()
    assert "Range" not in one.session.asked[1][1]


def test_another_announced_length_is_told_before_anything_is_written(start):
    page = b"<html><body>Sorry, <b>maintenance</b>" + b" " * 300
    one = start(Answer(page, **{"Content-Length": "1234"}))
    words = rf"^1234 bytes came, no FITS: 'Sorry, maintenance', {SIZE} are expected$"
    with pytest.raises(TransientError, match=words):
        one.attempt()
    assert not one.path.exists()
    assert one.session.answers == []


def test_a_longer_announced_length_is_told_without_its_number(start):
    one = start(Answer(**{"Content-Length": str(SIZE + 5)}))
    with pytest.raises(TransientError, match=f"^more bytes came than the {SIZE} expected$") as got:
        one.attempt()
    assert "lock the campaign again" in got.value.advice


def test_more_bytes_than_expected_are_not_all_read_and_the_file_is_discarded(start):
    endless = Answer(CONTENT + bytes(100 * download.BLOCK))
    one = start(endless)
    with pytest.raises(TransientError, match=f"^more bytes came than the {SIZE} expected$"):
        one.attempt()
    assert not one.path.exists()
    assert endless.raw.tell() <= SIZE + 2 * download.BLOCK


def test_more_bytes_than_announced_are_not_all_read_where_the_size_is_unknown(start):
    endless = Answer(bytes(100 * download.BLOCK), **{"Content-Length": "1000"})
    start(endless, size=None).attempt()
    assert endless.raw.tell() == download.BLOCK


def test_a_file_of_unknown_size_must_not_be_empty(start):
    one = start(Answer(b""), size=None)
    with pytest.raises(TransientError, match=r"^0 bytes came, some are expected$"):
        one.attempt()
    assert not one.path.exists()


@pytest.mark.parametrize(
    ("start_of_file", "said"),
    [(b"SIMPLE  = T", ""), (b"\x1f\x8b\x08", ""), (b"SIMPLE =T", ", no FITS: 'SIMPLE =T'")],
)
def test_what_came_instead_is_told_by_its_first_words(start, start_of_file, said):
    one = start(Answer(start_of_file))
    with pytest.raises(TransientError, match=rf"^{len(start_of_file)} bytes came{said}, {SIZE} a"):
        one.attempt()


def test_a_file_that_is_there_is_never_followed_or_kept(start, tmp_path):
    (tmp_path / "precious").write_text("precious")
    one = start(Answer())
    one.path.symlink_to(tmp_path / "precious")
    one.attempt()
    assert (tmp_path / "precious").read_text() == "precious"
    assert one.path.read_bytes() == CONTENT


def test_progress_is_logged_now_and_then(start, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    # The clock is read once at the start; then for each block, and once more where a line is due.
    ticks = iter([100, 116, 132, 140, 147, 148, 164])
    monkeypatch.setattr(download, "monotonic", lambda: next(ticks))
    monkeypatch.setattr(download, "BLOCK", 16_000_000)
    start(Answer(bytes(64_000_000)), size=64_000_000).attempt()
    assert [record.getMessage() for record in caplog.records] == [
        "http://x/a.fits: 16 MB received, 0.5 MB/s",
        "http://x/a.fits: 64 MB received, 1.0 MB/s",
    ]


def test_the_overlap_and_the_reserve_are_those_of_the_documentation():
    assert (OVERLAP, RESERVE) == (64 * 1024, 100_000_000)


def test_no_progress_is_logged_of_what_is_quick(start, caplog):
    caplog.set_level(logging.INFO)
    start(Answer()).attempt()
    assert caplog.records == []


@pytest.mark.parametrize(("free", "enough"), [(RESERVE + 10, True), (RESERVE + 9, False)])
def test_a_disk_keeps_its_reserve(tmp_path, monkeypatch, free, enough):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, free))
    if enough:
        check_space(tmp_path, 10, "a.fits")
        return
    with pytest.raises(DarkroomError, match=r"^a.fits has 0\.0 MB, and 100\.0 MB are free where"):
        check_space(tmp_path, 10, "a.fits")


@pytest.mark.parametrize(
    ("size", "announced", "needed"), [(SIZE, None, SIZE), (None, "77", 77), (None, None, 0)]
)
def test_room_is_asked_for_before_a_byte_is_written(start, monkeypatch, size, announced, needed):
    asked = []

    def record(folder, size, name):
        asked.append((folder, size, name))
        raise DarkroomError("no room")

    monkeypatch.setattr(download, "check_space", record)
    headers = {"Content-Length": announced} if announced else {}
    one = start(Answer(**headers), size=size)
    with pytest.raises(DarkroomError, match="no room"):
        one.attempt()
    assert asked == [(one.path.parent, needed, "a.part")]
    assert not one.path.exists()


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"<p>Not  found</p>\n", "'Not found'"),
        ("text \x1b[31m red", "'text [31m red'"),
        (b"", "it is empty"),
        (b"<br>", "it is empty"),
        (b"x" * 100, repr("x" * 60)),
        (b"\xff\xfe~ !", "'~ !'"),
    ],
)
def test_first_words_are_plain_and_few(answer, words):
    assert first_words(answer) == words
