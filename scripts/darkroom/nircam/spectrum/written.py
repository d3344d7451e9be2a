"""The fit of a noise spectrum, read from its file, and the errors that follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.nircam.spectrum.model import FittedModel, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.hints import StrPath
    from darkroom.nircam.detector.readout import Readout


def read_fit(path: StrPath, readout: Readout) -> FittedModel:
    """Read the fit of a noise spectrum.

    Parameters
    ----------
    path : path-like
        FITS file written by ``noise_spectrum.py``.
    readout : darkroom.nircam.detector.readout.Readout
        Readout of the exposures that it is used for.

    Raises
    ------
    InputError
        When it is no noise spectrum, of another detector or subarray, or lacks an amplifier.
    """
    try:
        with fits.open(path) as hdus:
            header, rows = hdus[0].header, hdus["FIT"].data
            known = {
                (str(row["PARAMETER"]), int(row["AMPLIFIER"])): float(row["VALUE"]) for row in rows
            }
            covariance = hdus["COVARIANCE"].data.astype(np.float64)
    except (OSError, KeyError) as error:
        raise InputError(path, f"is no noise spectrum ({error})") from error
    for card in ("DETECTOR", "SUBARRAY"):
        here = getattr(readout, card.lower())
        if header.get(card) != here:
            raise InputError(path, f"{card} is {header.get(card)}, the exposures' is {here}")
    count = sum(name == "white" for name, _ in known)
    if count != readout.noutputs:
        raise InputError(
            path,
            f"holds {count} amplifiers, {readout.noutputs} are needed",
            "the stability of reference pixels is measured only where all amplifiers work",
        )
    layout = Layout(count, ("excess", -1) in known)
    values = []
    for name in layout.names:
        kind, _, place = name.rpartition("_")
        value = known[(kind, int(place))] if place.isdigit() else known[(name, -1)]
        values.append(value if "_index" in name else np.log(value))
    return FittedModel(layout, np.array(values), covariance, float(header["FLOWEST"]))


def whole_fit(path: StrPath, readout: Readout) -> FittedModel | None:
    """Return the fit of a noise spectrum; None when an amplifier of the readout was not measured.

    Parameters
    ----------
    path, readout
        As of `read_fit`.
    """
    with fits.open(path) as hdus:
        measured = int(hdus[0].header["NAMPS"])
    return None if measured < readout.noutputs else read_fit(path, readout)


def propagated(fit: FittedModel, quantity: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return the error of a quantity, from the covariance of the fit: (n,) float64.

    Parameters
    ----------
    fit : darkroom.nircam.spectrum.model.FittedModel
    quantity : callable
        Given values of the parameters, returns it, (n,).
    """
    sigma = np.sqrt(np.diagonal(fit.covariance))
    # Undetermined parameters are varied by at most a factor of e.
    steps = np.clip(sigma, 1e-6, 1.0)
    slopes = [
        (quantity(fit.values + row) - quantity(fit.values - row)) / 2 for row in np.diag(steps)
    ]
    correlation = fit.covariance / np.outer(sigma, sigma)
    spread = np.einsum("ka,kl,la->a", slopes, np.nan_to_num(correlation), slopes)
    return np.sqrt(np.maximum(spread, 0))
