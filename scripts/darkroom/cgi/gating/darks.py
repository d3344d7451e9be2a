"""The gates of CGI darks: traditional, synthesized and photon-counted."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.cgi.counting.product import STATE
from darkroom.cgi.darks.darks import synthesized_dark
from darkroom.cgi.darks.read import read_noise_maps, restore_empty
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
from darkroom.gates.gate import Words, exact
from darkroom.gates.harms import of_product
from darkroom.gates.standard import set_gates, written_gates
from darkroom.gates.written import slope_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.gates.units import Units
    from darkroom.hints import StrPath

# Share of the pixels that a dark may lack.
_EMPTY = 0.02
_MEAN, _COUNTED, _MADE_OF_MAPS = (
    of_product(HARMS, name) for name in ("traditional", "photon_counted", "synthesized")
)


class Dark:
    """A dark as it is written.

    Parameters
    ----------
    path : path-like

    Attributes
    ----------
    data, err : (ny, nx) float64 arrays
        NaN where there is no value.
    header : astropy.io.fits.Header
        Of the image.
    frames : dict
        Its table of frames; empty for a synthesized one.
    counts : tuple of arrays or None
        Of a photon-counted one: frames above the threshold, and frames.
    """

    def __init__(self, path: StrPath) -> None:
        with fits.open(path, memmap=False) as hdus:
            self.header = hdus[1].header
            dq = np.asarray(hdus["DQ"].data)
            shape = dq.shape[-2:]
            planes = hdus[1].data, hdus["ERR"].data.reshape(shape)
            self.data, self.err = restore_empty(self.header, dq.reshape(shape), *planes)
            self.frames = read_table(hdus["FRAMES"]) if "FRAMES" in hdus else {}
            counted = self.header.get("PC_STAT") == STATE
            named = (np.array(hdus[name].data, float) for name in ("COUNT", "NFRAMES"))
            self.counts = tuple(named) if counted else None

    @property
    def gain(self) -> float:
        """EM gain."""
        gains = self.frames.get("EMGAIN")
        return float(np.mean(gains)) if gains is not None else float(self.header["EMGAIN_C"])


def dark(
    path: StrPath,
    facts: Mapping[str, Mapping[str, Any]],
    expected: Collection[str] | None,
    harms: Mapping[str, float],
    read: Callable[[str, tuple[int, int]], np.ndarray],
) -> list[Gate]:
    """Return the gates of a dark that was made of frames.

    Parameters
    ----------
    path : path-like
        Traditional or photon-counted master dark.
    facts : dict
        Paths of the frames (`darkroom.cgi.gating.frames.facts_of`).
    expected : collection of str or None
        Frames of the stack that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    read : callable
        Given the path of a frame and the shape of the dark, returns its pixels in electrons, NaN
        where they are flagged.
    """
    made = Dark(path)
    names = [str(name) for name in made.frames["FILE"]]
    units = units_of(read_rows(path))
    gates = [_values(made), *set_gates(units, expected)]
    twice = sorted({name for name in names if names.count(name) > 1})
    gates.append(
        exact("frames", "repeated", "every frame counts once",
              f"{twice[0]} counts twice" if twice else "", "errors become too small")
    )  # fmt: skip
    noise = _noise(units, made.gain)
    gates += frame_gates(units, noise, "frames", harms)
    gates += _as_written(made, units, facts, harms, read)
    if made.counts is not None:
        gates.append(_counted(made, harms))
    return gates


def _noise(units: Units, gain: float) -> float:
    scatter = np.exp(np.nanmedian(units.values["lnvar"]) / 2) if len(units) else math.nan
    return float(scatter) / gain if math.isfinite(scatter) else math.inf


def _values(made):
    empty = float((~np.isfinite(made.data)).mean())
    wrong = int((made.err[np.isfinite(made.data)] <= 0).sum())
    fault = f"{100 * empty:.3g} % of the pixels have none" if empty > _EMPTY else ""
    fault = fault or (f"{wrong} pixels have no error" if wrong else "")
    return exact("values of the dark", "values", "98 % of the pixels have a value and an error",
                 fault, "a pixel without a value is not corrected")  # fmt: skip


def _as_written(made, units, facts, harms, read):
    """Return the gates of the pixels of the file against those of frames: pattern and level."""
    slopes, levels = [], []
    for frame in sampled(units, facts, read, made.data.shape):
        slopes.append(slopes_by_half(frame, made.data))
        levels.append([np.nanmean(frame - made.data)])
    gates = []
    if made.counts is None:
        noise = _noise(units, made.gain)
        gates = written_gates(
            np.array(levels), ["level"], _MEAN["level"], harms, tolerance=0.02 * noise, scale=noise,
            measured="mean of a frame minus the file, e-", expected=0.0,
        )  # fmt: skip
    return gates + written_gates(
        np.array(slopes), HALVES, _MEAN["written"], harms, tolerance=0.1,
        measured="slope of a frame on the file",
    )  # fmt: skip


def _counted(made, harms):
    """Return the gate of the dark against the counts that stand in its own file."""
    above, number = made.counts
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = -np.log1p(-np.minimum(above / number, 0.999))
    good = np.isfinite(rate) & np.isfinite(made.data) & (number > 0)
    slope = slope_of(made.data[good], rate[good], reach=np.inf) if good.any() else math.nan
    words = Words("counts", "counts", "", "slope of the dark on -ln(1 - counts / frames), minus 1",
                  _COUNTED["counts"].size(harms), _COUNTED["counts"].reason)  # fmt: skip
    excess = slope - 1 if math.isfinite(slope) else 1.0
    variance = float(np.nansum((rate[good] - np.nanmean(rate[good])) ** 2))
    noise = float(np.nanmedian(made.err[good])) if good.any() else math.nan
    error = noise / math.sqrt(variance) if variance > 0 else math.inf
    if not math.isfinite(error) or error <= 0:
        return make.blind(words, "counts", "the dark is that of its counts", "no pixel has counts")
    # The threshold loses a share of the electrons, which the dark holds: up to 30 % of the slope.
    return make.counted(words, "counts", "the dark is that of its counts", excess, error,
                        tolerance=(-0.3, 0.4))  # fmt: skip


def synthesized(
    path: StrPath, maps: StrPath, section: tuple[slice, slice] | None, harms: Mapping[str, float]
) -> list[Gate]:
    """Return the gates of a synthesized dark: it is what its noise maps give.

    Parameters
    ----------
    path, maps : path-like
        The dark, and the noise maps it was made of, which have gates of their own.
    section : tuple of slice or None
        Rows and columns of the maps that the dark has; None for all.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    """
    made = Dark(path)
    again = synthesized_dark(
        read_noise_maps(maps), float(made.header["EXPTIME"]), float(made.header["EMGAIN_C"])
    )
    again = again if section is None else again.cut(section)
    if again.data.shape != made.data.shape:
        fault = f"it has {made.data.shape} pixels, the maps give {again.data.shape}"
        return [_same(fault)]
    good = np.isfinite(made.data) & np.isfinite(again.data)
    limit = _MADE_OF_MAPS["written"].size(harms) * (np.abs(again.data) + again.err)
    differs = float((np.abs(made.data - again.data) > limit)[good].mean()) if good.any() else 1.0
    lost = float((np.isfinite(made.data) != np.isfinite(again.data)).mean())
    fault = f"{100 * differs:.3g} % of the pixels differ" if differs > 0 else ""
    return [_values(made), _same(fault or (f"{100 * lost:.3g} % of the pixels have a value in one "
                                           "only" if lost > _EMPTY else ""))]  # fmt: skip


def _same(fault):
    return exact(
        "file as written: F / g + t D + C",
        "written",
        "every pixel is what the noise maps give for its gain and time",
        fault,
        "another gain, time or image",
    )
