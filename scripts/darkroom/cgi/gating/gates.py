"""The gates of noise maps: what is judged, and the effects that matter.

The stacks are compared with what all of them together predict: their level, and their noise. The
maps are a fit to the means of stacks, so that one wrong stack is in every map. The file as it is
written is compared with frames of the stack that shows the pattern of its pixels best.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.cgi.darks.darks import synthesized_dark
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.darks.tables import read_table
from darkroom.cgi.gating.frames import (
    HALVES,
    frame_gates,
    read_rows,
    sampled,
    slopes_by_half,
    units_of,
)
from darkroom.cgi.gating.harms import HARMS
from darkroom.gates import gate as make
from darkroom.gates.gate import Words
from darkroom.gates.harms import of_product
from darkroom.gates.standard import set_gates, written_gates

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

_MAPS = of_product(HARMS, "noise_maps")
# Error of the noise of a stack: it is a robust mean over pixels whose noise differs.
_NOISE_ERROR = 0.03
# Share of the pixels that a map may lack.
_EMPTY = 0.02
# Errors from which a pixel of a dark stands out.
_STANDS_OUT = 5.0


def noise_maps(
    path: StrPath,
    facts: Mapping[str, Mapping[str, Any]],
    expected: Collection[str] | None,
    harms: Mapping[str, float],
    read: Callable[[str, tuple[int, int]], np.ndarray],
) -> list[Gate]:
    """Return the gates of noise maps.

    Parameters
    ----------
    path : path-like
        The product.
    facts : dict
        Paths of the frames (`darkroom.cgi.gating.frames.facts_of`).
    expected : collection of str or None
        Exposures that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    read : callable
        Given the path of a frame and the shape of the maps, returns its pixels in electrons, NaN
        where they are flagged.
    """
    with fits.open(path) as hdus:
        stacks, frames = (read_table(hdus[name]) for name in ("STACKS", "FRAMES"))
        maps = np.array(hdus[1].data)
        errors = np.array(hdus["ERR"].data)[0]
        unreliable = np.array(hdus["UNRELIAB"].data) > 0
    gates = [_values(maps), _set(frames, stacks, expected)]
    rows = read_rows(path)
    gates += set_gates(units_of(rows))
    gates += _signs(maps, errors, unreliable, harms)
    for k in range(len(stacks["EXPTIME"])):
        if stacks["USED"][k]:
            stack = {name: column[k] for name, column in stacks.items()}
            gates += _of_stack(stack, harms) + _of_frames(stack, _units(stack, frames, rows), harms)
    return gates + _as_written(path, stacks, frames, rows, facts, harms, read)


def _as_written(path, stacks, frames, rows, facts, harms, read):
    """Return the gates of the dark that the maps give against frames of one stack."""
    used = np.flatnonzero(np.asarray(stacks["USED"], bool))
    slopes = []
    if used.size:
        # Dark current over the noise of a frame: the pattern of the pixels is seen best.
        seen = np.array(stacks["EXPTIME"]) * np.array(stacks["EMGAIN"]) / np.array(stacks["NOISE"])
        best = used[np.argmax(np.nan_to_num(seen[used]))]
        stack = {name: column[best] for name, column in stacks.items()}
        dark = synthesized_dark(
            read_noise_maps(path), float(stack["EXPTIME"]), float(stack["EMGAIN"])
        )
        # The noise of pixels that do not stand out would lessen the slope.
        usual = np.nanmedian(dark.data)
        plain = np.abs(dark.data - usual) <= _STANDS_OUT * dark.err
        image = np.where(dark.dq != 0, np.nan, np.where(plain, usual, dark.data))
        units = _units(stack, frames, rows)
        slopes = [slopes_by_half(one, image) for one in sampled(units, facts, read, image.shape)]
    return written_gates(
        np.array(slopes).reshape(-1, len(HALVES)), HALVES, _MAPS["written"], harms, tolerance=0.15,
        measured="slope of a frame on the dark that the maps give, of pixels that stand out",
    )  # fmt: skip


def _units(stack, frames, rows):
    """Return the units of the frames of one stack."""
    here = np.isclose(frames["EXPTIME"], stack["EXPTIME"], rtol=1e-3)
    here &= np.isclose(frames["EMGAIN"], stack["EMGAIN"], rtol=0.02)
    return units_of(rows, here)


def _of_frames(stack, units, harms):
    """Return the gates of the frames of one stack."""
    noise = float(stack["NOISE"]) / float(stack["EMGAIN"])
    return frame_gates(units, noise, _name(stack), harms)


def _name(stack: Mapping[str, Any]) -> str:
    return f"stack of EM gain {stack['EMGAIN_C']:g} and {stack['EXPTIME']:g} s"


def _of_stack(stack: Mapping[str, Any], harms: Mapping[str, float]) -> list[Gate]:
    """Return the gates of one stack: its noise, its level."""
    found = []
    noise, model = float(stack["NOISE"]), float(stack["EXPNOISE"])
    if noise > 0 and model > 0:
        words = Words(
            "noise",
            "noise",
            "ln noise",
            "ln of the noise of the frames over that of the model",
            _MAPS["noise"].size(harms),
            _MAPS["noise"].reason,
        )
        null = "the noise is that of the electronics, the EM gain and the dark signal"
        ratio = math.log(noise / model)
        found.append(make.counted(words, f"noise of the {_name(stack)}", null, ratio, _NOISE_ERROR))
    # The fit follows each stack in part: the residual is less than what the others do not predict.
    share = float(stack["RESSHARE"])
    level, error = (float(stack[name]) / share if share > 0 else math.nan
                    for name in ("RESIDUAL", "RESERR"))  # fmt: skip
    if math.isfinite(level) and error > 0:
        words = Words(
            "level",
            "level",
            "EM electrons",
            "level of the imaging area beyond what the other stacks predict",
            _MAPS["level"].size(harms, noise),
            _MAPS["level"].reason,
        )
        null = "the level of the stack is what the maps predict for its gain and time"
        found.append(make.counted(words, f"level of the {_name(stack)}", null, level, error))
    return found


def _values(maps):
    empty = float((~np.isfinite(maps)).any(axis=0).mean())
    return make.exact(
        "values of the maps", "values", "98 % of the pixels have a value in every map",
        f"{100 * empty:.3g} % of the pixels have none" if empty > _EMPTY else "",
        "a pixel without a value is not corrected",
    )  # fmt: skip


def _set(frames, stacks, expected):
    names = [str(name) for name in frames["FILE"]]
    missing = []
    if expected is not None:
        missing = [one for one in expected if not any(name.startswith(one) for name in names)]
    # Frames of stacks that were left out are no longer missing: the maps say why.
    lacking = len(missing) > 0 and all(bool(used) for used in stacks["USED"])
    twice = sorted({name for name in names if names.count(name) > 1})
    fault = f"{twice[0]} counts twice" if twice else ""
    fault = fault or (f"{len(missing)} frames are not in the maps: {missing[0]}" if lacking else "")
    return make.exact(
        "complete set", "complete", "the maps were made of every frame, each once", fault,
        "a product of fewer frames has larger errors than the campaign could give",
    )  # fmt: skip


def _signs(maps, errors, unreliable, harms):
    """Return the gates of the typical value of each map: dark current and CIC are positive."""
    found = []
    for k, name in ((1, "clock-induced charge"), (2, "dark current")):
        values, error = maps[k][~unreliable], errors[k][~unreliable]
        good = np.isfinite(values) & np.isfinite(error) & (error > 0)
        if not good.any():
            continue
        middle = float(np.median(values[good]))
        # Levels of frames are common to all pixels: their number does not lessen the error.
        scatter = float(np.median(error[good])) / math.sqrt(64)
        words = Words(
            name, "negative", "e-" if k == 1 else "e-/s", f"median of the {name}, where negative",
            _MAPS["negative"].size(harms, float(np.median(error[good]))),
            _MAPS["negative"].reason,
        )  # fmt: skip
        found.append(
            make.counted(words, f"sign of the {name}", "no rate is negative",
                         min(middle, 0.0), scatter)
        )  # fmt: skip
    return found
