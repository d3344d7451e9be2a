"""Flags in the file of details of a superbias."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Reasons for which a pixel is flagged: bits of the DQ image in the file of details."""

    DO_NOT_USE = 1
    UNRELIABLE_BIAS = 2
    HOT = 4
    FEW = 8
    NOISY = 16
    DRIFT = 32
    REFERENCE_PIXEL = 64


MEANING: dict[IntFlag, str] = {
    Flag.DO_NOT_USE: "no value, or NOISY",
    Flag.UNRELIABLE_BIAS: "DO_NOT_USE, FEW, NOISY or DRIFT",
    Flag.HOT: "slope over the first groups far above that of other pixels",
    Flag.FEW: "fewer than 3 usable samples",
    Flag.NOISY: "scatter far above that of its amplifier, parity and kind",
    Flag.DRIFT: "bias changes with time (t test of its slope)",
    Flag.REFERENCE_PIXEL: "reference pixel",
}
