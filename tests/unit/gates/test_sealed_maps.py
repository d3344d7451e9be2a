"""Sealed faults of CGI noise maps: small frames of four stacks, maps fitted to their means."""

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import units_rows
from darkroom.cgi.darks.tables import table_image
from darkroom.cgi.gating.gates import noise_maps
from darkroom.cgi.stacks.values import piece_digest
from sealed_faults import assert_found, assert_quiet

N, NY, NX = 10, 40, 48
# EM gain and exposure time of each stack; scatter of the level of a frame, and read noise, in
# electrons of the EM register.
STACKS = ((20.0, 10.0), (20.0, 100.0), (1000.0, 10.0), (1000.0, 100.0))
LEVEL, READ = 0.5, 100.0


def pieces(frame):
    return "-".join(piece_digest(row.astype(np.float32), k) for k, row in enumerate(frame))


def fitted(means):
    """Return F, C and D of every pixel, a fit to F / g + t D + C of the means of stacks."""
    design = np.array([[1 / gain, 1.0, time] for gain, time in STACKS])
    found = np.linalg.lstsq(design, means.reshape(len(STACKS), -1), rcond=None)[0]
    return found.reshape(3, NY, NX), design


def noise(gain, signal):
    """Return the noise of a pixel in one frame, electrons of the EM register."""
    return np.sqrt(READ**2 + 2 * gain**2 * signal)


def truth(rng):
    maps = np.stack([rng.normal(5, 20, (NY, NX)), np.full((NY, NX), 0.02),
                     2e-4 * rng.lognormal(0, 0.2, (NY, NX))])  # fmt: skip
    maps[2][rng.uniform(size=(NY, NX)) < 0.03] += 0.2
    return maps


def stacks_of(one, rng, maps):
    """Return the frames of each stack, electrons before the register, with a fault put in."""
    bad = one.unit % len(STACKS)
    found = []
    for k, (gain, time) in enumerate(STACKS):
        signal = maps[1] + time * maps[2]
        image = maps[0] / gain + signal
        scatter = noise(gain, signal)
        frames = image + (rng.normal(0, LEVEL, (N, 1, 1)) + scatter * rng.standard_normal(
            (N, NY, NX))) / gain  # fmt: skip
        usual = float(np.median(scatter)) / gain
        unit, other = one.unit % N, (one.unit + 3) % N
        if k == bad and one.fault == "light leak":
            frames += one.amplitude * usual
        if k == bad and one.fault == "one bad exposure":
            frames[unit] += one.amplitude * usual
        if k == bad and one.fault == "one noisy exposure":
            frames[unit] += one.amplitude * usual * rng.standard_normal((NY, NX))
        if k == bad and one.fault == "repeated exposure":
            frames[unit] = frames[other]
        if k == bad and one.fault == "repeated at another level":
            frames[unit] = frames[other] + one.amplitude * usual
        if k == bad and one.fault == "wrong gain card":
            frames *= one.amplitude
        found.append(frames)
    return found


