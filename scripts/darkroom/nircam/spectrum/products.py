"""The noise spectrum as FITS tables and CSV."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.atomic import write_text
from darkroom.nircam import products
from darkroom.nircam.spectrum.model import PIVOT
from darkroom.nircam.spectrum.numbers import model_spectra, pedestal_noise, pedestal_spectrum
from darkroom.nircam.spectrum.units import units_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from astropy.io import fits

    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.spectrum.measure import Spectrum

_DENSITY = "DN2/Hz"
_UNITS = {
    "white": _DENSITY,
    "own": _DENSITY,
    "alternating": _DENSITY,
    "common": _DENSITY,
    "excess": _DENSITY,
    "excess_knee": "Hz",
}
_MEANING = {
    "gain": "gain of the amplifier for the common noise; geometric mean 1",
    "common": f"common 1/f noise at {PIVOT['common']:g} Hz",
    "common_index": "index of the common 1/f noise",
    "excess": "low-frequency excess of the common noise, DN2 of A/f",
    "excess_knee": "frequency above which the excess falls as f^-3",
    "white": "white noise",
    "own": f"1/f noise of the amplifier at {PIVOT['own']:g} Hz",
    "own_index": "index of the amplifier's 1/f noise",
    "alternating": f"alternating-column noise {PIVOT['alternating']:g} Hz from half the pixel rate",
    "alternating_index": "index of the alternating-column noise",
}


def bin_rows(spectrum: Spectrum) -> list[dict[str, Any]]:
    """Return a row for each bin: measured spectra, their common and own part, the model, DN²/Hz."""
    found = spectrum
    parts = model_spectra(found.fit, found.frequency, found.grid.half_rate)
    gains = found.fit.layout.gains(found.fit.values)
    rows = []
    for k, frequency in enumerate(found.frequency):
        row = {
            "frequency": float(frequency),
            "low": float(found.grid.edges[k]),
            "high": float(found.grid.edges[k + 1]),
            "values": int(found.counts[k]),
            "common": float(found.common[k]),
            "common_error": float(found.common_error[k]),
            "common_model": float(parts["common"][k]) if len(gains) > 1 else np.nan,
        }
        for place, a in enumerate(found.amplifiers):
            own = sum(float(parts[name][place, k]) for name in ("white", "own", "alternating"))
            row |= {
                f"total_{a}": float(found.matrix[k, place, place].real),
                f"total_error_{a}": float(found.matrix_error[k, place]),
                f"total_model_{a}": own + float(gains[place] ** 2 * parts["common"][k]),
                f"own_{a}": float(found.own[k, place]),
                f"own_error_{a}": float(found.own_error[k, place]),
                f"own_model_{a}": own,
            }
        row |= {
            f"cross_{part}_{a}{b}": float(getattr(found.matrix[k, i, j], name))
            for i, a in enumerate(found.amplifiers)
            for j, b in enumerate(found.amplifiers)
            if i < j
            for part, name in (("real", "real"), ("imag", "imag"))
        }
        rows.append(row)
    return rows


def parameter_rows(spectrum: Spectrum) -> list[dict[str, Any]]:
    """Return a row for each parameter of the fit: value, error, unit, meaning."""
    fit, rows = spectrum.fit, []
    gains, errors = fit.gains()
    for a, gain, error in zip(spectrum.amplifiers, gains, errors, strict=True):
        rows.append(_parameter("gain", a, gain, error))
    for name in fit.layout.names:
        if name.startswith("gain"):
            continue
        kind, _, place = name.rpartition("_")
        of_amplifier = place.isdigit()
        amplifier = spectrum.amplifiers[int(place)] if of_amplifier else -1
        rows.append(_parameter(kind if of_amplifier else name, amplifier, *fit.get(name)))
    return rows


def _parameter(name, amplifier, value, error):
    return {
        "parameter": name,
        "amplifier": amplifier,
        "value": float(value),
        "error": float(error),
        "unit": _UNITS.get(name, ""),
        "meaning": _MEANING[name],
    }


def derived_rows(spectrum: Spectrum, derived: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """Return a row for each amplifier: the derived quantities of `numbers.numbers`."""
    return [
        {"amplifier": a}
        | {name: float(values[place]) for name, values in derived.items()}
        | {"weak": float(spectrum.weak[place]), "weak_error": float(spectrum.weak_error[place])}
        | {"parseval": float(spectrum.parseval[place]), "kept": float(spectrum.kept[place])}
        for place, a in enumerate(spectrum.amplifiers)
    ]


def pedestal_rows(spectrum: Spectrum) -> list[dict[str, Any]]:
    """Return a row for each frame: level of each amplifier above that of the ramp's first frame."""
    return [
        {"ramp": ramp, "group": group}
        | {f"level_{a}": float(v) for a, v in zip(spectrum.amplifiers, values, strict=True)}
        for ramp, levels in enumerate(spectrum.pedestals)
        for group, values in enumerate(levels)
    ]


