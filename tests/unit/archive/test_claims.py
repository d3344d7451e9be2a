"""Claims and slots: one process has each at a time, and they are free when it has ended."""

import os

import pytest

from darkroom.archive import slots
from darkroom.archive.slots import Claims, TransferSlots, claim_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "raw" / ".claims"


def elsewhere(path, number):
    """Take a claim in another process that ends at once; tell whether it was free."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            status = int(not Claims(path).take(number))
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, 1)
    return status == 0


class Other:
    """Another process that holds claims until it is told to end."""

    def __init__(self, path, *numbers):
        (ready, ours), (waits, self._end) = os.pipe(), os.pipe()
        self._pid = os.fork()
        if self._pid == 0:
            try:
                claims = Claims(path)
                assert all(claims.take(number) for number in numbers)
                os.write(ours, b"x")
                os.read(waits, 1)
            finally:
                os._exit(0)
        os.close(ours)
        os.close(waits)
        assert os.read(ready, 1) == b"x"
        os.close(ready)

    def end(self):
        if self._pid:
            os.write(self._end, b"x")
            os.close(self._end)
            os.waitpid(self._pid, 0)
            self._pid = 0


@pytest.fixture
def other(path):
    """Give a process that holds the claims 0 and 1."""
    process = Other(path, 0, 1)
    yield process
    process.end()


def test_a_claim_is_on_one_number_alone(path):
    mine = Claims(path)
    assert mine.take(7)
    assert [elsewhere(path, number) for number in (6, 7, 8)] == [True, False, True]
    mine.take(6)
    mine.take(8)
    mine.free(7)
    assert [elsewhere(path, number) for number in (6, 7, 8)] == [False, True, False]


def test_a_claim_that_is_waited_for_is_held(path):
    mine = Claims(path)
    mine.wait(7)
    mine.wait(9)
    assert [elsewhere(path, number) for number in (6, 7, 8, 9, 10)] == [
        True, False, True, False, True,
    ]  # fmt: skip


def test_who_waits_has_the_claim_when_the_other_has_ended(path, other):
    mine = Claims(path)
    assert not mine.take(0)
    ours, theirs = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            Claims(path).wait(0)
            os.write(theirs, b"mine")
        finally:
            os._exit(0)
    os.close(theirs)
    os.set_blocking(ours, False)
    with pytest.raises(BlockingIOError):
        os.read(ours, 4)
    other.end()
    os.set_blocking(ours, True)
    assert os.read(ours, 4) == b"mine"
    os.waitpid(pid, 0)
    os.close(ours)
    assert mine.take(0)


def test_claims_of_names_are_all_held(path):
    mine = Claims(path)
    numbers = mine.wait_for_all(f"camera/bias_{k}" for k in range(20))
    assert numbers == sorted({claim_of(f"camera/bias_{k}") for k in range(20)})
    assert not any(elsewhere(path, number) for number in numbers[::7])
    mine.free(numbers[0])
    assert elsewhere(path, numbers[0])


def test_a_name_has_the_same_number_in_each_version_of_the_programs():
    """An orphan of an earlier one may still hold the claim."""
    assert claim_of("camera/bias_1") == 6306521227940962


def test_the_file_of_claims_is_left_open_by_no_program_that_is_started(path):
    mine = Claims(path)
    assert mine.take(1)
    assert not os.get_inheritable(mine._file)
    assert path.read_bytes() == b""


def test_every_user_may_take_a_claim(path):
    before = os.umask(0)
    try:
        Claims(path).take(1)
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o666


def test_a_slot_is_waited_for_with_signs_of_life(path, other, monkeypatch):
    beats, pauses = [], []

    def pause(seconds):
        pauses.append(seconds)
        if len(pauses) == 3:
            other.end()
        assert len(pauses) < 1000, "waited for ever"

    monkeypatch.setattr(slots, "sleep", pause)
    with TransferSlots(path, 2, lambda: beats.append(len(pauses)))():
        assert not elsewhere(path, 0)
        assert elsewhere(path, 1)
    assert pauses == [0.1] * 3
    assert beats == [0, 1, 2, 3]
    assert elsewhere(path, 0)


def test_a_free_slot_is_taken_at_once_and_given_back_after_a_failure(path, other, monkeypatch):
    monkeypatch.setattr(slots, "sleep", None)
    with (
        pytest.raises(ZeroDivisionError),
        TransferSlots(path, 3, lambda: None)(),
    ):
        assert not elsewhere(path, 2)
        raise ZeroDivisionError
    assert elsewhere(path, 2)
