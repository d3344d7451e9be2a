"""Sums of files: of blocks in passing, and of files that change while they are summed."""

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from damaged import sha
from darkroom.integrity import digests

BYTES = bytes(range(40)) * 5


@given(
    st.lists(st.tuples(st.integers(0, 220), st.integers(0, 60)), max_size=8),
    st.sampled_from([1, 7, 1 << 20]),
)
def test_blocks_in_passing_give_the_sum_of_the_file(tmp_path_factory, blocks, size):
    path = tmp_path_factory.mktemp("passing") / "a.bin"
    path.write_bytes(BYTES)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(digests, "_BLOCK", size)
        passing = digests.InPassing(path)
        for start, length in sorted(blocks):
            passing.update(start, BYTES[start : start + length])
        assert passing.finish() == hashlib.sha256(BYTES).hexdigest()


def test_what_was_given_is_summed_and_only_gaps_are_read(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0123456789abcdef")
    passing = digests.InPassing(path)
    passing.update(0, b"AB")
    passing.update(5, b"CDE")
    # Bytes that were given before are left out.
    passing.update(6, b"xxFG")
    passing.update(10, b"H")
    passing.update(3, b"xyz")
    assert passing.finish() == sha("AB234CDEFGHbcdef")
    assert digests.known(path) == sha("AB234CDEFGHbcdef")


def test_a_file_that_gets_shorter_in_passing_ends_and_is_not_remembered(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("0123456789")
    passing = digests.InPassing(path)
    os.truncate(path, 4)
    assert passing.finish() == sha("0123")
    assert passing._signature not in digests._known
    assert digests.known(path) is None


@pytest.mark.parametrize("earlier", [True, False])
def test_a_file_that_changes_while_it_is_summed_is_not_remembered(tmp_path, monkeypatch, earlier):
    path = tmp_path / "a.txt"
    path.write_text("whole")
    before = digests.signature(path)
    read = digests._sum_of

    def changed(*arguments):
        found = read(*arguments)
        path.write_text("other")
        os.utime(path, ns=(0, before[3] + (-1 if earlier else 1)))
        return found

    with monkeypatch.context() as patch:
        patch.setattr(digests, "_sum_of", changed)
        assert digests.sha256(path) == sha("whole")
        path.write_text("whole")
        passing = digests.InPassing(path)
        state = digests.signature(path)
        os.utime(path, ns=(0, state[3] + (-1 if earlier else 1)))
        assert passing.finish() == sha("whole")
    assert before not in digests._known
    assert state not in digests._known
    assert digests.known(path) is None
    assert digests.sha256(path) == digests.known(path) == sha("whole")


def test_no_lock_of_a_sum_is_left(tmp_path):
    (tmp_path / "a.txt").write_text("whole")
    digests.sha256(tmp_path / "a.txt")
    assert digests._summing == {}


def test_an_empty_file_has_the_sum_of_nothing(tmp_path):
    (tmp_path / "a.txt").touch()
    assert digests.sha256(tmp_path / "a.txt") == sha("")
    blocks = []
    assert digests.read_sha256(tmp_path / "a.txt", blocks.append) == sha("")
    assert blocks == []


def test_a_file_of_the_system_that_states_no_size_is_read():
    path = Path("/proc/version")
    if not path.exists():
        pytest.skip("no /proc on this system")
    assert path.stat().st_size == 0
    assert digests.read_sha256(path) == hashlib.sha256(path.read_bytes()).hexdigest()
