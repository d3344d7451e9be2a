"""Calibration of the detector for L1 frames: conversion gain, full wells, non-linearity."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import DarkroomError, InputError

if TYPE_CHECKING:
    from typing import Any

    from astropy.io import fits

    from darkroom.hints import StrPath

#: Electrons per DN as corgidrp 5.1.1 has it (8.7 in single precision), and the read noise [e-].
KGAIN, READ_NOISE = float(np.float32(8.7)), 121.76
_READ_NOISE_ERROR = 2.0
#: Full wells of a pixel and of the EM register [e-].
WELL_IMAGE, WELL_REGISTER = 90000.0, 105000.0
#: Choices of a non-linearity that are not files.
LINEAR, CORGIDRP = "none", "corgidrp"
_TABLE_IN_WHEEL = Path("data", "default_calibs", "nonlin_table_240322.txt")


@dataclass(frozen=True)
class Nonlinearity:
    """Relative gain as a function of DN and EM gain; bias-subtracted values are multiplied by it.

    Attributes
    ----------
    name : str
        File name; empty for a linear detector.
    counts : (m,) array
        DN, increasing.
    gains : (n,) array
        EM gains, increasing.
    table : (m, n) array
        Relative gain, without unit.
    """

    name: str = ""
    counts: np.ndarray = field(default_factory=lambda: np.zeros(1))
    gains: np.ndarray = field(default_factory=lambda: np.ones(1))
    table: np.ndarray = field(default_factory=lambda: np.ones((1, 1)))

    def curve(self, gain: float) -> np.ndarray:
        """Return the relative gain at `counts` for an EM gain, interpolated linearly."""
        place = np.clip(gain, self.gains[0], self.gains[-1])
        k = int(np.clip(np.searchsorted(self.gains, place) - 1, 0, max(len(self.gains) - 2, 0)))
        if len(self.gains) == 1:
            return np.ascontiguousarray(self.table[:, 0])
        part = (place - self.gains[k]) / (self.gains[k + 1] - self.gains[k])
        return self.table[:, k] * (1 - part) + self.table[:, k + 1] * part


@dataclass(frozen=True)
class Calibration:
    """Calibration of the detector.

    Attributes
    ----------
    kgain, kgain_error : float
        Electrons per DN, and its error.
    read_noise, read_noise_error : float
        Read noise [e-], and its error.
    well_image, well_register : float
        Full wells [e-].
    nonlinearity : Nonlinearity
    bias_offset, bias_offset_error : float
        Level of the prescan minus that of the image [DN], as measured by noise maps, and its error.
    files : tuple of pathlib.Path
        Files the calibration was read from.
    """

    kgain: float = KGAIN
    kgain_error: float = 0.0
    read_noise: float = READ_NOISE
    read_noise_error: float = _READ_NOISE_ERROR
    well_image: float = WELL_IMAGE
    well_register: float = WELL_REGISTER
    nonlinearity: Nonlinearity = field(default_factory=Nonlinearity)
    bias_offset: float = 0.0
    bias_offset_error: float = 0.0
    files: tuple[Path, ...] = ()

    def well_dn(self, gain: float) -> float:
        """Return the full well [DN] at an EM gain: that of pixel or register, the smaller one."""
        return min(gain * (self.well_image / self.kgain), self.well_register / self.kgain)


def read_calibration(
    *,
    nonlinearity: StrPath | None = None,
    kgain: StrPath | None = None,
    bias_offset: StrPath | None = None,
) -> Calibration:
    """Read the calibration of a detector.

    Parameters
    ----------
    nonlinearity : str or path-like
        ``none`` for a linear detector, ``corgidrp`` for the table in its wheel (which must be
        installed), or a file: FITS as corgidrp's, or comma-separated text. The first row holds EM
        gains, the first column DN. There is no default: a program cannot guess which one holds.
    kgain : str or path-like, optional
        Electrons per DN, or corgidrp's KGain file; by default its value (8.7).
    bias_offset : path-like, optional
        Noise maps whose bias offset (cards B_O and B_O_ERR) is applied; by default 0.

    Returns
    -------
    Calibration

    Raises
    ------
    DarkroomError
        When a file is missing or holds something else, or `nonlinearity` is not named.
    """
    values: dict[str, Any] = {}
    files: list[Path] = []
    if nonlinearity is None:
        raise DarkroomError(
            "L1 frames: no non-linearity is named; name a table (FITS or text), corgidrp for the "
            "one in its wheel, or none for a linear detector"
        )
    if str(nonlinearity) != LINEAR:
        path = _wheel_table() if str(nonlinearity) == CORGIDRP else Path(nonlinearity)
        values["nonlinearity"] = read_nonlinearity(path)
        files.append(path)
    if kgain is not None:
        number = _number(kgain)
        if number is None:
            values |= _read_kgain(Path(kgain))
            files.append(Path(kgain))
        else:
            values |= {"kgain": number, "kgain_error": 0.0}
    if bias_offset is not None:
        header = _first_image(Path(bias_offset))[0]
        for key, card in (("bias_offset", "B_O"), ("bias_offset_error", "B_O_ERR")):
            values[key] = _card(Path(bias_offset), header, card)
        files.append(Path(bias_offset))
    found = Calibration(**values, files=tuple(files))
    if not 0 < found.kgain < np.inf:
        raise DarkroomError(f"conversion gain {found.kgain:g} e-/DN: it must be positive")
    return found


def read_nonlinearity(path: StrPath) -> Nonlinearity:
    """Read a table of relative gains.

    Raises
    ------
    InputError
        When the file is missing, damaged, or not such a table: axes must increase, and each column
        must contain or straddle 1.
    """
    path = Path(path)
    if path.suffix in (".fits", ".gz", ".fit"):
        table = np.asarray(_first_image(path)[1], float)
    else:
        try:
            # corgidrp keeps its tables in single precision.
            table = np.loadtxt(path, delimiter=",", dtype=np.float32).astype(float)
        except FileNotFoundError:
            raise InputError(path, "no such file: a table of non-linearity is needed") from None
        except (OSError, ValueError) as error:
            raise InputError(path, f"is no table of non-linearity ({error})") from None
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table[1:, 1:]).all():
        raise InputError(
            path, f"holds no table of non-linearity (shape {table.shape}, or values missing)"
        )
    gains, counts, body = table[0, 1:], table[1:, 0], table[1:, 1:]
    for name, axis in (("EM gain (first row)", gains), ("DN (first column)", counts)):
        if not (np.diff(axis) > 0).all():
            raise InputError(path, f"{name} does not increase")
    if (body.min(axis=0) > 1).any() or (body.max(axis=0) < 1).any():
        raise InputError(path, "a column of relative gains neither contains nor straddles 1")
    return Nonlinearity(path.name, *map(np.ascontiguousarray, (counts, gains, body)))


def _wheel_table():
    found = find_spec("corgidrp")
    if found is None or not found.origin:
        raise DarkroomError(
            "non-linearity corgidrp: the package corgidrp is not installed in this environment; "
            f"name its file {_TABLE_IN_WHEEL.name}, or any other table"
        )
    return Path(found.origin).parent / _TABLE_IN_WHEEL


def _number(text):
    try:
        return float(text)
    except ValueError:
        return None


def _read_kgain(path):
    header, data = _first_image(path)
    flat = np.atleast_1d(np.asarray(data, float)).ravel()
    values = {"kgain": float(flat[0]), "kgain_error": _kgain_error(path)}
    for key, card in (("read_noise", "RN"), ("read_noise_error", "RN_ERR")):
        if card in header:
            values[key] = _card(path, header, card)
    return values


def _kgain_error(path):
    from astropy.io import fits

    with fits.open(path, memmap=False) as hdus:
        return float(np.ravel(hdus["ERR"].data)[0]) if "ERR" in hdus else 0.0


def _card(path, header, card):
    value = header.get(card)
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise InputError(path, f"card {card} is {value!r}, a finite number is needed")
    return float(value)


def _first_image(path: Path) -> tuple[fits.Header, np.ndarray]:
    """Return header and data of the first image of a file."""
    from astropy.io import fits

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(path, memmap=False) as hdus:
                hdu = next(h for h in hdus if h.is_image and h.header["NAXIS"] > 0)
                return hdu.header, hdu.data
    except FileNotFoundError:
        raise InputError(path, "no such calibration file") from None
    except (OSError, ValueError, StopIteration, fits.VerifyError) as error:
        raise InputError(path, f"holds no calibration ({error or 'no image'})") from None
