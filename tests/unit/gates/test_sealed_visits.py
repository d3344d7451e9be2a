"""Sealed faults of WFC3 superdarks and visits, and of CGI darks that are made of noise maps."""

import json

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.darks.darks import synthesized_dark
from darkroom.cgi.darks.read import read_noise_maps
from darkroom.cgi.gating.darks import synthesized
from darkroom.gates import units as unit_tables
from darkroom.gates.decide import FAIL, INSUFFICIENT, decide
from darkroom.gates.repeats import likeness
from darkroom.gates.seal import Draw
from darkroom.gates.settings import JudgeSettings
from darkroom.wfc3.gating.gates import combined
from darkroom.wfc3.gating.superdark import superdark
from sealed_faults import assert_found, assert_quiet

N, SIDE, BORDER, TIME = 24, 64, 5, 1400.0
NAMES = [f"dark{k:02d}" for k in range(N)]
#: Scatter of the levels of single darks, e-/s, and noise of a pixel in one dark, DN.
LEVEL, NOISE = 0.007, 9.0
GAINS = (2.252, 2.203, 2.188, 2.265)


def quadrants():
    half = np.arange(SIDE) >= SIDE // 2
    return half[:, None] * 2 + half[None, :]


def darks_of(one, rng):
    """Return the last reads of darks, DN, and the true dark current, e-/s."""
    rate = 0.05 * rng.lognormal(0, 0.2, (SIDE, SIDE))
    rate[rng.uniform(size=rate.shape) < 0.02] += 1.0
    gain = np.array(GAINS)[quadrants()]
    levels = LEVEL * rng.standard_normal(N)
    if one.fault == "one bad exposure":
        levels[one.unit] += one.amplitude
    if one.fault == "drift":
        levels[N // 2 :] += one.amplitude
    signal = (rate + levels[:, None, None]) * TIME / gain
    darks = signal + NOISE * rng.standard_normal(signal.shape)
    if one.fault == "wrong gain card":
        darks[one.unit] *= one.amplitude
    if one.fault == "one noisy exposure":
        darks[one.unit] += NOISE * one.amplitude * rng.standard_normal((SIDE, SIDE))
    if one.fault == "repeated exposure":
        darks[one.unit] = darks[(one.unit + 3) % N]
    if one.fault == "repeated at another level":
        darks[one.unit] = darks[(one.unit + 3) % N] + one.amplitude
    return darks, gain


def statistics(darks, gain):
    """Return the statistics of single darks by amplifier, as the product makes them."""
    mean, amplifier = darks.mean(axis=0), quadrants()
    values = {name: np.ones((len(darks), 4)) for name in ("rate", "lnvar", "valid", "twin")}
    for k in range(4):
        here = amplifier == k
        residual = (darks - mean)[:, here]
        values["rate"][:, k] = np.median(darks[:, here], axis=1) * gain[here][0] / TIME
        centred = residual - np.median(residual, axis=1, keepdims=True)
        spread = 1.4826 * np.median(np.abs(centred), axis=1)
        values["lnvar"][:, k] = 2 * np.log(spread / NOISE)
        kept = np.clip(centred / NOISE, -4, 4)
        values["twin"][:, k] = likeness(kept @ kept.T, np.ones(len(darks), bool))
    return values


def superdark_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    darks, gain = darks_of(one, rng)
    kept = N - int(one.amplitude) if one.fault == "truncated set" else N
    darks = darks[:kept]
    mean = darks.mean(axis=0)
    written = {
        "flip": mean[:, ::-1],
        "wrong half": np.roll(mean, SIDE // 2, axis=0),
        "swapped amplifier": np.roll(mean, SIDE // 2, axis=1),
        "sqrt2": mean * np.sqrt(2),
        "wrong gain": mean * one.amplitude,
        "wrong time": mean * one.amplitude,
    }.get(one.fault, mean)
    times = [TIME, 0.0]
    head = fits.Header({"NUMEXPOS": 2, "EXPOS_1": TIME, "EXPOS_2": 0.0})
    hdus = [fits.PrimaryHDU(header=head)]
    for number, plane in enumerate((written, np.zeros_like(mean)), 1):
        own = {"SAMPTIME": times[number - 1]}
        for name, values in (("SCI", plane), ("ERR", np.full(mean.shape, 2.0))):
            image = fits.ImageHDU(np.pad(values, BORDER), name=name, ver=number)
            image.header.update(own)
            hdus.append(image)
    fits.HDUList(hdus).writeto(folder / "superdark.fits", overwrite=True)
    units = unit_tables.Units(
        NAMES[:kept], np.ones(kept, int), 60_000 + np.arange(kept) / 24, np.full(kept, np.nan),
        [1, 2, 3, 4], statistics(darks, gain),
    )  # fmt: skip
    kinds = {"rate": "sample", "lnvar": "", "valid": "", "twin": ""}
    table = unit_tables.table(units, "electron/s", numbers=kinds)
    rate = fits.ImageHDU(mean * gain / TIME, name="RATE")
    details = fits.HDUList([fits.PrimaryHDU(), rate, table])
    details.writeto(folder / "details.fits", overwrite=True)
    return superdark(folder / "superdark.fits", folder / "details.fits", NAMES, {})


def visit_images(one, rng, folder):
    """Write the image of a visit and that with every read, the frame of which is shifted."""
    side, off = 128, 3
    sky = np.zeros((side + off, side + off))
    for y, x in rng.integers(5, side - 5, (150, 2)):
        sky[y - 1 : y + 2, x - 1 : x + 2] += rng.uniform(2, 20)
    image = sky[:side, :side] + 0.02 * rng.standard_normal((side, side))
    # An exposure from which reads were taken has up to half more of its sources.
    image *= 1 + (0.05 if one.unit % 2 else 0)
    written = {
        "flip": image[:, ::-1], "wrong half": np.roll(image, side // 2, axis=0),
        "swapped amplifier": np.roll(image, side // 2, axis=1), "sqrt2": image * np.sqrt(2),
        "wrong unit": image * one.amplitude,
    }.get(one.fault, image)  # fmt: skip
    original = np.zeros((side + off, side + off))
    original[off:, off:] = sky[:side, :side] + 0.02 * rng.standard_normal((side, side))
    paths = folder / "reprocessed_drz_sci.fits", folder / "original_drz_sci.fits"
    for path, data, shift in zip(paths, (written, original), (0, off), strict=True):
        place = {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 53.0, "CRVAL2": -27.0,
                 "CRPIX1": 60.0 + shift, "CRPIX2": 60.0 + shift,
                 "CD1_1": -3.6e-5, "CD2_2": 3.6e-5, "CD1_2": 0.0, "CD2_1": 0.0}  # fmt: skip
        header = fits.Header(place)
        fits.PrimaryHDU(data.astype(np.float32), header=header).writeto(path, overwrite=True)
    return paths


def visit_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    names, error = [f"exposure{k}" for k in range(6)], 0.0015
    bad = names[one.unit % 6]
    weights = dict.fromkeys(names, 1 + rng.normal(0, 1e-5))
    shifts = {name: float(np.hypot(*rng.normal(0, 0.01, 2))) for name in names}
    ratios = {name: 1 + rng.normal(0, error) for name in names}
    noise = {name: 0.028 + rng.normal(0, 1e-4) for name in names}
    used, empty = names, 0.0
    if one.fault == "wrong EXPTIME card":
        weights[bad] *= one.amplitude
    if one.fault == "shifted exposure":
        shifts[bad] += one.amplitude
    if one.fault == "light leak":
        ratios[bad] += one.amplitude
    if one.fault == "repeated exposure":
        other = names[(one.unit + 1) % 6]
        ratios[bad], noise[bad] = ratios[other], noise[other]
    if one.fault == "truncated set":
        used = [name for name in names if name != bad]
    if one.fault == "holes":
        empty = one.amplitude
    record = {
        "exposures": used, "empty_share": empty, "weight_ratio": 1.0,
        "weight_of_each": [weights[name] for name in used],
        "offsets_pixels": {name: shifts[name] for name in used},
        "exptimes": [1000.0 if one.unit % 2 and name == bad else 1400.0 for name in used],
    }  # fmt: skip
    before = {"exposures": names, "exptimes": [1400.0] * len(names)}
    (folder / "original.json").write_text(json.dumps(before))
    images = visit_images(one, rng, folder)
    rows = []
    for name in used:
        rows.append({"name": f"{name} background left/right", "value": float(ratios[name]),
                     "uncertainty": error})  # fmt: skip
        rows.append({"name": f"{name} noise", "value": float(noise[name]), "uncertainty": None})
    (folder / "record.json").write_text(json.dumps(record))
    (folder / "quantities.json").write_text(json.dumps({"quantities": rows}))
    return combined(
        folder / "record.json", folder / "quantities.json", names, {}, images,
        folder / "original.json",
    )  # fmt: skip


def synthesized_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    shape, gain, time = (48, 48), 100.0, 10.0
    scale = np.array([10.0, 0.02, 2e-4])[:, None, None]
    maps = scale * rng.lognormal(0, 0.3, (3, *shape))
    image = fits.ImageHDU(maps, name="SCI")
    image.header.update({"DATATYPE": "DetectorNoiseMaps", "DRPNFILE": 40, "SIGNED": True})
    errors = fits.ImageHDU((0.1 * scale + 0 * maps)[None], name="ERR")
    flags = fits.ImageHDU(np.zeros(maps.shape, np.uint16), name="DQ")
    path = folder / "maps.fits"
    fits.HDUList([fits.PrimaryHDU(), image, errors, flags]).writeto(path, overwrite=True)
    used = {"wrong gain": (time, gain * one.amplitude), "wrong time": (time * one.amplitude, gain)}
    made = synthesized_dark(read_noise_maps(path), *used.get(one.fault, (time, gain)))
    data = {
        "flip": made.data[:, ::-1],
        "wrong half": np.roll(made.data, 24, axis=0),
        "sqrt2": made.data * np.sqrt(2),
        "other unit": made.data * one.amplitude,
    }.get(one.fault, made.data)
    card = fits.ImageHDU(data.astype(np.float32))
    card.header.update({"EMPTYPIX": "nan", "EXPTIME": time, "EMGAIN_C": gain})
    err = fits.ImageHDU(np.asarray(made.err, np.float32)[None], name="ERR")
    flags = fits.ImageHDU(np.zeros(shape, np.uint16), name="DQ")
    dark = folder / "dark.fits"
    fits.HDUList([fits.PrimaryHDU(), card, err, flags]).writeto(dark, overwrite=True)
    return synthesized(dark, path, None, {})


CASES = {
    "WFC3 superdark": (superdark_gates, {
        "flip": (1, 1), "wrong half": (1, 1), "swapped amplifier": (1, 1), "sqrt2": (1, 1),
        "wrong gain": (1.3, 3), "wrong time": (1.3, 3), "one bad exposure": (0.1, 0.5),
        "drift": (0.03, 0.1), "one noisy exposure": (1.5, 3), "wrong gain card": (1.5, 3),
        "repeated exposure": (1, 1), "truncated set": (1, 6),
        "repeated at another level": (-3, 3),
    }),
    "WFC3 visit": (visit_gates, {
        "wrong EXPTIME card": (1.03, 2), "shifted exposure": (0.2, 2), "light leak": (0.025, 0.2),
        "repeated exposure": (1, 1), "truncated set": (1, 1), "holes": (0.02, 0.2),
        "flip": (1, 1), "wrong half": (1, 1), "swapped amplifier": (1, 1), "sqrt2": (1, 1),
        "wrong unit": (1.5, 3),
    }),
    "CGI synthesized dark": (synthesized_gates, {
        "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "wrong gain": (1.01, 3),
        "wrong time": (1.01, 3), "other unit": (1.01, 3),
    }),
}  # fmt: skip


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_sealed_faults_are_found_in_50_of_50_draws(product, tmp_path):
    made, faults = CASES[product]
    assert_found(product, lambda one: made(one, tmp_path), faults, 20261129, units=N, amplifiers=4)


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(product, tmp_path):
    made, _ = CASES[product]
    assert_quiet(product, lambda one: made(one, tmp_path))


def test_darks_enough_for_a_superdark_are_not_called_insufficient(tmp_path):
    """Levels of darks scatter by 0.007 e-/s: twenty-four show a level that matters."""
    one = Draw(fault="", unit=0, amplifier=0, amplitude=0.0, seed=3)
    rows = decide(superdark_gates(one, tmp_path), JudgeSettings(injections=100))
    dark_current = [row for row in rows if row["family"] == "rate"]
    assert len(dark_current) == 8
    assert not [row for row in dark_current if row["verdict"] in (FAIL, INSUFFICIENT)]
