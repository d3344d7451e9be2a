"""Memory of full frames with many groups: it does not grow with their number."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from darkroom.nircam.detector.readout import Readout
from nircam_darks import write_ramp

ROOT = Path(__file__).resolve().parents[3]
MOST = 0.6e9
# Not the maximum of getrusage, which a process inherits from the one that starts it.
MEASURE = """
import runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    line = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
    print("PEAK", 1024 * int(line.split()[1]))
"""


@pytest.fixture(scope="module")
def long_ramps(tmp_path_factory):
    """Give three full frames of 30 groups."""
    folder, readout = tmp_path_factory.mktemp("long"), Readout.full("NRCB1")
    rng = np.random.default_rng(1)
    bias = 7000 + 600 * rng.standard_normal(readout.shape, dtype=np.float32)
    paths = []
    for k in range(3):
        level = bias + 25 * rng.standard_normal(readout.shape, dtype=np.float32)
        data = np.empty((1, 30, *readout.shape), np.uint16)
        for group in data[0]:
            group[...] = np.rint(level + 5 * rng.standard_normal(readout.shape, dtype=np.float32))
        paths.append(write_ramp(folder / f"long{k}.fits", data, readout, mjd=59600.0 + k))
    return paths


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("program", "more"),
    [
        ("superbias", ()),
        ("superbias", ("--sample", "intercept")),
        ("readnoise", ()),
        ("readnoise", ("--method", "stack")),
        ("noise_spectrum", ()),
    ],
)
def test_a_program_of_our_own_takes_less_than_600_mb(tmp_path, long_ramps, program, more):
    done = subprocess.run(
        [
            *(sys.executable, "-c", MEASURE, ROOT / "scripts" / "nircam" / f"{program}.py"),
            *(*long_ramps, "--output", tmp_path / "product.fits", *more),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    [peak] = [line.split()[1] for line in done.stdout.splitlines() if line.startswith("PEAK")]
    assert int(peak) < MOST
