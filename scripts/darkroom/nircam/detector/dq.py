"""Data-quality bits of JWST, as files and the pipeline use them.

The values are those of `stdatamodels.jwst.datamodels.dqflags` (a test compares them); they stand
here because the products are made without the pipeline's environment.
"""

from __future__ import annotations

from enum import IntFlag


class Group(IntFlag):
    """Bits of GROUPDQ that mean a sample cannot be used."""

    DO_NOT_USE = 1
    SATURATED = 2
    JUMP_DET = 4


class Pixel(IntFlag):
    """Bits of PIXELDQ and of reference files, by the pipeline's names."""

    DO_NOT_USE = 1 << 0
    HOT = 1 << 11
    UNRELIABLE_BIAS = 1 << 22
    REFERENCE_PIXEL = 1 << 31
