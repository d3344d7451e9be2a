"""Products of a simulated exposure compared with its known truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.wfc3.files.reads import (
    BORDER,
    LEFT,
    MAD_SIGMA,
    MEDIAN_ERROR,
    RIGHT,
    ranges,
    region,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: Pixels: radius of the aperture, inner and outer radius of the sky annulus, and the smallest
#: distance to a neighbour.
APERTURE, SKY, APART = 2.5, (5.0, 9.0), 9.0


def photometry(
    sci: np.ndarray, err: np.ndarray, dq: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Measure the fluxes of stars in apertures, the local sky subtracted.

    Parameters
    ----------
    sci, err, dq : (ny, nx) arrays
        Count rates and their errors, e-/s, and flags; an aperture with a flagged pixel is not
        measured.
    x, y : (n,) arrays
        Positions of the stars, pixels counted from 0.

    Returns
    -------
    flux, error : (n,) arrays
        e-/s; NaN where a star was not measured.
    """
    flux, error = np.full(len(x), np.nan), np.full(len(x), np.nan)
    ny, nx = sci.shape
    reach = int(np.ceil(SKY[1]))
    for i, (u, v) in enumerate(zip(x, y, strict=True)):
        if not (reach < u < nx - 1 - reach and reach < v < ny - 1 - reach):
            continue
        box = (
            slice(int(v) - reach, int(v) + reach + 2),
            slice(int(u) - reach, int(u) + reach + 2),
        )
        rows, columns = np.mgrid[box]
        distance = np.hypot(rows - v, columns - u)
        inside = distance <= APERTURE
        around = (distance > SKY[0]) & (distance <= SKY[1]) & (dq[box] == 0)
        if (dq[box][inside] != 0).any() or around.sum() < 30:
            continue
        values = sci[box][around]
        sky = np.median(values)
        scatter = MAD_SIGMA * np.median(np.abs(values - sky))
        flux[i] = (sci[box][inside] - sky).sum()
        sky_error = inside.sum() * MEDIAN_ERROR * scatter / np.sqrt(around.sum())
        error[i] = np.sqrt((err[box][inside] ** 2).sum() + sky_error**2)
    return flux, error


def isolated_stars(
    truth: Mapping[str, np.ndarray], brightest: float = 300.0, faintest: float = 5.0
) -> np.ndarray:
    """Select the isolated stars of moderate brightness.

    Parameters
    ----------
    truth : mapping
        Arrays ``x``, ``y``, ``rate`` and ``radius`` of the sources, see
        `darkroom.wfc3.simulate.ramp.make_reads`.
    brightest, faintest : float
        Limits of their rate, e-/s.

    Returns
    -------
    (sources,) bool array
    """
    x, y, rate, radius = (truth[name] for name in ("x", "y", "rate", "radius"))
    isolated = (radius == 0) & (rate > faintest) & (rate < brightest)
    reach = APART + 6 * radius
    for star in np.flatnonzero(isolated):
        # A neighbour matters unless it is much fainter: below 2 % of the star.
        near = (np.abs(x - x[star]) < reach) & (np.abs(y - y[star]) < reach)
        near &= rate > 0.02 * rate[star]
        near[star] = False
        at = np.flatnonzero(near)
        isolated[star] = not (np.hypot(x[at] - x[star], y[at] - y[star]) < reach[at]).any()
    return isolated


def against_truth(
    truth: Mapping[str, np.ndarray],
    reads: Iterable[int],
    images: Mapping[str, tuple[np.ndarray, np.ndarray, np.ndarray]],
) -> dict[str, Any]:
    """Compare the reads chosen and the images made with the truth of an exposure.

    Parameters
    ----------
    truth : mapping
        Arrays by name, see `darkroom.wfc3.simulate.ramp.make_reads`.
    reads : iterable of int
        EXTVERs chosen as bad.
    images : mapping
        ``{name: (sci, err, dq)}``, (ny, nx) each, without border; e-/s.

    Returns
    -------
    dict
        ``light`` (what was simulated), ``injected`` and ``chosen`` reads, and for each image:
        ``sky`` (median of image minus truth where no source is, e-/s), ``ratio`` (left / right of
        the image over that of the truth), ``stars`` (number measured), ``offset`` and
        ``offset_error`` (weighted mean of measured over true flux, minus 1) and ``pull`` (robust
        scatter of the deviations in units of their errors).
    """
    found: dict[str, Any] = {
        "light": str(truth["light"]),
        "injected": ranges(truth["bad_reads"]) or "none",
        "chosen": ranges(reads) or "none",
    }
    stars = isolated_stars(truth)
    sky = truth["incident"] < 1.3 * np.median(truth["incident"])
    for name, (sci, err, dq) in images.items():
        good = sky & (dq == 0)
        flux, error = photometry(sci, err, dq, truth["x"][stars], truth["y"][stars])
        rate = truth["rate"][stars]
        known = np.isfinite(flux)
        measured = bool(known.any())
        deviation, sigma = (flux / rate - 1)[known], (error / rate)[known]
        weight = 1 / sigma**2
        found[name] = {
            "sky": float(np.median((sci - truth["incident"])[good])),
            "ratio": _left_over_right(sci, good) / _left_over_right(truth["incident"], good),
            "stars": int(known.sum()),
            "offset": float((deviation * weight).sum() / weight.sum()) if measured else None,
            "offset_error": float(weight.sum() ** -0.5) if measured else None,
            "pull": float(MAD_SIGMA * np.median(np.abs(deviation / sigma))) if measured else None,
        }
    return found


def _left_over_right(image, good):
    """Return the ratio of the medians of left and right region of an image without border."""
    shape = tuple(size + 2 * BORDER for size in image.shape)
    medians = []
    for box in (LEFT, RIGHT):
        part = tuple(slice(s.start - BORDER, s.stop - BORDER) for s in region(box, shape))
        medians.append(float(np.median(image[part][good[part]])))
    return medians[0] / medians[1]
