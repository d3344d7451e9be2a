"""A simulated exposure against what is hidden in it."""

from __future__ import annotations

import numpy as np

from darkroom.wfc3.files.reads import BORDER, LEFT, RIGHT, ranges, region

#: Radius of the aperture, inner and outer radius of the sky around it, distance to neighbours.
APERTURE, SKY, APART = 2.5, (5.0, 9.0), 9.0


def photometry(sci, err, dq, x, y):
    """Measure the light of stars in apertures.

    Parameters
    ----------
    sci, err, dq : (ny, nx) arrays
        Rates and their errors, e-/s; apertures with any flag are not measured.
    x, y : (n,) arrays
        Places, pixels from 0.

    Returns
    -------
    flux, error : (n,) arrays
        e-/s; not a number where there is none.
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
        scatter = 1.4826 * np.median(np.abs(values - sky))
        flux[i] = (sci[box][inside] - sky).sum()
        level = inside.sum() * 1.2533 * scatter / np.sqrt(around.sum())
        error[i] = np.sqrt((err[box][inside] ** 2).sum() + level**2)
    return flux, error


def lonely_stars(truth, brightest=300.0, faintest=5.0):
    """Return which sources are stars of moderate brightness without a neighbour."""
    x, y, rate = truth["x"], truth["y"], truth["rate"]
    distance = np.hypot(x[:, None] - x, y[:, None] - y)
    # Wings of a neighbour count when they are not much fainter.
    near = (distance < APART + 6 * truth["radius"]) & (rate > 0.02 * rate[:, None])
    np.fill_diagonal(near, val=False)
    return (truth["radius"] == 0) & (rate > faintest) & (rate < brightest) & ~near.any(axis=1)


def against_truth(truth, reads, images):
    """Compare reads chosen and images made with the truth of an exposure.

    Parameters
    ----------
    truth : mapping
        See `darkroom.wfc3.simulate.ramp.make_reads`.
    reads : iterable of int
        EXTVERs chosen.
    images : dict
        ``{name: (sci, err, dq)}``.

    Returns
    -------
    dict
        ``light``, ``injected`` and ``chosen`` reads, and for each image ``sky`` (median of image
        minus truth where no source is, e-/s), ``stars``, ``offset`` and ``offset_error`` (weighted
        mean of measured over true light, minus 1) and ``pull`` (robust scatter of the deviations in
        units of their errors).
    """
    found = {
        "light": str(truth["light"]),
        "injected": ranges(truth["bad_reads"]) or "none",
        "chosen": ranges(reads) or "none",
    }
    stars = lonely_stars(truth)
    dark = truth["incident"] < 1.3 * np.median(truth["incident"])
    for name, (sci, err, dq) in images.items():
        good = dark & (dq == 0)
        flux, error = photometry(sci, err, dq, truth["x"][stars], truth["y"][stars])
        rate = truth["rate"][stars]
        known = np.isfinite(flux)
        ratio, sigma = (flux / rate - 1)[known], (error / rate)[known]
        weight = 1 / sigma**2
        found[name] = {
            "sky": float(np.median((sci - truth["incident"])[good])),
            "ratio": _sides(sci, good) / _sides(truth["incident"], good),
            "stars": int(known.sum()),
            "offset": float((ratio * weight).sum() / weight.sum()) if known.any() else None,
            "offset_error": float(weight.sum() ** -0.5) if known.any() else None,
            "pull": float(1.4826 * np.median(np.abs(ratio / sigma))) if known.any() else None,
        }
    return found


def _sides(image, good):
    """Return left over right of an image without border, from its good pixels."""
    shape = tuple(size + 2 * BORDER for size in image.shape)
    medians = []
    for box in (LEFT, RIGHT):
        part = tuple(slice(s.start - BORDER, s.stop - BORDER) for s in region(box, shape))
        medians.append(float(np.median(image[part][good[part]])))
    return medians[0] / medians[1]
