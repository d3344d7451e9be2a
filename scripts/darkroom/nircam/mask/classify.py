"""Bad pixels in darks: their classes, and how these follow from what a dark measured."""

from __future__ import annotations

from enum import IntFlag
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.nircam.dark.unusual import CHANCE, hot, noisy, unstable, warm
from darkroom.nircam.detector.dq import Pixel

if TYPE_CHECKING:
    from collections.abc import Iterable

    from darkroom.nircam.dark.measure import DarkRates
    from darkroom.nircam.ramps.classes import Classes

#: Steps down over all ramps that make telegraph noise: cosmic rays only step up.
_STEPS_DOWN = 3
#: Share of integrations saturated from the first group on.
_SATURATED = 0.5
#: Read noise below which a pixel is stuck, as a part of the usual one: what the correction by
#: reference pixels leaves of it.
_STUCK = 0.2
#: Integrations from which the variance of group 0 tells an unreliable bias from a cosmic ray.
_BIAS_RAMPS = 10


class Class(IntFlag):
    """Classes of bad pixels that darks show: bits of the plane of reasons."""

    SATURATED_FIRST = 1
    HOT = 2
    WARM = 4
    NOISY = 8
    RTN = 16
    UNSTABLE = 32
    UNREL_BIAS = 64
    STUCK = 128
    BAD_REF = 256
    REFERENCE = 512


MEANING: dict[IntFlag, str] = {
    Class.SATURATED_FIRST: "saturated in the first group of half of the integrations or more",
    Class.HOT: "rate above the limit for hot pixels by 3 standard errors",
    Class.WARM: "rate above the limit for warm pixels, and above the usual one (t test, 1e-6)",
    Class.NOISY: "read noise above median + 5 x 1.4826 MAD of the amplifier",
    Class.RTN: "three steps down or more: telegraph noise",
    Class.UNSTABLE: "rates of integrations scatter beyond noise (chi2 test, 1e-6)",
    Class.UNREL_BIAS: "group 0 scatters beyond the usual kTC noise (chi2 test, 1e-6)",
    Class.STUCK: "no noise: the value does not follow the pixel",
    Class.BAD_REF: "reference pixel that does not follow the others",
    Class.REFERENCE: "reference pixel",
}
#: Bits of the mask for each class.
FLAGS = {
    Class.SATURATED_FIRST: Pixel.HOT,
    Class.HOT: Pixel.HOT,
    Class.WARM: Pixel.WARM,
    Class.NOISY: Pixel.UNRELIABLE_SLOPE,
    Class.RTN: Pixel.TELEGRAPH,
    Class.UNSTABLE: Pixel.UNRELIABLE_DARK,
    Class.UNREL_BIAS: Pixel.UNRELIABLE_BIAS,
    Class.STUCK: Pixel.OTHER_BAD_PIXEL,
    Class.BAD_REF: Pixel.BAD_REF_PIXEL,
    Class.REFERENCE: Pixel.REFERENCE_PIXEL,
}
#: Bits that darks can test; others of a previous mask are carried over.
TESTED = (
    Pixel.HOT | Pixel.WARM | Pixel.TELEGRAPH | Pixel.UNRELIABLE_BIAS | Pixel.UNRELIABLE_DARK
    | Pixel.UNRELIABLE_SLOPE
)  # fmt: skip


def classify(
    found: DarkRates,
    classes: Classes,
    hot_limit: float,
    warm_limit: float,
    *,
    telegraph: np.ndarray | None = None,
    bad_reference: np.ndarray | None = None,
) -> np.ndarray:
    """Return the classes of every pixel.

    Parameters
    ----------
    found : DarkRates
    classes : Classes
    hot_limit, warm_limit : float
        e-/s.
    telegraph : (ny, nx) bool array, optional
        Pixels in which the read noise product found two levels.
    bad_reference : (ny, nx) bool array, optional
        Reference pixels that the product of reference pixels found bad.

    Returns
    -------
    (ny, nx) int32 array
        Bits of `Class`.
    """
    reasons = np.zeros(found.rate.shape, np.int32)
    active = ~classes.reference
    is_hot = hot(found, hot_limit)
    two_levels = found.down >= _STEPS_DOWN
    if telegraph is not None:
        two_levels = two_levels | telegraph
    for kind, where in (
        (Class.SATURATED_FIRST, found.saturated >= _SATURATED * len(found.by_ramp)),
        (Class.HOT, is_hot),
        (Class.WARM, warm(found, classes, warm_limit) & ~is_hot),
        (Class.NOISY, noisy(found, classes)),
        (Class.RTN, two_levels),
        (Class.UNSTABLE, unstable(found, classes) & ~two_levels),
        (Class.UNREL_BIAS, _unreliable_bias(found)),
        (Class.STUCK, _stuck(found, classes)),
    ):
        reasons[where & active] |= kind
    reasons[classes.reference] |= Class.REFERENCE
    if bad_reference is not None:
        reasons[bad_reference & classes.reference] |= Class.BAD_REF
    return reasons


def _unreliable_bias(found):
    """Return which pixels scatter in group 0; of few integrations the superbias tells better."""
    n = len(found.by_ramp)
    if n < _BIAS_RAMPS:
        return np.zeros(found.rate.shape, bool)
    with np.errstate(invalid="ignore"):
        return (n - 1) * found.pedestal > special.chdtri(n - 1, CHANCE)


def _stuck(found, classes):
    read = np.sqrt([one.read for one in found.usual]).astype(np.float32)[classes.amplifier]
    with np.errstate(invalid="ignore"):
        return found.noise < _STUCK * read


def bits_of(reasons: np.ndarray, do_not_use: Iterable[str]) -> np.ndarray:
    """Return the bits of a mask, (ny, nx) uint32.

    Parameters
    ----------
    reasons : (ny, nx) int32 array
        Bits of `Class`.
    do_not_use : iterable of str
        Names of the classes that are flagged DO_NOT_USE as well.
    """
    bits = np.zeros(reasons.shape, np.uint32)
    unusable = {Class[name] for name in do_not_use}
    for kind, flag in FLAGS.items():
        more = Pixel.DO_NOT_USE if kind in unusable else 0
        bits[(reasons & kind) > 0] |= np.uint32(flag | more)
    return bits
