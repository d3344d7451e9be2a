"""How NIRCam's detectors are read: orientation, amplifiers, reference pixels and clock.

Two frames are in use. Images in files are in the DMS frame. Read-out noise is described in the
detector frame, which follows the order in which pixels are read: column 0 is on the left,
amplifier a = 0 … 3 reads columns 512 a … 512 a + 511, amplifiers 0 and 2 read from left to right,
1 and 3 from right to left. All of darkroom numbers the amplifiers in this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from darkroom.errors import DarkroomError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PIXEL_TIME = 1e-5  # s, one tick of the clock
ROW_OVERHEAD = 12  # ticks after the pixels of a row
BORDER = 4  # reference pixels on every side of the detector
SIZE = 2048  # pixels a side
OUTPUTS = 4  # amplifiers in full-width readout

# A negative FASTAXIS or SLOWAXIS mirrors that axis between the DMS and the detector frame.
_FLIPS_X = ("NRCA1", "NRCA3", "NRCALONG", "NRCB2", "NRCB4")
_FLIPS_Y = ("NRCA2", "NRCA4", "NRCB1", "NRCB3", "NRCBLONG")
#: (FASTAXIS, SLOWAXIS) of every detector.
ORIENTATION = dict.fromkeys(_FLIPS_X, (-1, 2)) | dict.fromkeys(_FLIPS_Y, (1, -2))
#: The ten detectors, as headers write them.
DETECTORS = tuple(sorted(ORIENTATION))


def flip(array: np.ndarray, fastaxis: int, slowaxis: int) -> np.ndarray:
    """Transform images between the DMS and the detector frame (the same operation both ways).

    Parameters
    ----------
    array : (..., ny, nx) array
        Images in either frame.
    fastaxis, slowaxis : int
        As in the header: ±1 and ±2.

    Returns
    -------
    (..., ny, nx) array
        A view of `array` in the other frame.

    Raises
    ------
    DarkroomError
        When the fast axis is not x: NIRCam's detectors are all read along rows.
    """
    if abs(fastaxis) != 1 or abs(slowaxis) != 2:
        raise DarkroomError(
            f"FASTAXIS {fastaxis} and SLOWAXIS {slowaxis}: NIRCam's are ±1 and ±2 (rows along x)"
        )
    return array[..., :: -1 if slowaxis < 0 else 1, :: -1 if fastaxis < 0 else 1]


@dataclass(frozen=True)
class Readout:
    """The pixels that one exposure reads, and the order in which they are read.

    Parameters
    ----------
    detector : str
        As in the header, e.g. ``NRCA1``.
    subarray : str
        As in the header, e.g. ``FULL``.
    fastaxis, slowaxis : int
        Orientation, as in the header: ±1 and ±2.
    xstart, ystart : int
        First column and row in the DMS frame, counted from 1 (``SUBSTRT1``, ``SUBSTRT2``).
    nx, ny : int
        Columns and rows.
    noutputs : int
        Amplifiers in use: 4 over the full width, else 1.
    rows : int
        Rows of the detector: 2048; fewer only for the small detectors of tests.

    Raises
    ------
    DarkroomError
        When the number of outputs does not match the columns, or the pixels are not all on the
        detector.
    """

    detector: str
    subarray: str
    fastaxis: int
    slowaxis: int
    xstart: int
    ystart: int
    nx: int
    ny: int
    noutputs: int
    rows: int = SIZE

    def __post_init__(self) -> None:
        if self.noutputs not in (1, OUTPUTS) or self.nx % self.noutputs:
            raise DarkroomError(
                f"{self.detector} {self.subarray}: {self.noutputs} outputs for {self.nx} columns; "
                "NIRCam reads all 2048 columns through 4 outputs or less through 1"
            )
        if self.noutputs == OUTPUTS and self.nx != SIZE:
            raise DarkroomError(
                f"{self.detector} {self.subarray}: 4 outputs need all 2048 columns, not {self.nx}"
            )
        if not (
            1 <= self.xstart <= SIZE + 1 - self.nx and 1 <= self.ystart <= self.rows + 1 - self.ny
        ):
            raise DarkroomError(
                f"{self.detector} {self.subarray}: {self.nx} × {self.ny} pixels from "
                f"({self.xstart}, {self.ystart}) are not inside {SIZE} × {self.rows}"
            )

    @classmethod
    def full(cls, detector: str, rows: int = SIZE) -> Readout:
        """Return the full-frame readout of a detector by name (fewer rows only in tests)."""
        if detector not in ORIENTATION:
            raise DarkroomError(
                f"there is no NIRCam detector {detector!r}; there are {', '.join(DETECTORS)}"
            )
        return cls(detector, "FULL", *ORIENTATION[detector], 1, 1, SIZE, rows, OUTPUTS, rows)

    @classmethod
    def from_header(cls, header: Mapping[str, Any]) -> Readout:
        """Return the readout that a primary header describes.

        Parameters
        ----------
        header : mapping
            With DETECTOR, SUBARRAY, SUBSTRT1/2 and SUBSIZE1/2. FASTAXIS, SLOWAXIS and NOUTPUTS
            are optional; by default they are those of the detector.

        Raises
        ------
        DarkroomError
            When a keyword is missing (the message names it), or the detector is unknown and its
            orientation is not given.
        """
        needed = ("DETECTOR", "SUBARRAY", "SUBSTRT1", "SUBSTRT2", "SUBSIZE1", "SUBSIZE2")
        if missing := [card for card in needed if card not in header]:
            raise DarkroomError(f"the header lacks {', '.join(missing)}")
        detector, subarray, xstart, ystart, nx, ny = (header[card] for card in needed)
        known = ORIENTATION.get(detector, (None, None))
        fastaxis = header.get("FASTAXIS", known[0])
        slowaxis = header.get("SLOWAXIS", known[1])
        if fastaxis is None or slowaxis is None:
            raise DarkroomError(
                f"DETECTOR is {detector!r}, which is not one of {', '.join(DETECTORS)}, and "
                "FASTAXIS and SLOWAXIS are not given"
            )
        noutputs = header.get("NOUTPUTS") or (OUTPUTS if nx == SIZE else 1)
        return cls(detector, subarray, fastaxis, slowaxis, xstart, ystart, nx, ny, noutputs)

    def flip(self, array: np.ndarray) -> np.ndarray:
        """Transform images (..., ny, nx) between the DMS and the detector frame; a view."""
        return flip(array, self.fastaxis, self.slowaxis)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns, the same in both frames."""
        return self.ny, self.nx

    @property
    def origin(self) -> tuple[int, int]:
        """First row and first column in the detector frame, counted from 0."""
        row, column = self.ystart - 1, self.xstart - 1
        if self.slowaxis < 0:
            row = self.rows - row - self.ny
        if self.fastaxis < 0:
            column = SIZE - column - self.nx
        return row, column

    @property
    def columns_per_amplifier(self) -> int:
        """Number of columns that one amplifier reads."""
        return self.nx // self.noutputs

    @property
    def ticks(self) -> int:
        """Clock ticks in a frame, overheads included."""
        row = self.columns_per_amplifier + ROW_OVERHEAD
        return row * (self.ny + 1) + 1 if self.noutputs == OUTPUTS else row * (self.ny + 2)

    @property
    def frame_time(self) -> float:
        """Duration of one frame in seconds (10.73677 s for the full detector)."""
        return self.ticks * PIXEL_TIME

    def amplifiers(self) -> np.ndarray:
        """Return the amplifier of every pixel: (ny, nx) int8, detector frame."""
        columns = np.repeat(np.arange(self.noutputs), self.columns_per_amplifier)
        return np.broadcast_to(columns.astype(np.int8), self.shape)

    def parity(self) -> np.ndarray:
        """Return 0 for even and 1 for odd detector columns: (ny, nx) int8, detector frame."""
        columns = (np.arange(self.nx) + self.origin[1]) % 2
        return np.broadcast_to(columns.astype(np.int8), self.shape)

    def reference_pixels(self) -> np.ndarray:
        """Return the mask of reference pixels: (ny, nx) bool, detector frame."""
        row, column = (
            start + np.arange(n) for start, n in zip(self.origin, self.shape, strict=True)
        )
        top_or_bottom = (row < BORDER) | (row >= self.rows - BORDER)
        left_or_right = (column < BORDER) | (column >= SIZE - BORDER)
        return top_or_bottom[:, None] | left_or_right[None, :]

    def to_clock(self, image: np.ndarray, fill: float = 0.0) -> np.ndarray:
        """Return an image as time series: the pixel that each amplifier reads at each clock tick.

        Parameters
        ----------
        image : (..., ny, nx) array
            Detector frame.
        fill : float
            Value at ticks at which no pixel is read.

        Returns
        -------
        (..., noutputs, ticks) array
            Pixels in the order in which they are read: of amplifiers 1 and 3 from right to left.
        """
        stream = np.full((*image.shape[:-2], self.noutputs, self.ticks), fill, image.dtype)
        for read, pixels in self._in_reading_order(stream, image):
            read[...] = pixels
        return stream

    def fill_clock(self, stream: np.ndarray, band: np.ndarray, first: int) -> None:
        """Write rows of an image into its time series.

        Parameters
        ----------
        stream : (noutputs, ticks) array
            Written to where the rows are read; as `to_clock` returns it when all rows are written.
        band : (nrows, nx) array
            Rows, detector frame.
        first : int
            The first of them.
        """
        row = self.columns_per_amplifier + ROW_OVERHEAD
        part = stream[..., first * row : (first + len(band)) * row]
        for read, pixels in self._in_reading_order(part, band):
            read[...] = pixels

    def from_clock(self, stream: np.ndarray) -> np.ndarray:
        """Return the image of time series: the inverse of `to_clock`.

        Parameters
        ----------
        stream : (..., noutputs, ticks) array
            What each amplifier reads at each clock tick of a frame.

        Returns
        -------
        (..., ny, nx) array
            Detector frame.
        """
        image = np.empty((*stream.shape[:-2], *self.shape), stream.dtype)
        for read, pixels in self._in_reading_order(stream, image):
            pixels[...] = read
        return image

    def _in_reading_order(
        self, stream: np.ndarray, image: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield pairs of views: the ticks at which pixels are read, and those pixels.

        The first pair holds the amplifiers that read from left to right, the second those that
        read from right to left. Both views of a pair are (..., amplifiers, ny, columns per
        amplifier).
        """
        width = self.columns_per_amplifier
        row = width + ROW_OVERHEAD
        ny = image.shape[-2]
        read = stream[..., : row * ny]
        read = read.reshape(*read.shape[:-1], ny, row)[..., :width]
        pixels = image.reshape(*image.shape[:-1], self.noutputs, width)
        pixels = np.moveaxis(pixels, -2, -3)
        yield read[..., 0::2, :, :], pixels[..., 0::2, :, :]
        yield read[..., 1::2, :, :], pixels[..., 1::2, :, ::-1]
