"""The engine agrees with ccdproc on the same files."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.combine import Clip, combine_stack
from darkroom.fits.tiles import FrameStack

pytestmark = pytest.mark.parity

# The uncertainty of ccdproc is the deviation with n in its denominator over the root of n.
CCDPROC = """
import sys
import ccdproc, numpy
*paths, out = sys.argv[1:]
for name, function in (("sigma", "std"), ("mad", "mad_std")):
    made = ccdproc.combine(
        paths, unit="adu", method="average", sigma_clip=True, sigma_clip_func="median",
        sigma_clip_dev_func=function, sigma_clip_low_thresh=3, sigma_clip_high_thresh=3,
    )
    numpy.savez(f"{out}/{name}.npz", mean=made.data, error=made.uncertainty.array)
"""


@pytest.fixture(scope="module")
def peer(repository):
    """Give the Python that has ccdproc."""
    python = Path(os.environ.get("DARKROOM_PEERS_PYTHON", repository / ".venvs/peers/bin/python"))
    if not python.is_file():
        pytest.skip("no environment with ccdproc (make setup-tests, or DARKROOM_PEERS_PYTHON)")
    return python


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    folder, generator = tmp_path_factory.mktemp("frames"), np.random.default_rng(8)
    paths = [folder / f"{k:02d}.fits" for k in range(15)]
    for path in paths:
        data = generator.normal(1000, 10, (60, 80))
        data[generator.random(data.shape) < 0.01] += 3000
        fits.writeto(path, data.astype(np.uint16))
    return paths


@pytest.fixture(scope="module")
def theirs(peer, frames):
    """Combine with ccdproc, which clips once."""
    folder = frames[0].parent
    subprocess.run([peer, "-c", CCDPROC, *frames, folder], check=True, capture_output=True)
    return {name: np.load(folder / f"{name}.npz") for name in ("sigma", "mad")}


@pytest.mark.parametrize("method", ["sigma", "mad"])
def test_mean_and_uncertainty_agree_with_ccdproc(frames, theirs, method):
    with FrameStack(frames) as stack:
        ours = combine_stack(stack, Clip(method, 3.0, 1), outputs=("mean", "std0"))
    np.testing.assert_allclose(ours.mean, theirs[method]["mean"], rtol=1e-6)
    error = ours.std0 / np.sqrt(ours.count)
    np.testing.assert_allclose(error, theirs[method]["error"], rtol=1e-6)
