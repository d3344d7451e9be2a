"""CCD: sizes that cards state as seen in 50 %, put into raw files of fresh exposures."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.ccd.simulate import exposures as ccd
from darkroom.gates.gate import read_gates
from raw_injections import (
    Case,
    Fault,
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

CCD = {
    "seed": 19, "shape": [64, 96], "row_noise": 0.3, "bias": {"count": 480}, "targets": [],
    "darks": [{"count": 480, "exptime": 20.0}], "dark_spread": 0.3, "fixed_pattern": 16.0,
}  # fmt: skip
UNITS = 20
#: e-/ADU of the simulated camera.
GAIN = 5.8


@pytest.fixture
def run(monkeypatch):
    return Programs(monkeypatch)


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


@pytest.mark.heavy
def test_cards_of_hot_pixels(run, tmp_path):
    """A warmer detector: every pixel has more dark counts, and their noise."""
    more = {"hot_fraction": 5e-3, "bias": {"count": UNITS}}
    more["darks"] = [{"count": 240, "exptime": 20.0}]
    paths = exposures(ccd, CCD | more, tmp_path)
    biases, darks = paths[:UNITS], paths[UNITS:]
    frames = ["--bias", *biases, "--dark"]
    rate, product = tmp_path / "dark_rate.fits", tmp_path / "hot_pixels.fits"
    levels = [np.median([fits.getdata(one).astype(float) for one in some], axis=0)
              for some in (biases, darks[:20])]  # fmt: skip
    counts = np.maximum(levels[1] - levels[0], 0)

    def warmer(_pixels, size, rng):
        more = counts * np.expm1(size)
        return more + np.sqrt(more / GAIN) * rng.standard_normal(counts.shape)

    def gates(used):
        run("ccd/dark_rate", "--output", rate, *frames, *used)
        run("ccd/hot_pixels", "--output", product, "--rate", rate, *frames, *used)
        run("ccd/gates", "--item", "a", "--product", "hot_pixels", "--file", product,
            "--rate", rate, "--output", tmp_path / "gates.json", *frames, *used)  # fmt: skip
        return read_gates(tmp_path / "gates.json")[1]

    (tmp_path / "raw").mkdir()
    faults = [[Fault("drift: rate of the hottest pixels", warmer)]]
    assert_right("hot pixels", shares(Case(darks, UNITS, gates, faults), tmp_path / "raw"))
