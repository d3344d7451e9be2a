"""Sealed faults of NIRCam darks and masks that the programs made of simulated ramps."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.dark import run as dark_run
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.gating import darks
from darkroom.nircam.mask.run import make
from darkroom.nircam.mask.settings import MaskSettings
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.ramps.ramps import RampSet
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from sealed_faults import assert_found

N, SHAPE = 16, (64, 64)
# The clock of a full frame: in that of so small a subarray no dark current would show.
CARDS = dict.fromkeys(("S_SUPERB", "S_REFPIX", "S_LINEAR"), "COMPLETE") | {
    "TFRAME": DT, "TGROUP": DT, "S_JUMP": "COMPLETE",
}  # fmt: skip
FAULTS = {
    "dark": {
        "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "wrong gain card": (1.8, 3),
        "wrong time card": (1.05, 3), "repeated exposure": (1, 1), "truncated set": (1, 4),
        "one bad exposure": (0.2, 1), "drift": (0.05, 0.3),
    },
    "mask": {"flip": (1, 1), "wrong half": (1, 1), "pixels lost": (0.07, 0.5)},
}  # fmt: skip


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory):
    """Give darks and masks of two campaigns of sixteen exposures, and their ramps."""
    found = []
    for seed in range(2):
        folder = tmp_path_factory.mktemp(f"campaign{seed}")
        rng = np.random.default_rng([71, seed])
        rate = np.where(rng.uniform(size=SHAPE) < 0.03, 2.0, 0.005)
        data = make_ramps(N, 10, SHAPE, seed=seed, rate=rate, read=1.0)
        paths = [write_ramp(folder / f"dark{k:02d}.fits", data[k : k + 1],
                            readout("NRCALONG", "SUB64P"), mjd=59600 + k,
                            groupdq=np.zeros((1, 10, *SHAPE)), **CARDS)
                 for k in range(N)]  # fmt: skip
        metadata = ReferenceMetadata.from_settings(DarkSettings(pedigree="DUMMY", gain=2.0))
        files = [folder / name for name in ("d.fits", "dd.fits", "m.fits", "md.fits")]
        dark_run.run(paths, metadata, DarkSettings(pedigree="DUMMY", gain=2.0), *files[:2])
        settings = MaskSettings(pedigree="DUMMY")
        make(files[1], ReferenceMetadata.from_settings(settings), settings, *files[2:])
        found.append((files, RampSet(paths, "dark")))
    return found


def moved(image, fault):
    half = SHAPE[0] // 2
    return {
        "flip": image[..., :, ::-1], "wrong half": np.roll(image, half, axis=-2),
        "sqrt2": image * np.sqrt(2) if image.dtype.kind == "f" else image,
    }.get(fault, image)  # fmt: skip


def dark_gates(one, campaign, folder):
    (dark, details, *_), ramps = campaign
    with fits.open(dark) as hdus:
        image = moved(hdus["SCI"].data, one.fault)
        hdus["SCI"].data = image * one.amplitude if one.fault == "wrong gain card" else image
        if one.fault == "wrong time card":
            hdus[0].header["TGROUP"] *= one.amplitude
        hdus.writeto(folder / "dark.fits", overwrite=True)
    with fits.open(details) as hdus:
        rows = np.array(hdus["UNITS"].data)
        # One amplifier: a row of each exposure. The median rate is linear in added light.
        if one.fault == "one bad exposure":
            rows["RATE"][one.unit] += one.amplitude
        if one.fault == "drift":
            rows["RATE"] += one.amplitude * (np.arange(N) >= N / 2)
        if one.fault == "repeated exposure":
            for name in set(rows.dtype.names) - {"EXPOSURE", "MJD"}:
                rows[name][one.unit] = rows[name][(one.unit + 3) % N]
        if one.fault == "truncated set":
            rows = rows[: N - int(one.amplitude)]
        units = fits.BinTableHDU(rows, header=hdus["UNITS"].header, name="UNITS")
        fits.HDUList([fits.PrimaryHDU(), units]).writeto(folder / "details.fits", overwrite=True)
    names = [f"dark{k:02d}" for k in range(N)]
    return darks.dark(folder / "dark.fits", folder / "details.fits", ramps, names, {})


def mask_gates(one, campaign, folder):
    (_, dark, mask, details), _ = campaign
    with fits.open(mask) as hdus:
        flags = moved(hdus["DQ"].data.astype(np.uint32), one.fault)
        if one.fault == "pixels lost":
            rng = np.random.default_rng(one.seed)
            flags = np.where(rng.uniform(size=SHAPE) < one.amplitude, flags | 1, flags)
        hdus["DQ"].data = flags.astype(np.uint32)
        hdus.writeto(folder / "mask.fits", overwrite=True)
    return darks.mask(folder / "mask.fits", details, dark, {})


@pytest.mark.heavy
@pytest.mark.parametrize("product", ["dark", "mask"])
def test_sealed_faults_are_found_in_50_of_50_draws(product, campaigns, tmp_path):
    made = dark_gates if product == "dark" else mask_gates
    assert_found(
        product, lambda one: made(one, campaigns[one.seed % len(campaigns)], tmp_path),
        FAULTS[product], 20261129, units=N, amplifiers=1, alarms=0,
    )  # fmt: skip
