"""Comparison of noise maps and darks of simulated frames with the simulated truth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.report.truth_rows import row

if TYPE_CHECKING:
    from darkroom.cgi.darks.read import NoiseMapsFile
    from darkroom.cgi.geometry import Geometry

_NAMES = (
    ("FPN", "fixed pattern", "e-", "fpn"),
    ("CIC", "clock-induced charge", "e-", "cic"),
    ("DC", "dark current", "e-/s", "dark"),
)

# Smallest number of pulls whose standard deviation is reported.
_MIN_PULLS = 20


def pulls(found: np.ndarray, error: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return deviations from the truth in units of the quoted errors.

    Parameters
    ----------
    found, error, truth : arrays of one shape
        Measured values, their errors, and true values, in one unit.

    Returns
    -------
    (n,) array
        Pulls, where they are finite.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        pull = (found - truth) / error
    return pull[np.isfinite(pull)]


def compare_maps(
    maps: NoiseMapsFile, truth: dict[str, np.ndarray], geometry: Geometry
) -> list[dict[str, object]]:
    """Compare the imaging area of noise maps with the truth.

    Parameters
    ----------
    maps : darkroom.cgi.darks.read.NoiseMapsFile
        Maps of the full frame.
    truth : dict
        As from `darkroom.cgi.simulate.exposures.truth`.
    geometry : darkroom.cgi.geometry.Geometry

    Returns
    -------
    list of dict
        Rows of the comparison (see `darkroom.report.truth_rows.row`): the mean over normal pixels,
        the standard deviation of all pulls, and that of the pulls of detected hot pixels (fainter
        ones are fitted with the noise of normal pixels). The error of a mean is that of
        independent pixels; for the fixed pattern the scatter of rows, whose pixels share the noise
        of their bias, is added.
    """
    area, rows = geometry.imaging, []
    hot = truth["hot"][area]
    for k, (name, words, unit, key) in enumerate(_NAMES):
        found, error, true = maps.data[k][area], maps.err[k][area], truth[key][area]
        good = np.isfinite(found) & np.isfinite(error) & (error > 0)
        normal = good & ~hot
        number = max(int(normal.sum()), 1)
        mean_error = np.sqrt((error[normal] ** 2).sum()) / number
        if name == "FPN":
            mean_error = np.hypot(mean_error, _error_of_rows(found - true, normal))
        label = f"{words}, mean of normal pixels"
        rows.append(row(label, true[normal].mean(), found[normal].mean(), mean_error, unit))
        detected = good & hot & (maps.hot[area] > 0)
        for which, chosen in (("all pixels", good), ("detected hot pixels", detected)):
            pull = pulls(found[chosen], error[chosen], true[chosen])
            if pull.size >= _MIN_PULLS:
                rows.append(_pull_row(f"{words}, pulls of {which}", pull))
    return rows


def _pull_row(what, pull):
    """Compare the standard deviation of pulls with 1; its error includes the effect of tails."""
    spread = pull.std()
    fourth = ((pull - pull.mean()) ** 4).mean() / spread**4
    return row(what, 1.0, spread, spread * np.sqrt((fourth - 1) / (4 * pull.size)), "σ")


def _error_of_rows(deviation, chosen):
    """Return the error of a mean from the scatter of the means of its rows."""
    means = np.array(
        [line[use].mean() for line, use in zip(deviation, chosen, strict=True) if use.any()]
    )
    return means.std(ddof=1) / np.sqrt(means.size) if means.size > 1 else 0.0


def compare_dark(
    dark: np.ndarray,
    err: np.ndarray,
    exptime: float,
    em_gain: float,
    truth: dict[str, np.ndarray],
    section: tuple[slice, slice],
    name: str,
    *,
    counted: bool = False,
) -> list[dict[str, object]]:
    """Compare a dark of the image area with F / g + t D + C of the truth.

    Parameters
    ----------
    dark, err : (rows, columns) arrays
        Dark and its error [e-].
    exptime, em_gain : float
        Exposure time [s], EM gain.
    truth : dict
        As from `darkroom.cgi.simulate.exposures.truth`.
    section : tuple of slices
        Rows and columns of the dark in the full frame.
    name : str
        Name of the dark in the comparison.
    counted : bool
        True for a photon-counted dark, which has no fixed pattern.

    Returns
    -------
    list of dict
        Rows of the comparison (see `darkroom.report.truth_rows.row`): the mean of normal pixels,
        and the standard deviation of all pulls.
    """
    pattern = 0.0 if counted else truth["fpn"] / em_gain
    true = (pattern + exptime * truth["dark"] + truth["cic"])[section]
    hot = truth["hot"][section]
    good = np.isfinite(dark) & np.isfinite(err) & (err > 0)
    normal = good & ~hot
    number = max(int(normal.sum()), 1)
    error = np.hypot(
        np.sqrt((err[normal] ** 2).sum()) / number, _error_of_rows(dark - true, normal)
    )
    pull = pulls(dark[good], err[good], true[good])
    return [
        row(
            f"{name}, mean of normal pixels", true[normal].mean(), dark[normal].mean(), error, "e-"
        ),
        _pull_row(f"{name}, pulls", pull),
    ]
