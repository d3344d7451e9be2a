"""Table UNITS of a noise spectrum: the noise of every ramp in four bands, and what is common."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from darkroom.gates import units as unit_tables
from darkroom.nircam.superbias.units import of_ramps

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.spectrum.measure import Spectrum

#: Upper edges of the bands, Hz: frames and rows, the knee of 1/f noise, above it, white noise.
BANDS = {"ln_slow": 100.0, "ln_knee": 1000.0, "ln_above": 10000.0, "ln_white": np.inf}
#: Columns: ln of the mean power of an amplifier in each band, its coherence with the others in the
#: lowest one.
COLUMNS = dict.fromkeys((*BANDS, "coherence"), "")


def units_table(spectrum: Spectrum, ramps: RampSet) -> fits.BinTableHDU:
    """Return the table UNITS: one row a ramp and amplifier.

    Parameters
    ----------
    spectrum : darkroom.nircam.spectrum.measure.Spectrum
    ramps : RampSet
        Those it was measured from.
    """
    return table_of(spectrum, of_ramps(ramps, len(spectrum.amplifiers), {}))


def table_of(spectrum: Spectrum, units: unit_tables.Units) -> fits.BinTableHDU:
    """Return the table UNITS of a spectrum whose ramps are given, without their values."""
    values = band_values(spectrum.by_ramp, spectrum.frequency, np.diff(spectrum.grid.edges))
    units = replace(units, amplifiers=list(spectrum.amplifiers), values=values)
    return unit_tables.table(units, "", numbers=COLUMNS)


def band_values(
    matrices: np.ndarray, frequency: np.ndarray, width: np.ndarray
) -> dict[str, np.ndarray]:
    """Return the columns of the table from cross spectra.

    Parameters
    ----------
    matrices : (nramps, m, n, n) array
        Cross spectra of n amplifiers in m bins, DN²/Hz.
    frequency, width : (m,) arrays
        Of the bins, Hz.

    Returns
    -------
    dict of (nramps, n) arrays
        NaN in a band without a bin.
    """
    matrices = np.asarray(matrices)
    n = matrices.shape[2]
    found, lower, slow = {}, 0.0, None
    for name, upper in BANDS.items():
        here = (frequency >= lower) & (frequency < upper)
        lower = upper
        if not here.any():
            found[name] = np.full((len(matrices), n), np.nan)
            continue
        known = np.isfinite(matrices[0][:, 0, 0]) & here
        mean = np.einsum("m,rmab->rab", width[known] / width[known].sum(), matrices[:, known])
        slow = mean if name == "ln_slow" else slow
        with np.errstate(invalid="ignore", divide="ignore"):
            found[name] = np.log(np.diagonal(mean, 0, 1, 2).real)
    found["coherence"] = _coherence(slow, (len(matrices), n))
    return found


def _coherence(mean, shape):
    """Return the mean coherence of each amplifier with the others; NaN where it is alone."""
    if mean is None or shape[1] < 2:
        return np.full(shape, np.nan)
    power = np.diagonal(mean, 0, 1, 2).real
    alike = mean.real / np.sqrt(power[:, :, None] * power[:, None, :])
    return (alike.sum(axis=2) - 1) / (shape[1] - 1)
