"""Comparison of a new reference image with a previous one, amplifier by amplifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom import order
from darkroom.errors import InputError
from darkroom.nircam.ramps.robust import mad_deviation

if TYPE_CHECKING:
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.classes import Classes
    from darkroom.nircam.ramps.ramps import RampSet

#: Median of chi² with one degree of freedom.
_CHI2_MEDIAN = 0.4549364231195724


@dataclass(frozen=True)
class Previous:
    """A previous reference file.

    Attributes
    ----------
    name : str
        FILENAME of its header, else the name of the file.
    image : (ny, nx) float32 array
        In the unit of the new reference file.
    error : (ny, nx) float32 array or None
        Standard error of `image`.
    """

    name: str
    image: np.ndarray
    error: np.ndarray | None


@dataclass(frozen=True)
class ComparisonRow:
    """Difference between two reference images in the active pixels of one amplifier, DN.

    Attributes
    ----------
    amplifier : int
    npixels : int
        Pixels with a value in both images.
    shift : float
        Median of new - previous.
    scatter : float
        1.4826 MAD of new - previous after the median of each column parity is subtracted.
    predicted : float
        Median of the errors of both files in quadrature; NaN when neither has errors.
    chi2 : float
        Median of (difference / predicted)², over the median of chi² with one degree of freedom.
    beyond : float
        Fraction of pixels that differ by more than five times their predicted error.
    rows, columns : float
        1.4826 MAD of the row medians and of the column medians of the difference: a measure of
        patterns.
    ratio : float
        Median of new / previous.
    """

    amplifier: int
    npixels: int
    shift: float
    scatter: float
    predicted: float
    chi2: float
    beyond: float
    rows: float
    columns: float
    ratio: float


def read_previous(path: StrPath, ramps: RampSet, nsamples: int = 0) -> Previous:
    """Read a previous reference file, to be compared with one made of a set of ramps.

    Parameters
    ----------
    path : path-like
    ramps : RampSet
    nsamples : int
        When positive, ERR of the file is the scatter of one of so many reads (as jwst_reffiles
        writes it) and is divided by the square root of their number. Else it is the standard
        error.

    Returns
    -------
    Previous

    Raises
    ------
    InputError
        When it is of another detector or shape, or has no 2-D SCI.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            header = hdus[0].header
            image = _plane(hdus, "SCI")
            error = _plane(hdus, "ERR")
    except (OSError, KeyError) as fault:
        raise InputError(path, f"cannot be read as a reference file ({fault})") from fault
    detector = ramps.readout.detector
    if header.get("DETECTOR") != detector:
        raise InputError(path, f"is of {header.get('DETECTOR')}, the exposures are of {detector}")
    if image is None or image.shape != ramps.shape:
        shape = None if image is None else image.shape
        raise InputError(path, f"SCI has shape {shape}, the exposures have {ramps.shape}")
    if error is not None and nsamples > 0:
        error = error / np.float32(np.sqrt(nsamples))
    return Previous(header.get("FILENAME", Path(path).name), image, error)


def _plane(hdus, name):
    if name not in hdus or hdus[name].data is None or hdus[name].data.ndim != 2:
        return None
    return hdus[name].data.astype(np.float32)


def compare(
    image: np.ndarray, error: np.ndarray | None, previous: Previous, classes: Classes
) -> tuple[np.ndarray, list[ComparisonRow]]:
    """Compare an image with a previous one.

    Parameters
    ----------
    image : (ny, nx) float32 array
        DN.
    error : (ny, nx) float32 array or None
        Its standard error, DN.
    previous : Previous
    classes : Classes

    Returns
    -------
    difference : (ny, nx) float32 array
        New - previous, DN, minus its median over the active pixels of the same amplifier and
        column parity.
    rows : list of ComparisonRow
        One per amplifier.
    """
    raw = image - previous.image
    difference = raw.copy()
    for k in range(len(classes)):
        columns = classes.column == k
        values = raw[:, columns][classes.usable[:, columns]]
        difference[:, columns] -= np.float32(_median(values))
    predicted = np.sqrt(
        sum(np.square(part) for part in (error, previous.error) if part is not None)
    )
    if np.ndim(predicted) == 0:
        predicted = np.full(image.shape, np.nan, np.float32)
    rows = [
        _compare_amplifier(a, image, raw, difference, predicted, previous.image, classes)
        for a in range(classes.noutputs)
    ]
    return difference, rows


def _compare_amplifier(amplifier, image, raw, difference, predicted, previous, classes):
    columns = classes.amplifier == amplifier
    good = classes.usable[:, columns] & np.isfinite(raw[:, columns])
    values, errors = difference[:, columns][good], predicted[:, columns][good]
    with np.errstate(invalid="ignore", divide="ignore"):
        pull = values / errors
        ratio = image[:, columns][good] / previous[:, columns][good]
    square = np.where(good, difference[:, columns], np.nan)
    return ComparisonRow(
        amplifier=amplifier,
        npixels=int(good.sum()),
        shift=_median(raw[:, columns][good]),
        scatter=_spread(values),
        predicted=_median(errors),
        chi2=_median(pull**2) / _CHI2_MEDIAN,
        beyond=float((np.abs(pull) > 5).mean()) if np.isfinite(pull).any() else np.nan,
        rows=_spread(_medians(square, 1)),
        columns=_spread(_medians(square, 0)),
        ratio=_median(ratio),
    )


def _medians(image, axis):
    """Return the medians along an axis, without rows or columns that have no value."""
    lines = order.columns(image) if axis == 0 else image
    return order.row_medians(lines[np.isfinite(lines).any(axis=1)])


def _median(values):
    return float(order.median(values))


def _spread(values):
    return mad_deviation(values[np.isfinite(values)])
