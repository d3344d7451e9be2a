"""Dark ramps on disk: where the planes lie in a file, when they were taken, what contradicts."""

from __future__ import annotations

import tempfile
import warnings
import weakref
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.errors import InputError
from darkroom.fits.tiles import DTYPES, Plane
from darkroom.fits.verify import unpacked
from darkroom.fits.write import save
from darkroom.nircam.detector.readout import OUTPUTS, SIZE
from darkroom.nircam.ramps.header import CARDS, Segment, structure_faults
from darkroom.nircam.ramps.times import middles

if TYPE_CHECKING:
    from darkroom.hints import StrPath

#: Largest number that the ADC writes: a pixel at it is saturated.
FULL_SCALE = 65535
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Cube:
    """Position in a file of the planes (integration, group) of one extension.

    Attributes
    ----------
    shape : tuple of int
        ``(nints, ngroups, ny, nx)``.
    first : Plane
        Integration 0, group 0; the others follow without gaps.
    """

    shape: tuple[int, int, int, int]
    first: Plane

    def plane(self, integration: int, group: int) -> Plane:
        """Return the `Plane` of one group."""
        number = integration * self.shape[1] + group
        plane = self.first
        offset = plane.offset + number * plane.nbytes
        return Plane(
            plane.path, offset, plane.shape, plane.dtype, plane.bscale, plane.bzero, plane.blank
        )


@dataclass(frozen=True)
class RampFile:
    """One exposure, or one segment of it: header values, and where its pixels lie in the file.

    Attributes
    ----------
    path : pathlib.Path
        The file as given; its planes may lie in an unpacked copy.
    header : dict
        Values of the primary header that are used here; missing keywords are left out.
    sci : Cube
    groupdq : Cube or None
    pixeldq : Plane or None
    mjd : (nints,) float64 array
        Middle of each integration, days; NaN when the header gives no time.
    first_integration : int
        Number, counted from 1, that the first integration of the file has in its exposure.
    faults : tuple of str
        What header and contents contradict each other in.
    remarks : tuple of str
        What is odd, but does no harm to the pixels.
    """

    path: Path
    header: dict[str, Any]
    sci: Cube
    groupdq: Cube | None
    pixeldq: Plane | None
    mjd: np.ndarray = field(compare=False)
    first_integration: int = 1
    faults: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def read(
        self, integration: int, group: int, first: int, values: np.ndarray, flags: int = 0
    ) -> None:
        """Read rows of one group.

        Parameters
        ----------
        integration, group : int
            Counted from 0.
        first : int
            First row.
        values : (nrows, nx) float32 array
            Written to: DN; NaN for flagged samples, and where packets were lost.
        flags : int
            Samples whose GROUPDQ has one of these bits are NaN. 0: GROUPDQ is not read.
        """
        plane = self.sci.plane(integration, group)
        plane.read_into(values, first, self.path)
        blank_lost(values)
        if flags and self.groupdq is not None:
            bits = self.groupdq.plane(integration, group).stored(first, values.shape[0], self.path)
            bits &= bits.dtype.type(flags)
            values[bits != 0] = np.nan


def blank_lost(values: np.ndarray) -> None:
    """Set to NaN where packets were lost: an amplifier's part of a row is 0, or a row one value.

    Lost packets are filled with 0 as a rule. Noise makes no row of one value. A single 0 stays,
    since it may be a dead pixel; so do a dead amplifier and a row at full scale.
    """
    nrows, nx = values.shape
    parts = values.reshape(nrows, OUTPUTS if nx == SIZE else 1, -1)
    suspect = parts[:, :, 0] == 0
    if suspect.any():
        row, amplifier = np.nonzero(suspect)
        lost = ~parts[row, amplifier].any(axis=1)
        parts[row[lost], amplifier[lost]] = np.nan
    same = values[:, 0] == values[:, -1]
    if same.any():
        row = np.flatnonzero(same)
        row = row[values[row, 0] < FULL_SCALE]
        values[row[(values[row] == values[row, :1]).all(axis=1)]] = np.nan


def open_ramp(path: StrPath) -> RampFile:
    """Return the description of a ramp file, without reading its pixels.

    A compressed file (``.gz``, or tile-compressed as ``.fz``) is unpacked to a temporary copy,
    which is removed when the description is no longer in use.

    Raises
    ------
    InputError
        When the file is missing, is not FITS, is shorter than its headers say, or holds no ramp,
        i.e. no 4-D image (integration, group, row, column) in an extension SCI.
    """
    path = Path(path)
    copy = ExitStack()
    try:
        plain = plain_copy(path, copy)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(plain, memmap=False, do_not_scale_image_data=True) as hdus:
                found = _describe(path, plain, hdus)
    except (OSError, fits.VerifyError, ValueError) as error:
        copy.close()
        raise InputError(path, f"cannot be read as FITS ({error})") from error
    except BaseException:
        copy.close()
        raise
    # The unpacked copy goes when the description does, or the program ends.
    weakref.finalize(found, copy.close)
    return found


