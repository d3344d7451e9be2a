"""Level of an overscan strip: constant, of each line, or a polynomial along the lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.ccd.robust import robust_std

#: How the level of a strip is found.
FITS = ("row", "polynomial", "constant")
# Samples beyond this many standard deviations of a line are left out.
_OUTLIER = 5.0
_TURNS = 3
# Blocks of lines in which drifts are measured.
_BLOCKS = 16


@dataclass(frozen=True)
class OverscanLevel:
    """Level of the overscan of one frame, ADU.

    Attributes
    ----------
    level : (nlines,) array
        What is subtracted from each line.
    mean : float
        Its mean over the lines.
    noise : float
        Standard deviation of a sample of the strip about its line.
    variance : float
        Mean variance that subtraction adds to a pixel, relative to the mean of the frame, ADU².
    shared : float
        Standard error of `mean`.
    drift : float
        Range of the level within the frame, in blocks of lines.
    residual : float
        Standard deviation of what the level leaves of the strip, in blocks of lines, beyond the
        noise of the strip.
    """

    level: np.ndarray
    mean: float
    noise: float
    variance: float
    shared: float
    drift: float
    residual: float


def measure(strip: np.ndarray, fit: str, degree: int = 3) -> OverscanLevel:
    """Measure the level of an overscan strip.

    Parameters
    ----------
    strip : (nlines, nsamples) array
        The overscan, ADU; lines are rows of a strip beside the image, columns of one above it.
    fit : {"row", "polynomial", "constant"}
        Mean of each line; a polynomial along the lines, of which deviating lines are left out;
        or one value.
    degree : int
        Of the polynomial.

    Returns
    -------
    OverscanLevel
        Samples beyond 5 standard deviations (cosmic rays, NaN) are left out.

    Raises
    ------
    ValueError
        When a line has no finite sample (fit ``row``), or too few lines have.
    """
    strip = np.asarray(strip, float)
    finite = np.isfinite(strip)
    usable = finite.any(axis=1)
    if usable.sum() < (len(strip) if fit == "row" else min(degree + 2, len(strip))):
        raise ValueError(f"{len(strip) - int(usable.sum())} lines of it hold no value")
    centre = np.full(len(strip), np.nan)
    centre[usable] = np.nanmedian(np.where(finite, strip, np.nan)[usable], axis=1)
    deviation = strip - centre[:, None]
    # The median of few samples follows them: their deviations are too small by this factor.
    few = np.sqrt(strip.shape[1] / max(strip.shape[1] - 1, 1))
    scale = (robust_std(deviation) or np.nanstd(deviation)) * few
    kept = finite & ~(np.abs(deviation) > _OUTLIER * max(scale, 0.3))
    counts = kept.sum(axis=1)
    sums = np.where(kept, strip, 0).sum(axis=1)
    lines = np.where(counts > 0, sums / np.maximum(counts, 1), centre)
    inside = np.where(kept, strip - lines[:, None], 0)
    noise = float(np.sqrt((inside**2).sum() / max(int((counts - 1)[counts > 0].sum()), 1)))
    if fit == "row":
        level, variance = lines, float(noise**2 * np.mean(1 / np.maximum(counts, 1)))
    else:
        level, variance = _smooth(lines, usable, 0 if fit == "constant" else degree, noise, counts)
    blocks = _blocks(lines)
    left = _blocks(lines - level)
    expected = noise**2 / max(np.median(counts), 1) / max(len(lines) / len(left), 1)
    spread = 0.0 if fit == "row" or len(left) < 2 else max(np.var(left, ddof=1) - expected, 0)
    return OverscanLevel(
        level=level,
        mean=float(level.mean()),
        noise=noise,
        variance=variance,
        shared=float(noise / np.sqrt(max(int(counts.sum()), 1))),
        drift=float(np.ptp(blocks)),
        residual=float(np.sqrt(spread)),
    )


def _smooth(lines, usable, degree, noise, counts):
    """Fit a polynomial to line means; return it, and its mean variance about its own mean."""
    x = np.linspace(-1, 1, len(lines)) if len(lines) > 1 else np.zeros(1)
    degree = min(degree, int(usable.sum()) - 1)
    basis = np.polynomial.legendre.legvander(x, degree)
    kept = usable.copy()
    for _ in range(_TURNS):
        found = np.linalg.lstsq(basis[kept], lines[kept], rcond=None)[0]
        left = lines - basis @ found
        scale = max(robust_std(left[kept]), 1e-6)
        kept = usable & (np.abs(np.nan_to_num(left)) <= _OUTLIER * scale)
    inverse = np.linalg.inv(basis[kept].T @ basis[kept])
    sampled = noise**2 / max(np.median(counts[kept]), 1)
    # Relative to the mean of the frame: an error of the level itself is an offset of the frame.
    about = basis - basis.mean(axis=0)
    variance = sampled * float(np.einsum("ij,jk,ik->i", about, inverse, about).mean())
    return basis @ found, variance


def _blocks(lines):
    parts = np.array_split(lines, min(_BLOCKS, max(len(lines) // 4, 1)))
    return np.array([np.nanmean(part) for part in parts])
