"""The gates of superbias and read noise: what is judged, and the effects that matter."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from scipy import special

from darkroom.errors import InputError, as_written
from darkroom.gates import gate as make
from darkroom.gates import planes
from darkroom.gates import units as unit_tables
from darkroom.gates.gate import Words, exact
from darkroom.gates.harms import of_product
from darkroom.gates.standard import (
    Statistic,
    column,
    level_gates,
    own_noise,
    set_gates,
    unit_gates,
    with_harms,
    written_gates,
)
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.frames import frames_per_group
from darkroom.nircam.gating.exposures import noise_slopes, superbias_slopes
from darkroom.nircam.gating.harms import HARMS
from darkroom.nircam.gating.levels import relative_to_file
from darkroom.nircam.gating.predict import DISAGREE, TRUST, believed, pixel_noise, scatter
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.spectrum.written import whole_fit

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.gates.units import Units
    from darkroom.hints import StrPath
    from darkroom.nircam.ramps.ramps import RampSet

_BIAS, _READ = (of_product(HARMS, name) for name in ("superbias", "readnoise"))


def _level(units: Units) -> np.ndarray:
    """Return active minus reference, or the level itself where there are no reference pixels."""
    reference = units.values["reference"]
    return units.values["active"] - np.nan_to_num(reference)


SUPERBIAS = (
    Statistic.of(_BIAS["level"], "level", "DN", "active minus reference pixels: what the "
                 "correction by reference pixels leaves", _level),
    Statistic.of(_BIAS["slow"], "gradient along the slow axis", "DN", "slope of the means of rows, "
                 "edge minus centre", column("slow")),
    Statistic.of(_BIAS["curvature"], "curvature along the slow axis", "DN", "quadratic term of the "
                 "means of rows, edge minus centre", column("curvature")),
    Statistic.of(_BIAS["parity"], "odd minus even columns", "DN", "mean of the odd minus that of "
                 "the even columns, active minus reference", lambda units: units.values["parity"]
                 - np.nan_to_num(units.values["reference_parity"])),
    Statistic.of(_BIAS["fast"], "gradient along the fast axis", "DN", "slope along the columns of "
                 "the amplifier, edge minus centre", column("fast")),
    Statistic.of(_BIAS["noise"], "noise", "ln variance", "ln of the variance of a ramp",
                 own_noise, changes=False),
    Statistic.of(_BIAS["slope"], "slope on the product", "", "slope of the pixels on those of the "
                 "product", column("slope"), changes=False),
)  # fmt: skip
READNOISE = (
    Statistic.of(_READ["noise"], "read noise", "ln variance", "ln of the variance of one read",
                 column("lnvar")),
)  # fmt: skip


def superbias(
    reference: StrPath,
    details: StrPath,
    ramps: RampSet,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
    spectrum: StrPath | None = None,
) -> list[Gate]:
    """Return the gates of a superbias.

    Parameters
    ----------
    reference, details : path-like
        Reference file, and file of details with the table UNITS.
    ramps : RampSet
        The exposures it was made of.
    expected : collection of str or None
        Exposures that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    spectrum : path-like, optional
        Noise spectrum of the same ramps: the scatter that it predicts counts as 20 ramps where the
        ramps agree with it.
    """
    image = _like(_image(reference), ramps, reference)
    slopes, names = superbias_slopes(image, ramps)
    predicted, disagrees = _predicted(details, ramps, spectrum)
    weight = TRUST if predicted else 0.0
    gates = _common(details, SUPERBIAS, expected, harms, predicted, weight)
    flagged = _image(reference, "DQ", np.int64) & int(Pixel.DO_NOT_USE) > 0
    gates += [*disagrees, _whole(image, "superbias")]
    gates.append(planes.flags(image, _image(reference, "ERR"), flagged))
    if _of_group0(details):
        gates += _levels_as_written(reference, image, details, ramps, harms)
    return gates + written_gates(
        slopes, names, _BIAS["written"], harms, tolerance=0.005,
        measured="slope of group 0 on the file",
    )  # fmt: skip


def readnoise(
    reference: StrPath,
    details: StrPath,
    ramps: RampSet,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
) -> list[Gate]:
    """Return the gates of a read noise; parameters as of `superbias`."""
    image = _like(_image(reference), ramps, reference)
    slopes, ratios, names = noise_slopes(image, ramps)
    gates = _common(details, READNOISE, expected, harms)
    gates.append(_whole(image, "read noise", above=0.0))
    gates += written_gates(
        slopes, names, _READ["written"], harms, tolerance=0.3,
        measured="slope of squared differences of two groups on the squared noise of the file",
    )  # fmt: skip
    # Differences hold slow noise that a line takes away, a line shot noise that the first
    # differences lack: 10 % of the variance.
    gates += written_gates(
        ratios, [f"{name}, size" for name in names], _READ["scale"], harms, tolerance=0.1,
        measured="ln of the variance of differences of two groups over that of the file",
        expected=0.0,
    )  # fmt: skip
    return gates


def _of_group0(details):
    """Whether the superbias is the mean of group 0, not what a line through the ramp begins with.

    Of a pedestal the light before group 0 was taken off: group 0 is above the file by that.
    """
    from astropy.io import fits

    history = [str(line) for line in fits.getheader(details).get("HISTORY", [])]
    return 'setting sample = "group0"' in history


def _levels_as_written(reference, image, details, ramps, harms):
    """Return the gates of levels, gradients and pixels of the file against those of its ramps."""
    units = unit_tables.read(details)
    if units is None or len(units) != len(ramps.ramps):
        return []
    found, stated, unlike, scatter = relative_to_file(image, ramps, units)
    levels = [one for one in SUPERBIAS if one.family in ("level", "parity", "slow", "fast")]
    gates = level_gates(found, stated, with_harms(levels, harms))
    gates += [planes.pixels(share, f"{kind} pixels") for kind, share in unlike.items()]
    errors = _image(reference, "ERR")
    usable = Classes.from_ramps(ramps).usable
    return [*gates, planes.errors(errors[usable], scatter / math.sqrt(len(units)))]


def _predicted(details, ramps, spectrum):
    """Return the scatter that the spectrum predicts, if it is believed, and a gate that says so."""
    from astropy.io import fits

    units = unit_tables.read(details)
    # The model of a single amplifier has no excess at low frequencies, where levels come from: it
    # predicts half of the scatter that is found.
    if spectrum is None or units is None or ramps.readout.noutputs < 2:
        return None, []
    classes, readout = Classes.from_ramps(ramps), ramps.readout
    fit = whole_fit(spectrum, readout)
    if fit is None:
        return None, []
    with fits.open(details) as hdus:
        pixel = pixel_noise(np.array(hdus["STD"].data), classes)
    frames = frames_per_group(ramps)
    predicted = scatter(fit, readout, classes, pixel, frames)
    values = {one.family: one.values(units) for one in SUPERBIAS if one.family in predicted}
    chance = believed(values, {name: predicted[name] for name in values})
    words = Words("scatter", "spectrum", "", "chance that the scatter of the ramps is that which "
                  "the noise spectrum predicts", 1.0,
                  "it is not used: the threshold is that of the ramps alone")  # fmt: skip
    if chance >= DISAGREE:
        return predicted, []
    # What is said by a warning, whatever the scatter: a deviation of its own chance.
    deviation = float(-special.ndtri(max(chance, 1e-300) / 2))
    gate = make.counted(words, "spectrum and scatter", "ramps scatter as the noise spectrum says",
                        deviation, 1.0, question="changed")  # fmt: skip
    return None, [gate]


def _common(details, statistics, expected, harms, predicted=None, weight=0.0):
    units = unit_tables.read(details)
    if units is None:
        return []
    change = unit_tables.read(details, unit_tables.CHANGE)
    statistics = with_harms(statistics, harms)
    return set_gates(units, expected) + unit_gates(units, statistics, change, predicted, weight)


def _image(path: StrPath, name: str = "SCI", kind: type = np.float32) -> np.ndarray:
    from astropy.io import fits

    with as_written(path, f"no image {name}", "make the product again"), fits.open(path) as hdus:
        return np.array(hdus[name].data, kind)


def _like(image, ramps, path):
    """Return an image of the shape of the ramps; refuse one of another."""
    if image.shape != ramps.shape:
        raise InputError(
            path,
            f"has {' x '.join(map(str, image.shape))} pixels (rows x columns), its exposures "
            f"{' x '.join(map(str, ramps.shape))}",
            "make the product again",
        )
    return image


def _whole(image, what, above=-math.inf):
    """Return the gate that every pixel has a value that can be used."""
    bad = int((~np.isfinite(image)).sum())
    low = int((image <= above).sum())
    share = (bad + low) / image.size
    fault = (
        f"{bad} pixels have no value and {low} are not above {above:g} ({100 * share:.2g} %)"
        if share > 0.01
        else ""
    )
    return exact(
        f"values of the {what}", "values", "99 % of the pixels have a value that can be used",
        fault, "a pixel without a value is not calibrated",
    )  # fmt: skip
