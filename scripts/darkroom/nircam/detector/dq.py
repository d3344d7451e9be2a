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
    HOT = 1 << 11
    UNRELIABLE_BIAS = 1 << 22
    REFERENCE_PIXEL = 1 << 31
