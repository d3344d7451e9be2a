"""Noise products of simulated darks held against what was put into them."""

from __future__ import annotations

import numpy as np

from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum.model import PIVOT
from darkroom.report.truth_rows import row


def true_parameters(full, coupling, frame_time):
    """Return the true value of every parameter of the fit that the simulator has.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator; noise of every pixel, not of rows.
    coupling : (namplifiers,) array
        What each amplifier sees of the common noise.
    frame_time : float
        Time from frame to frame, s.

    Returns
    -------
    dict
        ``{(parameter, amplifier): value}`` as in the product; amplifier -1 for what is common.
    """
    count, half_rate = len(coupling), 0.5 / PIXEL_TIME
    mean = np.exp(np.log(coupling).mean())
    common, own, alternating = (full[law] for law in ("common", "amplifier", "alternating"))
    true = {}
    if count > 1:
        true["common", -1] = mean**2 * common["amplitude"] * PIVOT["common"] ** -common["index"]
        true["common_index", -1] = common["index"]
        true |= {("gain", a): coupling[a] / mean for a in range(count)}
        true["excess", -1] = mean**2 * common["excess"]
        true["excess_knee", -1] = common["knee_hz"]
    shot = full["dark"] * frame_time / full["gain"] ** 2 * _walk_left(full["ngroups"])
    # Rounding adds 1/12 DN² to a group.
    whites = np.resize(full["white"], count) ** 2 + full["nframes"] / 12 + shot
    for a in range(count):
        true["white", a] = whites[a] / half_rate
        true["own", a] = own["amplitude"] * PIVOT["own"] ** -own["index"]
        if count == 1:
            # Common noise cannot be told from its own.
            seen = coupling[a] ** 2 * common["amplitude"]
            true["own", a] += seen * PIVOT["own"] ** -common["index"]
        true["alternating", a] = (
            alternating["amplitude"] * PIVOT["alternating"] ** -alternating["index"]
        )
        true["alternating_index", a] = alternating["index"]
        if count > 1 or own["index"] == common["index"]:
            true["own_index", a] = own["index"]
    return true


def _walk_left(ngroups):
    """Return what a straight line leaves of a random walk: mean square per degree of freedom."""
    place = np.arange(ngroups)
    walk = np.minimum.outer(place, place).astype(float)
    design = np.stack([np.ones(ngroups), place], axis=1)
    left = np.eye(ngroups) - design @ np.linalg.pinv(design)
    return float(np.trace(left @ walk) / (ngroups - 2))


def compare_spectrum(product, true):
    """Return rows of the table of truths: the fit of a noise spectrum.

    Parameters
    ----------
    product : darkroom.nircam.figures.inputs.Product
        What ``noise_spectrum.py`` wrote.
    true : dict
        Of `true_parameters`.
    """
    table, rows = product.table("FIT"), []
    columns = ("PARAMETER", "AMPLIFIER", "VALUE", "ERROR", "UNIT")
    for name, a, value, error, unit in zip(*(table[c] for c in columns), strict=True):
        if (key := (str(name), int(a))) in true:
            what = str(name).replace("_", " ") + (f", amplifier {a}" if a >= 0 else "")
            rows.append(row(what, true[key], value, float(error), str(unit)))
    return rows


def compare_reference_pixels(product, full, namplifiers):
    """Return rows of the table of truths: pedestals of frames, stability of reference pixels.

    Parameters
    ----------
    product : darkroom.nircam.figures.inputs.Product
        What ``reference_pixels.py`` wrote.
    full : dict
        Complete settings of the simulator.
    namplifiers : int
    """
    common, own = full["pedestal_rms"], full["amplifier_pedestal_rms"]
    true = {
        "common pedestal": np.hypot(common, own / np.sqrt(namplifiers)),
        "pedestal of an amplifier": own,
    }
    table, rows = product.table("SCATTER"), []
    for name, value, error in zip(table["NAME"], table["VALUE"], table["ERROR"], strict=True):
        if str(name) in true:
            what = f"frame to frame, {name}"
            rows.append(row(what, true[str(name)], value, float(error), "DN"))
    table = product.table("INSTABILITY")
    for k, a in enumerate(table.get("AMPLIFIER", ())):
        if not table["JUDGED"][k]:
            continue
        what = f"instability of perfect reference pixels, amplifier {a}"
        found = table["VALUE"][k]
        error = float(np.hypot(table["ERROR"][k], table["PREDICTED_ERROR"][k]))
        rows.append(row(what, table["PREDICTED"][k], found, error, "DN"))
    return rows
