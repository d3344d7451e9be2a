"""Memory of large arrays: kept where the same ones are made again and again.

Each test asks a process of its own: one that ran other tests has free room of any size in its heap,
and an array that fits there asks the system for nothing.
"""

import ctypes
import os
import resource
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)

FAULTS = """
import resource
import numpy as np
from darkroom.memory import give_back_large, kept_large

def faults(nbytes, times=10):
    '''Return how often the system had to give a page while an array was made some times.'''
    np.ones(nbytes, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(nbytes, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

give_back_large()
"""


def counted(statements, scripts):
    """Return the numbers that some statements print in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS + statements],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(scripts)},
    )
    return [int(word) for word in done.stdout.split()]


def test_memory_of_frames_is_used_again_inside_and_given_back_outside(repository):
    outside, inside, again = counted(
        """
print(faults(16 << 20))
with kept_large():
    print(faults(16 << 20))
print(faults(16 << 20))
""",
        repository / "scripts",
    )
    assert outside > 0
    assert inside < 0.1 * outside
    assert again > 0.5 * outside


def test_memory_of_a_band_of_rows_is_used_again(repository):
    (band,) = counted("print(faults(512 << 10))", repository / "scripts")
    assert band < 0.1 * 10 * (512 << 10) / resource.getpagesize()
