"""Variants of the exposures in ``data/cases/wfc3``, and digests of what calwf3 makes of them.

The digests in `tests/parity/test_calwf3.py` are of the products of calwf3 itself (built from its
public source with gcc -O2; it gives the kept FLTs and IMAs of the data bit for bit). To make them
again, call `variant` for each, run ``calwf3.e`` in its folder with iref pointing to ``iref/``, and
print `digest` of the products.
"""

import gzip
import hashlib
from pathlib import Path

import numpy as np
from astropy.io import fits

from darkroom.wfc3.files.imsets import Imsets

RAW = "ihxx01aaq_raw.fits"
PLANES = ("SCI", "ERR", "DQ", "SAMP", "TIME")
#: Values put into a reference: no numbers, and numbers that no reference should have.
NO_NUMBERS = (np.nan, np.inf, -np.inf, 0.0, -1.0, 1e30)


def unpack(case, folder):
    """Unpack RAW and references of a case into a folder; return the path of the RAW."""
    folder = Path(folder)
    (folder / "iref").mkdir(parents=True)
    for path in (case / f"{RAW}.gz", *(case / "iref").glob("*.gz")):
        target = folder / path.relative_to(case).with_suffix("")
        target.write_bytes(gzip.decompress(path.read_bytes()))
    return folder / RAW


def keep_reads(raw, nsamp):
    """Keep the first reads of a RAW, as a sequence that was commanded with fewer."""
    with fits.open(raw, memmap=False, do_not_scale_image_data=True) as hdus:
        all_reads = hdus[0].header["NSAMP"]
        kept = [hdus[0]]
        for extver in range(1, nsamp + 1):
            for name in PLANES:
                kept.append(hdus[name, all_reads - nsamp + extver])
        for extver, first in enumerate(range(1, 5 * nsamp + 1, 5), 1):
            for hdu in kept[first : first + 5]:
                hdu.header["EXTVER"] = extver
        kept[0].header.update(NSAMP=nsamp, NEXTEND=5 * nsamp, EXPTIME=kept[1].header["SAMPTIME"])
        fits.HDUList(kept).writeto(raw, overwrite=True)


def spoil(reference, planes, values=NO_NUMBERS):
    """Put each value into four pixels of each plane, always the same ones."""
    rng = np.random.default_rng(15)
    with fits.open(reference, mode="update", memmap=False) as hdus:
        for plane in planes:
            for value in values:
                for y, x in rng.integers(6, 68, (4, 2)):
                    hdus[plane].data[y, x] = value


def digest(path, names=PLANES):
    """Return a digest of the pixels of a product; a constant plane equals an image of its value."""
    total = hashlib.sha256()
    with Imsets(path) as imsets:
        for name, extver in imsets.names:
            if name not in names:
                continue
            dtype = np.float32 if name in ("SCI", "ERR", "TIME") else np.int16
            plane = imsets.plane(name, extver, dtype)
            if dtype is np.float32:
                plane[np.isnan(plane)] = np.nan  # of either sign
            total.update(f"{name},{extver}".encode() + plane.tobytes())
    return total.hexdigest()[:16]


#: What is changed in the case dflat64, by name of the variant.
VARIANTS = {
    "two reads": lambda raw: keep_reads(raw, 2),
    "three reads": lambda raw: keep_reads(raw, 3),
    "two reads, CRCORR omitted": lambda raw: (
        keep_reads(raw, 2), fits.setval(raw, "CRCORR", value="OMIT")
    ),
    "CRCORR omitted": lambda raw: fits.setval(raw, "CRCORR", value="OMIT"),
    "CRCORR and UNITCORR omitted": lambda raw: (
        fits.setval(raw, "CRCORR", value="OMIT"), fits.setval(raw, "UNITCORR", value="OMIT")
    ),
    "no DFLTFILE": lambda raw: fits.setval(raw, "DFLTFILE", value="N/A"),
    "DFLTFILE alone": lambda raw: fits.setval(raw, "PFLTFILE", value="N/A"),
    **{
        f"no numbers in {label}": (
            lambda raw, name=name, planes=planes: spoil(raw.parent / "iref" / name, planes)
        )
        for label, name, planes in (
            ("COEF", "syn_lin.fits", [("COEF", 1), ("COEF", 3), ("COEF", 4)]),
            ("NODE", "syn_lin.fits", [("NODE", 1)]),
            ("ZSCI", "syn_lin.fits", [("ZSCI", 1), ("ZERR", 1)]),
            ("dark SCI", "syn_drk.fits", [("SCI", 8), ("SCI", 11), ("SCI", 14)]),
            ("dark ERR", "syn_drk.fits", [("ERR", 8), ("ERR", 11), ("ERR", 14)]),
            ("P-flat", "syn_pfl.fits", [("SCI", 1), ("ERR", 1)]),
            ("D-flat", "syn_dfl.fits", [("SCI", 1), ("ERR", 1)]),
        )
    },
}  # fmt: skip


def variant(data, name, folder):
    """Make a variant of the case dflat64 in a folder; return the path of its RAW."""
    raw = unpack(data / "cases/wfc3/dflat64", folder)
    VARIANTS[name](raw)
    return raw
