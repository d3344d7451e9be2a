"""Reference images cut and combined to fit an exposure: linearity, darks, flats."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.engine.references import describe, locate
from darkroom.wfc3.files.imsets import Imsets, required

# Largest difference of exposure times, s, at which a dark is the dark of a read.
_SAME_TIME = 0.01


@dataclass
class Planes:
    """SCI, ERR and DQ of one reference image, (ny, nx) each: float32, float32, int16."""

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray

    def multiply(self, other):
        """Multiply by another image in place, errors combined, flags joined."""
        first, second = self.sci * other.err, other.sci * self.err
        self.err = np.sqrt(first * first + second * second)
        self.sci = self.sci * other.sci
        self.dq = self.dq | other.dq


def corner(header):
    """Return the (x, y) of an image's first pixel in its detector's pixels, from LTV and LTM."""
    place = []
    for axis in "12":
        size = 1.0 / float(header.get(f"LTM{axis}_{axis}", 1.0))
        value = (size - 1.0) - size * float(header.get(f"LTV{axis}", 0.0))
        place.append(int(value + 0.5) if value >= 0 else int(value - 0.5))
    return tuple(place)


def cut(array, path, shape, window, shift):
    """Cut what an exposure needs out of a reference image.

    Parameters
    ----------
    array : (…, ny, nx) array
        The reference.
    path : path-like
        Its file, for messages.
    shape : tuple of int
        (ny, nx) of the exposure.
    window : tuple of int
        (y0, y1, x0, x1): only these pixels are needed; the rest is 0 where it does not exist.
    shift : tuple of int
        (x, y) of the exposure's first pixel in the reference.
    """
    ny, nx = array.shape[-2:]
    if shift == (0, 0) and (ny, nx) == shape:
        return array
    y0, y1, x0, x1 = window
    if min(y0 + shift[1], x0 + shift[0]) < 0 or y1 + shift[1] > ny or x1 + shift[0] > nx:
        raise InputError(
            path,
            f"has {nx} x {ny} pixels; the exposure's {shape[1]} x {shape[0]} begin at pixel "
            f"({shift[0] + 1}, {shift[1] + 1}) of it and do not fit",
        )
    out = np.zeros((*array.shape[:-2], *shape), array.dtype)
    y, x = slice(y0 + shift[1], y1 + shift[1]), slice(x0 + shift[0], x1 + shift[0])
    out[..., y0:y1, x0:x1] = array[..., y, x]
    return out


def open_reference(primary, keyword, folder):
    """Open a reference image: (`Reference`, `Imsets`), or None when the RAW names none."""
    found = locate(primary, keyword, folder)
    if found is None:
        return None
    label, path = found
    imsets = Imsets(path)
    try:
        return describe(keyword, label, path, imsets.primary, primary), imsets
    except BaseException:
        imsets.close()
        raise


@dataclass
class Linearity:
    """NLINFILE, cut to the exposure: coefficients (ncoef, ny, nx) and (ny, nx) planes.

    `super_zero` and `super_error` are the zeroth read without light and its error, DN; `node` the
    level of saturation, DN.
    """

    coefficients: np.ndarray
    node: np.ndarray
    dq: np.ndarray
    super_zero: np.ndarray
    super_error: np.ndarray


def linearity(imsets, shape, window, place):
    """Read NLINFILE for an exposure whose first pixel is `place` (x, y) of the detector."""
    count = int(required(imsets, imsets.primary, "NCOEF"))
    where = corner(imsets.header("COEF", 1))
    shift = place[0] - where[0], place[1] - where[1]

    def get(name, extver=1, dtype=np.float32):
        return cut(imsets.plane(name, extver, dtype), imsets.path, shape, window, shift)

    coefficients = np.empty((count, *shape), np.float32)
    for j in range(count):
        coefficients[j] = get("COEF", j + 1)
    return Linearity(
        coefficients=coefficients,
        node=get("NODE"),
        dq=get("DQ", dtype=np.int16),
        super_zero=get("ZSCI"),
        super_error=get("ZERR"),
    )


class Darks:
    """DARKFILE: the dark of each read by its exposure time.

    Parameters
    ----------
    imsets : Imsets
        The opened file.
    science : astropy.io.fits.Header
        Primary header of the RAW: SAMP_SEQ and SUBTYPE must be the dark's.
    shape : tuple of int
        (ny, nx) of the exposure. Darks are not cut: they depend on the subarray.
    """

    def __init__(self, imsets, science, shape):
        for card in ("SAMP_SEQ", "SUBTYPE"):
            found, wanted = required(imsets, imsets.primary, card), str(science[card]).strip()
            if not wanted.startswith(found):
                raise InputError(
                    imsets.path, f"is a dark of {card} {found}, the exposure's is {wanted}"
                )
        size = imsets.shape("SCI", 1)
        if size != shape:
            raise InputError(
                imsets.path,
                f"has {size[1]} x {size[0]} pixels, the exposure has {shape[1]} x {shape[0]}",
            )
        count = int(required(imsets, imsets.primary, "NUMEXPOS"))
        self._times = [
            float(required(imsets, imsets.primary, f"EXPOS_{i + 1}")) for i in range(count)
        ]
        self._imsets = imsets
        self._any_time = str(science["SAMP_SEQ"]).startswith("NONE")

    def at(self, time):
        """Return the `Planes` of the dark at `time` seconds.

        Only exposures outside the sample sequences (SAMP_SEQ NONE) are given darks made from
        neighbours; the neighbours are those calwf3 takes.
        """
        below = above = None
        for i, known in enumerate(self._times):
            if abs(known - time) <= _SAME_TIME:
                return self._read(i)
            if known < time:
                below = i
            elif above is None:
                above = i
        if not self._any_time or (below is None and above is None):
            shown = ", ".join(f"{known:g}" for known in sorted(self._times))
            raise InputError(
                self._imsets.path, f"has no dark of {time:g} s (it has {shown} s)", "check SAMP_SEQ"
            )
        if below is None or above is None:
            only = above if below is None else below
            dark, factor = self._read(only), np.float32(time / self._times[only])
            return Planes(dark.sci * factor, dark.err * factor, dark.dq)
        return self._between(below, above, time)

    def _between(self, below, above, time):
        """Interpolate: above -= below, above *= fraction, below += above, in float."""
        first, second = self._read(below), self._read(above)
        part = (time - self._times[below]) / (self._times[above] - self._times[below])
        part = np.float32(part)
        rise = (second.sci - first.sci) * part
        error = np.sqrt(second.err * second.err + first.err * first.err) * part
        return Planes(
            first.sci + rise,
            np.sqrt(first.err * first.err + error * error),
            first.dq | second.dq,
        )

    def _read(self, i):
        return read_planes(self._imsets, i + 1)


def read_planes(imsets, extver):
    """Read one image set of a reference."""
    return Planes(
        imsets.plane("SCI", extver),
        imsets.plane("ERR", extver),
        imsets.plane("DQ", extver, np.int16),
    )
