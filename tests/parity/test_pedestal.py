"""The pedestal of a ramp against the plane PEDESTAL of the pipeline's own ramp_fit."""

import subprocess
import tempfile

import numpy as np
import pytest

from darkroom.nircam.dark.fit import timing_of
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import RampSet
from darkroom.nircam.superbias.pedestal import PedestalStack, time_before
from nircam_dark_ramps import DT
from nircam_darks import write_ramp
from nircam_jwst import PYTHON, need_jwst

pytestmark = pytest.mark.parity
LAYOUT = readout("NRCALONG", "SUB64P")
# Fits the ramps of a file as the step ramp_fit does; writes the planes PEDESTAL and the rates.
STEP = """
import sys, warnings
warnings.simplefilter("ignore")
import numpy as np
from stcal.ramp_fitting import ramp_fit
from stdatamodels.jwst import datamodels
from stdatamodels.jwst.datamodels import dqflags
path, out = sys.argv[1:]
with datamodels.RampModel(path) as model:
    shape = model.data.shape[-2:]
    read, gain = np.full(shape, 7.07, np.float32), np.full(shape, 2.0, np.float32)
    _, rates, more = ramp_fit.ramp_fit(
        model, True, read, gain, "OLS_C", "optimal", "none", dqflags.pixel)
    np.savez(out, rate=rates["slope"], pedestal=more["pedestal"])
"""


@pytest.mark.parametrize(
    ("pattern", "frames", "gap"),
    [("RAPID", 1, 0), ("MEDIUM8", 8, 2), ("SHALLOW4", 4, 1), ("DEEP8", 8, 12)],
)
def test_stcal_is_the_plane_of_ramp_fit(tmp_path, pattern, frames, gap):
    """The formula to float32; our rate has other weights: 1e-3 DN rms beside 5 DN of noise."""
    need_jwst()
    step = (frames + gap) * DT
    times = (frames + 1) / 2 * DT + step * np.arange(20)
    rate = np.where(np.random.default_rng(5).random((64, 64)) < 0.01, 5.0, 0.0)
    sets = []
    for seed in range(6, 11):  # an integration of each
        rng = np.random.default_rng(seed)
        level = 500 + 300 * rng.standard_normal((64, 64)) + 20 * rng.standard_normal()
        noise = 5 * rng.standard_normal((20, 64, 64))
        sets.append(level + rate * times[:, None, None] + noise)
    data = np.array(sets)
    path = write_ramp(
        tmp_path / "ramp.fits", data.astype(np.float32), LAYOUT, mjd=59600,
        groupdq=np.zeros(data.shape), pixeldq=np.zeros((64, 64)), READPATT=pattern, NFRAMES=frames,
        GROUPGAP=gap, TFRAME=DT, TGROUP=step, DRPFRMS1=0, EFFINTTM=step * 20,
    )  # fmt: skip
    done = subprocess.run(
        [PYTHON, "-c", STEP, path, tmp_path / "fit.npz"], capture_output=True, text=True,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    fit = np.load(tmp_path / "fit.npz")
    ramps = RampSet([path], "superbias")
    classes, before = Classes.from_ramps(ramps), time_before(timing_of(ramps), "stcal")
    first = data[:, 0].astype(np.float32)
    assert np.abs(first - fit["rate"] * before - fit["pedestal"]).max() < 2e-4
    with tempfile.TemporaryFile() as file:
        ours = PedestalStack(ramps, classes, "stcal", file).read(slice(0, 64))
    miss = (ours - fit["pedestal"])[:, classes.usable]
    assert (miss.std(axis=1) < 1.5e-3).all()
    assert np.abs(miss).max() < 0.1
