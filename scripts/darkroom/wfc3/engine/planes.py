"""Reference images cut and combined to the size of an exposure: linearity, darks, flats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.engine.bad_values import BadValues
from darkroom.wfc3.engine.references import Reference, describe, locate
from darkroom.wfc3.files.imsets import Imsets, required

if TYPE_CHECKING:
    import numpy.typing as npt
    from astropy.io import fits

    from darkroom.hints import StrPath

# Exposure times of dark and read may differ by this much, s.
_SAME_TIME = 0.01


@dataclass
class Planes:
    """SCI, ERR and DQ of one reference image, (ny, nx) each: float32, float32, int16."""

    sci: np.ndarray
    err: np.ndarray
    dq: np.ndarray

    def multiply(self, other: Planes) -> None:
        """Multiply by another image in place; errors are propagated, flags combined."""
        with np.errstate(invalid="ignore", over="ignore"):  # values that are no numbers
            first, second = self.sci * other.err, other.sci * self.err
            self.err = np.sqrt(first * first + second * second)
            self.sci = self.sci * other.sci
        self.dq = self.dq | other.dq


def corner(header: fits.Header) -> tuple[int, int]:
    """Return the detector pixel (x, y), from 0, of an image's first pixel, from LTV and LTM."""
    place = []
    for axis in "12":
        size = 1.0 / float(header.get(f"LTM{axis}_{axis}", 1.0))
        value = (size - 1.0) - size * float(header.get(f"LTV{axis}", 0.0))
        place.append(int(value + 0.5) if value >= 0 else int(value - 0.5))
    return place[0], place[1]


