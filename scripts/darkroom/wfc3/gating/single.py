"""The gates of a single FLT: what is judged, and the effects that matter.

The units are the intervals between reads of the treated ramp, as the treatment has measured them;
the file is compared with the one that was calibrated with every read.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.gates import gate as make
from darkroom.gates.gate import Words
from darkroom.gates.harms import of_product
from darkroom.gates.statistic import LEAST_UNITS, Deviation
from darkroom.wfc3.gating.harms import HARMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from darkroom.gates.gate import Gate
    from darkroom.gates.harms import Harm
    from darkroom.hints import StrPath

_FLT = of_product(HARMS, "flt")
# Share of the pixels that may be given up, and of the exposure time that may be missing.
_LOST, _TIME = 0.02, 1e-3
# Size of the noise against that of ERR: median and robust scatter of the sky agree within this.
_NOISE_ERROR, _QUADRANT = 0.05, 0.1
# What a limb in its reads takes from the slope of an FLT: up to half of the sources.
_LIMB = 0.4
_MAD, _FEWEST, _BRIGHT = 1.4826, 64, 4.0


def single(
    path: StrPath, record: StrPath, original: StrPath, harms: Mapping[str, float]
) -> list[Gate]:
    """Return the gates of an FLT.

    Parameters
    ----------
    path : path-like
        The treated FLT.
    record : path-like
        What the treatment measured, JSON.
    original : path-like
        The FLT that was calibrated with every read.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    said = json.loads(Path(record).read_text(encoding="utf-8"))
    with fits.open(path) as hdus:
        image, header = np.array(hdus["SCI"].data, float), hdus[0].header
        time = np.array(hdus["TIME"].data, float) if hdus["TIME"].data is not None else None
        exptime = float(header["EXPTIME"])
    with fits.open(original) as hdus:
        before = np.array(hdus["SCI"].data, float)
    quality, sky = said["quality"][-1], said["background"][-1]
    gates = [_time(exptime, said, time), _given_up(quality)]
    gates += intervals(quality, sky, harms)
    gates += _sides(sky, harms) + _noise(sky, harms) + _level(image, sky, harms)
    limb = 0.0 if said["done"] == "none" else _LIMB
    return gates + quadrants(image, before, _QUADRANT, limb, harms)


def _time(exptime, said, time):
    wanted = float(said["exptime"][-1])
    fault = "" if abs(exptime / wanted - 1) <= _TIME else f"EXPTIME is {exptime:g} s"
    longest = float(np.nanmax(time)) if time is not None else wanted
    if not fault and abs(longest / wanted - 1) > _TIME:
        fault = f"plane TIME has {longest:g} s"
    return make.exact(
        "exposure time", "time", "EXPTIME and TIME are the time of the reads that were used",
        f"{fault}, that of the reads {wanted:g} s" if fault else "",
        "the exposure is weighted wrongly in the visit",
    )  # fmt: skip


def _given_up(quality):
    share = float(quality["given_up"])
    return make.exact(
        "pixels given up", "values", f"{100 * (1 - _LOST):g} % of the sampled pixels have a fit",
        f"{100 * share:.3g} % were given up" if share > _LOST else "",
        "the ramp departs from a line: the sky was left in it",
    )  # fmt: skip


def intervals(
    quality: Mapping[str, Any], sky: Mapping[str, Any], harms: Mapping[str, float]
) -> list[Gate]:
    """Return the gates of the intervals between reads: one that differs, and a drift.

    Parameters
    ----------
    quality : dict
        ``times``, ``counts`` and ``used`` of the sky's ramp.
    sky : dict
        Background of the FLT.
    harms : dict
    """
    used = np.array(quality["used"], bool)
    times = np.array(quality["times"], float)[used]
    counts = np.array(quality["counts"], float)[used]
    long = (
        np.diff(times) > 0.5 * np.median(np.diff(times)) if len(times) > 1 else np.array([], bool)
    )
    rates = (np.diff(counts) / np.diff(times))[long]
    words = Words("sky of an interval", "interval", "e-/s", "rate of the sky between two reads",
                  _FLT["interval"].size(harms, abs(float(sky["level"]))),
                  _FLT["interval"].reason)  # fmt: skip
    names = [f"interval from {t:.0f} s" for t in times[:-1][long]]
    bad = make.bad_exposure(words, rates, names)
    null = "the sky is the same in all intervals that were used"
    bad = replace(bad, name=f"one bad interval: {words.label}", null=null, of_exposures=False)
    return [bad, _drift(words, rates, null)]


