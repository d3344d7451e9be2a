"""Comparison of the products of simulated frames with their known truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import special

from darkroom import order
from darkroom.report.truth_rows import row

if TYPE_CHECKING:
    from astropy.io import fits

# A simulated pixel is clearly hot when its excess rate is this many times the detection threshold.
_CLEARLY = 2.0


def pulls(
    found: np.ndarray, error: np.ndarray, dof: np.ndarray | float, truth: np.ndarray
) -> np.ndarray:
    """Return deviations from the truth in units of their quoted errors, as normal deviates.

    Parameters
    ----------
    found, error, truth : arrays of one shape
        Measured value, its quoted standard error, and true value.
    dof : array or float
        Degrees of freedom of the errors: Student's t is transformed to a normal deviate.

    Returns
    -------
    1-D array
        For the pixels where all are finite. Their common deviation (median) is subtracted, since
        the error common to all pixels is quoted separately.
    """
    t = (found - truth) / error
    t, dof = np.broadcast_arrays(t, dof)
    good = np.isfinite(t) & (dof > 0)
    common = order.median((found - truth)[good])
    t = t[good] - common / error[good]
    return special.ndtri(special.stdtr(dof[good], t))


def compare(
    truth: Mapping[str, np.ndarray],
    factors: Sequence[float],
    products: Mapping[str, fits.HDUList],
    bias_exptime: float,
) -> list[dict[str, Any]]:
    """Compare the products of a CCD item with the truth.

    Parameters
    ----------
    truth : dict
        As from `darkroom.ccd.simulate.camera.truth`.
    factors : list of float
        True dark rate in units of ``truth["dark_rate"]``, which is that of the reference
        temperature: first at the temperature of the bias frames, then at that of each group of the
        dark-rate product in the order of EXTVER.
    products : dict of astropy.io.fits.HDUList
        ``master_bias``, ``read_noise``, ``dark_rate``, ``hot_pixels``.
    bias_exptime : float
        Exposure time of the bias frames, s.

    Returns
    -------
    list of dict
        See `darkroom.report.truth_rows.row`. Levels are compared within the error common to all
        pixels, single pixels by the standard deviation of their pulls: 1 when the quoted errors are
        right, with the error of the standard deviation of that many normal deviates.
    """
    normal = ~(truth["hot"] | truth["warm"] | truth["unstable"])
    rows = _of_bias(truth, factors[0], products["master_bias"], bias_exptime, normal)
    noise = products["read_noise"]["SCI"].header
    true = np.sqrt(np.mean(truth["read_noise"][normal] ** 2))
    rows.append(row("read noise", true, noise["READNOIS"], noise["RNERR"], "adu"))
    rows += _of_rate(truth, factors[1:], products["dark_rate"], normal)
    return rows + _of_hot(truth, products["hot_pixels"])


def _of_bias(truth, factor, product, exptime, normal):
    level = truth["bias"] + truth["dark_rate"] * factor * exptime
    found, error = product["SCI"].data, product["ERR"].data
    shared = product["SCI"].header["CMERR"]
    pull = pulls(found[normal], error[normal], product["COUNT"].data[normal] - 1, level[normal])
    return [
        row("bias level", level[normal].mean(), found[normal].mean(), shared, "adu"),
        row("bias, pulls of single pixels", 1.0, pull.std(), (2 * pull.size) ** -0.5, ""),
    ]


def _of_rate(truth, factors, product, normal):
    rows = []
    for number, factor in enumerate(factors, 1):
        sci = product["SCI", number]
        found, error = sci.data[normal], product["ERR", number].data[normal]
        true = truth["dark_rate"][normal] * factor
        pull = pulls(found, error, product["DOF", number].data[normal], true)
        where = f"at {sci.header['CCD-TEMP']:.2f} C"
        rows += [
            row(f"dark rate {where}", true.mean(), found.mean(), sci.header["RATECM"], "adu/s"),
            row(f"dark rate {where}, pulls", 1.0, pull.std(), (2 * pull.size) ** -0.5, ""),
        ]
    return rows


def _of_hot(truth, product):
    bits = dict(zip(product["DQ_DEF"].data["NAME"], product["DQ_DEF"].data["VALUE"], strict=True))
    flagged = product["DQ"].data & bits["HOT"] > 0
    anomalous = truth["hot"] | truth["warm"] | truth["unstable"]
    excess = truth["dark_rate"] - truth["base_rate"]
    clear = (excess > _CLEARLY * product[0].header["HOTRATE"]) & ~truth["unstable"]
    return [
        row("hot pixels found, share of the clear ones", 1.0, flagged[clear].mean(), None, ""),
        row("hot pixels among normal ones, share", 0.0, flagged[~anomalous].mean(), None, ""),
    ]
