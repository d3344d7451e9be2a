"""Values, errors and flags of the file as it is written: conditions that hold or do not.

A deviation of one pixel, an error or a flag has no unit of chance. What the exposures give is
compared with the file itself, of which they are the samples.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates.gate import exact

if TYPE_CHECKING:
    from darkroom.gates.gate import Gate

# Share of the pixels of a file that may be others than those of its exposures.
_UNLIKE = 0.01
# Share of the pixels that may be flagged: infrared detectors have one to three of a hundred.
_FLAGGED = 0.05
# Factor by which errors may differ from what exposures give: few exposures tell it within 10 %.
_ERROR = 1.3
# Errors of a median of exposures beyond which a pixel of the file is not theirs. The error of a
# median is 1.2533 times that of a mean.
_FAR, _OF_MEDIAN = 5.0, 1.2533
# Slope from pixel to pixel, and the error with which it must be known: shifted images have 0.
_SLOPE, _KNOWN = 0.5, 0.1
# Below so many exposures the median of a pixel says nothing.
_FEWEST = 4


def share_unlike(residuals: np.ndarray) -> float:
    """Return the share of the pixels of a file that are not those of its exposures.

    A row of zeros, noise that was added, an image that was shifted by a pixel: each leaves the
    slope on a strong pattern near 1.

    Parameters
    ----------
    residuals : (n, m) array
        Pixels of exposures minus those of the file, levels subtracted; NaN where unusable.

    Returns
    -------
    float
        Share in which the median of the exposures is beyond 5 of its errors, or the file has no
        value. A pixel that scatters more than usual is allowed more. NaN of fewer than 4 exposures.
    """
    if len(residuals) < _FEWEST:
        return math.nan
    count = np.isfinite(residuals).sum(axis=0)
    lacking, known = count == 0, count == len(residuals)
    some = residuals[:, known]
    scatter = some.std(axis=0, ddof=1)
    usual = np.median(scatter) if scatter.size else 0.0
    limit = _FAR * _OF_MEDIAN * np.maximum(scatter, usual) / np.sqrt(len(residuals))
    far = np.abs(np.median(some, axis=0)) > limit
    return float((far.sum() + lacking.sum()) / max(lacking.sum() + known.sum(), 1))


def pixels(share: float, what: str = "pixels") -> Gate:
    """Return the gate that the pixels of the file are those of its exposures.

    Parameters
    ----------
    share : float
        Of `share_unlike`.
    what : str
        Which pixels.
    """
    return exact(
        f"file as written: {what}",
        "written",
        f"99 % of the {what} of the file are within 5 errors of the median of its exposures",
        f"{100 * share:.3g} % of the {what} are not those of the exposures"
        if share > _UNLIKE
        else "",
        "noise that was added, rows without values, an image that was shifted",
    )


def fine(slope: float, error: float) -> Gate:
    """Return the gate that an image is not shifted by a pixel.

    Parameters
    ----------
    slope, error : float
        Slope of exposures on the file from pixel to pixel, 1 expected, and its error; NaN or a
        large error: nothing can be said.
    """
    shifted = error < _KNOWN and slope < _SLOPE
    return exact(
        "file as written: from pixel to pixel",
        "written",
        "what differs from pixel to pixel in the file does so in its exposures",
        f"the slope of exposures on the file from pixel to pixel is {slope:.3g}, not 1"
        if shifted
        else "",
        "an image that was shifted by a row or a column",
    )


def above_zero(share: float) -> Gate:
    """Return the gate that a noise is above 0.

    Parameters
    ----------
    share : float
        Of the pixels without noise that no flag names.
    """
    return exact(
        "file as written: values",
        "values",
        "99 % of the pixels have noise, or a flag says that they have none",
        f"{100 * share:.3g} % of the pixels have no noise, and no flag says so"
        if share > _UNLIKE
        else "",
        "a pixel without noise counts for all others in a weighted mean",
    )


def errors(stated: np.ndarray, expected: float) -> Gate:
    """Return the gate that the errors of the file are those of a mean of its exposures.

    Parameters
    ----------
    stated : array
        ERR of the pixels; NaN where there is none.
    expected : float
        Median that the scatter of the exposures gives.
    """
    known = stated[np.isfinite(stated)]
    found = float(np.median(known)) if known.size else math.nan
    fault = ""
    if math.isfinite(expected) and expected > 0:
        ratio = found / expected
        if not 1 / _ERROR < ratio < _ERROR:
            fault = f"they are {found:.3g} in the middle, the exposures give {expected:.3g}"
    return exact(
        "file as written: errors",
        "written",
        f"errors are those of a mean of the exposures, within a factor of {_ERROR:g}",
        fault,
        "whoever uses the file weighs by wrong errors",
    )


def flags(
    value: np.ndarray, error: np.ndarray, flagged: np.ndarray, no_error: np.ndarray | None = None
) -> Gate:
    """Return the gate that flags tell which pixels cannot be used, and leave the others.

    Parameters
    ----------
    value, error : (ny, nx) arrays
        Of the file.
    flagged : (ny, nx) bool array
        Pixels that the file says have no value.
    no_error : (ny, nx) bool array, optional
        Pixels that it says have no error: all of a mean of one exposure.
    """
    lacking = ~np.isfinite(value)
    told = flagged if no_error is None else flagged | no_error
    silent = int((lacking & ~flagged | ~np.isfinite(error) & ~told).sum())
    share = float(flagged.mean())
    fault = ""
    if silent:
        fault = f"{silent} pixels have no value or no error, and no flag says so"
    elif share > _FLAGGED:
        fault = f"{100 * share:.3g} % of the pixels are flagged as having no value"
    return exact(
        "file as written: flags",
        "values",
        "95 % of the pixels can be used, and a flag names each that cannot",
        fault,
        "a pixel without a value is not calibrated, and must not be taken for one that is",
    )
