"""Levels of reference pixels that were summed with the noise spectrum, in a table of its file.

The noise spectrum reads all frames of the ramps, and fits the same lines to their pixels. What the
reference pixels need of them is summed on the way, so that no program reads the ramps again for it.
"""

from __future__ import annotations

from dataclasses import astuple
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.nircam.refpix.levels import Levels, LevelSums, empty_levels
from darkroom.nircam.refpix.pixels import Pixels, measure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from darkroom.hints import StrPath
    from darkroom.nircam.products import Provenance
    from darkroom.nircam.ramps.ramps import RampSet
    from darkroom.nircam.spectrum.source import RampSource

#: The table, of one row: each column holds one array.
NAME = "REFERENCE_SUMS"
# Attributes of `Levels` that are lists of one array for each ramp: those of equal length are
# stacked, those with a row for each group are joined.
_STACKED, _JOINED = ("reference_start", "active_start"), ("edges", "active")
_ALONE = ("nactive", "noise")


class StoredSums(LevelSums):
    """Levels that are summed with a noise spectrum, and what they say of each reference pixel.

    Attributes
    ----------
    found : tuple of Levels and Pixels, or None
        After `finish`.
    """

    found: tuple[Levels, Pixels] | None = None

    def finish(self) -> Levels:
        """Return the levels, without the values of the pixels."""
        levels = super().finish()
        self.found = levels, measure(levels)
        levels.reference = None
        return levels


def level_sums(source: RampSource) -> StoredSums | None:
    """Return empty sums for ramps that are about to be read; None without reference pixels."""
    return StoredSums(source) if source.readout.reference_pixels().any() else None


def table(sums: StoredSums | None) -> list[fits.BinTableHDU]:
    """Return the table of the sums over ramps; none where nothing was summed."""
    if sums is None or sums.found is None:
        return []
    levels, pixels = sums.found
    arrays = {"ngroups": np.array([len(one) for one in levels.active])}
    arrays |= {name: np.stack(getattr(levels, name)) for name in _STACKED}
    arrays |= {name: np.concatenate(getattr(levels, name)) for name in _JOINED}
    arrays |= {name: getattr(levels, name) for name in _ALONE}
    arrays |= {name: np.array(getattr(owner, each)) for name, owner, each in _of_sums(levels)}
    *numbers, bad = astuple(pixels)
    arrays |= {"pixels": np.stack(numbers), "bad": bad}
    # In the order of bytes of the file: astropy takes long over swapping those of long rows.
    kinds = [(name.upper(), one.dtype.newbyteorder(">"), one.shape) for name, one in arrays.items()]
    row = np.zeros(1, kinds)
    for name, one in arrays.items():
        row[name.upper()][0] = one
    hdu = fits.BinTableHDU()
    hdu.data, hdu.name = row.view(fits.FITS_rec), NAME
    return [hdu]


def read(path: StrPath, ramps: RampSet, provenance: Provenance) -> tuple[Levels, Pixels] | None:
    """Return what the file of a noise spectrum holds of the reference pixels of some ramps.

    Parameters
    ----------
    path : path-like
        Noise spectrum.
    ramps : RampSet
    provenance : darkroom.nircam.products.Provenance
        Names the ramps, with digests of their values.

    Returns
    -------
    levels, pixels
        None when the file has no such table, or is of other ramps.
    """
    with fits.open(path) as hdus:
        header, names = hdus[0].header, [hdu.name for hdu in hdus]
        same = header.get("NRAMPS") == len(ramps.ramps) and provenance.same_inputs(header)
        if NAME not in names or not same:
            return None
        row = hdus[NAME].data[0]
        arrays = {name.lower(): _native(row[name]) for name in hdus[NAME].columns.names}
    levels = empty_levels(ramps.readout)
    ends = np.cumsum(arrays["ngroups"])[:-1]
    for name in _STACKED:
        setattr(levels, name, list(arrays[name]))
    for name in _JOINED:
        setattr(levels, name, np.split(arrays[name], ends))
    for name in _ALONE:
        setattr(levels, name, arrays[name])
    for name, owner, attribute in _of_sums(levels):
        setattr(owner, attribute, arrays[name])
    return levels, Pixels(*arrays["pixels"], arrays["bad"])


def _of_sums(levels: Levels) -> Iterator[tuple[str, Any, str]]:
    """Yield the name of each array of the sums over rows, its owner and its attribute."""
    for name in ("rows", "sides", "sirs"):
        if (owner := getattr(levels, name)) is not None:
            for attribute in owner.STORED:
                yield f"{name}_{attribute.strip('_')}", owner, attribute


def _native(values: Any) -> np.ndarray:
    values = np.asarray(values)
    return values.astype(values.dtype.newbyteorder("="))
