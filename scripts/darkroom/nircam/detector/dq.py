"""Data-quality bits of JWST, as files and the pipeline use them.

The values are those of `stdatamodels.jwst.datamodels.dqflags` (a test compares them). They are
repeated here because the products are made in an environment without the JWST pipeline.
"""

from __future__ import annotations

from enum import IntFlag


class Group(IntFlag):
    """Bits of GROUPDQ that make a sample unusable."""

    DO_NOT_USE = 1
    SATURATED = 2
    JUMP_DET = 4


class Pixel(IntFlag):
    """Bits of PIXELDQ and of reference files, with the names that the JWST pipeline gives them."""

    DO_NOT_USE = 1 << 0
    NON_SCIENCE = 1 << 9
    DEAD = 1 << 10
    HOT = 1 << 11
    WARM = 1 << 12
    LOW_QE = 1 << 13
    RC = 1 << 14
    TELEGRAPH = 1 << 15
    NONLINEAR = 1 << 16
    BAD_REF_PIXEL = 1 << 17
    UNRELIABLE_BIAS = 1 << 22
    UNRELIABLE_DARK = 1 << 23
    UNRELIABLE_SLOPE = 1 << 24
    OPEN = 1 << 26
    ADJ_OPEN = 1 << 27
    OTHER_BAD_PIXEL = 1 << 30
    REFERENCE_PIXEL = 1 << 31
