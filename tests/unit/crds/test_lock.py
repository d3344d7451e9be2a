"""Who fills a cache shows signs of life; who waits for him waits as long as they come."""

import errno
import fcntl
import logging
import os
import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from darkroom.crds import lock as crds_lock
from darkroom.crds.lock import Holder, filling

SIGN = f"{socket.gethostname()}, process {os.getpid()} "


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config" / "jwst" / ".filling"


@pytest.fixture
def clock(monkeypatch):
    """Give a clock that goes on by the pauses alone; `then` is called after each of them."""
    clock = SimpleNamespace(now=0.5, pauses=[], then=lambda: None)

    def pause(seconds):
        clock.pauses.append(seconds)
        assert len(clock.pauses) < 1000, "waited for ever"
        clock.now += seconds
        clock.then()

    monkeypatch.setattr(
        crds_lock, "time", SimpleNamespace(monotonic=lambda: clock.now, sleep=pause)
    )
    return clock


@pytest.fixture
def other(path):
    """Give the open lock of another, who holds it."""
    path.parent.mkdir(parents=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    yield descriptor
    os.close(descriptor)


def shows(path):
    return path.read_text(), path.stat().st_mtime_ns


def test_a_holder_shows_who_he_is_and_what_he_does(path):
    with filling(path, 5) as holder:
        assert holder.alone
        assert path.read_text() == f"{SIGN}\n"
        holder.heartbeat("fetches a_long_name.fits")
        assert path.read_text() == f"{SIGN}fetches a_long_name.fits\n"
        holder.heartbeat("fetches x")
        assert path.read_text() == f"{SIGN}fetches x\n"


def test_a_lock_is_free_when_its_holder_has_ended(path):
    with pytest.raises(ZeroDivisionError), filling(path, 5):
        raise ZeroDivisionError
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(3):
        with filling(path, 5) as holder:
            assert holder.alone
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_sign_of_life_is_given_at_most_once_a_second(path, clock):
    with filling(path, 5) as holder:
        for after_s, given in (
            (0.0, False),
            (0.9, False),
            (0.2, True),
            (0.9, False),
            (0.2, True),
        ):
            clock.now += after_s
            os.utime(path, (0, 0))
            holder.heartbeat()
            assert (path.stat().st_mtime_ns > 0) == given, after_s
        assert path.read_text() == f"{SIGN}\n", "a sign changes nothing that is written"
        # What is done is shown at once, and is a sign too.
        holder.heartbeat("fetches x")
        os.utime(path, (0, 0))
        clock.now += 0.5
        holder.heartbeat()
        assert shows(path) == (f"{SIGN}fetches x\n", 0)


def test_who_does_not_hold_the_lock_writes_nothing_to_it(path, other, clock):
    os.write(other, b"node17, process 4711 fetches x.fits\n")
    os.utime(path, (0, 0))
    before = shows(path)
    with filling(path, 0.0) as holder:
        assert not holder.alone
        holder.heartbeat("fetches y")
        clock.now += 100
        holder.heartbeat()
    assert shows(path) == before


def test_a_lock_with_another_name_is_not_written_to(path, tmp_path):
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    (tmp_path / "thesis").hardlink_to(path)
    with filling(path, 5) as holder:
        holder.heartbeat("fetches x")
        assert holder.alone
    assert path.read_text() == "mine"


def test_a_lock_that_can_only_be_read_is_held_all_the_same(path, monkeypatch):
    """That of another user, who has left it: root may write to any, so that it is only played."""
    path.parent.mkdir(parents=True)
    path.write_text("of another\n")
    opened, real = [], os.open

    def refused(name, flags, *mode):
        if name == path:
            opened.append(flags)
            if flags & os.O_RDWR:
                raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, flags, *mode)

    monkeypatch.setattr(crds_lock.os, "open", refused)
    with filling(path, 5) as holder:
        assert holder.alone
        holder.heartbeat("fetches x")
    assert path.read_text() == "of another\n"
    assert [flags & os.O_NOFOLLOW for flags in opened] == [os.O_NOFOLLOW] * 2


