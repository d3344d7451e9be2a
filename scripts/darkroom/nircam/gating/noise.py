"""The gates of noise spectrum and reference pixels: what is judged, and the effects that matter."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.gates import gate as make
from darkroom.gates import units as unit_tables
from darkroom.gates.gate import Words, exact
from darkroom.gates.harms import of_product
from darkroom.gates.standard import (
    Statistic,
    column,
    set_gates,
    unit_gates,
    with_harms,
    written_gates,
)
from darkroom.gates.units import Units
from darkroom.nircam.gating.harms import HARMS
from darkroom.nircam.spectrum.units import BANDS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

_NOISE, _REFERENCE = (of_product(HARMS, name) for name in ("noise_spectrum", "reference_pixels"))
_LABEL = {
    "ln_slow": "noise below 100 Hz",
    "ln_knee": "noise from 100 Hz to 1 kHz",
    "ln_above": "noise from 1 to 10 kHz",
    "ln_white": "white noise",
}
SPECTRUM = (
    *(
        Statistic.of(
            _NOISE["white" if name == "ln_white" else "slow"], _LABEL[name], "ln variance",
            "ln of the mean power of a ramp in the band", column(name),
        )
        for name in BANDS
    ),
    Statistic.of(_NOISE["coherence"], "coherence with the other amplifiers", "", "mean coherence "
                 "with the others below 100 Hz", column("coherence")),
)  # fmt: skip
REFERENCE_PIXELS = (
    Statistic.of(_REFERENCE["level"], "active minus reference level", "DN", "active minus "
                 "reference pixels in group 0", column("active", minus="reference")),
)  # fmt: skip
# Share of the reference pixels of an amplifier that may be bad, and of the integral of a spectrum
# that may be missing.
_BAD, _PARSEVAL = 0.25, 0.01
# Chance that the scatters of two amplifiers differ as much.
_CHANCE = 1e-4
_UNKNOWN = (
    "the noise spectrum of these ramps does not tell the noise below 8 Hz, so that the scatter of "
    "perfect reference pixels is not known"
)


def noise_spectrum(
    path: StrPath,
    readnoise: StrPath | None,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
) -> list[Gate]:
    """Return the gates of a noise spectrum.

    Parameters
    ----------
    path : path-like
        The product, with the table UNITS.
    readnoise : path-like or None
        Read noise of the same ramps.
    expected : collection of str or None
        Exposures that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    from astropy.io import fits

    units = unit_tables.read(path)
    if units is None:
        return []
    with fits.open(path) as hdus:
        bins = unit_tables.columns_of(hdus["SPECTRUM"])
        numbers = unit_tables.rows_of(hdus["NUMBERS"])
        lines = unit_tables.rows_of(hdus["LINES"]) if "LINES" in hdus else []
    gates = set_gates(units, expected)
    worst = max(abs(float(row["PARSEVAL"])) for row in numbers)
    gates.append(
        exact("power of the spectrum", "power", "the integral of the spectrum is the variance of "
              "the residuals", f"they differ by {100 * worst:.3g} %" if worst > _PARSEVAL else "",
              "power is lost or counts twice")
    )  # fmt: skip
    gates += unit_gates(units, with_harms(SPECTRUM, harms))
    gates += _as_written(units, bins, harms)
    gates += _against_read_noise(numbers, readnoise, harms)
    return gates + _lines(lines, harms)


def _as_written(units, bins, harms):
    """Return the gates of the bins as they are written against those of the ramps."""
    frequency, width = bins["FREQUENCY"], bins["HIGH"] - bins["LOW"]
    gates = []
    lower = 0.0
    for name, upper in BANDS.items():
        values, names = [], []
        for k, a in enumerate(units.amplifiers):
            here = (frequency >= lower) & (frequency < upper) & np.isfinite(bins[f"TOTAL_{a}"])
            if here.any():
                power = np.average(bins[f"TOTAL_{a}"][here], weights=width[here])
                values.append(units.values[name][:, k] - math.log(power))
                names.append(f"amplifier {a}, {_LABEL[name]}")
        lower = upper
        if not values:
            continue
        # The file is corrected for gaps and for lines, the ramps are not: in white noise that is
        # within 1 %, where noise is steep 20 %.
        white = name == "ln_white"
        gates += written_gates(
            np.stack(values, axis=1), names,
            _NOISE["written" if white else "scale"], harms,
            tolerance=0.01 if white else 0.2, expected=0.0,
            measured="ln of the power of a ramp in the band over that of the file",
        )  # fmt: skip
    return gates


def _against_read_noise(numbers, readnoise, harms):
    """Return the gates of the noise of two reads, from the spectrum and from the read noise."""
    if readnoise is None:
        return []
    from astropy.io import fits

    with fits.open(readnoise) as hdus:
        image = np.array(hdus["SCI"].data, float)
    typical = 2 * math.log(float(np.nanmedian(image[image > 0])))
    words = Words(
        "size", "scale", "ln variance", "ln of the variance of two reads, of the spectrum over "
        "that of the read noise", _NOISE["scale"].size(harms), _NOISE["scale"].reason,
    )  # fmt: skip
    found = []
    for row in numbers:
        ratio = 2 * math.log(row["CDS"]) - typical
        error = max(2 * float(row["CDS_ERROR"] / row["CDS"]), 0.01)
        found.append(
            # Read noise is without the slow noise that a line through the groups takes away.
            make.counted(words, f"spectrum and read noise: amplifier {row['AMPLIFIER']}",
                         "both give the noise of two reads", ratio, error, tolerance=(-0.1, 0.15))
        )  # fmt: skip
    return found


