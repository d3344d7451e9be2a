"""Folders of frames as programs and observatories write them, small and seeded.

Each holds frames of 64 x 64 pixels (mosaics: four amplifiers of 32 x 44): bias level 1000 ADU,
noise 8 ADU, an offset of 1 ADU from frame to frame, and darks of 60 s at 0.5 ADU/s.
"""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
from astropy.io import fits

SHAPE = (64, 64)
TIMES = {"bias": 0.0, "dark": 60.0, "flat": 2.0, "light": 60.0}
DAYS = {"bias": 1, "dark": 2, "flat": 3, "light": 4}


def image(rng, kind, shape=SHAPE, level=1000.0):
    """Return an image of one exposure."""
    made = level + 8.0 * rng.standard_normal(shape) + rng.standard_normal()
    if kind in ("dark", "light"):
        made += rng.poisson(30.0, shape)
    if kind == "flat":
        made += rng.poisson(20_000, shape)
    return np.clip(np.rint(made), 0, 65535).astype("uint16")


def date(kind, k):
    return f"2024-03-0{DAYS[kind]}T20:{k:02d}:07.{137 * k % 1000:03d}"


def write(path, data, cards):
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu = fits.PrimaryHDU(data)
    hdu.header.update({key: value for key, value in cards.items() if value is not None})
    hdu.writeto(path)


def camera(
    folder, cards, of_type, *, time="EXPTIME", kinds=("bias", "dark"), name=None, seed=1, **how
):
    """Write six frames of each kind.

    Parameters
    ----------
    folder : pathlib.Path
    cards : dict
        Of all frames.
    of_type : callable
        Cards of a kind and a number.
    time : str or tuple of str
        Cards of the exposure time.
    name : str
        Of a file, with ``{kind}`` and ``{k}``.
    how : dict
        ``shape``, ``first`` (number of the first frame), ``dtype``.
    """
    rng = np.random.default_rng(seed)
    for kind in kinds:
        for k in range(6):
            data = image(rng, kind, how.get("shape", SHAPE)).astype(how.get("dtype", "uint16"))
            known = {"DATE-OBS": date(kind, k + how.get("first", 0))}
            known |= dict.fromkeys([time] if isinstance(time, str) else time, TIMES[kind])
            path = folder / (name or "{kind}_{k:03d}.fits").format(kind=kind, k=k)
            write(path, data, known | cards | of_type(kind, k))


def mosaic(folder, cards, of_type, *, packed=False, seed=2):
    """Write four amplifiers in extensions, every second of which is read from the other side."""
    rng, (ny, nx), cut = np.random.default_rng(seed), (32, 44), 8
    width = nx - cut
    for kind in ("bias", "dark"):
        for k in range(5):
            hdus = [fits.PrimaryHDU()]
            hdus[0].header.update(
                {"DATE-OBS": date(kind, k), "EXPTIME": TIMES[kind], "NEXTEND": 4}
                | cards | of_type(kind, k)
            )  # fmt: skip
            for e in range(4):
                flip = e % 2 == 1
                data = (
                    800 + 100 * e + 30 * rng.standard_normal() + 8 * rng.standard_normal((ny, nx))
                )
                inside = slice(cut, nx) if flip else slice(0, width)
                if kind == "dark":
                    data[:, inside] += rng.poisson(30.0, (ny, width))
                made = fits.CompImageHDU if packed else fits.ImageHDU
                hdu = made(np.rint(data).astype("uint16"), name=f"im{e + 1}")
                of_image = f"[{cut + 1}:{nx},1:{ny}]" if flip else f"[1:{width},1:{ny}]"
                left, right = e % 2 * width + 1, (e % 2 + 1) * width
                rows = f"{e // 2 * ny + 1}:{(e // 2 + 1) * ny}"
                hdu.header.update({
                    "GAIN": 2 + e / 10, "CCDSUM": "1 1", "DATASEC": of_image, "TRIMSEC": of_image,
                    "BIASSEC": f"[1:{cut},1:{ny}]" if flip else f"[{width + 1}:{nx},1:{ny}]",
                    "CCDSEC": f"[{left}:{right},{rows}]",
                    "DETSEC": f"[{right}:{left},{rows}]" if flip else f"[{left}:{right},{rows}]",
                    "AMPSEC": f"[{width}:1,1:{ny}]" if flip else f"[1:{width},1:{ny}]",
                    "ATM1_1": -1.0 if flip else 1.0, "ATM2_2": 1.0, "ATV1": float(flip * right),
                    "ATV2": 0.0, "LTM1_1": 1.0, "LTM2_2": 1.0, "LTV1": float(-flip * cut),
                    "LTV2": 0.0,
                })  # fmt: skip
                hdus.append(hdu)
            path = folder / f"{kind}{k:02d}.fits{'.fz' if packed else ''}"
            path.parent.mkdir(parents=True, exist_ok=True)
            fits.HDUList(hdus).writeto(path)


def stated(card, bias="bias", dark="dark", flat="flat", light="light"):
    """Return cards of a kind that state its type."""
    words = {"bias": bias, "dark": dark, "flat": flat, "light": light}
    return lambda kind, _: {card: words[kind]}


