"""What is known of a frame when it is judged: cards of its header, and a sample of its pixels."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.cgi.stacks.preconditions import L1, divided, level_of, step_faults
from darkroom.cgi.units import EM_ELECTRON, SATURATED
from darkroom.errors import InputError
from darkroom.judge.values import is_blank

if TYPE_CHECKING:
    from darkroom.cgi.geometry import Geometry
    from darkroom.cgi.stacks.frame import Frame, Headers

# Cards whose absence is said. Frames of other software may lack them, so they are not needed.
_EXPECTED = ("INSTRUME", "VISTYPE", "ARRTYPE", "CFAMNAME", "ISPC", "EXCAMT", "SCTSRT")
# Rows of the sample, evenly spread: in a full frame 50,000 pixels, read in a few milliseconds.
_ROWS = 48
# A row is divided in so many parts, of this number of pixels or more, for a digest.
_PARTS, _PIECE = 8, 16
# Part of the pixels, the brightest, that count as no brighter than the next one.
_BRIGHTEST = 0.01
# Full wells [e-] and conversion gain [e-/DN] of the detector, as corgidrp has them: they recognise
# saturated raw frames, whose headers do not state them.
_WELL_IMAGE, _WELL_REGISTER, _KGAIN, _NEAR = 90_000.0, 105_000.0, 8.7, 0.95


def frame_values(frame: Frame, geometry: Geometry) -> dict[str, Any]:
    """Return the values of a frame that the checks of `darkroom.cgi.judging` compare.

    Parameters
    ----------
    frame : darkroom.cgi.stacks.frame.Frame
        Of any level, open.
    geometry : darkroom.cgi.geometry.Geometry
        The frame must have its shape.

    Returns
    -------
    dict
        Text, numbers, lists of sentences; None for what the header does not state.

    Raises
    ------
    InputError
        When the frame has another shape, or its file is cut off.
    """
    geometry.check_shape(frame.headers.path, frame.pixels.shape)
    values = header_values(frame.headers)
    # What is left out in any case decides nothing.
    if values["left_out"]:
        return values
    values["remarks"] += _absent(frame)
    found = _pixel_values(frame, geometry)
    values["remarks"] += found.pop("no_numbers")
    return values | found


def _absent(frame):
    """Return what a calibrated frame lacks besides its image."""
    if level_of(frame.headers) == L1:
        return []
    found = []
    if not frame.pixels.dq:
        found.append("it has no extension DQ: none of its samples is flagged")
    if frame.pixels.err is None:
        found.append("it has no extension ERR: its errors are taken as 0")
    return found


def header_values(headers: Headers) -> dict[str, Any]:
    """Return the values in the headers of a frame; see `frame_values`."""
    image, level = headers.image, level_of(headers)
    faults: list[str] = []
    numbers = {}
    for key, card, low in (("exptime", "EXPTIME", 0.0), ("commanded_gain", "EMGAIN_C", 1.0)):
        numbers[key] = _number(headers, card, low, faults)
    if level != L1:
        numbers["kgain"] = _number(headers, "KGAINPAR", 0.0, faults)
        if numbers["kgain"] == 0:
            faults.append("card KGAINPAR is 0, the conversion gain must be positive")
    lacking = [
        card for card in _EXPECTED
        if is_blank(_text(image.get(card))) and is_blank(_text(headers.primary.get(card)))
    ]  # fmt: skip
    remarks = [f"its header has no {', '.join(lacking)}"] if lacking else []
    temperature = image.get("EXCAMT")
    if temperature is not None and not _is_number(temperature):
        remarks.append(
            f"card EXCAMT is {temperature!r}, not a number: its temperature is not known"
        )
        temperature = None
    for card in ("EMGAIN_M", "EMGAIN_A"):
        if image.get(card) is not None and not _is_number(image[card]):
            remarks.append(f"card {card} is {image[card]!r}, not a number: it is not used")
    gain = headers.em_gain if numbers["commanded_gain"] is not None else None
    return numbers | {
        "INSTRUME": _text(headers.primary.get("INSTRUME")),
        "level": level,
        "unit": headers.unit,
        "divided": divided(headers),
        "steps": step_faults(headers),
        "faults": faults,
        "remarks": remarks,
        "arrtype": _text(image.get("ARRTYPE")),
        "vistype": _text(headers.primary.get("VISTYPE", image.get("VISTYPE"))),
        "filter": _text(image.get("CFAMNAME")),
        "photon_counting": _flag(image.get("ISPC")),
        "left_out": _left_out(headers),
        "temperature": None if temperature is None else float(temperature),
        "time_group": "" if numbers["exptime"] is None else f"{numbers['exptime']:.4g}",
        "em_gain": gain,
        "gain_ratio": gain / numbers["commanded_gain"] if gain else None,
        "start": headers.start or None,
    }


def _number(headers, card, low, faults):
    try:
        value = headers.number(card)
    except InputError as error:
        faults.append(error.fault)
        return None
    if value < low:
        faults.append(f"card {card} is {value:g}, it must be {low:g} or more")
        return None
    return value


def _left_out(headers):
    """Return why a frame does not count although it is no fault of the campaign."""
    if headers.is_set("IS_BAD"):
        return ["its header marks it as bad (IS_BAD): left out"]
    return ["is a setup frame (ISACQ is 1): left out"] if headers.is_set("ISACQ") else []


def _pixel_values(frame, geometry):
    image, columns = geometry.imaging
    step = max((image.stop - image.start) // _ROWS, 1)
    raw = level_of(frame.headers) == L1
    _, prescan = geometry.bias_region
    # Blocks of two rows: as few reads as that, and hot rows do not decide.
    blocks = [
        slice(first, min(first + 2, image.stop))
        for first in range(image.start, image.stop, 2 * step)
    ]
    data, err, flags = frame.pixels.read_rows(blocks, errors=not raw)
    dq = flags[:, columns]
    no_number = [
        f"{name} of {np.mean(bad[dq == 0]):.2g} of its unflagged sampled pixels is NaN "
        "or infinite: these samples are left out"
        for name, plane in (("SCI", data), ("ERR", err))
        if plane is not None and (bad := ~np.isfinite(plane[:, columns]))[dq == 0].any()
    ]
    digests = [piece_digest(row, number) for number, row in enumerate(data[::2, columns])]
    constant = data[:, columns].min(axis=1) == data[:, columns].max(axis=1)
    bias = np.median(data[:, prescan], axis=1, keepdims=True) if raw else 0.0
    values, dq = (data - bias)[:, columns].ravel(), dq.ravel()
    good = values[(dq == 0) & np.isfinite(values)]
    return {
        "pixels": "-".join(digests),
        "no_numbers": no_number,
        "pixel_faults": [
            *_pixel_faults(frame.headers, values, dq, raw),
            *_constant_rows(constant, values),
        ],
        "masked": 1 - good.size / values.size,
        **_level_and_scatter(frame.headers, good, raw),
    }


def piece_digest(row: np.ndarray, number: int) -> str:
    """Return the digest of a part of a row, another one for each number, up to a constant.

    Parameters
    ----------
    row : (nx,) array
    number : int
        Of the row among those sampled.
    """
    width = max(row.size // _PARTS, min(row.size, _PIECE))
    first = (3 * number) % _PARTS * (row.size - width) // (_PARTS - 1)
    part = row[first : first + width]
    good = np.isfinite(part)
    if not good.any() or part[good].min() == part[good].max():
        return ""
    # Halves: a constant added in single precision changes the last digits.
    return f"{zlib.crc32(np.rint(2 * np.diff(part)).astype(np.float32).tobytes()):08x}"


def _constant_rows(constant, values):
    """Return a fault when rows have one value: noise makes no such row."""
    share = float(np.mean(constant))
    if not share or np.ptp(values[np.isfinite(values)]) == 0:
        return []
    return [f"{share:.0%} of its sampled rows have one value: data were lost"]


def _level_and_scatter(headers, good, raw):
    try:
        gain = headers.em_gain
    except InputError:
        gain = 0.0
    if good.size < 100 or gain < 1:
        names = ("pixel_level", "pixel_level_error", "scatter", "upper_half")
        return dict.fromkeys(names)
    percents = [15.87, 50, 84.13, 100 * (1 - _BRIGHTEST)]
    # Sorting is vectorised, the selection of several percentiles is not.
    low, middle, high, brightest = np.percentile(np.sort(good), percents)
    scale = _KGAIN if raw else 1.0
    undivided = 1.0 if not raw and headers.unit != EM_ELECTRON else gain
    clipped = np.minimum(good, brightest)
    return {
        "pixel_level": float(clipped.mean()) * scale / undivided,
        "pixel_level_error": float(clipped.std()) * scale / undivided / math.sqrt(good.size),
        "scatter": float(high - low) / 2 * scale,
        "upper_half": None if raw or middle == low else float((high - middle) / (middle - low)),
    }


def _pixel_faults(headers, values, dq, raw):
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ["none of its sampled pixels has a finite value"]
    if finite.min() == finite.max():
        return [f"all its sampled pixels are {finite[0]:g}"]
    share = float(np.mean(_saturated(headers, values, dq, raw)))
    return [f"{share:.0%} of its sampled pixels are saturated"] if share > 0.2 else []


def _saturated(headers, values, dq, raw):
    flagged = (dq & SATURATED) > 0
    if raw:
        gain = max(headers.em_gain if "EMGAIN_C" in headers.image else 1.0, 1.0)
        return values >= _NEAR * min(gain * _WELL_IMAGE, _WELL_REGISTER) / _KGAIN
    limit, kgain = headers.image.get("SAT_DN"), headers.image.get("KGAINPAR")
    if headers.unit == EM_ELECTRON and _is_number(limit) and _is_number(kgain):
        flagged |= values >= (limit * kgain if limit > 0 and kgain > 0 else math.inf)
    return flagged


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _flag(value):
    return None if value is None else int(value) if _is_number(value) else value


def _text(value):
    return None if value is None else str(value).strip()