def _lines(lines, harms):
    """Return the gates of spectral lines: interference, or a clock that is not the assumed one."""
    words = Words("line", "line", "DN", "amplitude of a spectral line", _NOISE["line"].size(harms),
                  _NOISE["line"].reason)  # fmt: skip
    # A line is taken for one when its chance is below 1e-7, five deviations.
    return [
        make.counted(words, f"line at {line['FREQUENCY']:.6g} Hz", "no interference",
                     line["RMS"], line["RMS"] / 5, question="changed")
        for line in lines
    ]  # fmt: skip


def reference_pixels(
    path: StrPath, expected: Collection[str] | None, harms: Mapping[str, float]
) -> list[Gate]:
    """Return the gates of the stability of reference pixels; parameters as of `noise_spectrum`."""
    from astropy.io import fits

    with fits.open(path) as hdus:
        ramps = unit_tables.columns_of(hdus["RAMPS"])
        scatter, instability = (
            unit_tables.rows_of(hdus[name]) if name in hdus else []
            for name in ("SCATTER", "INSTABILITY")
        )
        bad, sigma = (np.array(hdus[name].data) for name in ("BAD_REF_PIXEL", "SIGMA"))
    units = reference_units(ramps)
    gates = [*set_gates(units, expected), _own(units)]
    share = float((bad[np.isfinite(sigma)] > 0).mean()) if np.isfinite(sigma).any() else 0.0
    gates.append(
        exact("bad reference pixels", "bad", f"{100 * (1 - _BAD):g} % of the reference pixels are "
              "good", f"{100 * share:.3g} % are bad" if share > _BAD else "",
              "a correction by the rest is noisier, or that of other rows")
    )  # fmt: skip
    gates += unit_gates(units, with_harms(REFERENCE_PIXELS, harms))
    return gates + _instability(instability, scatter, harms)


def reference_units(ramps: Mapping[str, np.ndarray]) -> Units:
    """Return the units of a reference-pixel product from its table RAMPS.

    Parameters
    ----------
    ramps : dict of arrays
        Its columns: one row a ramp and amplifier.
    """
    amplifiers = sorted({int(a) for a in ramps["AMPLIFIER"]})
    count = len(amplifiers)
    first = {name: column[::count] for name, column in ramps.items()}
    values = {name.lower(): np.array(ramps[name], float).reshape(-1, count)
              for name in ("ACTIVE", "REFERENCE")}  # fmt: skip
    return Units(
        exposure=[str(name) for name in first["FILE"]],
        integration=np.array(first["INTEGRATION"], int),
        mjd=np.array(first["MJD"], float),
        temperature=np.full(len(first["RAMP"]), np.nan),
        amplifiers=amplifiers,
        values=values,
    )


def _own(units: Units) -> Gate:
    """Return the gate that reference pixels follow their own amplifier, not another."""
    active, reference = units.values["active"], units.values["reference"]
    fault, n = "", len(units)
    limit = float(special.fdtri(n - 1, n - 1, 1 - _CHANCE)) if n > 1 else math.inf
    for k, a in enumerate(units.amplifiers):
        scatter = (active[:, k : k + 1] - reference).var(axis=0)
        best = int(np.argmin(scatter))
        if scatter[k] > limit * scatter[best]:
            fault = f"those of amplifier {units.amplifiers[best]} follow amplifier {a} better"
    return exact("own amplifier", "swapped", "the reference pixels of an amplifier follow its own "
                 "active pixels best", fault, "the correction of an amplifier by that of "
                 "another")  # fmt: skip


def _instability(rows, scatter, harms):
    """Return the gates of the scatter of active minus reference, against that of the spectrum."""
    own = [float(row["VALUE"]) for row in scatter if row["NAME"] == "pedestal of an amplifier"]
    words = Words(
        "instability", "instability", "DN", "scatter from frame to frame of active minus reference "
        "pixels, beyond that which the noise spectrum predicts",
        _REFERENCE["instability"].size(harms, own[0] if own else 10.0),
        _REFERENCE["instability"].reason,
    )  # fmt: skip
    null = "reference pixels follow the active ones"
    found = []
    for row in rows:
        name = f"instability of amplifier {row['AMPLIFIER']}"
        value, predicted = float(row["VALUE"]), float(row["PREDICTED"])
        if not (row["JUDGED"] and value > 0 and predicted > 0):
            found.append(make.blind(words, name, null, _UNKNOWN))
            continue
        # Of few ramps the prediction is known to a third. One that is too small makes a difference
        # too large and its error too small; the errors of a ratio are alike either way.
        ratio = replace(
            words, unit="ln scatter", harm=math.log1p(words.harm / predicted),
            measured="ln of the scatter from frame to frame of active minus reference pixels over "
            "that which the noise spectrum predicts",
            reason=f"{words.reason}: {words.harm:.3g} DN more than is predicted",
        )  # fmt: skip
        error = math.hypot(row["ERROR"] / value, row["PREDICTED_ERROR"] / predicted)
        if error > 0 and math.isfinite(error):
            excess = max(math.log(value / predicted), 0.0)
            found.append(make.counted(ratio, name, null, excess, error))
    return found
