"""A new reference image against a previous one, amplifier by amplifier."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.ramps.robust import mad_deviation

#: Median of chi² with one degree of freedom.
_CHI2_MEDIAN = 0.4549364231195724


@dataclass(frozen=True)
class Previous:
    """A previous reference file.

    Attributes
    ----------
    name : str
        Name it has by itself (FILENAME), or that of the file.
    image : (ny, nx) float32 array
        In the unit of the new one.
    error : (ny, nx) float32 array or None
        Standard error of `image`.
    """

    name: str
    image: np.ndarray
    error: np.ndarray | None


@dataclass(frozen=True)
class ComparisonRow:
    """How one amplifier's active pixels differ, DN.

    Attributes
    ----------
    amplifier : int
    npixels : int
    shift : float
        Median of new - previous, before the medians by column parity are taken off.
    scatter : float
        1.4826 MAD of the difference after that.
    predicted : float
        Median of the errors of both files in quadrature; NaN when neither has one.
    chi2 : float
        Median of (difference / predicted)², over that of chi² with one degree of freedom.
    beyond : float
        Share of pixels that differ by more than five times their predicted error.
    rows, columns : float
        1.4826 MAD of row and of column medians of the difference: patterns.
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


def read_previous(path, ramps, nsamples=0):
    """Read a previous reference file that fits a set of ramps.

    Parameters
    ----------
    path : path-like
    ramps : RampSet
    nsamples : int
        When positive, its ERR is the scatter of one of so many reads (as jwst_reffiles writes
        it) and is divided by the root of their number; else it is the error itself.

    Raises
    ------
    InputError
        When it is of another detector or shape, or holds no 2-D SCI.
    """
    try:
        with fits.open(path, memmap=False) as hdus:
            header = hdus[0].header
            image = _plane(hdus, "SCI")
            error = _plane(hdus, "ERR")
    except (OSError, KeyError) as fault:
        raise InputError(path, f"cannot be read as a reference file ({fault})") from fault
    mine = ramps.readout.detector
    if header.get("DETECTOR") != mine:
        raise InputError(path, f"is of {header.get('DETECTOR')}, the exposures are of {mine}")
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


def compare(image, error, previous, classes):
    """Compare an image with a previous one.

    Parameters
    ----------
    image : (ny, nx) float32 array
        DN.
    error : (ny, nx) float32 array or None
        Its standard error.
    previous : Previous
    classes : Classes

    Returns
    -------
    difference : (ny, nx) float32 array
        new - previous, minus the median of each amplifier and parity of active pixels.
    rows : list of ComparisonRow
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


def _compare_amplifier(amplifier, image, raw, difference, predicted, before, classes):
    columns = classes.amplifier == amplifier
    good = classes.usable[:, columns] & np.isfinite(raw[:, columns])
    values, errors = difference[:, columns][good], predicted[:, columns][good]
    with np.errstate(invalid="ignore", divide="ignore"):
        pull = values / errors
        ratio = image[:, columns][good] / before[:, columns][good]
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
    """Return medians along an axis, leaving out lines without a value."""
    lines = np.moveaxis(image, axis, -1)
    return np.nanmedian(lines[np.isfinite(lines).any(axis=-1)], axis=-1)


def _median(values):
    values = values[np.isfinite(values)]
    return float(np.median(values)) if values.size else np.nan


def _spread(values):
    return mad_deviation(values[np.isfinite(values)])
