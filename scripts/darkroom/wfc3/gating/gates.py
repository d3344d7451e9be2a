"""The gates of a combined visit: what is judged, and the effects that matter."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from darkroom.gates import gate as make
from darkroom.gates.gate import Words
from darkroom.gates.harms import of_product
from darkroom.gates.repeats import same_rows
from darkroom.wfc3.gating.harms import HARMS
from darkroom.wfc3.gating.single import quadrants

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from darkroom.gates.gate import Gate
    from darkroom.hints import StrPath

_VISIT = of_product(HARMS, "reprocessed")
# Share of the pixels of the image that may lack data.
_EMPTY = 0.01
# Error of a shift of sources, pixels.
_SHIFT_ERROR = 0.02
_SIDES = "background left/right"
# Difference of two times that are the same, s.
_SAME_TIME = 0.01
# By how much the slope on the image with every read may differ from 1; a limb in the reads of an
# exposure takes up to half of the sources from the fit to all of them.
_LIKE, _LIMB = 0.1, 0.5


def combined(
    record: StrPath,
    quantities: StrPath,
    expected: Collection[str] | None,
    harms: Mapping[str, float],
    images: tuple[StrPath, StrPath],
    original: StrPath,
) -> list[Gate]:
    """Return the gates of the combined image of a visit and of the exposures in it.

    Parameters
    ----------
    record : path-like
        What the combination says of itself, JSON.
    quantities : path-like
        Quantities of the exposures, JSON.
    expected : collection of str or None
        Exposures that the campaign accepted.
    harms : dict
        Smallest effects that matter, where they are not the usual ones.
    images : (path-like, path-like)
        The image, and that of the same exposures with every read.
    original : path-like
        What the combination says of the latter, JSON.
    """
    said = json.loads(Path(record).read_text(encoding="utf-8"))
    rows = json.loads(Path(quantities).read_text(encoding="utf-8"))["quantities"]
    gates = [_set(said, expected), _repeated(rows, set(said["exposures"])), _filled(said)]
    gates += _weights(said, harms)
    gates += _shifts(said, harms)
    gates += _backgrounds(rows, set(said["exposures"]), harms)
    before = json.loads(Path(original).read_text(encoding="utf-8"))
    return gates + _as_written(images, _treated(said, before), harms)


def _treated(said, before):
    """Return the share of the time that is of exposures from which reads were taken."""
    times = dict(zip(before["exposures"], before["exptimes"], strict=True))
    own = dict(zip(said["exposures"], said["exptimes"], strict=True))
    less = [time for name, time in own.items() if abs(times.get(name, 0.0) - time) > _SAME_TIME]
    return sum(less) / max(sum(own.values()), 1.0)


def _as_written(images, treated, harms):
    """Return the gates of the image against the one with every read, by quadrant."""
    found = []
    for path in images:
        with fits.open(path) as hdus:
            hdu = next(one for one in hdus if one.data is not None)
            found.append((np.array(hdu.data, float), WCS(hdu.header)))
    (image, place), (before, other) = found
    # Exposures that were left out shift the frame of an image.
    rows, columns = np.indices(image.shape)
    x, y = other.all_world2pix(*place.all_pix2world(columns.ravel(), rows.ravel(), 0), 0)
    x, y = (np.rint(one).astype(int).reshape(image.shape) for one in (x, y))
    inside = (x >= 0) & (y >= 0) & (x < before.shape[1]) & (y < before.shape[0])
    shown = np.full(image.shape, np.nan)
    shown[inside] = before[y[inside], x[inside]]
    return quadrants(image, shown, _LIKE, _LIMB * treated, harms, _VISIT["written"])


def _set(said: Mapping[str, Any], expected: Collection[str] | None) -> Gate:
    used, left = set(said["exposures"]), set(said.get("left_out") or {})
    missing = sorted(set(expected or ()) - used - left)
    twice = len(said["exposures"]) != len(used)
    fault = f"{len(missing)} exposures are not in the image: {missing[0]}" if missing else ""
    return make.exact(
        "complete set", "complete",
        "the image holds every exposure, or says why one was left out",
        "an exposure counts twice" if twice else fault,
        "an exposure that is missing takes its time with it",
    )  # fmt: skip


def _repeated(rows, used):
    """Return the gate that no two exposures have the same pixels: the same noise and background."""
    numbers: dict[str, list[float]] = {}
    for row in rows:
        name, _, kind = row["name"].partition(" ")
        if name in used and kind in ("noise", _SIDES) and isinstance(row["value"], float):
            numbers.setdefault(name, []).append(row["value"])
    known = [name for name, values in numbers.items() if len(values) == 2]
    same = same_rows(np.array([numbers[name] for name in known])) if len(known) > 1 else []
    alike = [known[k] for k in same]
    return make.exact(
        "repeated exposure", "repeated", "no two exposures have the same noise and background",
        f"those of {' and of '.join(alike[:4])} are the same" if alike else "",
        "an exposure that counts twice makes the errors too small",
    )  # fmt: skip


def _filled(said):
    share = said.get("empty_share") or 0.0
    return make.exact(
        "pixels without data", "values", "99 % of the pixels in the field have data",
        f"{100 * share:.3g} % have none" if share > _EMPTY else "",
        "holes are left where dithers do not fill them",
    )  # fmt: skip


def _weights(said, harms):
    """Return the gates of weight against exposure time, of the image and of each exposure."""
    words = Words("weight", "weight", "", "weight over exposure time, minus 1",
                  _VISIT["weight"].size(harms), _VISIT["weight"].reason)  # fmt: skip
    null = "the weight of a pixel is the time that it was exposed"
    found = []
    ratios = [("weight of the image", said.get("weight_ratio"))]
    each = said.get("weight_of_each") or []
    ratios += [(f"weight of {name}", value)
               for name, value in zip(said["exposures"], each, strict=False)]  # fmt: skip
    for name, value in ratios:
        if value is not None and math.isfinite(value):
            found.append(make.counted(words, name, null, value - 1, 1e-3))
    return found


def _shifts(said, harms):
    words = Words(
        "shift", "shift", "pixels", "shift of the sources against those of the other exposures",
        _VISIT["shift"].size(harms), _VISIT["shift"].reason,
    )  # fmt: skip
    return [
        make.counted(words, f"shift of {name}", "the exposures show the sources at one place",
                     value, _SHIFT_ERROR)
        for name, value in (said.get("offsets_pixels") or {}).items()
        if value is not None and math.isfinite(value)
    ]  # fmt: skip


def _backgrounds(rows, used, harms):
    """Return the gates of the background, left over right: light that was left in an exposure."""
    words = Words(
        "background", "background", "", "background of the left over that of the right side, "
        "minus 1", _VISIT["background"].size(harms), _VISIT["background"].reason,
    )  # fmt: skip
    found = []
    for row in rows:
        name, _, kind = row["name"].partition(" ")
        value, error = row["value"], row["uncertainty"]
        if kind != _SIDES or name not in used or value is None or not error:
            continue
        found.append(
            make.counted(words, f"background of {name}", "the sky is the same on both sides",
                         value - 1, error)
        )  # fmt: skip
    return found
