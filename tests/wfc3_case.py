"""A small WFC3/IR exposure and every reference it needs, with a truth that is known exactly.

Without noise: each pixel collects `rate` e-/s, the dark, non-linearity and flat are those written
into the references. What a test wants otherwise it changes in the counts before they are written.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

SIZE, BORDER = 32, 5
SHAPE = (SIZE + 2 * BORDER, SIZE + 2 * BORDER)
LTV = BORDER - (1014 - SIZE) // 2
GAINS = (2.25, 2.25, 2.25, 2.25)
NOISE = 20.0
ZERO_LEVEL, BIAS, DARK_RATE, NODE = 11000.0, 11000.0, 0.25, 30000.0
INSIDE = (slice(BORDER, BORDER + SIZE), slice(BORDER, BORDER + SIZE))
SEQUENCE = "SPARS25"


def times(nsamp):
    """Seconds since the zeroth read of SPARS25."""
    return np.round(np.concatenate([[0.0], 2.932 + 25.0 * np.arange(nsamp - 1)]), 3)


def counts(rate, nsamp, shape=SHAPE):
    """Counts (DN, floats) of each read k = 0 … above the zeroth level, dark included."""
    seconds = times(nsamp)[:, None, None]
    return (np.broadcast_to(rate, shape) / GAINS[0] + DARK_RATE) * seconds


def write_case(folder, above_zero, *, switches=None, masked=(), dq=0):
    """Write ``<folder>/ixxx01aaq_raw.fits`` and ``<folder>/iref``; return the RAW's path.

    Parameters
    ----------
    folder : path-like
    above_zero : (nsamp, ny, nx) array
        From `counts`. Its size is the subarray's (1024: the full frame), border included.
    switches : dict, optional
        Cards of the primary header to change.
    masked : iterable of int
        EXTVERs whose DQ gets 1024.
    dq : int or (ny, nx) array
        Bad pixels: flags for BPIXTAB.
    """
    folder = Path(folder)
    (folder / "iref").mkdir(parents=True)
    nsamp = len(above_zero)
    _references(folder / "iref", nsamp, np.broadcast_to(dq, above_zero.shape[1:]))
    path = folder / "ixxx01aaq_raw.fits"
    fits.HDUList(_raw(above_zero, switches or {}, masked)).writeto(path)
    return path


def _subtype(shape):
    return f"SQ{shape[0] - 2 * BORDER}SUB"


def _ltv(shape):
    return BORDER - (1014 + 2 * BORDER - shape[0]) // 2


def _raw(above_zero, switches, masked):
    nsamp, seconds = len(above_zero), times(len(above_zero))
    shape, ltv = above_zero.shape[1:], float(_ltv(above_zero.shape[1:]))
    inside = (slice(BORDER, shape[0] - BORDER), slice(BORDER, shape[1] - BORDER))
    primary = fits.PrimaryHDU()
    cards = {
        "NEXTEND": 5 * nsamp, "FILENAME": "ixxx01aaq_raw.fits", "INSTRUME": "WFC3",
        "ROOTNAME": "ixxx01aaq", "DETECTOR": "IR", "FILTER": "F140W", "SUBARRAY": True,
        "SUBTYPE": _subtype(shape), "SAMP_SEQ": SEQUENCE, "NSAMP": nsamp, "CCDGAIN": 2.5,
        "DATE-OBS": "2015-11-01", "TIME-OBS": "23:59:50", "EXPSTART": 57327.0,
        "EXPEND": 57327.0 + seconds[-1] / 86400, "EXPTIME": seconds[-1],
    }  # fmt: skip
    steps = ["DQI", "ZSIG", "ZOFF", "DARK", "BLEV", "NLIN", "FLAT", "CR", "UNIT", "PHOT"]
    cards |= {f"{step}CORR": "PERFORM" for step in steps}
    names = [
        "BPIXTAB",
        "CCDTAB",
        "OSCNTAB",
        "CRREJTAB",
        "DARKFILE",
        "NLINFILE",
        "PFLTFILE",
        "IMPHTTAB",
    ]
    cards |= {name: f"iref${name.lower()}.fits" for name in names}
    primary.header.update(cards | {"DFLTFILE": "N/A", "LFLTFILE": "N/A"} | switches)
    hdus = [primary]
    for extver in range(1, nsamp + 1):
        k = nsamp - extver
        level = np.full(shape, BIAS)
        level[inside] = ZERO_LEVEL + above_zero[k][inside]
        science = fits.ImageHDU(np.round(level).astype(np.uint16), name="SCI", ver=extver)
        science.header.update(
            BUNIT="COUNTS", LTV1=ltv, LTV2=ltv, LTM1_1=1.0, LTM2_2=1.0, CRPIX1=21.0,
            CRPIX2=21.0, SAMPNUM=k, SAMPTIME=seconds[k], ROUTTIME=57327.0 + seconds[k] / 86400,
            SDQFLAGS=31743,
        )  # fmt: skip
        flags = 1024 if extver in masked else 0
        planes = {"ERR": 0.0, "DQ": flags, "SAMP": k, "TIME": float(seconds[k])}
        hdus.append(science)
        hdus += [constant(name, extver, value, shape) for name, value in planes.items()]
    return hdus


def constant(name, extver, value, shape=SHAPE):
    """Make a constant plane: an HDU without data."""
    hdu = fits.ImageHDU(name=name, ver=extver)
    hdu.header.update(NPIX1=shape[1], NPIX2=shape[0], PIXVALUE=value)
    if name in ("ERR", "TIME"):
        hdu.header["BUNIT"] = "COUNTS" if name == "ERR" else "SECONDS"
    return hdu


def _references(folder, nsamp, dq):
    seconds = times(nsamp)
    shape = dq.shape
    node, zeros = np.full(shape, NODE, np.float32), np.zeros(shape, np.float32)
    planes = [_image("COEF", j + 1, zeros) for j in range(4)]
    planes += [_image("DQ", 1, zeros.astype(np.int16)), _image("NODE", 1, node)]
    planes += [_image("ZSCI", 1, zeros + ZERO_LEVEL), _image("ZERR", 1, zeros + 10)]
    _write(folder / "nlinfile.fits", "LINEARITY COEFFICIENTS", planes, NCOEF=4, NERR=0)
    exposures = {f"EXPOS_{e}": seconds[nsamp - e] for e in range(1, nsamp + 1)}
    darks = []
    for extver in range(1, nsamp + 1):
        dark = zeros + np.float32(DARK_RATE * seconds[nsamp - extver])
        darks += [_image("SCI", extver, dark), *_rest(extver, shape)]
    _write(
        folder / "darkfile.fits", "DARK", darks, SAMP_SEQ=SEQUENCE, SUBTYPE=_subtype(shape),
        NUMEXPOS=nsamp, **exposures,
    )  # fmt: skip
    flat = [_image("SCI", 1, zeros + 1), *_rest(1, shape)]
    _write(folder / "pfltfile.fits", "PIXEL-TO-PIXEL FLAT", flat, FILTER="F140W")
    _tables(folder, dq)


def _rest(extver, shape):
    """Make the planes of a reference that are constant here."""
    planes = {"ERR": 0.0, "DQ": 0, "SAMP": 1, "TIME": 1.0}
    return [constant(name, extver, value, shape) for name, value in planes.items()]


def _image(name, extver, data):
    hdu = fits.ImageHDU(data, name=name, ver=extver)
    ltv = float(_ltv(data.shape))
    hdu.header.update(LTV1=ltv, LTV2=ltv, LTM1_1=1.0, LTM2_2=1.0)
    return hdu


def _write(path, filetype, hdus, **cards):
    primary = fits.PrimaryHDU()
    known = {"FILETYPE": filetype, "DETECTOR": "IR", "PEDIGREE": "MODEL", "DESCRIP": "for tests"}
    primary.header.update(known | cards)
    fits.HDUList([primary, *hdus]).writeto(path)


def _tables(folder, dq):
    row = {"CCDAMP": "ABCD", "CCDCHIP": 1}
    ccd = row | {"CCDGAIN": 2.5, "BINAXIS1": 1, "BINAXIS2": 1, "AMPX": 512, "AMPY": 512}
    ccd |= {f"CCDOFST{a}": 0 for a in "ABCD"} | {f"READNSE{a}": NOISE for a in "ABCD"}
    ccd |= {f"ATODGN{a}": gain for a, gain in zip("ABCD", GAINS, strict=True)}
    ccd |= {f"CCDBIAS{a}": BIAS for a in "ABCD"} | {"SATURATE": 8e4}
    _write(folder / "ccdtab.fits", "CCD PARAMETERS", [table([ccd])])
    trims = dict.fromkeys(("TRIMX1", "TRIMX2", "TRIMY1", "TRIMY2"), BORDER)
    columns = {"BIASSECTA1": 2, "BIASSECTA2": 5}
    columns |= {"BIASSECTB1": dq.shape[1] - 4, "BIASSECTB2": dq.shape[1] - 1}
    unused = [f"{name}{i}" for name in ("VX", "VY") for i in (1, 2, 3, 4)]
    unused += ["TRIMX3", "TRIMX4", "BIASSECTC1", "BIASSECTC2", "BIASSECTD1", "BIASSECTD2"]
    columns |= dict.fromkeys(unused, 0) | {"BINX": 1, "BINY": 1}
    osc = row | {"NX": dq.shape[1], "NY": dq.shape[0]} | trims | columns
    _write(folder / "oscntab.fits", "OVERSCAN", [table([osc])])
    crr = {"CRSPLIT": 2, "MEANEXP": 1e5, "IRRAMP": True, "CRSIGMAS": "4.0", "BADINPDQ": 256}
    crr |= {"SKYSUB": "none", "INITGUES": "min", "CRMASK": True}
    crr |= {"CRRADIUS": 0.0, "CRTHRESH": 0.5, "SCALENSE": 0.0}
    _write(folder / "crrejtab.fits", "COSMIC RAY REJECTION", [table([crr])])
    places, ltv = np.argwhere(dq) if dq.any() else [(0, 0)], _ltv(dq.shape)
    bad = [
        row | {"CCDGAIN": -999.0, "PIX1": int(x + 1 - ltv), "PIX2": int(y + 1 - ltv),
               "LENGTH": 1, "AXIS": 1, "VALUE": int(dq[y, x])}
        for y, x in places
    ]  # fmt: skip
    bad = table(bad)
    bad.header["SIZAXIS1"], bad.header["SIZAXIS2"] = dq.shape[::-1]
    _write(folder / "bpixtab.fits", "BAD PIXELS", [bad])
    phot = []
    for name, value in (("PHOTFLAM", 1.5e-20), ("PHOTPLAM", 13923.0), ("PHOTBW", 1132.0)):
        line = {"OBSMODE": "wfc3,ir,f140w,mjd#", "DATACOL": f"{name}1", name: 0.0, "NELEM1": 2,
                f"{name}1": [value, value * 1.02], "PAR1NAMES": "MJD#",
                "PAR1VALUES": [57000.0, 57654.0]}  # fmt: skip
        phot.append(table([line], name=name))
    _write(folder / "imphttab.fits", "", phot, PARNUM=1, PHOTZPT=-21.1, NEXTEND=3, EXTRAP=True)


def table(rows, name=None):
    """Make a table HDU of dictionaries with the same keys."""
    formats = {str: "20A", bool: "L", int: "J", float: "D", list: "2D"}
    columns = [
        fits.Column(key, formats[type(value)], array=[row[key] for row in rows])
        for key, value in rows[0].items()
    ]
    return fits.BinTableHDU.from_columns(columns, name=name)
