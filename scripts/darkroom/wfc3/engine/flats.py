"""The flat of FLATCORR: the product of pixel-to-pixel, delta and low-order flats."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.engine.bad_values import BadValues
from darkroom.wfc3.engine.planes import Planes, corner, cut, read_planes

if TYPE_CHECKING:
    from astropy.io import fits

    from darkroom.hints import StrPath
    from darkroom.wfc3.engine.references import Reference
    from darkroom.wfc3.files.imsets import Imsets

_ONE = np.float32(1)


def flat_for(
    parts: dict[str, tuple[Reference, Imsets]],
    science: fits.Header,
    shape: tuple[int, int],
    window: tuple[int, int, int, int],
    bad: BadValues,
) -> Planes:
    """Multiply the flats that an exposure names, and cut the product to its size.

    Parameters
    ----------
    parts : dict
        Reference and open file by keyword (PFLTFILE, DFLTFILE, LFLTFILE), at least one.
    science : astropy.io.fits.Header
        SCI header of the exposure (LTV, LTM).
    shape, window
        (ny, nx) of the exposure and (y0, y1, x0, x1) inside its border.
    bad : BadValues
        Counts values that are no numbers.

    Returns
    -------
    Planes
        Of the exposure's size.

    Raises
    ------
    InputError
        When the sizes of the flats do not match, or they do not cover the exposure.
    """
    flat = place = None
    here = corner(science)

    def own(plane: np.ndarray, path: StrPath, place: tuple[int, int]) -> np.ndarray:
        shift = here[0] - place[0], here[1] - place[1]
        return cut(plane, path, shape, window, shift)

    def count(keyword: str, part: Planes, place: tuple[int, int]) -> None:
        reference = parts[keyword][0]
        for name, plane in (("SCI", part.sci), ("ERR", part.err)):
            bad.count(reference, name, own(plane, reference.path, place))

    for keyword in ("PFLTFILE", "DFLTFILE"):
        if keyword not in parts:
            continue
        imsets = parts[keyword][1]
        part = read_planes(imsets, 1)
        if flat is None:
            flat, place, path = part, corner(imsets.header("SCI", 1)), imsets.path
        elif part.sci.shape != flat.sci.shape:
            raise InputError(
                imsets.path,
                f"has {_size(part)} pixels, the pixel-to-pixel flat has {_size(flat)}",
            )
        count(keyword, part, place)
        if part is not flat:
            flat.multiply(part)
    if "LFLTFILE" in parts:
        imsets = parts["LFLTFILE"][1]
        low, path_low = read_planes(imsets, 1), imsets.path
        header = imsets.header("SCI", 1)
        if flat is None:
            flat, place = _spread_alone(low, header, science, path_low)
            path = path_low
            count("LFLTFILE", flat, place)
        else:
            wide = _expanded(low, flat.sci.shape, path_low)
            count("LFLTFILE", wide, place)
            flat.multiply(wide)
    if flat is None or place is None:
        raise ValueError("flat_for needs at least one flat")
    return Planes(*(own(plane, path, place) for plane in (flat.sci, flat.err, flat.dq)))


def _spread_alone(low, header, science, path):
    """Expand a low-order flat that is the only flat; return it and its corner."""
    ratios = []
    for axis in "12":
        key = f"LTM{axis}_{axis}"
        mine, other = float(header.get(key, 1.0)), float(science.get(key, 1.0))
        ratios.append(max(1, round(1.0 / mine) // round(1.0 / other)))
    shape = low.sci.shape[0] * ratios[1], low.sci.shape[1] * ratios[0]
    moved = header.copy()
    for axis, ratio in zip("12", ratios, strict=True):
        step = 1.0 / ratio
        key = f"LTM{axis}_{axis}"
        moved[key] = float(header.get(key, 1.0)) / step
        ltv = float(header.get(f"LTV{axis}", 0.0))
        moved[f"LTV{axis}"] = (ltv + (step - 1.0) / 2.0) / step
    return _expanded(low, shape, path), corner(moved)


def _expanded(low, shape, path):
    """Expand a flat by linear interpolation between the centres of its pixels."""
    ratio = [size // own for size, own in zip(shape, low.sci.shape, strict=True)]
    if any(r * own != size for r, own, size in zip(ratio, low.sci.shape, shape, strict=True)):
        raise InputError(
            path, f"has {_size(low)} pixels, which do not divide {shape[1]} x {shape[0]}"
        )
    if ratio == [1, 1]:
        return low
    sizes = zip(shape, low.sci.shape, ratio, strict=True)
    y, x = (_weights(size, own, r) for size, own, r in sizes)
    variance = _blend(low.err, y, x, ratio, square=True)
    return Planes(
        _blend(low.sci, y, x, ratio, square=False),
        np.sqrt(variance),
        _join_flags(low.dq, shape, ratio),
    )


def _weights(size, own, ratio):
    """Return the lower neighbour of each output pixel and the float32 weights of both."""
    offset = np.float32(ratio - 1) / np.float32(2)
    place = (np.arange(size, dtype=np.float32) - offset) / np.float32(ratio)
    lower = np.clip(place.astype(np.int64), 0, max(own - 2, 0))
    upper_weight = np.clip(place - lower.astype(np.float32), 0, 1).astype(np.float32)
    return lower, _ONE - upper_weight, upper_weight


def _blend(values, y, x, ratio, square):
    """Sum the weighted values (or squares) of the neighbours in single precision, in this order."""

    def term(weight, neighbour):
        return weight * neighbour * neighbour if square else weight * neighbour

    (j, r, s), (i, p, q) = y, x
    r, s = r[:, None], s[:, None]
    if ratio[1] == 1:
        return term(r, values[j]) + term(s, values[j + 1])
    if ratio[0] == 1:
        return term(p, values[:, i]) + term(q, values[:, i + 1])
    below, above = values[j], values[j + 1]
    total = term(p * r, below[:, i]) + term(q * r, below[:, i + 1])
    return (total + term(p * s, above[:, i])) + term(q * s, above[:, i + 1])


def _join_flags(dq, shape, ratio):
    """Give each output pixel the flags of the pixels that it lies between.

    When both axes are expanded, calwf3 3.7.3 (unbin2d_ir) uses the flags of the top row for all
    rows. That is reproduced here. No low-order flat of WFC3/IR is in use.
    """
    if ratio[0] > 1 and ratio[1] > 1:
        dq, ratio = np.repeat(dq[-1:], shape[0], axis=0), [1, ratio[1]]
    for axis in (0, 1):
        if ratio[axis] == 1:
            continue
        own = dq.shape[axis]
        offset = np.float32(ratio[axis] - 1) / np.float32(2)
        place = (np.arange(shape[axis], dtype=np.float32) - offset) / np.float32(ratio[axis])
        first = place.astype(np.int64)
        single = (place == first.astype(np.float32)) | (first <= 0) | (first >= own - 1)
        first = np.clip(first, 0, own - 1)
        second = np.where(single, first, np.minimum(first + 1, own - 1))
        dq = np.take(dq, first, axis) | np.take(dq, second, axis)
    return dq


def _size(planes):
    return f"{planes.sci.shape[1]} x {planes.sci.shape[0]}"
