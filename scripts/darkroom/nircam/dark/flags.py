"""Flags in the file of details of a dark."""

from __future__ import annotations

from enum import IntFlag


class Flag(IntFlag):
    """Reasons for which a pixel is flagged: bits of the DQ image in the file of details."""

    NO_VALUE = 1
    FEW = 2
    UNSTABLE = 4
    HOT = 8
    WARM = 16
    NOISY = 32
    REFERENCE_PIXEL = 64


MEANING: dict[IntFlag, str] = {
    Flag.NO_VALUE: "no rate",
    Flag.FEW: "rate of a single integration",
    Flag.UNSTABLE: "rates of integrations scatter beyond noise (chi2 test)",
    Flag.HOT: "rate above the limit for hot pixels",
    Flag.WARM: "rate above the limit for warm pixels and the usual one",
    Flag.NOISY: "read noise far above that of its amplifier",
    Flag.REFERENCE_PIXEL: "reference pixel",
}