def build(folder):
    """Write all sets below a folder."""
    folder = Path(folder)
    both = ("EXPTIME", "EXPOSURE")
    camera(
        folder / "sharpcap",
        {"INSTRUME": "SharpCap", "SWCREATE": "SharpCap v4.0", "GAIN": 200, "BLKLEVEL": 10},
        lambda kind, k: {"CCD-TEMP": 21.5, "DATE-OBS": date(kind, k) + "1234"},
        name="{kind}/20_15_{k:02d}/frame_00001.fits", seed=3,
    )  # fmt: skip
    camera(
        folder / "nina",
        {
            "INSTRUME": "Nina", "SWCREATE": "N.I.N.A. 2.0", "GAIN": 0, "OFFSET": 50, "EGAIN": 0.25,
            "SET-TEMP": -10.0, "CCD-TEMP": -9.9, "READOUTM": "Default", "ROWORDER": "TOP-DOWN",
        },
        stated("IMAGETYP", "BIAS", "DARK", "FLAT", "LIGHT"), time=both, kinds=tuple(TIMES),
        name="2024-03-01/{kind}/2024-03-01_20-00-00__-10.00_{k:04d}.fits", seed=4,
    )  # fmt: skip
    words = stated("IMAGETYP", "Bias Frame", "Dark Frame", "Flat Field", "Light Frame")
    camera(
        folder / "maxim",
        {
            "INSTRUME": "MaxIm", "SET-TEMP": -10.0, "XORGSUBF": 0, "YORGSUBF": 0, "CALSTAT": "",
            "PEDESTAL": 0, "FLIPSTAT": "", "EGAIN": 0.37, "CBLACK": 900,
        },
        lambda kind, k: words(kind, k) | {"CCD-TEMP": -9.874 + 0.41 * (k % 2)},
        time=both, kinds=tuple(TIMES), name="{kind}-{k:03d}.fit", seed=5,
    )  # fmt: skip
    camera(folder / "ekos", {"INSTRUME": "Ekos"}, stated("FRAME", "Bias", "Dark"), seed=6)
    camera(
        folder / "andor",
        {
            "HEAD": "DU897_BV", "READMODE": "Image", "HBIN": 1, "VBIN": 1, "GAIN": 300, "TEMP": -70,
            "SUBRECT": "1, 64, 64, 1", "DATATYPE": "Counts",
        },
        lambda *_: {}, time="EXPOSURE", name="{kind}/X{k}.fits", seed=7,
    )  # fmt: skip
    camera(
        folder / "lco",
        {
            "INSTRUME": "kb23", "CCDATEMP": -20.0, "CCDSTEMP": -20.0, "CCDSUM": "1 1",
            "TRIMSEC": "[1:64,1:64]", "DATASEC": "[1:64,1:64]", "BIASSEC": "UNKNOWN",
        },
        stated("OBSTYPE", "BIAS", "DARK"), seed=8,
    )  # fmt: skip
    zero = stated("OBSTYPE", "zero")
    mosaic(folder / "noao", {"INSTRUME": "Mosaic2", "PROCTYPE": "RAW"}, zero, seed=9)
    mosaic(folder / "packed", {"INSTRUME": "Mosaic3"}, zero, packed=True, seed=10)
    roi = {"INSTRUME": "Regions", "XORGSUBF": 0, "YORGSUBF": 0}
    camera(folder / "regions", roi, words, seed=11)
    roi |= {"XORGSUBF": 10, "YORGSUBF": 20}
    camera(
        folder / "regions",
        roi,
        words,
        name="roi_{kind}_{k}.fits",
        shape=(48, 40),
        first=20,
        seed=12,
    )
    camera(
        folder / "microseconds", {"INSTRUME": "Microseconds"},
        lambda kind, _: {"IMAGETYP": kind, "EXPTIME": None, "EXPOINUS": int(TIMES[kind] * 1e6)},
        seed=13,
    )  # fmt: skip
    camera(
        folder / "electrons", {"INSTRUME": "Electrons", "BUNIT": "electron"}, stated("IMAGETYP"),
        dtype="float32", seed=14,
    )  # fmt: skip
    camera(
        folder / "silent", {"INSTRUME": "Silent", "BAYERPAT": "RGGB"},
        lambda kind, _: {"IMAGETYP": kind} | ({"GAIN": 100, "OFFSET": 5} if kind == "dark" else {}),
        seed=15,
    )  # fmt: skip
    _cubes(folder / "cubes")
    _spoilt(folder / "spoilt")


def _cubes(folder):
    """Write one cube of each kind."""
    rng = np.random.default_rng(16)
    for kind in ("bias", "dark"):
        data = np.stack([image(rng, kind) for _ in range(7)])
        cards = {"INSTRUME": "Cubes", "EXPOSURE": TIMES[kind], "DATE-OBS": date(kind, 0)}
        write(folder / f"{kind}.fits", data, cards)


def _spoilt(folder):
    """Write a camera with hot pixels, a slipped readout, copies, and files that are no frames."""
    rng = np.random.default_rng(17)
    hot = np.where(rng.random(SHAPE) < 0.02, rng.exponential(900, SHAPE), 0).astype("uint16")
    cards = {"INSTRUME": "Spoilt", "IMAGETYP": "Bias"}
    for k in range(8):
        write(folder / f"bias_{k}.fits", image(rng, "bias"), cards | {"EXPTIME": 0.0})
    cards |= {"IMAGETYP": "Dark", "EXPTIME": 60.0}
    for k in range(8):
        data = image(rng, "dark") + np.roll(hot, 9 if k == 5 else 0, axis=0)
        write(folder / f"dark_{k}.fits", data, cards | {"DATE-OBS": date("dark", k)})
    first = folder / "dark_0.fits"
    (folder / "again.fits.gz").write_bytes(gzip.compress(first.read_bytes()))
    (folder / "linked.fits").symlink_to("bias_0.fits")
    (folder / "gone.fits").symlink_to("nowhere.fits")
    (folder / "half.fits").write_bytes(first.read_bytes()[:6000])
    (folder / "notes.fits").write_text("not a frame\n" * 900)
    (folder / "empty.fits").write_bytes(b"")
    (folder / "folder.fits").mkdir()
    os.mkfifo(folder / "pipe.fits")