@dataclass(frozen=True)
class MeasuredFrom:
    """What a noise spectrum was measured from.

    Parameters
    ----------
    detector, subarray : str
    files, ramps : int
        Number of exposures and of integrations.
    group_time : float
        Time from group to group, s.
    units : astropy.io.fits.BinTableHDU
        Table UNITS.
    """

    detector: str
    subarray: str
    files: int
    ramps: int
    group_time: float
    units: fits.BinTableHDU

    @classmethod
    def from_ramps(cls, spectrum: Spectrum, ramps: RampSet) -> MeasuredFrom:
        """Return what says of the ramps of a spectrum what its product holds."""
        layout = ramps.readout
        return cls(
            layout.detector,
            layout.subarray,
            len(ramps.files),
            len(ramps.ramps),
            group_time(ramps),
            units_table(spectrum, ramps),
        )


def group_time(ramps: RampSet) -> float:
    """Return the time from group to group of the first exposure, s."""
    header = ramps.files[0].header
    frames = int(header.get("NFRAMES") or 1)
    return float(header.get("TGROUP") or ramps.readout.frame_time * frames)


def hdus(
    spectrum: Spectrum, derived: dict[str, np.ndarray], measured: MeasuredFrom
) -> list[fits.PrimaryHDU | fits.ImageHDU | fits.BinTableHDU]:
    """Return the HDUs of the product, without its provenance.

    Parameters
    ----------
    spectrum : darkroom.nircam.spectrum.measure.Spectrum
        The measured spectrum.
    derived : dict
        Result of `darkroom.nircam.spectrum.numbers.numbers`.
    measured : MeasuredFrom
    """
    fit = spectrum.fit
    common, own, count = pedestal_noise(spectrum.pedestals)
    cards = (
        ("INSTRUME", "NIRCAM", "instrument"),
        ("DETECTOR", measured.detector, "detector"),
        ("SUBARRAY", measured.subarray, "subarray"),
        ("NFRAMES", spectrum.nframes, "frames averaged in a group"),
        ("NFILES", measured.files, "exposures"),
        ("NRAMPS", measured.ramps, "integrations"),
        ("DOF", round(spectrum.dof, 3), "degrees of freedom of all"),
        ("NAMPS", len(spectrum.amplifiers), "amplifiers measured"),
        ("TFRAME", spectrum.grid.frame_time, "[s] frame time"),
        ("FNYQUIST", spectrum.grid.half_rate, "[Hz] half the pixel rate"),
        ("FLOWEST", fit.lowest_frequency, "[Hz] lowest frequency of the fit"),
        ("EXCESS", fit.layout.excess, "low-frequency excess in the fit"),
        ("CHI2", fit.chi2, "of the auto spectra about the fit"),
        ("CHI2DOF", fit.dof, "bins - parameters"),
        ("PEDCOM", common, "[DN] scatter of frames, mean of amplifiers"),
        ("PEDOWN", own, "[DN] scatter of frames, amplifier about it"),
        ("PEDN", count, "differences of frames for these"),
    )
    primary = products.primary(cards)
    rows = bin_rows(spectrum)
    units = dict.fromkeys(rows[0], _DENSITY) | dict.fromkeys(("frequency", "low", "high"), "Hz")
    units |= {"values": None}
    hertz = {"knee": "Hz", "parseval": None, "kept": None, "amplifier": None}
    hertz |= dict.fromkeys(("weak", "weak_error"), "DN2")
    numbers = derived_rows(spectrum, derived)
    levels = pedestal_rows(spectrum)
    tables = [
        products.table("SPECTRUM", rows, units),
        products.table("FIT", parameter_rows(spectrum)),
        products.table("NUMBERS", numbers, dict.fromkeys(numbers[0], "DN") | hertz),
        products.table("PEDESTAL", levels, {key: "DN" for key in levels[0] if "level" in key}),
    ]
    slow = pedestal_spectrum(spectrum.pedestals, measured.group_time)
    units = dict.fromkeys(("common", "own"), _DENSITY) | {"frequency": "Hz"}
    tables.append(products.table("PEDESTAL_PSD", slow, units))
    if spectrum.lines:
        units = {"frequency": "Hz", "rms": "DN"}
        tables.append(products.table("LINES", spectrum.lines, units))
    tables.append(measured.units)
    covariance = products.image("COVARIANCE", fit.covariance.astype(np.float64))
    covariance.header["COMMENT"] = f"of {', '.join(fit.layout.names)}; logarithms but for indices"
    return [primary, *tables, covariance]


def write_csv(path: StrPath, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows with the same keys as CSV, numbers to 7 digits."""
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({k: f"{v:.7g}" if isinstance(v, float) else v for k, v in row.items()})
    write_text(path, text.getvalue())
