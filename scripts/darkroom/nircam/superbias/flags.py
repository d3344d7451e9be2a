"""Flags of the product beside a superbias."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Why a pixel is flagged; the bits of the DQ image beside the superbias."""

    DO_NOT_USE = 1
    UNRELIABLE_BIAS = 2
    HOT = 4
    FEW = 8
    NOISY = 16
    DRIFT = 32
    REFERENCE_PIXEL = 64


MEANING = {
    Flag.DO_NOT_USE: "no value, or NOISY",
    Flag.UNRELIABLE_BIAS: "DO_NOT_USE, FEW, NOISY or DRIFT",
    Flag.HOT: "slope over the first groups far above the others'",
    Flag.FEW: "fewer than 3 samples left",
    Flag.NOISY: "scatter far above that of its amplifier, parity and kind",
    Flag.DRIFT: "bias changes with time, by Student's t of its slope",
    Flag.REFERENCE_PIXEL: "reference pixel",
}