def plain_copy(path: StrPath, copies: ExitStack) -> Path:
    """Return the path of a ramp file that is not compressed: `path` itself or a temporary copy.

    Parameters
    ----------
    path : path-like
    copies : contextlib.ExitStack
        Removes the copy when it is closed.

    Raises
    ------
    InputError
        When the file is missing, or cannot be unpacked.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(path, "no such file")
    with path.open("rb") as stream:
        packed = stream.read(2) == _GZIP
    if packed and path.suffix != ".gz":
        raise InputError(
            path, "is gzip-compressed, but its name does not end in .gz", "rename or unpack it"
        )
    plain = copies.enter_context(unpacked(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if _is_tile_compressed(plain):
            folder = copies.enter_context(tempfile.TemporaryDirectory(prefix="darkroom-"))
            plain = Path(folder) / "plain.fits"
            with fits.open(path) as hdus:
                save(plain, fits.HDUList([_decompressed(hdu) for hdu in hdus]))
    return plain


def _is_tile_compressed(path):
    with fits.open(path, memmap=True) as hdus:
        return any(isinstance(hdu, fits.CompImageHDU) for hdu in hdus)


def _decompressed(hdu):
    if isinstance(hdu, fits.CompImageHDU):
        return fits.ImageHDU(hdu.data, hdu.header, hdu.name)
    return hdu.copy()


def _describe(path, plain, hdus):
    primary = hdus[0].header
    header = {card: primary[card] for card in CARDS if card in primary}
    header |= {card: value for card, value in primary.items() if card.startswith("MSTR_")}
    names = [hdu.name for hdu in hdus]
    if "SCI" not in names:
        held = ", ".join(name or "?" for name in names)
        raise InputError(
            path, f"has no extension SCI (it holds {held})", "give ramps: uncal or pipeline ramps"
        )
    shape = tuple(getattr(hdus["SCI"], "shape", ()))
    if len(shape) != 4:
        raise InputError(
            path,
            f"SCI has {len(shape)} axes {shape}, a ramp has 4 (integration, group, row, column)",
            "give ramps, not rates",
        )
    if 0 in shape:
        raise InputError(path, f"SCI is empty (shape {shape})")
    sci = _cube(path, plain, hdus["SCI"])
    groupdq = _cube(path, plain, hdus["GROUPDQ"]) if "GROUPDQ" in names else None
    if groupdq is not None and groupdq.shape != sci.shape:
        raise InputError(path, f"GROUPDQ has shape {groupdq.shape}, SCI {sci.shape}")
    pixeldq = _plane(path, plain, hdus["PIXELDQ"]) if "PIXELDQ" in names else None
    if pixeldq is not None and pixeldq.shape != sci.shape[2:]:
        raise InputError(path, f"PIXELDQ has shape {pixeldq.shape}, SCI {sci.shape}")
    shapes = {hdu.name: tuple(hdu.shape) for hdu in hdus if hdu.is_image}
    times = hdus["INT_TIMES"].data if "INT_TIMES" in names else None
    mjd, remarks = middles(header, sci.shape, times)
    return RampFile(
        path,
        header,
        sci,
        groupdq,
        pixeldq,
        mjd,
        Segment.from_header(header, sci.shape[0]).first,
        structure_faults(header, shapes),
        remarks,
    )


def _cube(path, plain, hdu):
    return Cube(tuple(hdu.shape), _plane(path, plain, hdu))


def _plane(path, plain, hdu):
    """Return the first plane of an image HDU, which must be complete in the file."""
    header, offset = hdu.header, hdu.fileinfo()["datLoc"]
    dtype = np.dtype(DTYPES[header["BITPIX"]])
    end, length = offset + int(np.prod(hdu.shape)) * dtype.itemsize, plain.stat().st_size
    if end > length:
        raise InputError(
            path, f"truncated: {hdu.name} ends at byte {end}, the file has {length} bytes"
        )
    return Plane(
        path=plain,
        offset=offset,
        shape=tuple(hdu.shape[-2:]),
        dtype=dtype,
        bscale=float(header.get("BSCALE", 1.0)),
        bzero=float(header.get("BZERO", 0.0)),
        blank=header.get("BLANK") if dtype.kind in "iu" else None,
    )
