"""Sealed faults of a superbias of pedestals, made by the program's own functions of dark ramps.

What is linear goes into the statistics of the ramps, which is the same as into their samples: a
level of a whole ramp does not move its rate, so that its pedestal has it. A copy is a file of its
own, and goes through the product.
"""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.gating import gates
from darkroom.nircam.products import ReferenceMetadata
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.superbias.run import run, write
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp
from sealed_faults import assert_found

N, SIDE = 12, 64
LAYOUT = readout("NRCALONG", "SUB64P")
SETTINGS = SuperbiasSettings(pedigree="DUMMY", description="x", sample="pedestal")
FAULTS = {
    "flip": (1, 1), "wrong half": (1, 1), "sqrt2": (1, 1), "wrong gain": (1.3, 3),
    "one bad exposure": (200, 500), "light before the ramp": (200, 500),
    "wrong gain card": (1.5, 3), "repeated exposure": (1, 1), "truncated set": (1, 3),
}  # fmt: skip


def made(folder, seed, copied=False, light=0.0):
    """Write ramps and the superbias of their pedestals; return its files and the ramps."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng([31, seed])
    bias = 6000 + 60 * rng.standard_normal((SIDE, SIDE))
    rate = np.where(rng.uniform(size=(SIDE, SIDE)) < 0.02, 20.0, 0.02)
    rates = np.broadcast_to(rate, (N, SIDE, SIDE)).copy()
    rates[3] += light
    data = make_ramps(N, 10, (SIDE, SIDE), seed=seed, rate=rates, read=10.0)
    data += bias + 20 * rng.standard_normal((N, 1, 1, 1))
    if copied:
        data[5] = data[8]
    cards = {"TFRAME": DT, "TGROUP": DT}
    paths = [write_ramp(folder / f"dark{k:02d}.fits", np.rint(data[k : k + 1]).astype(np.float32),
                        LAYOUT, mjd=59600 + k, **cards)
             for k in range(N)]  # fmt: skip
    files = folder / "s.fits", folder / "sd.fits"
    metadata = ReferenceMetadata.from_settings(SETTINGS)
    # The checks of exposures would refuse a copy.
    write(run(paths, metadata, SETTINGS, keep=True), *files, folder / "filled.fits")
    return files, RampSet(paths, "superbias", keep=True)


@pytest.fixture(scope="module")
def campaigns(tmp_path_factory):
    """Give superbiases of three campaigns, and of the same with a copied exposure."""
    folder = tmp_path_factory.mktemp("pedestals")
    return {
        copied: [made(folder / f"{copied}{seed}", seed, copied) for seed in range(3)]
        for copied in (False, True)
    }


def judged(one, campaigns, folder):
    files, ramps = campaigns[one.fault == "repeated exposure"][one.seed % 3]
    with fits.open(files[0]) as hdus:
        image = hdus["SCI"].data
        hdus["SCI"].data = {
            "flip": image[:, ::-1], "wrong half": np.roll(image, SIDE // 2, axis=0),
            "sqrt2": image * np.float32(np.sqrt(2)),
            "wrong gain": image * np.float32(one.amplitude),
        }.get(one.fault, image)  # fmt: skip
        hdus.writeto(folder / "s.fits", overwrite=True)
    with fits.open(files[1]) as hdus:
        rows = np.array(hdus["UNITS"].data)
        row = rows[one.unit : one.unit + 1]
        if one.fault == "one bad exposure":
            row["ACTIVE"] += one.amplitude
        if one.fault == "light before the ramp":  # edge minus centre
            row["SLOW"] += one.amplitude
        if one.fault == "wrong gain card":
            row["SLOPE"] = one.amplitude
            row["LNVAR"] += 2 * np.log(one.amplitude)
            row["ACTIVE"] += 6000 * (one.amplitude - 1)
        if one.fault == "truncated set":
            rows = rows[: N - int(one.amplitude)]
        units = fits.BinTableHDU(rows, header=hdus["UNITS"].header, name="UNITS")
        fits.HDUList([fits.PrimaryHDU(), units]).writeto(folder / "sd.fits", overwrite=True)
    names = [f"dark{k:02d}" for k in range(N)]
    return gates.superbias(folder / "s.fits", folder / "sd.fits", ramps, names, {})


@pytest.mark.heavy
def test_sealed_faults_are_found_in_50_of_50_draws(campaigns, tmp_path):
    assert_found(
        "superbias of pedestals", lambda one: judged(one, campaigns, tmp_path), FAULTS, 20261130,
        units=N, amplifiers=1, alarms=0,
    )  # fmt: skip


@pytest.mark.heavy
def test_constant_light_moves_no_pedestal(tmp_path):
    """Its charge is taken off with the rate: there is nothing that a gate should see."""
    (dark, details), _ = made(tmp_path / "dark", 1)
    (lit, also), _ = made(tmp_path / "lit", 1, light=5.0)
    with fits.open(dark) as one, fits.open(lit) as two:
        shift = np.median(two["SCI"].data - one["SCI"].data)
    assert abs(shift) < 0.5  # 5 e-/s over the time before group 0 would be 27 DN in one of twelve
    with fits.open(details) as one, fits.open(also) as two:
        levels = np.array(two["UNITS"].data["ACTIVE"] - one["UNITS"].data["ACTIVE"])
    assert np.abs(levels).max() < 2
