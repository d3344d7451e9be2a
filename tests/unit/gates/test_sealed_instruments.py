"""Sealed faults of CGI darks and of WFC3 FLTs: small images, the library's own functions."""

import json

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import units_rows
from darkroom.cgi.darks.tables import table_image
from darkroom.cgi.gating import darks
from darkroom.cgi.stacks.values import piece_digest
from darkroom.wfc3.gating.single import single
from sealed_faults import assert_found, assert_quiet

N, NY, NX = 12, 48, 48
NAMES = [f"frame{k}" for k in range(N)]
NOISE, GAIN = 0.5, 100.0  # electrons before the register


def pieces(frame):
    """Return what is known of the pixels of a frame when it has arrived."""
    return "-".join(piece_digest(row.astype(np.float32), k) for k, row in enumerate(frame * GAIN))


def dark_image(rng):
    """Return a fixed pattern with hot pixels, electrons."""
    image = rng.normal(0.05, 0.05, (NY, NX))
    return image + 5 * (rng.uniform(size=image.shape) < 0.02)


def write_dark(path, data, err, facts, *, counts=None):
    image, dq = fits.Header({"EMPTYPIX": "nan", "EXPTIME": 10.0, "EMGAIN_C": GAIN}), data * 0
    if counts is not None:
        image["PC_STAT"] = "photon-counted master dark"
    table = {"FILE": list(facts), "EMGAIN": [GAIN] * len(facts)}
    hdus = [
        fits.PrimaryHDU(),
        fits.ImageHDU(data, header=image),
        fits.ImageHDU(err[None], name="ERR"),
        fits.ImageHDU(dq.astype(np.uint16), name="DQ"),
        table_image("FRAMES", table, {}),
        table_image("UNITS", units_rows(facts), {}),
    ]
    for name, plane in (counts or {}).items():
        hdus.append(fits.ImageHDU(plane, name=name))
    fits.HDUList(hdus).writeto(path, overwrite=True)


