"""Which values of a stack are rejected."""

from __future__ import annotations

from dataclasses import dataclass

METHODS = ("none", "sigma", "mad")


@dataclass(frozen=True)
class Clip:
    """Iterative rejection of outliers about the median, pixel by pixel.

    A value is rejected when it lies strictly beyond ``median ± nsigma × deviation`` of the
    remaining values. This is repeated until nothing more is rejected, at most `iterations` times.
    NaN and infinite values are never used. This is `astropy.stats.sigma_clip` with
    ``cenfunc="median"`` and ``stdfunc="std"`` (``"sigma"``) or ``"mad_std"`` (``"mad"``).

    Parameters
    ----------
    method : {"sigma", "mad", "none"}
        The deviation: the standard deviation with n in its denominator; 1.4826 times the median
        absolute deviation; or no clipping. With the standard deviation a single outlier among
        n values survives, however large, unless n / sqrt(n - 1) > nsigma (n > 7 for 3, > 23
        for 5): use ``"mad"`` for small stacks.
    nsigma : float
        Half width in deviations, at least 1: with less, even the middle values could go.
    iterations : int
        Largest number of rounds, at least 1.
    floor : float
        Smallest deviation used, in the unit of the values: the noise as known from many pixels.
        The MAD of a few values is often far too small by chance (5 σ of 5 normal values rejects 4 %
        of them, which makes the quoted error of their mean 25 % too small), and it is zero where
        values are coarsely rounded. With 0, as in astropy, each pixel's own deviation is used.

    Raises
    ------
    ValueError
        For a value outside its range.
    """

    method: str = "sigma"
    nsigma: float = 5.0
    iterations: int = 5
    floor: float = 0.0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            msg = f"clip method {self.method!r} is none of {', '.join(METHODS)}"
            raise ValueError(msg)
        if not self.nsigma >= 1:
            msg = f"clip at {self.nsigma} deviations: at least 1 is needed"
            raise ValueError(msg)
        if not self.floor >= 0:
            msg = f"clip with a least deviation of {self.floor}: it cannot be negative"
            raise ValueError(msg)
        if self.iterations < 1 or self.iterations != int(self.iterations):
            msg = f"clip with {self.iterations} iterations: a whole number >= 1 is needed"
            raise ValueError(msg)
