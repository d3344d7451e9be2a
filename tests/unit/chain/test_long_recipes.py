"""Memory of full frames of 150 groups that are read through the engine of the detector steps."""

import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.crds.references import write_references
from darkroom.nircam.simulate.exposures import plan
from darkroom.nircam.simulate.uncal import uncal
from darkroom.nircam.simulate.values import complete
from nircam_jwst import own_program, small_cache
from unit.nircam.test_long_ramps import MEASURE, MOST, ROOT

GROUPS = 150
KINDS = ("mask", "saturation", "superbias", "linearity")
UNCORRECTED = ("dq_init", "saturation")
STEPS = {
    "superbias": UNCORRECTED,
    "readnoise": ("dq_init", "saturation", "superbias", "refpix", "linearity"),
}
# What is particular to a long ramp is its size, and noise costs much to make: few groups have their
# own. Each pixel has its own slope, so that no group repeats another one after any correction.
_FRAMES = 7


def _write_exposures(folder, number):
    """Write raw exposures, 1.3 GB each."""
    settings = {"detector": "NRCB1", "exposures": number, "ngroups": GROUPS}
    cache = small_cache(folder / "crds", settings)
    level = fits.getdata(folder / "crds/references/jwst/jwst_nircam_superbias_0001.fits", "SCI")
    level = np.nan_to_num(level.astype(np.float32), nan=7000)
    rng, full = np.random.default_rng(1), complete(settings)
    chosen = {kind: cache.record(f"jwst_nircam_{kind}_0001.fits") for kind in KINDS}
    (folder / "references").mkdir()
    for exposure in plan(settings):
        start = level + 25 * rng.standard_normal(level.shape, dtype=np.float32)
        noise = [6 * rng.standard_normal(level.shape, dtype=np.float32) for _ in range(_FRAMES)]
        slope = rng.uniform(0, 2, level.shape).astype(np.float32)
        data = np.empty((1, GROUPS, *level.shape), np.uint16)
        for group, values in enumerate(data[0]):
            values[...] = np.rint(start + noise[group % _FRAMES] + slope * group)
        uncal(full, exposure, data).writeto(folder / exposure.file)
        name = exposure.file.partition(".")[0]
        write_references(folder / "references" / f"{name}.json", chosen)


@pytest.fixture(scope="module")
def long_exposures(tmp_path_factory):
    """Give a folder of three full frames of 150 groups."""
    folder = tmp_path_factory.mktemp("long")
    with ProcessPoolExecutor(1) as pool:
        pool.submit(_write_exposures, folder, 3).result()
    yield folder
    for path in folder.glob("*.fits"):
        path.unlink()


def _made(folder, tmp_path, product, steps, *more):
    """Run a program on the exposures; return its product and its peak memory in bytes."""
    raw = sorted(folder.glob("*.fits"))
    words = ["--references", folder / "references", "--cache", folder / "crds"]
    words += ["--output", tmp_path / "ramps", "--steps", *steps, "--", *raw]
    done = own_program("nircam/check_ramps", *words)
    assert done.returncode == 0, done.stderr
    recipes = sorted((tmp_path / "ramps").glob("*.chain.json"))
    program, output = Path(ROOT) / "scripts" / "nircam" / f"{product}.py", tmp_path / "product.fits"
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, program, *recipes, "--output", output, *more],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [peak] = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("PEAK")]
    return output, int(peak)


@pytest.fixture(scope="module")
def spectrum(tmp_path_factory, long_exposures):
    """Give the noise spectrum of the exposures, and the memory that it took."""
    # As rule noise_spectrum runs it.
    more, folder = ("--reference-sums", "--threads", "2"), tmp_path_factory.mktemp("made")
    return _made(long_exposures, folder, "noise_spectrum", UNCORRECTED, *more)


@pytest.mark.heavy
@pytest.mark.parametrize("product", STEPS)
def test_long_ramps_through_the_engine_take_less_than_600_mb(tmp_path, long_exposures, product):
    assert _made(long_exposures, tmp_path, product, STEPS[product])[1] < MOST


@pytest.mark.heavy
def test_the_noise_spectrum_of_long_ramps_takes_less_than_600_mb(spectrum):
    assert spectrum[1] < MOST


@pytest.mark.heavy
def test_the_reference_pixels_of_long_ramps_take_less_than_600_mb(
    tmp_path, long_exposures, spectrum
):
    more = "--spectrum", spectrum[0]
    assert _made(long_exposures, tmp_path, "reference_pixels", UNCORRECTED, *more)[1] < MOST
