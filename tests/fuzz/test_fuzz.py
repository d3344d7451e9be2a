"""Damaged and hostile files end in an answer or one sentence, soon, and in little memory.

What is wrong in which way: ``PYTHONPATH=tests:scripts .venv/bin/python -m fuzz.run lock 2000``.
"""

import random

import pytest

from darkroom.integrity.seals import seal_fault, sealed
from fuzz import mutate
from fuzz.run import SECONDS, SUBJECTS, run


def check(name, count):
    counts, wrong, slowest = run(name, count)
    assert wrong == {}
    assert sum(counts.values()) == count
    # An input that nothing refuses, and inputs that something does: the subject is alive.
    assert counts["answer"] > 0
    assert counts["sentence"] > count / 4
    assert slowest < SECONDS


@pytest.mark.parametrize("name", SUBJECTS)
def test_a_hundred_damaged_inputs(name):
    check(name, 100)


@pytest.mark.heavy
@pytest.mark.parametrize("name", SUBJECTS)
def test_two_thousand_damaged_inputs(name):
    check(name, 2000)


def test_the_same_number_gives_the_same_input():
    for way in (mutate.of_bytes, mutate.of_lines):
        made = [way(b"a\tb\nc\td\n" * 9, random.Random(7)) for _ in range(2)]
        assert made[0] == made[1] != b"a\tb\nc\td\n" * 9


def test_a_status_that_is_written_again_is_not_damaged_by_it():
    """The note of a batch becomes the status of its exposure: its digest stays right."""
    once = sealed({"a": 1})
    assert sealed(once) == once
    assert seal_fault(sealed(once)) == ""
