"""Superbias and read noise of simulated darks, compared with the truth of the simulation."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from darkroom.errors import InputError
from darkroom.report import truth_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from darkroom.hints import StrPath
    from darkroom.nircam.figures.inputs import Product
    from darkroom.nircam.ramps.classes import Classes

#: Images of the truth that all exposures have in common.
IMAGES = (
    *("bias", "read_noise", "ktc_rms", "dark_rate", "hot", "unstable", "telegraph", "reference"),
)
_OF_RAMPS = ("ramp_offset", "amplifier_ramp_offset", "parity_ramp_offset")
_OF_GROUPS = ("pedestal", "amplifier_pedestal", "correlated_mean")
# Cosmic rays and telegraph noise of at least so many times the read noise are expected to be found.
CLEAR_RAY = 8.0
CLEAR_TELEGRAPH = 4.0

# A row of the comparison. The error of a kTC noise is NaN where the read noise is unknown.
row = partial(truth_rows.row, omit_unusable_error=True)


def read_truth(folder: StrPath, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read the truth of simulated exposures.

    Parameters
    ----------
    folder : path-like
        Folder of the files ``<exposure>.npz`` that the simulator writes.
    names : sequence of str
        Names of the exposures, at least one.

    Returns
    -------
    dict
        The `IMAGES`, (ny, nx); settling after the reset is in the bias, in which the samples of a
        superbias have it. ``offsets``, (nramps, noutputs, 2): offset above the bias that the
        pixels of an amplifier and column parity share in group 0 of each ramp, DN, without kTC
        noise. ``rays``: table of the cosmic rays of all exposures, with integration, group, y, x
        and charge.

    Raises
    ------
    InputError
        When a file is missing, or was not written by this simulator.
    """
    found: dict[str, Any] = {"offsets": [], "rays": []}
    for name in names:
        path = Path(folder) / f"{name}.npz"
        try:
            with np.load(path) as stored:
                if not found["rays"]:
                    found |= {image: stored[image] for image in IMAGES}
                    found["bias"] = found["bias"] + stored["settling"][0] * ~found["reference"]
                ramp, amplifier, parity = (stored[key] for key in _OF_RAMPS)
                pedestal, apart, correlated = (stored[key][:, 0] for key in _OF_GROUPS)
                own = parity + correlated
                own = own + (amplifier + apart)[..., None]
                own = own + (ramp + pedestal + stored["cycle"])[:, None, None]
                found["offsets"].append(own)
                found["rays"].append(stored["cosmic_rays"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                path,
                f"is not a file of true values of this simulator ({error})",
                "simulate the exposure again",
            ) from error
    return found | {name: np.concatenate(found[name]) for name in ("offsets", "rays")}


def odd_pixels(truth: dict[str, np.ndarray]) -> np.ndarray:
    """Return which pixels are hot, warm, unstable, telegraph or reference pixels, (ny, nx) bool."""
    return truth["hot"] | (truth["telegraph"] > 0) | (truth["unstable"] > 0) | truth["reference"]


def spread_row(
    what: str, deviates: np.ndarray, independent: bool = True, share: float = 1.0
) -> dict[str, Any]:
    """Compare the standard deviation of normal deviates, without those beyond 6, with 1.

    Parameters
    ----------
    what : str
        Name of the quantity.
    deviates : (n,) array
    independent : bool
        They are independent; else no error is given.
    share : float
        The degrees of freedom are this fraction of their number.
    """
    inside = deviates[np.abs(deviates) < 6]
    error = (2 * share * max(inside.size, 1)) ** -0.5 if independent else None
    return row(what, 1.0, inside.std(), error, "σ")


def superbias_pulls(
    reference: Product,
    details: Product,
    truth: dict[str, np.ndarray],
    classes: Classes,
    elapsed: float,
) -> np.ndarray:
    """Return deviations of a superbias from the truth in units of its error, as normal deviates.

    Parameters
    ----------
    reference, details : darkroom.nircam.figures.inputs.Product
        The reference file and its file of details.
    truth : dict
        See `read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    elapsed : float
        Time over which dark current accumulates in a sample, s.

    Returns
    -------
    (ny, nx) float array
        Pulls, mapped from Student's t to a normal distribution, after subtraction of the median
        deviation of each amplifier, column parity and kind of pixel, which belongs to the error
        that these pixels share. NaN for flagged pixels.
    """
    error, count = reference.image("ERR").astype(np.float64), details.image("COUNT")
    if details.header["METHOD"] == "reffiles":
        error = error / np.sqrt(np.maximum(count, 1))
    deviation = reference.image("SCI") - (truth["bias"] + truth["dark_rate"] * elapsed)
    deviation[(reference.image("DQ") != 0) | ~(error > 0) | (count < 2)] = np.nan
    for k in range(len(classes)):
        for kind in (classes.reference, ~classes.reference):
            where = kind & (classes.column == k)
            if np.isfinite(deviation[where]).any():
                deviation[where] -= np.nanmedian(deviation[where])
    with np.errstate(invalid="ignore", divide="ignore"):
        return stats.norm.ppf(stats.t.cdf(deviation / error, np.maximum(count - 1, 1)))


def compare_superbias(
    reference: Product,
    details: Product,
    truth: dict[str, np.ndarray],
    classes: Classes,
    elapsed: float,
) -> list[dict[str, Any]]:
    """Compare a superbias with the truth.

    Parameters
    ----------
    reference, details : darkroom.nircam.figures.inputs.Product
        The reference file and its file of details.
    truth : dict
        See `read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    elapsed : float
        Time over which dark current accumulates in a sample, s.

    Returns
    -------
    list of dict
        See `row`: levels of the amplifiers, with the error that their pixels share; the spread of
        the pulls of pixels; offsets of ramps; kTC noise; and the fraction of normal pixels that
        are flagged.
    """
    normal = ~odd_pixels(truth)
    true = truth["bias"] + truth["dark_rate"] * elapsed
    found, dq = reference.image("SCI"), reference.image("DQ")
    seen = normal & (details.image("COUNT") > 0)  # without those that the mask excludes
    levels, rows = details.table("LEVELS"), []
    for a in range(classes.noutputs):
        here = normal & (dq == 0) & (classes.amplifier == a)
        # Mean and not quadrature: the two parities of an amplifier share most of their offset.
        error = levels["ERROR"].reshape(-1, 2)[a].mean() if levels else None
        label = f"superbias, level of amplifier {a}"
        rows.append(row(label, true[here].mean(), found[here].mean(), error, "DN"))
    pulls = superbias_pulls(reference, details, truth, classes, elapsed)
    for kind, where in (("active", normal), ("reference", truth["reference"])):
        chosen = pulls[where & np.isfinite(pulls)]
        if chosen.size:
            # The 1/f noise that the few rows of reference pixels share is part of the scatter
            # from which their errors are derived, but the median removes it from the deviations:
            # less than 1 is expected.
            label = f"superbias, pulls of {kind} pixels"
            rows.append(spread_row(label, chosen, independent=kind == "active"))
    rows += _of_offsets(details, truth) + _of_reset(details, truth, classes)
    return [*rows, row("superbias, normal pixels flagged", 0, (dq[seen] != 0).mean(), None, "")]


def _of_offsets(details, truth):
    """Compare the offsets of ramps, relative to their mean over the ramps."""
    table, hidden = details.table("OFFSETS"), truth["offsets"]
    # Integrations whose first group was lost are in the truth only.
    if not table or table["OFFSET"].size != hidden.size:
        return []
    found, error = (table[name].reshape(hidden.shape) for name in ("OFFSET", "ERROR"))
    hidden = hidden - hidden.mean(axis=0)
    number = len(hidden)
    rows = []
    for a in range(hidden.shape[1]):
        true, measured = (np.sqrt((x[:, a] ** 2).sum() / 2 / (number - 1)) for x in (hidden, found))
        # The quoted error is that of a deviation from the mean, which is smaller by this factor.
        single = error[:, a].mean() * np.sqrt(number / (number - 1))
        apart = single / np.sqrt(2 * (number - 1))
        label = f"superbias, offsets of ramps, rms, amplifier {a}"
        rows.append(row(label, true, measured, apart, "DN"))
    # The deviations of a class sum to zero: N - 1 of N are independent.
    pulls = (found - hidden) / error
    label = "superbias, pulls of offsets of ramps"
    return [*rows, spread_row(label, pulls.ravel(), share=(number - 1) / number)]


def _of_reset(details, truth, classes):
    """Compare the kTC noise of active pixels, amplifier by amplifier."""
    table, rows = details.table("NOISE"), []
    for k in range(len(table.get("KIND", ()))):
        if str(table["KIND"][k]) != "active":
            continue
        a = int(table["AMPLIFIER"][k])
        here = ~truth["reference"] & (classes.amplifier == a)
        label = f"superbias, kTC noise of amplifier {a}"
        error = table["KTC_ERROR"][k]
        rows.append(row(label, truth["ktc_rms"][here].mean(), table["KTC"][k], error, "DN"))
    return rows


def readnoise_pulls(details: Product, true: np.ndarray, classes: Classes) -> np.ndarray:
    """Return deviations of a read noise from the truth as normal deviates.

    Parameters
    ----------
    details : darkroom.nircam.figures.inputs.Product
        File of details of method ``line``.
    true : (ny, nx) array
        True noise of one read, DN.
    classes : darkroom.nircam.ramps.classes.Classes

    Returns
    -------
    (ny, nx) float array
        Normal deviates, from the chi² distribution of the variances. The typical ratio to the
        truth is divided out in every row and amplifier, since the 1/f noise that remains after the
        reference pixel correction differs from row to row and is predicted only approximately.
        NaN for flagged pixels.
    """
    nu = np.maximum(details.image("NU"), 1)
    ratio = (details.image("SINGLE") / true) ** 2
    ratio[details.image("DQ") != 0] = np.nan
    relative = ratio / (stats.chi2.median(nu) / nu)
    for a in range(classes.noutputs):
        columns = classes.amplifier == a
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # rows of flagged pixels only
            ratio[:, columns] /= np.nanmedian(relative[:, columns], axis=1, keepdims=True)
    return stats.norm.ppf(stats.chi2.cdf(ratio * nu, nu))


def compare_readnoise(
    reference: Product,
    details: Product,
    truth: dict[str, np.ndarray],
    classes: Classes,
    correlated: float | np.ndarray,
) -> list[dict[str, Any]]:
    """Compare a read noise with the truth.

    Parameters
    ----------
    reference, details : darkroom.nircam.figures.inputs.Product
        The reference file and its file of details.
    truth : dict
        See `read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    correlated : float or (ny, nx) array
        Variance in one group of the correlated noise that remains after the reference pixel
        correction, plus that of the noise which the correction adds, DN².

    Returns
    -------
    list of dict
        See `row`: noise of one read (one frame) by amplifier; for method ``line`` also the spread
        of the pulls of pixels, and the fractions of telegraph pixels and cosmic rays that were
        found and of normal pixels that are flagged.
    """
    group = np.sqrt(truth["read_noise"] ** 2 + correlated)
    # The product is the noise of one frame, also where a group is the mean of several.
    true = group * np.sqrt(details.header["NFRAMES"])
    normal = ~odd_pixels(truth)
    single, rows = reference.image("SCI") / np.sqrt(2), []
    for a in range(classes.noutputs):
        here = normal & (classes.amplifier == a) & np.isfinite(single)
        label = f"read noise of one read, amplifier {a}"
        # Square roots of mean variances, since the median of noisy estimates is biased low.
        level, found = (np.sqrt(np.mean(np.square(n[here], dtype=float))) for n in (true, single))
        rows.append(row(label, level, found, None, "DN"))
    if "SINGLE" not in details:
        return rows
    pulls = readnoise_pulls(details, true, classes)
    # With residual 1/f noise the pixels of a row are not independent.
    chosen = pulls[normal & np.isfinite(pulls)]
    rows.append(spread_row("read noise, pulls of pixels", chosen, not np.any(correlated)))
    flagged = details.image("DQ") & 6 > 0  # NOISY, TELEGRAPH
    clear = truth["telegraph"] > CLEAR_TELEGRAPH * group
    if clear.any():
        label = f"read noise, telegraph noise above {CLEAR_TELEGRAPH:g} σ flagged"
        rows.append(row(label, 1, flagged[clear].mean(), None, ""))
    rows.append(row("read noise, normal pixels flagged", 0, flagged[normal].mean(), None, ""))
    return rows + _of_rays(details, truth, group, normal)


def _of_rays(details, truth, group, normal):
    """Return the fraction of clear cosmic rays between two groups (of noise `group`) found."""
    rays = truth["rays"]
    place = (rays["y"], rays["x"])
    clear = (rays["group"] > 0) & (rays["charge"] > CLEAR_RAY * group[place]) & normal[place]
    if not clear.any():
        return []
    hits = np.zeros(group.shape, int)
    np.add.at(hits, (rays["y"][clear], rays["x"][clear]), 1)
    share = np.minimum(hits, details.image("NJUMPS")).sum() / hits.sum()
    return [row(f"read noise, cosmic rays above {CLEAR_RAY:g} σ found", 1, share, None, "")]
