"""The median of numbers of a raw file, by nothing compiled: exposures are judged by it."""

from __future__ import annotations

from typing import Any

import numpy as np


def median(values: np.ndarray) -> Any:
    """Return the median of finite values, at least one: the number, and its type, of numpy.median.

    The lower of the two middle ones is found as the largest below the upper one: numpy partitions
    them at one place ten times faster than at two.
    """
    middle = values.size // 2
    parted = np.partition(values, middle, axis=None)
    if values.size % 2:
        return parted[middle]
    return np.mean(np.array([parted[:middle].max(), parted[middle]]))