def cut(
    array: np.ndarray,
    path: StrPath,
    shape: tuple[int, int],
    window: tuple[int, int, int, int],
    shift: tuple[int, int],
) -> np.ndarray:
    """Cut the section of an exposure out of a reference image.

    Parameters
    ----------
    array : (…, ny, nx) array
        The reference image, or several of them.
    path : path-like
        Its file, for messages.
    shape : tuple of int
        (ny, nx) of the exposure.
    window : tuple of int
        (y0, y1, x0, x1) inside the border of the exposure. When the image must be cut, pixels
        outside are 0.
    shift : tuple of int
        (x, y) of the exposure's first pixel in the reference.

    Returns
    -------
    (…, ny, nx) array
        Of the exposure's size; `array` itself where nothing is to be cut.

    Raises
    ------
    InputError
        When the reference does not cover the window.
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


def open_reference(
    primary: fits.Header, keyword: str, folder: StrPath
) -> tuple[Reference, Imsets] | None:
    """Open a reference image.

    Parameters
    ----------
    primary : astropy.io.fits.Header
        Primary header of the RAW.
    keyword : str
        Card that names the reference, e.g. ``DARKFILE``.
    folder : path-like
        Folder of the references.

    Returns
    -------
    (Reference, Imsets) or None
        None when the RAW names none.

    Raises
    ------
    InputError
        When the file is missing, damaged or not of that kind.
    """
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
    """NLINFILE, cut to the exposure.

    Parameters
    ----------
    coefficients : (ncoef, ny, nx) float32 array
        Of the non-linearity polynomial.
    node : (ny, nx) float32 array
        Saturation level, DN.
    dq : (ny, nx) int16 array
        Flags.
    super_zero, super_error : (ny, nx) float32 arrays
        Zeroth read without light and its error, DN; None once ZSIGCORR has used them.
    """

    coefficients: np.ndarray
    node: np.ndarray
    dq: np.ndarray
    super_zero: np.ndarray | None
    super_error: np.ndarray | None


def linearity(
    reference: Reference,
    imsets: Imsets,
    shape: tuple[int, int],
    window: tuple[int, int, int, int],
    place: tuple[int, int],
    bad: BadValues,
) -> Linearity:
    """Read NLINFILE for an exposure.

    Parameters
    ----------
    reference, imsets : Reference, Imsets
        The open NLINFILE.
    shape, window
        (ny, nx) of the exposure and (y0, y1, x0, x1) inside its border.
    place : tuple of int
        Detector pixel (x, y) of the exposure's first pixel, see `corner`.
    bad : BadValues
        Counts values that are no numbers.

    Raises
    ------
    InputError
        When a plane is missing or does not cover the exposure.
    """
    count = int(required(imsets, imsets.primary, "NCOEF"))
    where = corner(imsets.header("COEF", 1))
    shift = place[0] - where[0], place[1] - where[1]

    def get(name: str, extver: int = 1, dtype: npt.DTypeLike = np.float32) -> np.ndarray:
        values = cut(imsets.plane(name, extver, dtype), imsets.path, shape, window, shift)
        if values.dtype.kind == "f":
            bad.count(reference, name, values)
        return values

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
    """DARKFILE: the dark of each read, found by exposure time.

    Parameters
    ----------
    reference, imsets : Reference, Imsets
        The open file.
    science : astropy.io.fits.Header
        Primary header of the RAW: SAMP_SEQ and SUBTYPE must be those of the dark.
    shape : tuple of int
        (ny, nx) of the exposure. Darks are not cut: each subarray has its own.
    bad : BadValues, optional
        Counts values that are no numbers.

    Raises
    ------
    InputError
        When the dark is of another sample sequence, subarray or size.
    """

    def __init__(
        self,
        reference: Reference,
        imsets: Imsets,
        science: fits.Header,
        shape: tuple[int, int],
        bad: BadValues | None = None,
    ) -> None:
        for card in ("SAMP_SEQ", "SUBTYPE"):
            found, wanted = required(imsets, imsets.primary, card), str(science[card]).strip()
            if not wanted.upper().startswith(found.upper()):
                raise InputError(
                    imsets.path, f"is a dark of {card} {found}, the exposure's is {wanted}"
                )
        _require_size(imsets, 1, shape, "the exposure")
        count = int(required(imsets, imsets.primary, "NUMEXPOS"))
        self._times = [
            float(required(imsets, imsets.primary, f"EXPOS_{i + 1}")) for i in range(count)
        ]
        self._reference, self._imsets, self._shape, self._bad = reference, imsets, shape, bad
        self._any_time = str(science["SAMP_SEQ"]).startswith("NONE")

    def at(self, time: float) -> Planes:
        """Return the dark of a read.

        Only for exposures without a sample sequence (SAMP_SEQ NONE) are darks interpolated, or
        scaled, from the neighbours in exposure time that calwf3 uses.

        Parameters
        ----------
        time : float
            Exposure time of the read, s.

        Returns
        -------
        Planes
            DN.

        Raises
        ------
        InputError
            When the file has no dark of this exposure time.
        """
        below: int | None = None
        above: int | None = None
        for i, known in enumerate(self._times):
            if abs(known - time) <= _SAME_TIME:
                return self._read(i)
            if known < time:
                below = i
            elif above is None:
                above = i
        nearest = above if below is None else below
        if not self._any_time or nearest is None:
            shown = ", ".join(f"{known:g}" for known in sorted(self._times))
            raise InputError(
                self._imsets.path, f"has no dark of {time:g} s (it has {shown} s)", "check SAMP_SEQ"
            )
        if below is None or above is None:
            dark, factor = self._read(nearest), np.float32(time / self._times[nearest])
            return Planes(dark.sci * factor, dark.err * factor, dark.dq)
        return self._between(below, above, time)

    def _between(self, below, above, time):
        """Interpolate linearly between two darks, in single precision and calwf3's order."""
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
        _require_size(self._imsets, i + 1, self._shape, "the exposure")
        planes = read_planes(self._imsets, i + 1)
        if self._bad is not None:
            self._bad.count(self._reference, "SCI", planes.sci)
            self._bad.count(self._reference, "ERR", planes.err)
        return planes


def _require_size(imsets, extver, shape, whose):
    """Refuse an image set of which a plane has another size than that of an exposure or image."""
    for name in ("SCI", "ERR", "DQ"):
        size = imsets.shape(name, extver)
        if size != shape:
            raise InputError(
                imsets.path,
                f"[{name},{extver}] has {size[1]} x {size[0]} pixels, {whose} has {shape[1]} x "
                f"{shape[0]}",
            )


def read_planes(imsets: Imsets, extver: int) -> Planes:
    """Read SCI, ERR and DQ of one image set of a reference.

    Raises
    ------
    InputError
        When a plane is missing, or not of the size of SCI.
    """
    _require_size(imsets, extver, imsets.shape("SCI", extver), f"[SCI,{extver}]")
    return Planes(
        imsets.plane("SCI", extver),
        imsets.plane("ERR", extver),
        imsets.plane("DQ", extver, np.int16),
    )
