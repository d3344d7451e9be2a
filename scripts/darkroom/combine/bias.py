"""Bias of the standard deviation of few or clipped values, for normal noise.

Every factor is *measured over true*: divide by it. There are two kinds:

- ``..._rms`` is the square root of the mean of squares: divide by it where variances are averaged
  (pooled over pixels, or over exposures).
- ``..._mean`` is the mean of the standard deviations themselves: divide by it where a map of
  standard deviations is averaged, or where the typical value of one pixel is wanted.

Factors without a closed form come from a seeded simulation with the stacking code itself, so they
apply to exactly the clip that was used; each has its own statistical error.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import gammaln

from darkroom.combine.block import clip_block
from darkroom.combine.clip import Clip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike

# Numbers drawn for one factor: its error is then below 1e-4 (MAD: 4e-4), in a fraction of a second.
_DRAWS = 10_000_000
_BLOCK = 1 << 22
_SEED = 20_261_120
_MAD_TO_STD = 1.482602218505602
_NO_CLIP = Clip(method="none")


class Factor(NamedTuple):
    """A factor and the statistical error of its simulation."""

    value: float
    error: float


def c4(n: ArrayLike) -> Any:
    """Return the mean of the standard deviation (n - 1 in its denominator) over the true one.

    Parameters
    ----------
    n : int or array of int
        Number of values; NaN is returned for n < 2.

    Returns
    -------
    float or array of float
        sqrt(2 / (n - 1)) Γ(n / 2) / Γ((n - 1) / 2), for normal noise that is not clipped.

    Notes
    -----
    A *mean* factor; the rms factor of this deviation is exactly 1.
    """
    n = np.asarray(n, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        factor = np.sqrt(2 / (n - 1)) * np.exp(gammaln(n / 2) - gammaln((n - 1) / 2))
    return np.where(n >= 2, factor, np.nan)[()]


def clipped_std_factor_rms(n: int, clip: Clip, *, ddof: int = 1) -> Factor:
    """Return sqrt(mean(s²)) over the true standard deviation, s being that after a clip.

    Parameters
    ----------
    n : int
        Number of values before the clip, at least 2.
    clip : Clip
        The clip; its `floor`, if any, in units of the true standard deviation.
    ddof : {0, 1}
        Subtracted from the number of remaining values in the denominator of s².

    Returns
    -------
    Factor
        Value and statistical error.

    Raises
    ------
    ValueError
        For n < 2 or another `ddof`.
    """
    return _clipped_std_factors(*_checked(n, clip, ddof))[0]


def clipped_std_factor_mean(n: int, clip: Clip, *, ddof: int = 1) -> Factor:
    """Return mean(s) over the true standard deviation, s being that after a clip.

    Parameters
    ----------
    n, clip, ddof
        As for `clipped_std_factor_rms`.

    Returns
    -------
    Factor
        Value and statistical error.

    Raises
    ------
    ValueError
        For n < 2 or another `ddof`.
    """
    return _clipped_std_factors(*_checked(n, clip, ddof))[1]


@cache
def mad_factor_mean(n: int) -> Factor:
    """Return the mean of 1.4826 MAD (about the median) over the true standard deviation.

    Parameters
    ----------
    n : int
        Number of values, at least 2.

    Returns
    -------
    Factor
        Value and statistical error.

    Raises
    ------
    ValueError
        For n < 2.
    """
    n, _, _ = _checked(n, _NO_CLIP, 1)
    blocks = []
    for values in _normal_blocks(n):
        centre = np.median(values, axis=0)
        blocks.append(_MAD_TO_STD * np.median(np.abs(values - centre), axis=0))
    deviations = np.concatenate(blocks)
    return Factor(float(deviations.mean()), float(deviations.std() / np.sqrt(deviations.size)))


@cache
def _clipped_std_factors(n: int, clip: Clip, ddof: int) -> tuple[Factor, Factor]:
    """Simulate the rms and the mean factor.

    The standard deviation of the same values without a clip, whose expectation is known exactly,
    serves as control variate: only the effect of the clip has statistical noise.
    """
    name = "std" if ddof else "std0"
    clipped_blocks: list[np.ndarray] = []
    plain_blocks: list[np.ndarray] = []
    for values in _normal_blocks(n):
        clipped_blocks.append(_scatter(values, clip, name))
        plain_blocks.append(_scatter(values, _NO_CLIP, "std"))
    clipped = np.concatenate(clipped_blocks).astype(np.float64)
    plain = np.concatenate(plain_blocks).astype(np.float64)
    defined = np.isfinite(clipped)  # with ddof 1 a single remaining value has no deviation
    clipped, plain = clipped[defined], plain[defined]
    square = _controlled_mean(clipped**2, plain**2, 1.0)
    rms = np.sqrt(square.value)
    return Factor(float(rms), square.error / 2 / float(rms)), _controlled_mean(
        clipped, plain, float(c4(n))
    )


def _scatter(values: np.ndarray, clip: Clip, name: str) -> np.ndarray:
    """Return the standard deviation, ``std`` or ``std0``, of each column after a clip."""
    scatter: np.ndarray = getattr(clip_block(values, clip, (name,)), name)
    return scatter


def _controlled_mean(values: np.ndarray, control: np.ndarray, expected: float) -> Factor:
    """Return the mean of `values`, given that the expectation of `control` is `expected`."""
    covariance = np.cov(values, control)
    slope = covariance[0, 1] / covariance[1, 1]
    residual = values - slope * (control - expected)
    return Factor(float(residual.mean()), float(residual.std() / np.sqrt(residual.size)))


def _normal_blocks(n: int) -> Iterator[np.ndarray]:
    """Yield seeded blocks (n, pixels) of standard normal float32 values."""
    generator = np.random.default_rng([_SEED, n])
    left = max(_DRAWS // n, 1000)
    while left:
        pixels = min(left, max(_BLOCK // n, 1))
        yield generator.standard_normal((n, pixels), dtype=np.float32)
        left -= pixels


def _checked(n: int, clip: Clip, ddof: int) -> tuple[int, Clip, int]:
    """Return the arguments in the types by which results are cached; refuse invalid ones."""
    if n < 2:
        msg = f"scatter of {n} value(s): at least 2 are needed"
        raise ValueError(msg)
    if ddof not in (0, 1):
        msg = f"ddof {ddof} is neither 0 nor 1"
        raise ValueError(msg)
    return int(n), replace(clip, nsigma=float(clip.nsigma), floor=float(clip.floor)), ddof