def _drift(words, rates, null):
    """Return the gate of the later half of the intervals against the earlier half.

    Their noise is that of successive differences, which a slow rise does not widen.
    """
    n = len(rates)
    drift = Words(words.label, words.family, words.unit, "rate of the sky, mean of the later half "
                  "of the intervals minus that of the earlier half; error from successive "
                  "differences", 2 * words.harm, words.reason)  # fmt: skip
    if n < LEAST_UNITS:
        return make.blind(drift, f"drift: {words.label}", null, f"{n} intervals")
    scatter = math.sqrt(float((np.diff(rates) ** 2).mean()) / 2)
    d = float(rates[n // 2 :].mean() - rates[: n // 2].mean())
    error = scatter * math.sqrt(1 / (n // 2) + 1 / (n - n // 2))
    gate = make.counted(drift, f"drift: {words.label}", null, d, error)
    # Successive differences share an interval: two thirds of the degrees of freedom are left.
    return replace(gate, found=Deviation(d, error, 2 / 3 * (n - 1)))


def _sides(sky, harms):
    ratio, error = sky.get("ratio"), sky.get("ratio_error")
    words = Words("background", "background", "", "background of the left over that of the right "
                  "side, minus 1", _FLT["background"].size(harms),
                  _FLT["background"].reason)  # fmt: skip
    null = "the sky is the same on both sides"
    if ratio is None or not error:
        return [make.blind(words, "background", null, "the sky of a side could not be measured")]
    return [make.counted(words, "background", null, ratio - 1, error)]


def _noise(sky, harms):
    noise, error = sky.get("noise"), sky.get("error")
    if not noise or not error:
        return []
    words = Words("noise", "noise", "ln noise", "ln of the noise of the sky over ERR",
                  _FLT["noise"].size(harms), _FLT["noise"].reason)  # fmt: skip
    # The pixels of the sky differ by flat and faint sources, and ERR holds the read noise of all
    # reads: 15 % either way.
    return [make.counted(words, "noise of the sky", "the noise is that of ERR",
                         math.log(noise / error), _NOISE_ERROR,
                         tolerance=(-0.15, 0.15))]  # fmt: skip


def _level(image, sky, harms):
    words = Words("level", "level", "", "median of the file over the background that was measured, "
                  "minus 1", _FLT["scale"].size(harms), _FLT["scale"].reason)  # fmt: skip
    level = float(sky["level"])
    found = float(np.nanmedian(image)) / level - 1 if level else math.nan
    null = "the file is in electrons per second"
    if not math.isfinite(found):
        return [make.blind(words, "size", null, "there is no background")]
    # Sources raise the median over that of the sky.
    return [make.counted(words, "size", null, found, 0.01, tolerance=(-0.1, 0.2))]


def quadrants(
    image: np.ndarray,
    before: np.ndarray,
    tolerance: float,
    limb: float,
    harms: Mapping[str, float],
    harm: Harm = _FLT["written"],
) -> list[Gate]:
    """Return the gates of the file against the one with every read, by quadrant.

    Parameters
    ----------
    image, before : (ny, nx) arrays
        Treated, and with every read.
    tolerance : float
        By how much the slope may differ from 1 for a good reason.
    limb : float
        By how much more, since a limb in the reads that were left out takes sources from the fit
        to all of them. What it may take is no fault: the harm begins beyond it.
    harms : dict
    harm : Harm
        Smallest deviation that matters.
    """
    tolerance += limb
    taken = f"; {limb:.2g} of it a limb in the reads may have taken" if limb else ""
    words = Words("file as written", "written", "", "slope of the file on the one with every read, "
                  "minus 1", harm.size(harms) + limb, harm.reason + taken)  # fmt: skip
    ny, nx = image.shape
    found = []
    for name, rows, columns in (
        ("lower left", slice(0, ny // 2), slice(0, nx // 2)),
        ("lower right", slice(0, ny // 2), slice(nx // 2, nx)),
        ("upper left", slice(ny // 2, ny), slice(0, nx // 2)),
        ("upper right", slice(ny // 2, ny), slice(nx // 2, nx)),
    ):
        slope, error = _slope(image[rows, columns].ravel(), before[rows, columns].ravel())
        gate_name, null = f"file as written: {name}", "the image is that of the exposure"
        if not math.isfinite(slope):
            found.append(make.blind(words, gate_name, null, "there are no sources"))
            continue
        found.append(make.counted(words, gate_name, null, slope - 1, error,
                                  tolerance=(-tolerance, tolerance)))  # fmt: skip
    return found


def _slope(values, image):
    """Return the slope of pixels on others, and its error, from what is bright in either."""
    good = np.isfinite(values) & np.isfinite(image)
    values, image = values[good] - np.median(values[good]), image[good] - np.median(image[good])
    spread = [_MAD * np.median(np.abs(one)) for one in (values, image)]
    bright = (np.abs(image) > _BRIGHT * spread[1]) & (np.abs(values) < 1e3 * spread[0])
    if bright.sum() < 12 or good.sum() < _FEWEST:
        return math.nan, math.nan
    ratio = values[bright] / image[bright]
    middle = float(np.median(ratio))
    scatter = _MAD * float(np.median(np.abs(ratio - middle)))
    return middle, 1.25 * max(scatter, 0.02) / math.sqrt(int(bright.sum()))
