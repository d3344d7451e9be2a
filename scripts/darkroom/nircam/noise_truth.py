"""Comparison of the noise products of simulated darks with the truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.nircam.detector.patterns import PATTERNS
from darkroom.nircam.detector.readout import PIXEL_TIME
from darkroom.nircam.spectrum.model import PIVOT
from darkroom.report.truth_rows import row

if TYPE_CHECKING:
    from darkroom.nircam.figures.inputs import Product


def true_parameters(
    full: dict[str, Any], coupling: np.ndarray, frame_time: float
) -> dict[tuple[str, int], float]:
    """Return the true values of the parameters of the fit that the simulator defines.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator with ``noise_sampling`` ``tick``, and ``nframes``, the
        number of frames averaged in a group.
    coupling : (namplifiers,) array
        Coupling of each amplifier to the common noise.
    frame_time : float
        Time from group to group, s, for the shot noise of the dark current.

    Returns
    -------
    dict
        ``{(parameter, amplifier): value}`` as in the product; amplifier -1 for common parameters.
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
    shot = full["dark"] * frame_time / full["gain"] ** 2 * _walk_residual(full["ngroups"])
    # Rounding adds 1/12 DN² to a group.
    whites = np.resize(full["white"], count) ** 2 + full["nframes"] / 12 + shot
    for a in range(count):
        true["white", a] = whites[a] / half_rate
        true["own", a] = own["amplitude"] * PIVOT["own"] ** -own["index"]
        if count == 1:
            # Common noise cannot be separated from that of the amplifier.
            seen = coupling[a] ** 2 * common["amplitude"]
            true["own", a] += seen * PIVOT["own"] ** -common["index"]
        true["alternating", a] = (
            alternating["amplitude"] * PIVOT["alternating"] ** -alternating["index"]
        )
        true["alternating_index", a] = alternating["index"]
        if count > 1 or own["index"] == common["index"]:
            true["own_index", a] = own["index"]
    return true


def _walk_residual(ngroups):
    """Return the residual variance of a random walk after a straight-line fit.

    Mean square per degree of freedom, for a walk with steps of variance 1.
    """
    place = np.arange(ngroups)
    walk = np.minimum.outer(place, place).astype(float)
    design = np.stack([np.ones(ngroups), place], axis=1)
    residual = np.eye(ngroups) - design @ np.linalg.pinv(design)
    return float(np.trace(residual @ walk) / (ngroups - 2))


def compare_spectrum(product: Product, true: dict[tuple[str, int], float]) -> list[dict[str, Any]]:
    """Compare the fit of a noise spectrum with the truth.

    Parameters
    ----------
    product : darkroom.nircam.figures.inputs.Product
        Noise spectrum, written by ``noise_spectrum.py``.
    true : dict
        Result of `true_parameters`.

    Returns
    -------
    list of dict
        Rows as of `darkroom.report.truth_rows.row`.
    """
    table, rows = product.table("FIT"), []
    columns = ("PARAMETER", "AMPLIFIER", "VALUE", "ERROR", "UNIT")
    for name, a, value, error, unit in zip(*(table[c] for c in columns), strict=True):
        if (key := (str(name), int(a))) in true:
            what = str(name).replace("_", " ") + (f", amplifier {a}" if a >= 0 else "")
            rows.append(row(what, true[key], value, float(error), str(unit)))
    return rows


def compare_reference_pixels(
    product: Product, full: dict[str, Any], namplifiers: int
) -> list[dict[str, Any]]:
    """Compare pedestals of frames and the stability of reference pixels with the truth.

    Parameters
    ----------
    product : darkroom.nircam.figures.inputs.Product
        Reference-pixel product, written by ``reference_pixels.py``.
    full : dict
        Complete settings of the simulator.
    namplifiers : int
        Number of amplifiers.

    Returns
    -------
    list of dict
        Rows as of `darkroom.report.truth_rows.row`.
    """
    # A group that is the mean of frames has the mean of their pedestals.
    frames = np.sqrt(PATTERNS[full["readpatt"]][0])
    common, own = (full[f"{name}pedestal_rms"] / frames for name in ("", "amplifier_"))
    true = {
        "common pedestal": np.hypot(common, own / np.sqrt(namplifiers)),
        "pedestal of an amplifier": own,
    }
    table, rows = product.table("SCATTER"), []
    for name, value, error in zip(table["NAME"], table["VALUE"], table["ERROR"], strict=True):
        if str(name) in true:
            what = f"group to group, {name}"
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
