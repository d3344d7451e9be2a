"""Faults of real exposures: wrong type, lost packets, broken promises of the header."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy.io import fits

from darkroom.fits.write import save

if TYPE_CHECKING:
    from collections.abc import Callable

    from darkroom.hints import StrPath

_FRAME_SIGNAL = 50  # DN a group of an exposure that was not taken in the dark
_FULL_SCALE = 65535


def add_fault(kind: str, path: StrPath) -> None:
    """Spoil a raw exposure.

    Parameters
    ----------
    kind : str
        One of `FAULTS`.
    path : path-like
        The file, which is written anew.
    """
    # From memory, since the file is written anew.
    with fits.open(io.BytesIO(Path(path).read_bytes())) as hdus:
        FAULTS[kind](hdus)
        save(path, hdus)


def _not_dark(hdus):
    # An image: light in every group, and its type in the header.
    hdus[0].header["EXP_TYPE"] = "NRC_IMAGE"
    data = hdus["SCI"].data
    light = _FRAME_SIGNAL * (1 + np.arange(data.shape[1]))[None, :, None, None]
    hdus["SCI"].data = np.minimum(data + light, _FULL_SCALE).astype(np.uint16)


def _aborted(hdus):
    # The second half of the last integration was never read.
    data = hdus["SCI"].data
    data[-1, (data.shape[1] + 1) // 2 :] = 0


def _lost_groups(hdus):
    # The packets of the first group of the first integration were lost.
    hdus["SCI"].data[0, 0] = 0


def _lost(hdus):
    # All packets were lost.
    hdus["SCI"].data[...] = 0


def _no_zeroframe(hdus):
    # The header promises frame 0, which is not in the file.
    hdus[0].header["ZEROFRAM"] = True


def _clock(hdus):
    # The number of outputs is not that of the frame time.
    header = hdus[0].header
    header["NOUTPUTS"] = 1 if header["NOUTPUTS"] > 1 else 4


def _other_corner(hdus):
    # A subarray of the same name that lies elsewhere on the detector.
    header = hdus[0].header
    header["SUBSTRT1"] = 1 if header["SUBSTRT1"] > 1 else 2


def _averaged(hdus):
    # Groups that are means of eight frames.
    header = hdus[0].header
    header["NFRAMES"] = 8
    header["TGROUP"] = 8 * header["TFRAME"]


def _subtracted(hdus):
    # The superbias was subtracted already.
    hdus[0].header["S_SUPERB"] = "COMPLETE"
    data = hdus["SCI"].data.astype(np.float32)
    hdus["SCI"].data = data - data[:1, :1]


def _multistripe(hdus):
    # Rows of several stripes of the detector.
    hdus[0].header["MSTR_RD1"] = 40


#: What each kind of fault does to an exposure.
FAULTS: dict[str, Callable[[fits.HDUList], None]] = {
    "not_dark": _not_dark,
    "aborted": _aborted,
    "lost_group": _lost_groups,
    "lost": _lost,
    "no_zeroframe": _no_zeroframe,
    "clock": _clock,
    "other_corner": _other_corner,
    "averaged": _averaged,
    "subtracted": _subtracted,
    "multistripe": _multistripe,
}
