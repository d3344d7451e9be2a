"""Data-quality bits of the CCD products."""

from __future__ import annotations

from enum import IntFlag


class DQ(IntFlag):
    """Bits of the DQ images of all CCD products; each product sets those it can determine."""

    NONFINITE = 1
    SATURATED = 2
    HOT = 4
    UNSTABLE = 8
    LOW = 16
    NONLINEAR = 32
    DISCORDANT = 64
    CLIPPED = 128
    NO_ERROR = 256
    LINE = 512


#: Bits of pixels that are left out when backgrounds, gradients and variances are measured.
FLAWED = DQ.NONFINITE | DQ.SATURATED | DQ.HOT | DQ.UNSTABLE | DQ.LOW | DQ.DISCORDANT

#: Bits of pixels that the mask of a product leaves out: whose value is not to be used.
UNUSABLE = FLAWED | DQ.NONLINEAR | DQ.LINE

MEANING = {
    DQ.NONFINITE: "no finite value: every sample is missing, or the rate cannot be determined",
    DQ.SATURATED: "a sample at or above the saturation level went in, or was left out for it",
    DQ.HOT: "dark rate above the threshold in the HOTRATE card, in both halves of the darks",
    DQ.UNSTABLE: "varies in time more than its noise and its dark counts explain",
    DQ.LOW: "dead or low: no noise, or far below its surroundings",
    DQ.NONLINEAR: "counts not proportional to exposure time",
    DQ.DISCORDANT: "in a row where the frames disagree as no common offset explains",
    DQ.CLIPPED: "one or more samples were rejected as outliers",
    DQ.NO_ERROR: "fewer than two samples: the uncertainty is unknown (NaN)",
    DQ.LINE: "in a column or row whose mean dark rate is off, though its pixels' are not",
}
