"""Superbias and read noise of simulated darks held against the truth that is hidden in them."""

from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
from scipy import stats

from darkroom.errors import InputError
from darkroom.report import truth_rows

#: Images of the truth that are the same in every exposure.
IMAGES = ("bias", "read_noise", "ktc_rms", "dark_rate", "hot", "telegraph", "reference")
_OF_RAMPS = ("ramp_offset", "amplifier_ramp_offset", "parity_ramp_offset")
_OF_GROUPS = ("pedestal", "amplifier_pedestal", "correlated_mean")
# Found is what is asked for of cosmic rays and telegraph noise so far above the noise.
CLEAR_RAY = 8.0
CLEAR_TELEGRAPH = 4.0

# A row of the comparison. The error of a kTC noise is NaN where the read noise is unknown.
row = partial(truth_rows.row, omit_unusable_error=True)


def read_truth(folder, names):
    """Read the truth of exposures.

    Parameters
    ----------
    folder : path-like
        With ``<exposure>.npz`` as the simulator writes them.
    names : sequence of str
        Exposures, at least one.

    Returns
    -------
    dict
        The `IMAGES`, (ny, nx); ``offsets`` (nramps, noutputs, 2): what amplifier and column parity
        of each ramp's group 0 have in common above the bias, DN, without reset noise;
        ``rays``: table of integration, group, y, x, charge of all exposures.

    Raises
    ------
    InputError
        When one is missing, or of another simulator.
    """
    found = {"offsets": [], "rays": []}
    for name in names:
        path = Path(folder) / f"{name}.npz"
        try:
            with np.load(path) as stored:
                if not found["rays"]:
                    found |= {image: stored[image] for image in IMAGES}
                ramp, amplifier, parity = (stored[key] for key in _OF_RAMPS)
                pedestal, apart, correlated = (stored[key][:, 0] for key in _OF_GROUPS)
                own = parity + correlated
                own = own + (amplifier + apart)[..., None] + (ramp + pedestal)[:, None, None]
                found["offsets"].append(own)
                found["rays"].append(stored["cosmic_rays"])
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                path, f"holds no truth of this simulator ({error})", "simulate the exposure again"
            ) from error
    return found | {name: np.concatenate(found[name]) for name in ("offsets", "rays")}


def _spread_row(what, deviates, independent=True, share=1.0):
    """Return the standard deviation of normal deviates against 1, outliers beyond 6 left out.

    Of the deviates a `share` are degrees of freedom.
    """
    inside = deviates[np.abs(deviates) < 6]
    error = (2 * share * max(inside.size, 1)) ** -0.5 if independent else None
    return row(what, 1.0, inside.std(), error, "σ")


