"""The template of a series of means: what residuals are about, and which of them are summed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

#: Steps a sample is divided into.
STEPS = 1024
#: Class of pixels that belong to no class and are never used.
NO_CLASS = 255
#: End of the names of classes of reference pixels.
REFERENCE = ", reference pixels"
#: Sums are whole numbers of 64 bits: no residual may be so large that its square cannot be added
#: four thousand million times, or that rounding to steps fails.
LARGEST = 2**15
#: Steps of `Template.noise` for a factor of two.
NOISE_STEPS = 4


@dataclass(frozen=True)
class Template:
    """What the residuals of a series are about; fixed for the whole series.

    Parameters
    ----------
    level : int32 array, shape (ny, nx)
        Whole samples near the mean of each pixel.
    sigma : float64 array, shape (nclasses,)
        Scatter of one unit about its mean, by class.
    classes : uint8 array, shape (ny, nx)
        Class of each pixel (its amplifier, its column parity); `NO_CLASS` where a pixel is
        never used.
    anchor : bool array, shape (ny, nx)
        Pixels that a unit's offsets are measured with.
    names : tuple of str
        Name of each class; reference pixels of class ``x`` are named ``x`` and `REFERENCE`.
    inner, outer : float
        Samples within `inner` sigma of the template are summed at once; samples beyond `outer`
        sigma of the mean are clipped.
    noise : uint8 array, shape (ny, nx), optional
        How much noisier than its class a pixel is, in steps of a factor 2¼; 0 by default.
    members : tuple of str
        Units that the template was made of: they lie nearer to it than others do.
    constants : dict of float64 arrays
        Further numbers that samples of the series are measured with, by name. ``SCALE``: samples
        are the product's values times it, so that whole numbers are fine enough (1 by default).

    Raises
    ------
    ValueError
        When shapes differ, a scatter is not positive, a class has no anchor, the inner limit is
        not below the outer one, or sums could overflow.
    """

    level: np.ndarray
    sigma: np.ndarray
    classes: np.ndarray
    anchor: np.ndarray
    names: tuple[str, ...]
    inner: float = 3.0
    outer: float = 4.0
    noise: np.ndarray | None = None
    members: tuple[str, ...] = ()
    constants: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a template that no series can be built on."""
        if not self.level.shape == self.classes.shape == self.anchor.shape:
            raise ValueError("level, classes and anchor of a template have different shapes")
        if self.noise is not None and self.noise.shape != self.level.shape:
            raise ValueError("level and noise of a template have different shapes")
        if len(self.names) != self.sigma.size or len(set(self.names)) != len(self.names):
            raise ValueError("the classes of a template have no names of their own")
        if not (np.isfinite(self.sigma).all() and (self.sigma > 0).all()):
            raise ValueError("the scatter of a class is not a positive number")
        if not 0 < self.inner < self.outer:
            raise ValueError("the inner limit of a template is not between 0 and the outer one")
        if (largest := self.inner * self.scatter(0.0).max(initial=0)) >= LARGEST:
            raise ValueError(
                f"a scatter of {largest / self.inner:.4g} is too large for sums: at most "
                f"{LARGEST / self.inner:.0f}"
            )
        for k in range(self.sigma.size):
            if not (self.anchor & (self.classes == k)).any():
                raise ValueError(f"class {k} has no anchor pixel to measure offsets with")

    def spread(self, values: np.ndarray, other: float = 0.0) -> np.ndarray:
        """Return the value of each pixel's class, shape (ny, nx); `other` where it has none."""
        return np.append(np.asarray(values, np.float64), other)[
            np.where(self.classes == NO_CLASS, len(values), self.classes)
        ]

    @property
    def scale(self) -> float:
        """What the product's values are multiplied with to be samples."""
        return float(self.constants.get("SCALE", np.ones(())).ravel()[0])

    def scatter(self, other: float) -> np.ndarray:
        """Return the scatter of each pixel, shape (ny, nx); `other` where it has no class."""
        found = self.spread(self.sigma, other)
        return found if self.noise is None else found * 2.0 ** (self.noise / NOISE_STEPS)

    def same(self, other: Template) -> bool:
        """Whether another template is equal in every number."""
        return (
            (self.inner, self.outer, self.names, self.members)
            == (other.inner, other.outer, other.names, other.members)
            and np.array_equal(self.level, other.level)
            and np.array_equal(self.sigma, other.sigma)
            and np.array_equal(self.classes, other.classes)
            and np.array_equal(self.anchor, other.anchor)
            and _noise_of(self).tobytes() == _noise_of(other).tobytes()
            and self.constants.keys() == other.constants.keys()
            and all(np.array_equal(one, other.constants[k]) for k, one in self.constants.items())
        )


def _noise_of(template):
    return np.zeros(template.level.shape, np.uint8) if template.noise is None else template.noise


def noise_steps(factor: np.ndarray, template: Template) -> np.ndarray:
    """Return how much noisier than its class a pixel is as `Template.noise` holds it, rounded up.

    Parameters
    ----------
    factor : array, shape (ny, nx)
        Scatter of each pixel over that of its class; below 1, or unknown, it counts as 1.
    template : Template
        A scatter that is too large for its sums is cut.

    Returns
    -------
    uint8 array, shape (ny, nx)
    """
    most = LARGEST / 2 / template.inner / template.sigma.max()
    usable = np.clip(np.nan_to_num(factor, nan=1.0, posinf=1.0), 1.0, max(most, 1.0))
    return np.ceil(NOISE_STEPS * np.log2(usable)).astype(np.uint8)