def cgi_gates(one, folder, counted=False):
    rng = np.random.default_rng(one.seed)
    truth = dark_image(rng)
    frames = truth + rng.normal(0, NOISE, (N, NY, NX)) + rng.normal(0, 0.005, (N, 1, 1))
    if one.fault == "light leak":
        frames[one.unit] += one.amplitude * np.linspace(0, 1, NY)[:, None]
    if one.fault == "one bad exposure":
        frames[one.unit] += one.amplitude
    if one.fault == "wrong gain card":
        frames[one.unit] *= one.amplitude
    if one.fault == "repeated exposure":
        frames[one.unit] = frames[(one.unit + 3) % N]
    if one.fault == "repeated at another level":
        frames[one.unit] = frames[(one.unit + 3) % N] + one.amplitude
    kept = N - int(one.amplitude) if one.fault == "truncated set" else N
    mean = frames[:kept].mean(axis=0)
    planes = None
    if counted:
        above = np.round(300 * (1 - np.exp(-np.clip(truth, 0.01, None))))
        planes = {"COUNT": above, "NFRAMES": np.full(mean.shape, 300.0)}
    written = {
        "flip": mean[:, ::-1],
        "wrong half": np.roll(mean, NY // 2, axis=0),
        "sqrt2": mean * np.sqrt(2),
        "wrong gain": mean * one.amplitude,
    }.get(one.fault, mean)
    path = folder / "dark.fits"
    facts = {
        name: {
            "pixel_level": float(frame.mean()), "scatter": float(frame.std()) * GAIN,
            "masked": float(rng.uniform(0, 1e-3)), "pixels": pieces(frame),
            "start": f"2026-01-01T00:00:{k:02d}", "path": str(k),
        }
        for k, (name, frame) in enumerate(zip(NAMES, frames, strict=True))
    }  # fmt: skip
    used = {name: facts[name] for name in NAMES[:kept]}
    write_dark(path, written, np.full(mean.shape, NOISE / np.sqrt(N)), used, counts=planes)
    return darks.dark(path, facts, NAMES, {}, lambda number, _: frames[int(number)])


def wfc3_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    stars = np.zeros((64, 64))
    for y, x in rng.integers(4, 60, (60, 2)):
        stars[y - 1 : y + 2, x - 1 : x + 2] += rng.uniform(2, 20)
    times = np.concatenate([[0.0, 3.0], 3 + 100.0 * np.arange(1, 13)])
    rates = 0.9 + rng.normal(0, 0.004, times.size - 1)
    if one.fault == "one bad interval":
        rates[2 + one.unit % 10] += one.amplitude
    if one.fault == "light leak":
        rates[7:] += one.amplitude * np.linspace(0, 1, rates[7:].size)
    ratio = 1 + rng.normal(0, 0.0015)
    if one.fault == "limb":
        ratio += one.amplitude
    image = 0.9 + stars + rng.normal(0, 0.04, stars.shape)
    exptime = card = float(times[-1] - times[0])
    if one.fault == "wrong EXPTIME card":
        card *= one.amplitude
    written = {
        "flip": image[:, ::-1],
        "wrong half": np.roll(image, 32, axis=0),
        "swapped amplifier": np.roll(image, 32, axis=1),
        "sqrt2": image * np.sqrt(2),
        "wrong gain card": image * one.amplitude,
    }.get(one.fault, image)
    scale = float(np.median(written)) / 0.9
    noise = 0.04 * (scale if one.fault in ("sqrt2", "wrong gain card") else 1)
    record = {
        "done": "none", "exptime": [exptime],
        "quality": [{"times": times.tolist(), "used": [True] * times.size, "given_up": 0.0,
                     "counts": [0.0, *np.cumsum(rates * np.diff(times)).tolist()]}],
        "background": [{"level": 0.9, "ratio": ratio, "ratio_error": 0.0015, "noise": noise,
                        "error": 0.042}],
    }  # fmt: skip
    (folder / "record.json").write_text(json.dumps(record))
    before = image + rng.normal(0, 0.01, image.shape)
    for name, data in (("flt.fits", written), ("original.fits", before)):
        primary = fits.PrimaryHDU(header=fits.Header({"EXPTIME": card}))
        planes = [fits.ImageHDU(data, name="SCI"),
                  fits.ImageHDU(np.full(data.shape, exptime), name="TIME")]  # fmt: skip
        fits.HDUList([primary, *planes]).writeto(folder / name, overwrite=True)
    return single(folder / "flt.fits", folder / "record.json", folder / "original.fits", {})


CASES = {
    "CGI traditional dark": (cgi_gates, {
        "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "repeated exposure": (1, 1),
        "repeated at another level": (-0.05, 0.05), "truncated set": (1, 4),
        "light leak": (0.8, 3), "one bad exposure": (0.8, 3),
        "wrong gain card": (2, 4), "wrong gain": (1.8, 3),
    }),
    "CGI photon-counted dark": (lambda one, folder: cgi_gates(one, folder, counted=True), {
        "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "repeated exposure": (1, 1),
        "truncated set": (1, 4), "repeated at another level": (-0.05, 0.05), "light leak": (0.8, 3),
        "one bad exposure": (0.8, 3), "wrong gain card": (2, 4), "wrong gain": (2, 4),
    }),
    "WFC3 FLT": (wfc3_gates, {
        "flip": (1, 1), "wrong half": (1, 1), "swapped amplifier": (1, 1), "sqrt2": (1, 1),
        "wrong gain card": (1.5, 3), "wrong EXPTIME card": (1.1, 2), "one bad interval": (0.3, 1),
        "light leak": (0.3, 1), "limb": (0.03, 0.2),
    }),
}  # fmt: skip


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_sealed_faults_are_found_in_50_of_50_draws(product, tmp_path):
    made, faults = CASES[product]
    assert_found(product, lambda one: made(one, tmp_path), faults, 20261130, units=N, amplifiers=1)


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(product, tmp_path):
    made, _ = CASES[product]
    assert_quiet(product, lambda one: made(one, tmp_path))
