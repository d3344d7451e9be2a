"""Memory of large arrays: kept where the same ones are made again and again."""

import ctypes
import resource

import numpy as np
import pytest

from darkroom.memory import give_back_large, kept_large

pytestmark = pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "mallopt"), reason="the C library is not glibc"
)


def faults(nbytes, times=10):
    """Return how often the system had to give a page while an array was made some times."""
    np.ones(nbytes, np.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(times):
        np.ones(nbytes, np.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


def test_memory_of_frames_is_used_again_inside_and_given_back_outside():
    give_back_large()
    outside = faults(16 << 20)
    with kept_large():
        inside = faults(16 << 20)
    again = faults(16 << 20)
    assert inside < 0.1 * outside
    assert again > 0.5 * outside


def test_memory_of_a_band_of_rows_is_used_again():
    give_back_large()
    page = resource.getpagesize()
    assert faults(512 << 10) < 0.1 * 10 * (512 << 10) / page
