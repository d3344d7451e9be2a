"""Sealed faults of noise spectrum, reference pixels, dark and mask of NIRCam."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.gates import units as unit_tables
from darkroom.gates.decide import decide
from darkroom.gates.seal import Draw
from darkroom.gates.settings import JudgeSettings
from darkroom.nircam.detector.dq import Pixel
from darkroom.nircam.gating import darks, noise
from darkroom.nircam.spectrum.units import COLUMNS, band_values
from sealed_faults import assert_found, assert_quiet

N, AMPS = 10, 4
FREQUENCY = np.geomspace(4, 48e3, 40)
WIDTH = np.gradient(FREQUENCY)
GAINS = np.array([1.0, 1.08, 1.17, 1.27])  # in white power; amplifiers differ by 8 %
NAMES = [f"exposure {k}" for k in range(N)]


def spectra(rng):
    """Return cross spectra of ramps, (N, m, AMPS, AMPS): common 1/f, white of each amplifier."""
    common = 0.24 * (30 / FREQUENCY) + 3.2 / FREQUENCY / (1 + (FREQUENCY / 100) ** 2)
    dof = np.maximum(9 * WIDTH / 0.75, 30).astype(int)
    found = np.empty((N, FREQUENCY.size, AMPS, AMPS), complex)
    for m, count in enumerate(dof):
        truth = np.diag(4e-4 * GAINS) + common[m] / 1e3
        scale = np.linalg.cholesky(truth)
        # A Wishart matrix of many degrees of freedom is normal about its mean.
        noise_part = rng.standard_normal((N, AMPS, AMPS)) / np.sqrt(count)
        noise_part = (noise_part + noise_part.swapaxes(1, 2)) / np.sqrt(2)
        found[:, m] = scale @ (np.eye(AMPS) + noise_part) @ scale.T
    return found


def spectrum_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    ramps = spectra(rng)
    if one.fault == "one bad exposure":
        ramps[one.unit] += np.diag(one.amplitude * 4e-4 * np.ones(AMPS))
    if one.fault == "wrong gain card":
        ramps[one.unit] *= one.amplitude**2
    if one.fault == "repeated exposure":
        ramps[one.unit] = ramps[(one.unit + 3) % N]
    kept = N - int(one.amplitude) if one.fault == "truncated set" else N
    ramps = ramps[:kept]
    written = ramps.mean(axis=0)
    cds = 8.0
    if one.fault == "swapped amplifier":
        written = written[:, ::-1, ::-1]
    if one.fault == "sqrt2":
        written, cds = written / 2, cds / np.sqrt(2)
    if one.fault == "sqrt(NFRAMES)":
        written, cds = written / one.amplitude, cds / np.sqrt(one.amplitude)
    units = unit_tables.Units(
        [f"{name}.fits" for name in NAMES[:kept]], np.ones(kept, int), np.arange(float(kept)),
        np.full(kept, np.nan), list(range(AMPS)), band_values(ramps, FREQUENCY, WIDTH),
    )  # fmt: skip
    edges = {"FREQUENCY": FREQUENCY, "LOW": FREQUENCY - WIDTH / 2, "HIGH": FREQUENCY + WIDTH / 2}
    edges |= {f"TOTAL_{a}": written[:, a, a].real for a in range(AMPS)}
    table = [fits.Column(name, "D", array=values) for name, values in edges.items()]
    numbers = {"AMPLIFIER": np.arange(AMPS), "PARSEVAL": np.zeros(AMPS),
               "CDS": np.full(AMPS, cds), "CDS_ERROR": np.full(AMPS, 0.01)}  # fmt: skip
    columns = [fits.Column(name, "D", array=values) for name, values in numbers.items()]
    path, readnoise = folder / "spectrum.fits", folder / "readnoise.fits"
    fits.HDUList([
        fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table, name="SPECTRUM"),
        fits.BinTableHDU.from_columns(columns, name="NUMBERS"),
        unit_tables.table(units, "", numbers=COLUMNS),
    ]).writeto(path, overwrite=True)  # fmt: skip
    image = fits.ImageHDU(np.full((8, 8), 8.0, np.float32), name="SCI")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(readnoise, overwrite=True)
    return noise.noise_spectrum(path, readnoise, NAMES, {})


def instabilities(one, value, judged):
    """Return the table of scatters; that of one amplifier is given, or as chance has it."""
    rng, freedom = np.random.default_rng([one.seed, 1]), 53
    rows = {
        "AMPLIFIER": np.arange(AMPS), "JUDGED": np.full(AMPS, judged, bool),
        "VALUE": 3.6 * np.sqrt(rng.chisquare(freedom, AMPS) / freedom),
        "PREDICTED": 3.6 * np.exp(0.14 * rng.standard_normal(AMPS)),
    }  # fmt: skip
    if value:
        rows["VALUE"][one.amplifier] = value
    rows["ERROR"] = rows["VALUE"] / np.sqrt(2 * freedom)
    rows["PREDICTED_ERROR"] = 0.14 * rows["PREDICTED"]
    kinds = {"AMPLIFIER": "J", "JUDGED": "L"}
    columns = [fits.Column(name, kinds.get(name, "D"), array=values)
               for name, values in rows.items()]  # fmt: skip
    return fits.BinTableHDU.from_columns(columns, name="INSTABILITY")


def reference_gates(one, folder, judged=1):
    rng = np.random.default_rng(one.seed)
    own = 30 * rng.standard_normal((N, 1)) + 10 * rng.standard_normal((N, AMPS))
    active = own + 1.5 * rng.standard_normal((N, AMPS))
    reference = own + 1.5 * rng.standard_normal((N, AMPS))
    value, bad = 0.0, np.zeros((64, 64), int)
    if one.fault == "one bad exposure":
        reference[one.unit, one.amplifier] += one.amplitude
    if one.fault == "swapped amplifier":
        reference = reference[:, ::-1]
    if one.fault == "repeated exposure":
        for levels in (active, reference):
            levels[one.unit] = levels[(one.unit + 3) % N]
    if one.fault == "repeated at another level":
        for levels in (active, reference):
            levels[one.unit] = levels[(one.unit + 3) % N] + one.amplitude
    if one.fault == "light leak":
        active[one.unit] += one.amplitude
    if one.fault == "dead amplifier":
        reference[:, one.amplifier] = 0.5 * rng.standard_normal(N)
        value = 14.0
    if one.fault == "bad reference pixels":
        bad[: int(one.amplitude * 64)] = 1
    kept = N - int(one.amplitude) if one.fault == "truncated set" else N
    count = kept * AMPS
    ramp = {
        "RAMP": np.repeat(np.arange(kept), AMPS), "INTEGRATION": np.ones(count, int),
        "MJD": np.repeat(np.arange(float(kept)), AMPS), "AMPLIFIER": np.tile(np.arange(AMPS), kept),
        "REFERENCE": reference[:kept].ravel(), "ACTIVE": active[:kept].ravel(),
    }  # fmt: skip
    columns = [fits.Column(name, "D", array=values) for name, values in ramp.items()]
    files = np.repeat([f"{name}.fits" for name in NAMES[:kept]], AMPS)
    columns.append(fits.Column("FILE", "20A", array=files))
    scatter = [fits.Column("NAME", "40A", array=["pedestal of an amplifier"]),
               fits.Column("VALUE", "D", array=[9.3])]  # fmt: skip
    path = folder / "reference_pixels.fits"
    fits.HDUList([
        fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns, name="RAMPS"),
        fits.BinTableHDU.from_columns(scatter, name="SCATTER"),
        instabilities(one, value, judged),
        fits.ImageHDU(bad, name="BAD_REF_PIXEL"), fits.ImageHDU(np.ones((64, 64)), name="SIGMA"),
    ]).writeto(path, overwrite=True)  # fmt: skip
    return noise.reference_pixels(path, NAMES, {})


def mask_gates(one, folder):
    rng = np.random.default_rng(one.seed)
    rate = rng.normal(0.03, 0.02, (64, 64)).astype(np.float32)
    hot = rng.uniform(size=rate.shape) < 0.01
    rate[hot] += 10
    dq = np.where(hot, int(Pixel.HOT) | int(Pixel.DO_NOT_USE), 0)
    if one.fault == "flip":
        dq = dq[:, ::-1]
    if one.fault == "wrong half":
        dq = np.roll(dq, 32, axis=0)
    if one.fault == "swapped amplifier":
        dq = np.roll(dq, 16, axis=1)
    if one.fault == "too many":
        dq |= np.where(rng.uniform(size=rate.shape) < one.amplitude, int(Pixel.DO_NOT_USE), 0)
    paths = [folder / f"{name}.fits" for name in ("mask", "details", "dark")]
    injected = fits.BinTableHDU.from_columns(
        [fits.Column("CLASS", "9A", array=["hot"]), fits.Column("INJECTED", "9A", array=["1 e-/s"]),
         fits.Column("SHARE", "D", array=[0.99]), fits.Column("FALSE", "J", array=[1]),
         fits.Column("GOOD", "J", array=[40000])], name="INJECTED")  # fmt: skip
    images = (fits.ImageHDU(dq, name="DQ"), injected, fits.ImageHDU(rate, name="RATE"))
    for path, hdu in zip(paths, images, strict=True):
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(path, overwrite=True)
    return darks.mask(*paths, {})


CASES = {
    "noise spectrum": (spectrum_gates, {
        "one bad exposure": (0.2, 1), "wrong gain card": (1.2, 3), "swapped amplifier": (1, 1),
        "sqrt2": (1, 1), "sqrt(NFRAMES)": (2, 8), "repeated exposure": (1, 1),
        "truncated set": (1, 3),
    }),
    "reference pixels": (reference_gates, {
        "one bad exposure": (80, 300), "swapped amplifier": (1, 1), "dead amplifier": (1, 1),
        "bad reference pixels": (0.3, 0.9), "repeated exposure": (1, 1),
        "repeated at another level": (-30, 30), "light leak": (80, 300), "truncated set": (1, 3),
    }),
    "mask": (mask_gates, {
        "flip": (1, 1), "wrong half": (1, 1), "swapped amplifier": (1, 1), "too many": (0.07, 0.5),
    }),
}  # fmt: skip


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_sealed_faults_are_found_in_50_of_50_draws(product, tmp_path):
    made, faults = CASES[product]
    assert_found(
        product, lambda one: made(one, tmp_path), faults, 20261129, units=N, amplifiers=AMPS
    )


@pytest.mark.heavy
@pytest.mark.parametrize("product", CASES)
def test_clean_campaigns_are_alarmed_as_often_as_the_gates_say(product, tmp_path):
    made, _ = CASES[product]
    assert_quiet(product, lambda one: made(one, tmp_path))


def test_reference_pixels_whose_scatter_is_not_predicted_are_not_called_stable(tmp_path):
    gates = reference_gates(Draw("", 0, 0, 0.0, 3), tmp_path, judged=0)
    rows = [row for row in decide(gates, JudgeSettings()) if row["family"] == "instability"]
    assert [row["verdict"] for row in rows] == ["insufficient"] * AMPS
    assert "does not tell the noise below 8 Hz" in rows[0]["sentence"]


def test_a_scatter_is_compared_with_the_predicted_one_by_their_ratio(tmp_path):
    """Its own error grows with a scatter, and a difference with a prediction that is too small."""
    gates = reference_gates(Draw("dead amplifier", 0, 2, 0.0, 3), tmp_path)
    found = {one.name: one for one in gates}["instability of amplifier 2"]
    assert found.found.d == pytest.approx(np.log(14 / 3.6), abs=0.3)
    assert found.found.e == pytest.approx(np.hypot(0.14, 1 / np.sqrt(106)), rel=1e-6)
    assert found.harm == pytest.approx(np.log1p(9.3 / 3.6), abs=0.15)


def test_a_mask_without_power_is_insufficient(tmp_path):
    path = tmp_path / "details.fits"
    columns = [fits.Column("CLASS", "9A", array=["warm"]), fits.Column("SHARE", "D", array=[0.1]),
               fits.Column("INJECTED", "20A", array=["rate 0.1 e-/s"]),
               fits.Column("FALSE", "J", array=[0]),
               fits.Column("GOOD", "J", array=[40000])]  # fmt: skip
    table = fits.BinTableHDU.from_columns(columns, name="INJECTED")
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path)
    rows = decide(darks.injected(path, {}), JudgeSettings())
    assert rows[0]["verdict"] == "insufficient"
    assert "only 10 % of injected warm pixels" in rows[0]["sentence"]
    assert rows[1]["verdict"] == "pass"
