"""Reference files of the simulated WFC3/IR detector, in the layout of a CRDS cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits

from darkroom.atomic import written_atomically
from darkroom.errors import DarkroomError
from darkroom.fits.write import save
from darkroom.simulate.crds_cache import Kind, write_cache
from darkroom.simulate.settings import stream
from darkroom.wfc3.dq import BLOB, HOT
from darkroom.wfc3.simulate import tables as wfc3_tables
from darkroom.wfc3.simulate.detector import (
    MEAN_GAIN,
    NONLINEARITY,
    detector_key,
    detector_of,
    offset_of,
)
from darkroom.wfc3.simulate.names import BORDER, FULL_SIDE, MOST_READS, SUBARRAYS
from darkroom.wfc3.simulate.values import complete, sample_times

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from darkroom.crds.cache import Cache

USEAFTER = "Jan 01 2009 00:00:00"
#: Header keywords by which references of each type are selected, as in the real rules.
PARKEYS = {
    "bpixtab": ("DETECTOR",),
    "ccdtab": ("DETECTOR",),
    "oscntab": ("DETECTOR",),
    "crrejtab": ("DETECTOR",),
    "darkfile": ("DETECTOR", "CCDAMP", "SAMP_SEQ", "SUBTYPE"),
    "nlinfile": ("DETECTOR",),
    "pfltfile": ("DETECTOR", "CCDAMP", "FILTER"),
    "dfltfile": ("DETECTOR", "CCDAMP", "FILTER"),
    "imphttab": ("DETECTOR",),
    "idctab": ("DETECTOR",),
}
NOT_APPLICABLE = (
    "biasfile", "drkcfile", "npolfile", "d2imfile", "mdriztab", "pctetab", "lfltfile",
)  # fmt: skip
_FILETYPES = {
    "bpixtab": "BAD PIXELS",
    "ccdtab": "CCD PARAMETERS",
    "oscntab": "OVERSCAN",
    "crrejtab": "COSMIC RAY REJECTION",
    "darkfile": "DARK",
    "nlinfile": "LINEARITY COEFFICIENTS",
    "pfltfile": "PIXEL-TO-PIXEL FLAT",
    "dfltfile": "DELTA FLAT",
    "imphttab": "PHOTOMETRIC PARAMETERS",
    "idctab": "DISTORTION COEFFICIENTS",
}
_SUFFIXES = {
    "bpixtab": "bpx", "ccdtab": "ccd", "oscntab": "osc", "crrejtab": "crr", "darkfile": "drk",
    "nlinfile": "lin", "pfltfile": "pfl", "dfltfile": "dfl", "imphttab": "imp", "idctab": "idc",
}  # fmt: skip
#: Errors of the references themselves: dark (DN), zeroth read (DN) and flat (fraction).
DARK_ERROR, ZERO_ERROR, FLAT_ERROR = 0.3, 12.0, 0.001


def reference(full: dict[str, Any], kind: str) -> fits.HDUList:
    """Return the HDUs of a reference file.

    Parameters
    ----------
    full : dict
        Complete settings of the simulator.
    kind : str
        One of `PARKEYS`.

    Returns
    -------
    astropy.io.fits.HDUList
    """
    primary = fits.PrimaryHDU()
    primary.header.extend(
        [
            ("FILETYPE", _FILETYPES[kind]),
            ("TELESCOP", "HST"),
            ("INSTRUME", "WFC3"),
            ("DETECTOR", "IR"),
            ("PEDIGREE", "MODEL 01/01/2009"),
            ("DESCRIP", "Simulated by darkroom, not of a real detector"),
            ("USEAFTER", USEAFTER),
        ]
    )
    hdus = [primary, *_CONTENT[kind](full, primary.header)]
    return fits.HDUList(hdus)


def _plane(values, name, extver, side):
    """Return an image with a border of zeros and the cards of its position on the detector."""
    dtype = np.int16 if values.dtype.kind == "i" else np.float32
    image = np.pad(values.astype(dtype), BORDER)
    hdu = fits.ImageHDU(image, name=name, ver=extver)
    offset = float(offset_of(side))
    hdu.header.extend([("LTV1", offset), ("LTV2", offset), ("LTM1_1", 1.0), ("LTM2_2", 1.0)])
    return hdu


def _constant(name, extver, shape, value):
    hdu = fits.ImageHDU(name=name, ver=extver)
    hdu.header.extend([("NPIX1", shape[1]), ("NPIX2", shape[0]), ("PIXVALUE", value)])
    return hdu


def _imset(sci, err, dq, extver, side, time):
    shape = tuple(n + 2 * BORDER for n in sci.shape)
    return [
        _plane(sci, "SCI", extver, side),
        _plane(err, "ERR", extver, side),
        _plane(dq, "DQ", extver, side),
        _constant("SAMP", extver, shape, 0),
        _constant("TIME", extver, shape, time),
    ]


def _dark(full, header):
    detector = detector_of(full)
    side = detector.dark.shape[0]
    times = sample_times(full["sampseq"], MOST_READS, full["subarray"])[::-1]
    header.extend([("SAMP_SEQ", full["sampseq"]), ("SUBTYPE", full["subarray"])])
    header.extend([("CCDGAIN", 2.5), ("NUMEXPOS", len(times)), ("NEXTEND", 5 * len(times))])
    header.extend([(f"EXPOS_{i}", time) for i, time in enumerate(times, 1)])
    error = DARK_ERROR * stream(full, "dark_error").standard_normal((FULL_SIDE, FULL_SIDE))
    first = (FULL_SIDE - side) // 2
    error = error[first : first + side, first : first + side]
    hdus = []
    for extver, time in enumerate(times, 1):
        share = time / times[0]
        sci = detector.dark * time / detector.gain + error * share
        err = np.full(sci.shape, DARK_ERROR * share)
        hdus += _imset(sci, err, detector.flags & np.int16(HOT), extver, side, time)
    return hdus


def _linearity(full, header):
    detector = detector_of(full)
    side = detector.node.shape[0]
    header.extend([("NCOEF", 4), ("NERR", 10), ("NEXTEND", 18)])
    shape = (side + 2 * BORDER,) * 2
    hdus = [_plane(c * detector.curvature, "COEF", j, side) for j, c in enumerate(NONLINEARITY, 1)]
    hdus += [_constant("ERR", j, shape, 0.0) for j in range(1, 11)]
    noise = stream(full, "zero_error").standard_normal((FULL_SIDE, FULL_SIDE), dtype=np.float32)
    first = (FULL_SIDE - side) // 2
    noise = noise[first : first + side, first : first + side]
    hdus += [
        _plane(np.zeros(detector.node.shape, np.int16), "DQ", 1, side),
        _plane(detector.node, "NODE", 1, side),
        # Half of the stated error: the reset noise of each exposure adds to it.
        _plane(detector.zero + ZERO_ERROR / 2 * noise, "ZSCI", 1, side),
        _plane(np.full(detector.zero.shape, ZERO_ERROR), "ZERR", 1, side),
    ]
    return hdus


def _flat(full, header):
    """Return the pixel-to-pixel flat, without the blobs: those are in the delta flat."""
    detector = detector_of(full)
    side = detector.flat.shape[0]
    _flat_cards(full, header)
    # calwf3 multiplies by the mean gain: the flat contains the ratios of the amplifiers to it.
    flat = detector.flat * (MEAN_GAIN / detector.gain)
    err = np.full(flat.shape, FLAT_ERROR)
    return _imset(flat, err, np.zeros(flat.shape, np.int16), 1, side, 0.0)


def _delta_flat(full, header):
    """Return the delta flat: the transmission of the blobs, which are flagged."""
    detector = detector_of(full)
    _flat_cards(full, header)
    blobs = detector.blobs
    err = np.where(blobs < 1, FLAT_ERROR, 0.0)
    flags = detector.flags & np.int16(BLOB)
    return _imset(blobs, err, flags, 1, blobs.shape[0], 0.0)


def _flat_cards(full, header):
    header.extend([("FILTER", full["filter"]), ("CCDAMP", "ABCD"), ("CCDGAIN", 2.5)])
    header.extend([("NEXTEND", 5)])


_CONTENT: dict[str, Callable[..., list[Any]]] = {
    "bpixtab": wfc3_tables.bad_pixels,
    "ccdtab": wfc3_tables.ccd,
    "oscntab": wfc3_tables.overscan,
    "crrejtab": wfc3_tables.rejection,
    "darkfile": _dark,
    "nlinfile": _linearity,
    "pfltfile": _flat,
    "dfltfile": _delta_flat,
    "imphttab": wfc3_tables.photometry,
    "idctab": wfc3_tables.distortion,
}


def write_folder(folder: Path, settings: dict[str, Any]) -> dict[str, str]:
    """Write the references of one set of exposures; return ``{KEYWORD: file name}``."""
    full, names = complete(settings), {}
    for kind in PARKEYS:
        name = f"sim0001ii_{_SUFFIXES[kind]}.fits"
        names[kind.upper()] = name
        with written_atomically(folder / name) as temporary:
            save(temporary, reference(full, kind))
    return names


def write_references(
    cache: Cache, context: str, simulated: list[dict[str, Any]], kinds: Iterable[str]
) -> None:
    """Write a small CRDS cache for simulated exposures.

    Parameters
    ----------
    cache : darkroom.crds.cache.Cache
        The cache to write.
    context : str
        Name of its context, ``….pmap``.
    simulated : list of dict
        Settings of the simulator, one for each set of exposures; all of one detector.
    kinds : iterable of str
        Types of references, from `PARKEYS`, or from `NOT_APPLICABLE`, which have no file.

    Raises
    ------
    DarkroomError
        For a type that cannot be simulated, or sets with different detectors.
    """
    folder = cache.path / "references" / cache.observatory
    for stale in folder.glob("*.fits"):
        stale.unlink()
    sets = [complete(settings) for settings in simulated]
    if len({detector_key(full) for full in sets}) > 1:
        raise DarkroomError(
            "simulated WFC3: the items have different detectors (seed or its settings), and one "
            "set of references cannot serve them"
        )
    if unknown := set(kinds) - set(PARKEYS) - set(NOT_APPLICABLE):
        raise DarkroomError(f"cannot simulate {', '.join(sorted(unknown))} references")
    largest = max(sets, key=lambda full: SUBARRAYS[full["subarray"]][0])
    tables = [Kind(name, PARKEYS[name]) for name in sorted(kinds) if name in PARKEYS]
    for table in tables:
        for full in sets:
            # A dark is of one subarray; the other references are of the largest, and cut.
            source = full if table.name == "darkfile" else full | {"subarray": largest["subarray"]}
            _enter(folder, table, source)
    write_cache(cache, context, "wfc3", tables, NOT_APPLICABLE, ("DATE-OBS", "TIME-OBS"))


def _enter(folder, table, full):
    """Write a reference and enter it into the table, unless its row exists already."""
    values = {"DETECTOR": "IR", "CCDAMP": "ABCD", "SAMP_SEQ": full["sampseq"]}
    values |= {"SUBTYPE": full["subarray"], "FILTER": full["filter"]}
    row = tuple(values[key] for key in table.parkey)
    if row in table.rows:
        return
    name = f"sim{len(table.rows) + 1:04d}ii_{_SUFFIXES[table.name]}.fits"
    table.rows[row] = {"2009-01-01 00:00:00": name}
    with written_atomically(folder / name) as temporary:
        save(temporary, reference(full, table.name))
