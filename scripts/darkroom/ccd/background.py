"""Large-scale structure of an image: local background level, plane and profiles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.ccd.robust import finite_median, robust_mean

_BOX = 64
_CLIP = 3.0


def local_level(image: np.ndarray, box: int = _BOX) -> np.ndarray:
    """Return the background level at every pixel: medians of boxes, interpolated linearly.

    Parameters
    ----------
    image : (ny, nx) array
        NaN are left out.
    box : int
        Side of the boxes, pixels.

    Returns
    -------
    (ny, nx) float32 array
        Follows glow and gradients, but not single pixels.
    """
    mesh = box_medians(image, box)
    down, across = (_between(n, m) for n, m in zip(image.shape, mesh.shape, strict=True))
    return down @ mesh.astype(np.float32) @ across.T


def _between(number, boxes):
    """Return the (number, boxes) weights of a linear interpolation between box centres."""
    place = np.clip((np.arange(number) + 0.5) * boxes / number - 0.5, 0, boxes - 1)
    return np.maximum(1 - np.abs(place[:, None] - np.arange(boxes)), 0).astype(np.float32)


def box_medians(image: np.ndarray, box: int) -> np.ndarray:
    """Return the medians of boxes of about `box` × `box` pixels.

    Boxes without a finite value have the median of the others.
    """
    counts = [max(1, round(n / box)) for n in image.shape]
    mesh = np.array(
        [
            [finite_median(part) for part in np.array_split(rows, counts[1], axis=1)]
            for rows in np.array_split(image, counts[0], axis=0)
        ]
    )
    return np.where(np.isfinite(mesh), mesh, finite_median(mesh))


@dataclass(frozen=True)
class Gradient:
    """Large-scale structure of an image, in its unit.

    Attributes
    ----------
    x, x_error, y, y_error : float
        Rise of the fitted plane from the first to the last column (row), and its standard error
        from the scatter of the box means about the plane.
    column_range, row_range : float
        Maximum minus minimum of the smoothed column (row) profile.
    left_right, left_right_error : float
        Mean of the left quarter minus that of the right quarter.
    """

    x: float
    x_error: float
    y: float
    y_error: float
    column_range: float
    row_range: float
    left_right: float
    left_right_error: float


def gradient(image: np.ndarray, good: np.ndarray | None = None, boxes: int = 16) -> Gradient:
    """Measure the large-scale structure of an image.

    Parameters
    ----------
    image : (ny, nx) array
        NaN are left out.
    good : (ny, nx) bool array, optional
        Pixels to use.
    boxes : int
        Number of boxes along each axis. The plane is fitted to their means, in each of which
        pixels beyond three robust standard deviations are left out.

    Returns
    -------
    Gradient
        Errors follow from the scatter of the boxes about the plane, so curvature makes them
        larger. All NaN when the good pixels do not determine a plane.
    """
    values = image if good is None else np.where(good, image, np.nan)
    counts = [min(boxes, max(2, n // 4)) for n in image.shape]
    mesh = np.array(
        [
            [robust_mean(part, _CLIP) for part in np.array_split(rows, counts[1], axis=1)]
            for rows in np.array_split(values, counts[0], axis=0)
        ]
    )
    y, x = ((np.arange(n) + 0.5) / n - 0.5 for n in mesh.shape)
    matrix = np.stack([np.ones(mesh.size), *(g.ravel() for g in np.meshgrid(x, y))], axis=1)
    use = np.isfinite(mesh.ravel())
    if np.linalg.matrix_rank(matrix[use]) < matrix.shape[1]:
        return Gradient(*8 * [np.nan])
    plane, plane_error = _least_squares(matrix[use], mesh.ravel()[use])
    mesh = mesh[np.isfinite(mesh).any(axis=1)][:, np.isfinite(mesh).any(axis=0)]
    quarter = max(1, mesh.shape[1] // 4)
    difference = _mean(mesh[:, :quarter], 1) - _mean(mesh[:, -quarter:], 1)
    columns, rows = _mean(mesh, 0), _mean(mesh, 1)
    return Gradient(
        x=plane[1],
        x_error=plane_error[1],
        y=plane[2],
        y_error=plane_error[2],
        column_range=float(np.nanmax(columns) - np.nanmin(columns)),
        row_range=float(np.nanmax(rows) - np.nanmin(rows)),
        left_right=float(np.nanmean(difference)),
        left_right_error=float(
            np.nanstd(difference, ddof=1) / np.sqrt(np.isfinite(difference).sum())
        ),
    )


def _mean(mesh, axis):
    """Return the mean along an axis without NaN; NaN where all are."""
    counts = np.isfinite(mesh).sum(axis=axis)
    return np.where(counts > 0, np.nansum(mesh, axis=axis), np.nan) / np.maximum(counts, 1)


def _least_squares(matrix, values):
    inverse = np.linalg.inv(matrix.T @ matrix)
    solution = inverse @ matrix.T @ values
    freedom = max(len(values) - matrix.shape[1], 1)
    variance = np.square(values - matrix @ solution).sum() / freedom
    return solution.tolist(), np.sqrt(variance * np.diag(inverse)).tolist()
