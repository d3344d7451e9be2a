"""The sky on the simulated detector: pointing, distortion, stars and galaxies."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import erf

from darkroom.simulate.settings import stream
from darkroom.wfc3.simulate.names import FULL_SIDE, SUBARRAYS

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from darkroom.wfc3.simulate.plan import Exposure

#: Distortion of the simulated field, arcsec from the reference pixel: coefficients of x^j y^(i-j)
#: by (i, j), as CXij and CYij of IDCTAB.
DISTORTION_X = {
    (1, 0): 0.0006, (1, 1): 0.13543, (2, 0): 6e-9, (2, 1): -3e-6, (2, 2): 1.1e-8,
    (3, 0): 1e-12, (3, 1): -9e-12, (3, 2): 3e-12, (3, 3): -2e-11,
}  # fmt: skip
DISTORTION_Y = {
    (1, 0): 0.12118, (1, 1): -0.0002, (2, 0): -3.1e-6, (2, 1): 5e-9, (2, 2): -1e-7,
    (3, 0): -2e-11, (3, 1): 2e-12, (3, 2): -8e-12, (3, 3): 1e-12,
}  # fmt: skip
SCALE, THETA, PARITY = 0.12825, 45.0, -1
#: Reference pixel, FITS coordinates of the full frame inside the border.
REFERENCE_PIXEL = 507.0
_ARCSEC = np.pi / 180 / 3600


@dataclass(frozen=True)
class Pointing:
    """Pointing of an exposure.

    Parameters
    ----------
    ra, dec : float
        Sky position of the reference pixel, degrees.
    orient : float
        Position angle of the detector's y axis, degrees.
    side : int
        Pixels a side inside the border.
    """

    ra: float
    dec: float
    orient: float
    side: int

    @cached_property
    def matrix(self) -> np.ndarray:
        """Rotation from the distorted frame (arcsec) to the tangent plane (east, north)."""
        angle = -np.radians(self.orient)
        rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        return rotation @ np.diag([PARITY, 1.0])

    @property
    def linear(self) -> np.ndarray:
        """CD matrix at the reference pixel, degrees per pixel."""
        first = np.array(
            [
                [DISTORTION_X[1, 1], DISTORTION_X[1, 0]],
                [DISTORTION_Y[1, 1], DISTORTION_Y[1, 0]],
            ]
        )
        return self.matrix @ first / 3600

    @property
    def centre(self) -> float:
        """Reference pixel, x and y alike, counted from 0 inside the border."""
        return REFERENCE_PIXEL - 1 - (FULL_SIDE - self.side) // 2

    def sky(self, x: ArrayLike, y: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return (ra, dec) in degrees of pixels (x, y), counted from 0 inside the border."""
        dx, dy = np.asarray(x, float) - self.centre, np.asarray(y, float) - self.centre
        plane = np.array([_polynomial(c, dx, dy) for c in (DISTORTION_X, DISTORTION_Y)])
        xi, eta = np.tensordot(self.matrix, plane, 1) * _ARCSEC
        ra0, dec0 = np.radians([self.ra, self.dec])
        down = np.cos(dec0) - eta * np.sin(dec0)
        ra = ra0 + np.arctan2(xi, down)
        dec = np.arctan2(np.sin(dec0) + eta * np.cos(dec0), np.hypot(xi, down))
        return np.degrees(ra), np.degrees(dec)

    def pixel(self, ra: ArrayLike, dec: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Return the pixels (x, y) of sky positions in degrees: the inverse of `sky`."""
        ra, dec = np.radians(np.asarray(ra, float)), np.radians(np.asarray(dec, float))
        ra0, dec0 = np.radians([self.ra, self.dec])
        cosine = np.sin(dec0) * np.sin(dec) + np.cos(dec0) * np.cos(dec) * np.cos(ra - ra0)
        xi = np.cos(dec) * np.sin(ra - ra0) / cosine
        eta = (np.cos(dec0) * np.sin(dec) - np.sin(dec0) * np.cos(dec) * np.cos(ra - ra0)) / cosine
        goal = np.tensordot(np.linalg.inv(self.matrix), np.array([xi, eta]) / _ARCSEC, 1)
        inverse = np.linalg.inv(
            [[DISTORTION_X[1, 1], DISTORTION_X[1, 0]], [DISTORTION_Y[1, 1], DISTORTION_Y[1, 0]]]
        )
        place = np.tensordot(inverse, goal, 1)
        # The distortion is weak: each iteration gains at least two digits.
        for _ in range(8):
            found = np.array([_polynomial(c, *place) for c in (DISTORTION_X, DISTORTION_Y)])
            place = place + np.tensordot(inverse, goal - found, 1)
        return place[0] + self.centre, place[1] + self.centre


def _polynomial(coefficients, x, y):
    return sum(c * x**j * y ** (i - j) for (i, j), c in coefficients.items())


def pointing_of(
    full: dict[str, Any], exposure: Exposure, error: ArrayLike = (0.0, 0.0)
) -> Pointing:
    """Return the `Pointing` of an exposure: the target's, moved by the dither and an error.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    exposure : darkroom.wfc3.simulate.plan.Exposure
        The exposure as planned.
    error : pair of float
        Error of the pointing along x and y, arcsec; without it as commanded.
    """
    side = SUBARRAYS[full["subarray"]][0]
    target = Pointing(full["ra"], full["dec"], (full["pa_v3"] + THETA) % 360, side)
    dx, dy = np.add(full["exposures"][exposure.number]["dither"], error)
    ra, dec = target.sky(
        target.centre + dx / DISTORTION_X[1, 1], target.centre + dy / DISTORTION_Y[1, 0]
    )
    return Pointing(float(ra), float(dec), target.orient, side)


@dataclass(frozen=True)
class Sources:
    """Stars and galaxies, one array element each.

    Parameters
    ----------
    ra, dec : arrays
        Sky positions, degrees.
    rate : array
        e-/s.
    radius : array
        Exponential scale length of a galaxy, pixels; 0 for a star.
    elongation : array
        Minor over major axis.
    angle : array
        Of the major axis from the x axis, radians.
    """

    ra: np.ndarray
    dec: np.ndarray
    rate: np.ndarray
    radius: np.ndarray
    elongation: np.ndarray
    angle: np.ndarray


def sources_of(full: dict[str, Any]) -> Sources:
    """Return the `Sources` of complete settings, with the surface density of a full frame."""
    side = SUBARRAYS[full["subarray"]][0]
    pointing = Pointing(full["ra"], full["dec"], (full["pa_v3"] + THETA) % 360, side)
    reach = max([abs(d) for e in full["exposures"] for d in e["dither"]] + [0.0]) / 0.12
    half = side / 2 + reach + 5
    area = (2 * half / FULL_SIDE) ** 2
    parts: list[tuple[Any, ...]] = []
    for kind, radii in (("stars", (0.0, 0.0)), ("galaxies", (1.5, 5.0))):
        rng, count = stream(full, kind), round(full[kind] * area)
        x, y = pointing.centre + half * (2 * rng.random((2, count)) - 1)
        rate = np.minimum(full["star_rate"] * rng.random(count) ** -1.25, full["brightest"])
        radius = radii[0] + (radii[1] - radii[0]) * rng.random(count)
        shape = 1 - 0.6 * rng.random(count), np.pi * rng.random(count)
        parts.append((*pointing.sky(x, y), rate, radius, *shape))
    if big := full["big_galaxy"]:
        x, y = big["x"] * side - 0.5, big["y"] * side - 0.5
        one = (*pointing.sky(x, y), big["rate"], big["radius"], 0.7, 0.6)
        parts.append(tuple(np.array([float(value)]) for value in one))
    return Sources(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def source_image(
    full: dict[str, Any], pointing: Pointing, sources: Sources
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the image of all sources, and their positions on the detector.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    pointing : Pointing
        Of the exposure.
    sources : Sources
        Stars and galaxies.

    Returns
    -------
    image : (side, side) float32 array
        e-/s per pixel.
    x, y : arrays
        Pixels counted from 0 inside the border.
    """
    image = np.zeros((pointing.side, pointing.side), np.float32)
    x, y = pointing.pixel(sources.ra, sources.dec)
    for i in range(x.size):
        if sources.radius[i] > 0:
            _add_galaxy(image, x[i], y[i], sources, i)
        else:
            _add_star(image, x[i], y[i], sources.rate[i], full["psf_fwhm"] / 2.3548)
    return image, x, y


def _box(image, x, y, reach):
    """Return the slices of the pixels within `reach` of a position, None outside the image."""
    size = image.shape[0]
    rows = slice(max(int(y - reach), 0), min(int(y + reach) + 2, size))
    columns = slice(max(int(x - reach), 0), min(int(x + reach) + 2, size))
    if rows.start >= rows.stop or columns.start >= columns.stop:
        return None
    return rows, columns


def _add_star(image, x, y, rate, sigma):
    """Add a star with a Gaussian profile, integrated over each pixel."""
    box = _box(image, x, y, 7 * sigma)
    if box is None:
        return
    parts = []
    for part, centre in zip(box, (y, x), strict=True):
        edges = np.arange(part.start, part.stop + 1) - 0.5 - centre
        parts.append(np.diff(erf(edges / (sigma * np.sqrt(2)))) / 2)
    image[box] += rate * np.outer(*parts)


def _add_galaxy(image, x, y, sources, i):
    """Add a galaxy with an elongated exponential profile, sampled at the centres of pixels."""
    radius, shape, angle = sources.radius[i], sources.elongation[i], sources.angle[i]
    box = _box(image, x, y, 8 * radius)
    if box is None:
        return
    dy, dx = np.ogrid[box]
    dy, dx = dy - y, dx - x
    along = dx * np.cos(angle) + dy * np.sin(angle)
    across = (dy * np.cos(angle) - dx * np.sin(angle)) / shape
    profile = np.exp(-np.hypot(along, across) / radius) / (2 * np.pi * radius**2 * shape)
    image[box] += sources.rate[i] * profile