def superbias_pulls(reference, details, truth, classes, elapsed):
    """Return deviations of a superbias from the truth in units of its error, as normal deviates.

    Parameters
    ----------
    reference, details : darkroom.nircam.figures.inputs.Product
    truth : dict
        As from `read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    elapsed : float
        Seconds of dark current in a sample.

    Returns
    -------
    (ny, nx) float array
        The median of each amplifier, column parity and kind of pixel taken out: it belongs to
        the error that all pixels share. NaN for flagged pixels.
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


def compare_superbias(reference, details, truth, classes, elapsed):
    """Hold a superbias against the truth.

    Parameters are those of `superbias_pulls`.

    Returns
    -------
    list of dict
        See `row`: levels of amplifiers within the error their pixels share, offsets of ramps, the
        spread of single pixels' pulls, reset noise, and normal pixels that are flagged.
    """
    normal = ~(truth["hot"] | (truth["telegraph"] > 0) | truth["reference"])
    true = truth["bias"] + truth["dark_rate"] * elapsed
    found, dq = reference.image("SCI"), reference.image("DQ")
    seen = normal & (details.image("COUNT") > 0)  # not those that the mask takes out
    levels, rows = details.table("LEVELS"), []
    for a in range(classes.noutputs):
        here = normal & (dq == 0) & (classes.amplifier == a)
        # The parities of an amplifier share the offset of the ramp.
        error = levels["ERROR"].reshape(-1, 2)[a].mean() if levels else None
        label = f"superbias, level of amplifier {a}"
        rows.append(row(label, true[here].mean(), found[here].mean(), error, "DN"))
    pulls = superbias_pulls(reference, details, truth, classes, elapsed)
    for kind, where in (("active", normal), ("reference", truth["reference"])):
        chosen = pulls[where & np.isfinite(pulls)]
        if chosen.size:
            # Reference pixels share the 1/f noise of their few rows: it is in the scatter that
            # their errors come from, but the median takes it out here. Expect less than 1.
            label = f"superbias, pulls of {kind} pixels"
            rows.append(_spread_row(label, chosen, independent=kind == "active"))
    rows += _of_offsets(details, truth) + _of_reset(details, truth, classes)
    return [*rows, row("superbias, normal pixels flagged", 0, (dq[seen] != 0).mean(), None, "")]


def _of_offsets(details, truth):
    """Compare the offsets of ramps, which are relative to their mean over the ramps."""
    table, hidden = details.table("OFFSETS"), truth["offsets"]
    if not table:
        return []
    found, error = (table[name].reshape(hidden.shape) for name in ("OFFSET", "ERROR"))
    hidden = hidden - hidden.mean(axis=0)
    number = len(hidden)
    rows = []
    for a in range(hidden.shape[1]):
        true, measured = (np.sqrt((x[:, a] ** 2).sum() / 2 / (number - 1)) for x in (hidden, found))
        # The quoted error is that of a deviation from the mean, which is less by this factor.
        single = error[:, a].mean() * np.sqrt(number / (number - 1))
        apart = single / np.sqrt(2 * (number - 1))
        label = f"superbias, offsets of ramps, rms, amplifier {a}"
        rows.append(row(label, true, measured, apart, "DN"))
    # Deviations of a class add up to zero: of N ramps N - 1 are independent.
    pulls = (found - hidden) / error
    label = "superbias, pulls of offsets of ramps"
    return [*rows, _spread_row(label, pulls.ravel(), share=(number - 1) / number)]


def _of_reset(details, truth, classes):
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


def readnoise_pulls(details, true, classes):
    """Return deviations of a read noise from the truth as normal deviates.

    Parameters
    ----------
    details : darkroom.nircam.figures.inputs.Product
        Of method ``line``.
    true : (ny, nx) array
        Noise of one read, DN.
    classes : darkroom.nircam.ramps.classes.Classes

    Returns
    -------
    (ny, nx) float array
        By the chi-square law of the variances. The ratio to the truth is taken out row by row and
        amplifier by amplifier: what reference pixels leave of the 1/f noise is that of rows, and
        predicted only roughly. NaN for flagged pixels.
    """
    nu = np.maximum(details.image("NU"), 1)
    ratio = (details.image("SINGLE") / true) ** 2
    ratio[details.image("DQ") != 0] = np.nan
    relative = ratio / (stats.chi2.median(nu) / nu)
    for a in range(classes.noutputs):
        columns = classes.amplifier == a
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # rows of flagged pixels alone
            ratio[:, columns] /= np.nanmedian(relative[:, columns], axis=1, keepdims=True)
    return stats.norm.ppf(stats.chi2.cdf(ratio * nu, nu))


def compare_readnoise(reference, details, truth, classes, correlated):
    """Hold a read noise against the truth.

    Parameters
    ----------
    reference, details : darkroom.nircam.figures.inputs.Product
    truth : dict
        As from `read_truth`.
    classes : darkroom.nircam.ramps.classes.Classes
    correlated : float or (ny, nx) array
        Variance of the noise that reference pixels leave in one group and bring into it, DN².

    Returns
    -------
    list of dict
        See `row`: noise of one read by amplifier, the spread of single pixels' pulls, and of method
        ``line`` the shares of cosmic rays and telegraph pixels found.
    """
    true = np.sqrt(truth["read_noise"] ** 2 + correlated)
    normal = ~(truth["hot"] | (truth["telegraph"] > 0) | truth["reference"])
    single, rows = reference.image("SCI") / np.sqrt(2), []
    for a in range(classes.noutputs):
        here = normal & (classes.amplifier == a) & np.isfinite(single)
        label = f"read noise of one read, amplifier {a}"
        # Roots of mean variances: the median of noisy estimates is too small.
        levels = (np.sqrt(np.mean(np.square(noise[here], dtype=float))) for noise in (true, single))
        rows.append(row(label, *levels, None, "DN"))
    if "SINGLE" not in details:
        return rows
    pulls = readnoise_pulls(details, true, classes)
    # With 1/f noise left in them the pixels of a row share a part of their noise.
    chosen = pulls[normal & np.isfinite(pulls)]
    rows.append(_spread_row("read noise, pulls of pixels", chosen, not np.any(correlated)))
    flagged = details.image("DQ") & 6 > 0  # NOISY, TELEGRAPH
    clear = truth["telegraph"] > CLEAR_TELEGRAPH * true
    if clear.any():
        label = f"read noise, telegraph noise above {CLEAR_TELEGRAPH:g} σ flagged"
        rows.append(row(label, 1, flagged[clear].mean(), None, ""))
    rows.append(row("read noise, normal pixels flagged", 0, flagged[normal].mean(), None, ""))
    return rows + _of_rays(details, truth, true, normal)


def _of_rays(details, truth, true, normal):
    """Return the share of clear cosmic rays between two groups that were found."""
    rays = truth["rays"]
    place = (rays["y"], rays["x"])
    clear = (rays["group"] > 0) & (rays["charge"] > CLEAR_RAY * true[place]) & normal[place]
    if not clear.any():
        return []
    hits = np.zeros(true.shape, int)
    np.add.at(hits, (rays["y"][clear], rays["x"][clear]), 1)
    share = np.minimum(hits, details.image("NJUMPS")).sum() / hits.sum()
    return [row(f"read noise, cosmic rays above {CLEAR_RAY:g} σ found", 1, share, None, "")]
