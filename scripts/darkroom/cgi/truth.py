"""Noise maps and darks of simulated frames held against the truth that is hidden in them."""

from __future__ import annotations

import numpy as np

from darkroom.report.truth_rows import row

_NAMES = (
    ("FPN", "fixed pattern", "e-", "fpn"),
    ("CIC", "clock-induced charge", "e-", "cic"),
    ("DC", "dark current", "e-/s", "dark"),
)

# The scatter of fewer says nothing.
_FEWEST_PULLS = 20


def pulls(found, error, truth):
    """Return deviations from the truth in units of their quoted errors, where all are finite."""
    with np.errstate(invalid="ignore", divide="ignore"):
        pull = (found - truth) / error
    return pull[np.isfinite(pull)]


def compare_maps(maps, truth, geometry):
    """Hold the imaging area of noise maps against the truth.

    Parameters
    ----------
    maps : darkroom.cgi.darks.product.NoiseMapsFile
        Of the full frame.
    truth : dict
        As from `darkroom.cgi.simulate.exposures.truth`.
    geometry : darkroom.cgi.geometry.Geometry

    Returns
    -------
    list of dict
        See `row`: mean over normal pixels (its error that of independent pixels; of the fixed
        pattern that of rows as well, which share the noise of their bias), the standard deviation
        of all pulls, and of those of hot pixels that were told as such (of a fainter one nothing
        tells that its noise is its own).
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
        told = good & hot & (maps.hot[area] > 0)
        for which, chosen in (("all pixels", good), ("hot pixels told as such", told)):
            pull = pulls(found[chosen], error[chosen], true[chosen])
            if pull.size >= _FEWEST_PULLS:
                rows.append(_pull_row(f"{words}, pulls of {which}", pull))
    return rows


def _pull_row(what, pull):
    """Return the standard deviation of pulls against 1; its error takes their tails along."""
    spread = pull.std()
    fourth = ((pull - pull.mean()) ** 4).mean() / spread**4
    return row(what, 1.0, spread, spread * np.sqrt((fourth - 1) / (4 * pull.size)), "σ")


def _error_of_rows(deviation, chosen):
    """Return the error of a mean that the scatter of its rows' means tells."""
    means = np.array(
        [line[use].mean() for line, use in zip(deviation, chosen, strict=True) if use.any()]
    )
    return means.std(ddof=1) / np.sqrt(means.size) if means.size > 1 else 0.0


def compare_dark(dark, err, exptime, em_gain, truth, section, name):
    """Hold a dark of the image area against F / g + t D + C of the truth.

    Parameters
    ----------
    dark, err : (rows, columns) arrays
    exptime, em_gain : float
    truth : dict
    section : tuple of slices
        Where the dark lies in the full frame.
    name : str
        How the comparison calls it.

    Returns
    -------
    list of dict
        See `row`: the mean of normal pixels, and the standard deviation of all pulls.
    """
    true = (truth["fpn"] / em_gain + exptime * truth["dark"] + truth["cic"])[section]
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
