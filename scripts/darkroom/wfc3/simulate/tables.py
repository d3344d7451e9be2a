"""Reference tables of the simulated WFC3/IR detector.

Each function takes the complete settings of the simulator and the primary header of the file, and
returns the extensions of the file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits

from darkroom.wfc3.simulate.detector import GAINS, READ_NOISE, detector_of
from darkroom.wfc3.simulate.names import BORDER, FILTERS, FULL_SIDE, SUBARRAYS
from darkroom.wfc3.simulate.sky import DISTORTION_X, DISTORTION_Y, PARITY, SCALE, THETA


def _table(columns, name=None):
    """Return a binary table of ``{column: (format, values)}``."""
    made = [fits.Column(n, form, array=np.array(v)) for n, (form, v) in columns.items()]
    return fits.BinTableHDU.from_columns(made, name=name)


def bad_pixels(full: dict[str, Any], _: fits.Header) -> list[fits.BinTableHDU]:
    """Return BPIXTAB: anomalous pixels and blobs."""
    detector = detector_of(full)
    first = (FULL_SIDE - detector.flags.shape[0]) // 2
    y, x = np.nonzero(detector.flags)
    count = y.size
    table = _table(
        {
            "CCDAMP": ("4A", ["N/A"] * count),
            "CCDCHIP": ("J", [-999] * count),
            "CCDGAIN": ("E", [-999.0] * count),
            "PIX1": ("J", x + first + 1),
            "PIX2": ("J", y + first + 1),
            "LENGTH": ("J", [1] * count),
            "AXIS": ("J", [1] * count),
            "VALUE": ("I", detector.flags[y, x]),
        }
    )
    # Size of the array to which the rows belong; calwf3 requires it.
    table.header["SIZAXIS1"] = table.header["SIZAXIS2"] = FULL_SIDE + 2 * BORDER
    return [table]


def ccd(*_: object) -> list[fits.BinTableHDU]:
    """Return CCDTAB: gains and read noise of the amplifiers."""
    columns = {"CCDAMP": ("4A", ["ABCD"]), "CCDCHIP": ("J", [1]), "CCDGAIN": ("E", [2.5])}
    columns |= {"BINAXIS1": ("J", [1]), "BINAXIS2": ("J", [1])}
    columns |= {f"CCDOFST{amp}": ("J", [0]) for amp in "ABCD"}
    columns |= {f"CCDBIAS{amp}": ("E", [11000.0]) for amp in "ABCD"}
    columns |= {f"ATODGN{amp}": ("E", [GAINS[amp]]) for amp in "ABCD"}
    columns |= {f"READNSE{amp}": ("E", [READ_NOISE[amp]]) for amp in "ABCD"}
    columns |= {"AMPX": ("J", [512]), "AMPY": ("J", [512]), "SATURATE": ("E", [80000.0])}
    columns |= {"PEDIGREE": ("67A", ["MODEL"]), "DESCRIP": ("67A", ["simulated"])}
    return [_table(columns)]


def overscan(*_: object) -> list[fits.BinTableHDU]:
    """Return OSCNTAB: border and reference columns of every subarray."""
    sizes = [side + 2 * BORDER for side, _ in SUBARRAYS.values()]
    count = len(sizes)
    names = ["TRIMX1", "TRIMX2", "TRIMX3", "TRIMX4", "TRIMY1", "TRIMY2"]
    names += [f"V{axis}{i}" for axis in "XY" for i in range(1, 5)]
    columns = {"CCDAMP": ("4A", ["ABCD"] * count), "CCDCHIP": ("J", [1] * count)}
    columns |= {"BINX": ("J", [1] * count), "BINY": ("J", [1] * count)}
    columns |= {"NX": ("J", sizes), "NY": ("J", sizes)}
    columns |= {name: ("J", [0] * count) for name in names}
    columns |= {name: ("J", [BORDER] * count) for name in ("TRIMX1", "TRIMX2", "TRIMY1", "TRIMY2")}
    columns |= {"BIASSECTA1": ("J", [2] * count), "BIASSECTA2": ("J", [5] * count)}
    columns |= {"BIASSECTB1": ("J", [n - 4 for n in sizes])}
    columns |= {"BIASSECTB2": ("J", [n - 1 for n in sizes])}
    columns |= {f"BIASSECT{s}{i}": ("J", [0] * count) for s in "CD" for i in (1, 2)}
    return [_table(columns)]


def rejection(*_: object) -> list[fits.BinTableHDU]:
    """Return CRREJTAB: thresholds of CRCORR."""
    columns = {"CRSPLIT": ("J", [2]), "MEANEXP": ("E", [1e5]), "IRRAMP": ("L", [True])}
    columns |= {"SCALENSE": ("E", [0.0]), "INITGUES": ("8A", ["minimum"])}
    columns |= {"SKYSUB": ("4A", ["none"]), "CRSIGMAS": ("20A", ["4.0"])}
    columns |= {"CRRADIUS": ("E", [0.0]), "CRTHRESH": ("E", [0.5])}
    return [_table(columns | {"BADINPDQ": ("I", [256]), "CRMASK": ("L", [True])})]


def photometry(_: dict[str, Any], header: fits.Header) -> list[fits.BinTableHDU]:
    """Return IMPHTTAB: photometric quantities of every filter as functions of time."""
    header.extend([("PARNUM", 1), ("PAR1NAME", "MJD#"), ("PHOTZPT", -21.1), ("NEXTEND", 3)])
    header.extend([("EXTRAP", True)])
    names, count = list(FILTERS), len(FILTERS)
    dates = [[54900.0, 57000.0, 62000.0]] * count
    hdus = []
    for i, quantity in enumerate(("PHOTPLAM", "PHOTFLAM", "PHOTBW")):
        values = np.array([[FILTERS[name][i]] * 3 for name in names])
        if quantity == "PHOTFLAM":
            # The sensitivity declines by a fraction of a per cent in a decade.
            values = values * np.array([1.0, 1.0015, 1.004])
        columns = {
            "OBSMODE": ("40A", [f"wfc3,ir,{name.lower()},mjd#" for name in names]),
            "DATACOL": ("12A", [f"{quantity}1"] * count),
            quantity: ("D", np.zeros(count)),
            f"{quantity}1": ("3D", values),
            "NELEM1": ("I", [3] * count),
            "PAR1NAMES": ("10A", ["MJD#"] * count),
            "PAR1VALUES": ("3D", dates),
            "PEDIGREE": ("30A", ["MODEL"] * count),
            "DESCRIP": ("60A", ["simulated"] * count),
        }
        hdus.append(_table(columns, quantity))
    return [hdus[1], hdus[0], hdus[2]]


def distortion(_: dict[str, Any], header: fits.Header) -> list[fits.BinTableHDU]:
    """Return IDCTAB: the distortion, the same for all filters."""
    header.extend([("NORDER", 4), ("PARITY", PARITY)])
    rows = [(way, name) for name in FILTERS for way in ("FORWARD", "INVERSE")]
    count = len(rows)
    columns = {
        "DETCHIP": ("J", [1] * count),
        "DIRECTION": ("8A", [way for way, _ in rows]),
        "FILTER": ("8A", [name for _, name in rows]),
        "XSIZE": ("J", [FULL_SIDE] * count),
        "YSIZE": ("J", [FULL_SIDE] * count),
    }
    numbers = {"XREF": 507.0, "YREF": 507.0, "V2REF": -1.019, "V3REF": -0.507}
    numbers |= {"SCALE": SCALE, "THETA": THETA}
    for axis, terms in (("X", DISTORTION_X), ("Y", DISTORTION_Y)):
        for i in range(1, 5):
            numbers |= {f"C{axis}{i}{j}": terms.get((i, j), 0.0) for j in range(i + 1)}
    columns |= {name: ("D", [value] * count) for name, value in numbers.items()}
    return [_table(columns)]