def test_a_link_is_no_lock(path, tmp_path):
    path.parent.mkdir(parents=True)
    (tmp_path / "thesis").write_text("mine")
    path.symlink_to(tmp_path / "thesis")
    with pytest.raises(OSError, match="filling"), filling(path, 5):
        pass
    assert (tmp_path / "thesis").read_text() == "mine"


def test_a_lock_may_be_taken_by_every_user(path):
    before = os.umask(0)
    try:
        with filling(path, 5):
            assert path.stat().st_mode & 0o777 == 0o666
    finally:
        os.umask(before)


def test_a_holder_who_gives_signs_is_waited_for_and_then_the_lock_is_ours(
    path, other, clock, caplog
):
    caplog.set_level(logging.INFO)
    os.write(other, b"node17, process 4711 fetches x.fits\n")
    signs = iter(range(1, 8))

    def then():
        # A sign every 4 s, by a clock of its own; he ends after seven of them.
        if len(clock.pauses) % 20 == 0:
            if (sign := next(signs, None)) is None:
                fcntl.flock(other, fcntl.LOCK_UN)
            else:
                os.utime(path, (sign, sign))

    clock.then = then
    with filling(path, 5) as holder:
        assert holder.alone
    assert sum(clock.pauses) == pytest.approx(32)
    assert set(clock.pauses) == {0.2}
    assert caplog.messages == [f"{path}: waiting for node17, process 4711 fetches x.fits"]


def test_a_holder_who_gives_no_sign_is_waited_for_as_long_as_asked(path, other, clock, caplog):
    caplog.set_level(logging.INFO)
    with filling(path, 7) as holder:
        assert not holder.alone
    assert sum(clock.pauses) == pytest.approx(7.0, abs=0.25)
    assert caplog.messages == [
        f"{path}: waiting for another process",
        f"{path}: no sign of life from its holder for 7 s",
    ]


def test_who_has_fallen_silent_is_named(path, other, clock, caplog):
    os.write(other, b"node17, process 4711 fetches x.fits\n" + b"y" * 400)
    with filling(path, 2):
        pass
    (said,) = caplog.messages
    assert "no sign of life from node17, process 4711 fetches x.fits" in said
    assert said.count("y") < 300


def test_words_that_are_no_text_are_told_as_far_as_they_are(path, other, clock, caplog):
    os.write(other, b"\xff\xfe node17\n")
    with filling(path, 1):
        pass
    assert "\ufffd\ufffd node17 for 1 s" in caplog.text


def test_without_locks_in_the_file_system_nobody_is_alone(path, monkeypatch, clock, caplog):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(crds_lock.fcntl, "flock", unsupported)
    with filling(path, 5) as holder:
        assert not holder.alone
    assert clock.pauses == []
    assert path.read_text() == ""
    assert caplog.messages == [f"{path}: this file system has no locks (No locks available)"]


def test_a_sign_that_cannot_be_given_is_no_failure(path, monkeypatch):
    with filling(path, 5) as holder:
        monkeypatch.setattr(crds_lock.os, "ftruncate", _fails)
        monkeypatch.setattr(crds_lock.os, "utime", _fails)
        holder.heartbeat("fetches x")
        holder._last -= 10
        holder.heartbeat()
    assert path.read_text() == f"{SIGN}\n"


def _fails(*_):
    raise OSError(errno.EIO, "Input/output error")


def test_a_holder_gives_his_first_sign_when_he_begins(path):
    path.parent.mkdir(parents=True)
    path.write_text("before, and longer than what comes now: " + "x" * 200)
    descriptor = os.open(path, os.O_RDWR)
    Holder(descriptor, alone=True)
    os.close(descriptor)
    assert path.read_text() == f"{SIGN}\n"
