"""The background of a final image: whole field, left and right region, and its noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.wfc3.dq import HOT, UNSTABLE
from darkroom.wfc3.files.reads import BORDER, MAD_SIGMA, MEDIAN_ERROR, region

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.wfc3.engine.ramp import Reduced


@dataclass(frozen=True)
class Background:
    """Medians of the sky in a final image and their uncertainties, e-/s.

    Parameters
    ----------
    level, level_error : float
        Of all sky pixels.
    left, left_error, right, right_error : float
        Of the sky pixels in the two regions.
    noise : float
        Robust standard deviation of the sky pixels.
    error : float
        Median of the errors (ERR) of the sky pixels.
    hot : float
        Median of the hot pixels in the left region minus that of its sky pixels; NaN without hot
        pixels. It shows whether a mask also works in flagged pixels: hot ones see the sky like
        others, while blobs see less of it and unstable pixels are unpredictable.
    """

    level: float
    level_error: float
    left: float
    left_error: float
    right: float
    right_error: float
    noise: float
    error: float
    hot: float

    @property
    def ratio(self) -> float:
        """Left over right."""
        return self.left / self.right

    @property
    def ratio_error(self) -> float:
        """Uncertainty of the ratio."""
        parts = (self.left_error / self.left) ** 2 + (self.right_error / self.right) ** 2
        return abs(self.ratio) * np.sqrt(parts)


def background(
    image: Reduced, pixels: np.ndarray, left: Sequence[int], right: Sequence[int]
) -> Background:
    """Measure the background of a final image.

    Parameters
    ----------
    image : darkroom.wfc3.engine.ramp.Reduced
        The final image, without border.
    pixels : (ny, nx) bool array
        Sky pixels, border included.
    left, right : sequences of int
        Regions x0, x1, y0, y1 in pixels of the full array.

    Returns
    -------
    Background
    """
    inside = slice(BORDER, -BORDER)
    sky = pixels[inside, inside] & (image.err > 0)
    parts = {}
    for name, box in (("left", left), ("right", right)):
        rows, columns = region(box, pixels.shape)
        part = (
            slice(rows.start - BORDER, rows.stop - BORDER),
            slice(columns.start - BORDER, columns.stop - BORDER),
        )
        parts[name] = part, *_median(image.sci[part][sky[part]])
    level, error, noise = _median(image.sci[sky])
    part, side, *_ = parts["left"]
    hot = image.sci[part][(image.dq[part] & (HOT | UNSTABLE)) == HOT]
    return Background(
        level=level,
        level_error=error,
        left=parts["left"][1],
        left_error=parts["left"][2],
        right=parts["right"][1],
        right_error=parts["right"][2],
        noise=noise,
        error=float(np.median(image.err[sky])),
        hot=float(np.median(hot)) - side if hot.size else float("nan"),
    )


def _median(values):
    """Return the median, its uncertainty and the robust standard deviation."""
    if values.size == 0:
        return float("nan"), float("nan"), float("nan")
    middle = float(np.median(values))
    sigma = float(MAD_SIGMA * np.median(np.abs(values - middle)))
    return middle, MEDIAN_ERROR * sigma / np.sqrt(values.size), sigma
