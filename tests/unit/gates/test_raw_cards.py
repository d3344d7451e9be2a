"""Sizes that cards state as seen in 50 % of cases, put into raw files of fresh exposures."""

import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.simulate import exposures as ccd
from darkroom.cgi.gating.darks import dark
from darkroom.cgi.gating.frames import reader
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import read_calibration
from darkroom.cgi.raw.prepare import Settings
from darkroom.cgi.simulate import exposures as cgi
from darkroom.gates.gate import read_gates
from darkroom.gates.rows import places
from darkroom.nircam.gating.noise import noise_spectrum
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.detector import layout
from darkroom.nircam.simulate.values import complete
from programs import load
from raw_injections import Case, Fault, assert_right, shares

DUMMY = ("--pedigree", "DUMMY", "--description", "of a simulated detector")


@pytest.fixture
def run(monkeypatch):
    """Give a function that runs a program in this process."""
    programs = {}

    def call(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        programs.setdefault(name, load(name)).main()

    return call


def exposures(module, settings, folder):
    """Write the exposures of a simulator; return those in the order of their times."""
    paths = []
    for exposure in module.plan(settings):
        paths.append(folder / exposure.file)
        module.deliver(settings, exposure.name, paths[-1])
    return paths


def centred(shape, where):
    """Return an image that is zero outside of some pixels, and in the mean over them."""
    return np.where(where, shape - shape[where].mean(), 0.0)


def scatter(images, where):
    """Return the noise of a pixel in one exposure from several of them, (n, ny, nx).

    A median of whole counts would be one of steps.
    """
    difference = np.diff(images, axis=0)[:, where]
    difference -= difference.mean(axis=1, keepdims=True)
    near = np.abs(difference) <= 5 * 1.4826 * np.median(np.abs(difference))
    return difference[near].std() / np.sqrt(2)


def constant(shape):
    return lambda _pixels, size, _rng: size * shape


def noisier(noise, where, *, reads=False):
    """Return noise of resets, or of reads, that raises the variance of pixels by exp(size)."""

    def added(pixels, size, rng):
        extra = rng.standard_normal(pixels.shape if reads else where.shape) * where
        return noise * np.sqrt(np.expm1(size)) * extra

    return added


def both(label, added):
    """Return the faults of one statistic in one exposure, and in half of them."""
    return Fault(f"one bad exposure: {label}", added), Fault(f"drift: {label}", added)


# -- NIRCam --------------------------------------------------------------------------------------

NIRCAM = {
    "detector": "NRCA1", "subarray": "SUBGRISM64", "exposures": 240, "nints": 1, "ngroups": 4,
    "truth": False, "noise_sampling": "row", "seed": 19,
}  # fmt: skip


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


# -- CCD -----------------------------------------------------------------------------------------

CCD = {
    "seed": 19, "shape": [64, 96], "row_noise": 0.3, "bias": {"count": 480}, "targets": [],
    "darks": [{"count": 480, "exptime": 20.0}], "dark_spread": 0.3, "fixed_pattern": 16.0,
}  # fmt: skip
UNITS = 20


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Biases and darks, 480 of each."""
    paths = exposures(ccd, CCD, tmp_path_factory.mktemp("frames"))
    return paths[:480], paths[480:]


def of_frames(paths, label=""):
    """Return the faults of CCD frames; gradients and noise are seen by the noise as well."""
    some = np.stack([fits.getdata(path).astype(float) for path in paths[:20]])
    _, ny, nx = some.shape
    here, image = np.ones((ny, nx), bool), np.median(some, axis=0)
    noise = scatter(some, here)
    y, x = np.meshgrid(np.linspace(-1, 1, ny), np.linspace(-1, 1, nx), indexing="ij")
    # As the statistic does: pixels far from most of them do not count.
    near = np.abs(image - np.median(image)) < 5 * 1.4826 * np.median(abs(image - np.median(image)))
    found = {
        "gradient along the rows' direction of readout": constant(y),
        "gradient along columns": constant(x),
        "slope on the product": constant(centred(image, near)),
    }
    level = Fault(f"one bad exposure: level{label}", constant(here * 1.0))
    slow, fast, slope = (both(name + label, added) for name, added in found.items())
    noisy = both(f"noise{label}", noisier(noise, here))
    # The image has a gradient along its columns, which gradient and slope both see.
    return [[level, slow[0], fast[1]], [slow[1], fast[0]], *([one] for one in (*slope, *noisy))]


def judged(run, folder, product, *, biases=None):
    """Return the function that makes a CCD product of raw files and judges it."""

    def gates(paths):
        file, frames = folder / f"{product}.fits", ["--bias", *(biases or paths)]
        frames += ["--dark", *paths] if biases else []
        run(f"ccd/{product}", "--output", file, *(frames if biases else paths))
        run("ccd/gates", "--item", "a", "--product", product, "--file", file,
            "--output", folder / "gates.json", *frames)  # fmt: skip
        return read_gates(folder / "gates.json")[1]

    return gates


@pytest.mark.heavy
@pytest.mark.parametrize("product", ["master_bias", "read_noise", "dark_rate"])
def test_cards_of_ccd_products(product, frames, run, tmp_path):
    biases, darks = frames
    rate = product == "dark_rate"
    given, label = (darks, ", dark of 20 s at -4.82 °C") if rate else (biases, "")
    groups = of_frames(given, label)
    if product == "read_noise":
        groups = groups[-2:]
    (tmp_path / "raw").mkdir()
    gates = judged(run, tmp_path, product, biases=biases[:UNITS] if rate else None)
    case = Case(given, UNITS, gates, groups)
    assert_right(product, shares(case, tmp_path / "raw"))


# -- CGI -----------------------------------------------------------------------------------------

CGI = {"seed": 19, "geometry": "small", "stacks": [{"gain": 500, "exptime": 100, "frames": 240}]}


@pytest.mark.heavy
@pytest.mark.parametrize("level", ["L1", "L2a"])
def test_cards_of_a_cgi_dark(level, run, tmp_path):
    (tmp_path / "raw").mkdir()
    paths = exposures(cgi, CGI | {"level": level}, tmp_path)
    geometry, gain = read_geometry("small"), 500.0
    here = np.zeros(geometry.shape, bool)
    here[geometry.imaging] = True
    # Raw frames are in DN; a fault is stated in electrons before the register.
    unit = gain / 8.7 if level == "L1" else gain
    prescan = geometry.bias_region[1]

    def other_gain(pixels, size, _rng):
        """Return what a wrong gain adds: single electrons make noise that is not normal."""
        bias = np.median(pixels[:, prescan], axis=1, keepdims=True) if level == "L1" else 0.0
        return (pixels - bias) * np.expm1(size / 2) * here

    level_of = both("level, frames", constant(here * unit))
    faults = [[level_of[0], Fault("one bad exposure: noise, frames", other_gain)], [level_of[1]]]
    more = ["--nonlinearity", "none"] if level == "L1" else ["--undivided"]

    def raw():
        return Settings("best", read_calibration(nonlinearity="none"), True)

    def gates(used):
        file = tmp_path / "dark.fits"
        run("cgi/master_dark", "--geometry", "small", *more, "--output", file, *used)
        facts = {path.name: {"path": str(path)} for path in used}
        return dark(file, facts, None, {}, reader(geometry, raw))

    case = Case(paths, 12, gates, faults, extension=1)
    assert_right(f"CGI dark of {level}", shares(case, tmp_path / "raw"))