def moved(image, one):
    return {
        "flip": image[..., ::-1], "wrong half": np.roll(image, NY // 2, axis=-2),
        "sqrt2": image * np.sqrt(2), "wrong unit": image * one.amplitude,
    }.get(one.fault, image)  # fmt: skip


def maps_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    true = truth(rng)
    frames = stacks_of(one, rng, true)
    means = np.array([stack.mean(axis=0) for stack in frames])
    maps, design = fitted(means)
    table = {name: [] for name in ("EXPTIME", "EMGAIN", "EMGAIN_C", "NOISE", "EXPNOISE",
                                   "RESIDUAL", "RESERR", "RESSHARE", "USED", "KGAIN")}  # fmt: skip
    rows, facts, expected = {"FILE": [], "EXPTIME": [], "EMGAIN": []}, {}, []
    levels = np.median(means, axis=(1, 2))
    # Noise of a pixel's mean, and of the level of a stack: that of its frames and of its pixels.
    errors = np.array([np.median(noise(gain, true[1] + time * true[2])) / gain / np.sqrt(N)
                       for gain, time in STACKS])  # fmt: skip
    shared = LEVEL / np.array([gain for gain, _ in STACKS]) / np.sqrt(N)
    level_errors = np.hypot(shared, 1.25 * errors / np.sqrt(NY * NX))
    for k, (gain, time) in enumerate(STACKS):
        others = [j for j in range(len(STACKS)) if j != k]
        share = np.linalg.solve(design[others].T, design[k])
        error = np.hypot(level_errors[k], np.sqrt(((share * level_errors[others]) ** 2).sum()))
        usual = float(np.median(noise(gain, true[1] + time * true[2])))
        centred = frames[k] - means[k]
        spread = 1.4826 * np.median(np.abs(centred)) * gain * np.sqrt(N / (N - 1))
        for name, value in zip(table, (time, gain, gain, spread, usual,
                                       gain * (levels[k] - share @ levels[others]),
                                       gain * error, 1.0, True, 8.7),
                               strict=True):  # fmt: skip
            table[name].append(value)
        for number, frame in enumerate(frames[k]):
            name = f"s{k}_f{number:02d}"
            expected.append(name)
            kept = one.fault != "truncated set" or k or number >= int(one.amplitude)
            if not kept:
                continue
            for key, value in zip(rows, (f"{name}.fits", time, gain), strict=True):
                rows[key].append(value)
            low, high = np.percentile(frame, [15.87, 84.13])
            facts[f"{name}.fits"] = {
                "pixel_level": float(frame.mean()), "scatter": float(high - low) / 2 * gain,
                "masked": float(rng.uniform(0, 1e-3)), "pixels": pieces(frame * gain),
                "start": f"{number:02d}", "path": f"{k} {number}",
            }  # fmt: skip
    written = moved(maps, one)
    of_maps = np.sqrt(((np.linalg.pinv(design) * errors) ** 2).sum(axis=1))
    errors = np.ones((3, NY, NX)) * of_maps[:, None, None]
    image = fits.ImageHDU(written, name="SCI")
    image.header.update({"DATATYPE": "DetectorNoiseMaps", "DRPNFILE": len(facts), "SIGNED": True})
    path = folder / "maps.fits"
    fits.HDUList([
        fits.PrimaryHDU(), image, fits.ImageHDU(errors[None], name="ERR"),
        fits.ImageHDU(np.zeros(maps.shape, np.uint16), name="DQ"),
        fits.ImageHDU(np.zeros((NY, NX), np.uint8), name="UNRELIAB"),
        table_image("STACKS", table, {}), table_image("FRAMES", rows, {}),
        table_image("UNITS", units_rows(facts), {}),
    ]).writeto(path, overwrite=True)  # fmt: skip

    def read(place, _):
        stack, number = map(int, place.split())
        return frames[stack][number]

    return noise_maps(path, facts, expected, {}, read)


FAULTS = {
    "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "wrong unit": (1.8, 3),
    "repeated exposure": (1, 1), "repeated at another level": (-0.05, 0.05),
    "truncated set": (1, 4), "light leak": (2, 6), "one bad exposure": (1.6, 6),
    "one noisy exposure": (1.8, 4), "wrong gain card": (1.6, 3),
}  # fmt: skip


@pytest.mark.heavy
def test_sealed_faults_of_noise_maps_are_found_in_50_of_50_draws(tmp_path):
    assert_found(
        "noise maps", lambda one: maps_gates(one, tmp_path), FAULTS, 20261128, units=40,
        amplifiers=1,
    )  # fmt: skip


@pytest.mark.heavy
def test_clean_noise_maps_are_alarmed_as_often_as_the_gates_say(tmp_path):
    assert_quiet("noise maps", lambda one: maps_gates(one, tmp_path))
