"""NIRCam: sizes that cards state as seen in 50 %, put into raw files of fresh exposures."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.gates.gate import read_gates
from darkroom.gates.rows import places
from darkroom.nircam.gating.noise import noise_spectrum, reference_pixels
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.detector import layout
from darkroom.nircam.simulate.values import complete
from raw_injections import (
    Case,
    Programs,
    assert_right,
    both,
    centred,
    constant,
    exposures,
    noisier,
    scatter,
    shares,
)

DUMMY = ("--pedigree", "DUMMY", "--description", "of a simulated detector")
NIRCAM = {
    "detector": "NRCA1", "subarray": "SUBGRISM64", "exposures": 240, "nints": 1, "ngroups": 4,
    "truth": False, "noise_sampling": "row", "seed": 19,
}  # fmt: skip


@pytest.fixture
def run(monkeypatch):
    return Programs(monkeypatch)


@pytest.fixture(scope="module")
def ramps(tmp_path_factory):
    return exposures(nircam, NIRCAM, tmp_path_factory.mktemp("ramps"))


@pytest.fixture(scope="module")
def detector(ramps):
    """Amplifiers, parity and active pixels of the exposures, and their first two."""
    readout = layout(complete(NIRCAM))
    found = readout.amplifiers(), readout.parity(), readout.reference_pixels()
    planes = [np.broadcast_to(plane, readout.shape) for plane in found]
    amplifier, parity, reference = (readout.flip(plane) for plane in planes)
    some = np.stack([fits.getdata(path, 1)[0].astype(float) for path in ramps[:20]])
    return amplifier, parity, ~reference, some


def reduced(run, folder, product, details="details"):
    """Return the function that makes a NIRCam product of raw files and judges it."""

    def gates(paths):
        reference = folder / f"{product}.fits"
        run(f"nircam/{product}", "--output", reference, *DUMMY, *paths)
        beside = reference.with_name(f"{product}_{details}.fits")
        run("nircam/gates", "--item", "a", "--product", product, "--reference", reference,
            "--details", beside, "--output", folder / "gates.json", *paths)  # fmt: skip
        return read_gates(folder / "gates.json")[1]

    return gates


@pytest.mark.heavy
def test_cards_of_a_superbias(ramps, detector, run, tmp_path):
    amplifier, parity, active, some = detector
    ny, nx = active.shape
    bias, y = np.median(some[:, 0], axis=0), np.linspace(-1, 1, ny)[:, None] * np.ones(nx)
    across = np.broadcast_to(places(amplifier[0]), active.shape).astype(float)
    faults = []
    for a in range(4):
        here = active & (amplifier == a)
        odd = here & (parity == 1)
        found = {
            "level": constant(here * 1.0),
            "odd minus even columns": constant(centred(parity - 0.5, here)),
        }
        if a < 2:
            found["noise"] = noisier(scatter(some[:, 0], here), here)
        else:  # gradients of these sizes are noise, too
            shown = centred(bias, odd) + centred(bias, here & ~odd)
            found |= {
                "gradient along the slow axis": constant(centred(y, here)),
                "curvature along the slow axis": constant(centred(y**2, here)),
                "gradient along the fast axis": constant(centred(across, here)),
                "slope on the product": constant(shown),
            }
        faults += [both(f"{name} of amplifier {a}", added)[(a + k) % 2]
                   for k, (name, added) in enumerate(found.items())]  # fmt: skip
    case = Case(ramps, 10, reduced(run, tmp_path, "superbias"), [faults], extension=1)
    (tmp_path / "raw").mkdir()
    assert_right("superbias", shares(case, tmp_path / "raw"))


@pytest.mark.heavy
def test_cards_of_a_read_noise(detector, run, tmp_path):
    """Ramps without the levels of groups, which the correction by reference pixels takes off."""
    levels = dict.fromkeys(("pedestal_rms", "amplifier_pedestal_rms"), 0.0)
    ramps = exposures(nircam, NIRCAM | levels, tmp_path)
    amplifier, _, active, some = detector
    one, two = [], []
    for a in range(4):
        here = active & (amplifier == a)
        noise = scatter(some[0], here)
        alone, half = both(f"read noise of amplifier {a}", noisier(noise, here, reads=True))
        one.append(alone if a < 2 else half)
        two.append(half if a < 2 else alone)
    (tmp_path / "raw").mkdir()
    case = Case(ramps, 10, reduced(run, tmp_path, "readnoise"), [one, two], extension=1)
    assert_right("read noise", shares(case, tmp_path / "raw"))


@pytest.mark.heavy
def test_cards_of_a_noise_spectrum(ramps, detector, run, tmp_path):
    amplifier, _, active, some = detector
    faults = []
    for a in range(4):
        here = active & (amplifier == a)
        # Neighbours in a row are read one after the other: only fast noise remains.
        pairs = here[:, 1:] & here[:, :-1]
        noise = scatter(np.diff(some[0]), pairs) / np.sqrt(2)
        added = noisier(noise, here, reads=True)
        faults.append(both(f"white noise of amplifier {a}", added)[a // 2])

    def gates(paths):
        file = tmp_path / "spectrum.fits"
        run("nircam/noise_spectrum", "--output", file, *paths)
        return noise_spectrum(file, None, None, {})

    (tmp_path / "raw").mkdir()
    case = Case(ramps, 10, gates, [faults], extension=1)
    assert_right("noise spectrum", shares(case, tmp_path / "raw"))


@pytest.mark.heavy
def test_cards_of_reference_pixels(ramps, detector, run, tmp_path):
    """Levels; spectra of so few rows do not tell of what scatter an instability is the excess."""
    amplifier, _, active, _ = detector
    spectrum, product = tmp_path / "spectrum.fits", tmp_path / "reference.fits"

    def gates(paths):
        run("nircam/noise_spectrum", "--output", spectrum, *paths)
        run("nircam/reference_pixels", "--spectrum", spectrum, "--output", product, *paths)
        return reference_pixels(product, None, {})

    faults = []
    for a in range(4):
        name = f"active minus reference level of amplifier {a}"
        faults.append(both(name, constant(active & (amplifier == a)))[a % 2])
    (tmp_path / "raw").mkdir()
    case = Case(ramps, 10, gates, [faults], extension=1, each=4)
    assert_right("reference pixels", shares(case, tmp_path / "raw"))
