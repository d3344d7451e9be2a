"""Dark RAWs calibrated up to the dark itself, and kept on disk until they are combined."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from darkroom.errors import InputError
from darkroom.wfc3.dq import SATURATED
from darkroom.wfc3.engine import engine
from darkroom.wfc3.files.imsets import Imsets
from darkroom.wfc3.superdark.combine import Noise
from darkroom.wfc3.superdark.pixels import MIN_DARKS
from darkroom.words import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from astropy.io import fits

    from darkroom.wfc3.engine.ramp import Ramp

#: The steps before the dark correction, and none after them, whatever the header says.
STEPS = {
    "DQICORR": "PERFORM", "ZSIGCORR": "PERFORM", "BLEVCORR": "PERFORM", "ZOFFCORR": "PERFORM",
    "NLINCORR": "PERFORM", "DARKCORR": "OMIT", "PHOTCORR": "OMIT", "UNITCORR": "OMIT",
    "CRCORR": "OMIT", "FLATCORR": "OMIT",
}  # fmt: skip
#: Cards that all darks of a superdark share; those of the rules by which it is chosen are among
#: them.
SHARED = ("SAMP_SEQ", "SUBTYPE", "CCDAMP", "CCDGAIN", "NSAMP")
# Flags of reads that hold no signal of the pixel: lost data, saturation.
_UNFIT = 1 | 2 | SATURATED
_SAME_TIME = 0.01


@dataclass(frozen=True)
class Dark:
    """A dark: what its header says, and where its references are.

    Parameters
    ----------
    path : pathlib.Path
        Its RAW.
    primary, science : astropy.io.fits.Header
        Primary header, and that of [SCI,1].
    folder : pathlib.Path
        Folder of its reference files.
    cards : dict
        Names of references in the place of those of its header.
    """

    path: Path
    primary: fits.Header
    science: fits.Header
    folder: Path
    cards: dict[str, str]

    @classmethod
    def read(cls, path: Path, folder: Path, cards: dict[str, str] | None = None) -> Dark:
        """Read the headers of a RAW; refuse what is no dark.

        Raises
        ------
        InputError
            When the file is missing, damaged or no dark.
        """
        with Imsets(path) as imsets:
            found = cls(path, imsets.primary, imsets.header("SCI", 1), folder, cards or {})
        kind = str(found.primary.get("IMAGETYP", "")).strip().upper()
        if kind != "DARK":
            raise InputError(path, f"IMAGETYP is {kind or 'missing'}, a superdark needs DARK")
        return found


def check_alike(darks: Sequence[Dark]) -> None:
    """Refuse a set that is not of one sample sequence, subarray, gain and number of reads.

    Raises
    ------
    InputError
        Naming the first dark that differs from the first of all.
    """
    first = darks[0]
    if len(darks) < MIN_DARKS:
        raise InputError(
            first.path,
            f"{counted(len(darks), 'dark')} are given; a superdark needs {MIN_DARKS}, so that a "
            "cosmic ray can be told from the others",
            "add darks of the same SAMP_SEQ and SUBTYPE",
        )
    names: dict[str, Path] = {}
    for dark in darks:
        for card in SHARED:
            found, wanted = (str(d.primary.get(card, "")).strip() for d in (dark, first))
            if found != wanted:
                raise InputError(
                    dark.path,
                    f"{card} is {found or 'missing'}, that of {first.path.name} is "
                    f"{wanted or 'missing'}",
                    "make an item for each, or leave it out",
                )
        root = str(dark.primary.get("ROOTNAME", "")).strip()
        if root and root in names:
            raise InputError(dark.path, f"is the same exposure as {names[root].name} ({root})")
        names[root] = dark.path


class Reads:
    """The reads of all darks after the zeroth, DN since the zeroth, in files of a folder.

    Parameters
    ----------
    folder : path-like
        Private folder; takes 4 bytes for each pixel and read.
    darks : sequence of Dark
        Alike, see `check_alike`.
    threads : int
        Threads of the calibration.
    """

    def __init__(self, folder: Path, darks: Sequence[Dark], threads: int = 1) -> None:
        self._cubes: list[Path] = []
        self.warnings: list[str] = []
        for number, dark in enumerate(darks):
            ramp = engine.load(
                dark.path, dark.folder, threads=threads, cards={**dark.cards, **STEPS}
            )
            if number == 0:
                self._describe(ramp)
            elif np.abs(ramp.exptimes[1:] - self.times).max() > _SAME_TIME:
                raise InputError(dark.path, f"its read times differ from those of {darks[0].path}")
            self.warnings += [f"{dark.path.name}: {text}" for text in ramp.warnings]
            path = folder / f"{number}.npy"
            cube = np.lib.format.open_memmap(path, "w+", np.float32, self.shape[1:])
            y0, y1, x0, x1 = self.window
            for k in range(1, ramp.nsamp):
                read = ramp.sci[k, y0:y1, x0:x1]
                unfit = (ramp.dq[k, y0:y1, x0:x1] & _UNFIT) != 0
                cube[k - 1] = np.where(unfit, np.float32(np.nan), read)
            # Mapped only while it is read: pages of all darks would add up to gigabytes.
            del cube, ramp
            self._cubes.append(path)
        self.shape = (len(darks), *self.shape[1:])

    def _describe(self, ramp: Ramp) -> None:
        """Keep what all darks share: times, window, noise, reference files."""
        self.times = ramp.exptimes[1:]
        self.window = ramp.window
        self.full_shape = ramp.shape
        self.references = {name: one.path.name for name, one in ramp.references.items()}
        y0, y1, x0, x1 = ramp.window
        self.shape = (1, ramp.nsamp - 1, y1 - y0, x1 - x0)
        self.noise = _noise(ramp)

    def rows(self, rows: slice) -> np.ndarray:
        """Return the reads of some rows, (darks, reads, rows, columns) float32."""
        return np.stack([np.load(path, mmap_mode="r")[:, rows] for path in self._cubes])


def _noise(ramp):
    """Return read noise, gain and amplifier of each pixel; READNSE is that of two reads."""
    y0, y1, x0, x1 = ramp.window
    x, y = ramp.amplifiers.corner(ramp.headers[-1]["SCI"], ramp.border)
    right = np.arange(x0, x1) >= x
    upper = np.arange(y0, y1) >= y
    # A B C D: upper left, lower left, lower right, upper right.
    amplifier = np.where(upper[:, None], np.where(right, 3, 0), np.where(right, 2, 1))
    gain = ramp.amplifiers.gains[amplifier].astype(np.float32)
    noise = ramp.amplifiers.readnoise[amplifier].astype(np.float32)
    return Noise(noise * noise / (2 * gain * gain), gain, amplifier.astype(np.int8))
