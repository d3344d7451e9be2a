"""The pedestal of a ramp against the plane PEDESTAL of the pipeline's own ramp_fit."""

import math
import subprocess
import tempfile

import numpy as np
import pytest

from darkroom.nircam.dark.fit import RampFit, timing_of
from darkroom.nircam.dark.settings import DarkSettings
from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps.blocks import RampBlocks
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


GAIN, READ, NGROUPS, SEEDS = 2.0, 5.0, 20, 25  # e-/DN, DN, and integrations: seeds 0, 1, 2 …
# Standard deviations that none of a million ramps exceeds; of the steps that are cut, too.
BEYOND = 6.0


def slope_weights(inverse):
    """Return the weights of the groups in a slope per group, for an inverse covariance of them."""
    design = np.stack([np.ones(len(inverse)), np.arange(len(inverse))])
    return np.linalg.solve(design @ inverse @ design.T, design @ inverse)[1]


def largest_miss_of_weights(timing, rates):
    """Return by how much slopes of one ramp differ at most, DN a group, in a ramp of white noise.

    One is weighted as ours with the shot noise of one of the rates (e-/s), the other as ramp_fit's:
    with |group - middle| to the power that it takes at the signal-to-noise ratio of this rate, or
    one of those beside it.
    """
    distance = np.abs(np.arange(NGROUPS) - (NGROUPS - 1) / 2)
    powers, limits = (0, 0.4, 1, 3, 6, 10), (5, 10, 20, 50, 100)
    steps = np.diff(np.eye(NGROUPS), axis=0)
    apart = []
    for rate in rates:
        inverse = np.linalg.inv(timing.matrix(rate, (GAIN * READ) ** 2, NGROUPS - 1))
        ours = inverse.sum(axis=0) / inverse.sum() @ steps
        charge = rate * timing.tgroup * (NGROUPS - 1)
        place = np.searchsorted(limits, charge / np.sqrt(7.07**2 + charge))
        for power in powers[max(place - 1, 0) : place + 2]:
            apart.append(np.linalg.norm(ours - slope_weights(np.diag(distance**power))))
    return BEYOND * READ * max(apart)


def largest_miss_of_a_cut(timing):
    """Return by how much a slope changes at most, DN a group, when a step of noise is cut out."""
    inverse = np.linalg.inv(timing.matrix(0.0, READ**2, NGROUPS - 1))
    weight = inverse.sum(axis=0)
    room = np.diag(inverse) - weight**2 / weight.sum()
    return BEYOND * (weight / weight.sum() / np.sqrt(room)).max()


@pytest.mark.parametrize(
    ("pattern", "frames", "gap"),
    [("RAPID", 1, 0), ("MEDIUM8", 8, 2), ("SHALLOW4", 4, 1), ("DEEP8", 8, 12)],
)
def test_stcal_is_the_plane_of_ramp_fit(tmp_path, pattern, frames, gap):
    """The planes are equal to float32 wherever both rates have the same weights.

    They differ in two kinds of ramps, by what follows from the noise. Where charge is seen beyond
    5 sigma, both weight groups by their shot noise, each in its way. And a step of noise beyond 4.5
    sigma is taken for a cosmic ray, where ramp_fit alone (without the step jump) cuts nothing: with
    19 steps that is one ramp in 15,000.
    """
    need_jwst()
    step = (frames + gap) * DT
    times = (frames + 1) / 2 * DT + step * np.arange(NGROUPS)
    rate = np.where(np.random.default_rng(SEEDS).random((64, 64)) < 0.01, 5.0, 0.0)
    sets = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        level = 500 + 300 * rng.standard_normal((64, 64)) + 20 * rng.standard_normal()
        noise = READ * rng.standard_normal((NGROUPS, 64, 64))
        sets.append((level + rate * times[:, None, None] + noise).astype(np.float32))
    data = np.array(sets)
    path = write_ramp(
        tmp_path / "ramp.fits", data, LAYOUT, mjd=59600,
        groupdq=np.zeros(data.shape), pixeldq=np.zeros((64, 64)), READPATT=pattern, NFRAMES=frames,
        GROUPGAP=gap, TFRAME=DT, TGROUP=step, DRPFRMS1=0, EFFINTTM=step * NGROUPS,
    )  # fmt: skip
    done = subprocess.run(
        [PYTHON, "-c", STEP, path, tmp_path / "fit.npz"], capture_output=True, text=True,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    fit = np.load(tmp_path / "fit.npz")
    ramps = RampSet([path], "superbias")
    classes, timing = Classes.from_ramps(ramps), timing_of(ramps)
    before, first = time_before(timing, "stcal"), data[:, 0]
    # Two roundings of each plane, to half a unit of the last place of float32 in the sample.
    float32 = 2 * np.spacing(np.abs(data).max())
    assert np.abs(first - fit["rate"] * before - fit["pedestal"]).max() <= float32
    with tempfile.TemporaryFile() as file:
        ours = PedestalStack(ramps, classes, "stcal", file).read(slice(0, 64))
    miss = np.abs(ours - fit["pedestal"])[:, classes.usable]

    blocks = RampBlocks(ramps, 0)
    ramp_fit = RampFit(blocks, classes, np.full(classes.noutputs, GAIN))
    hits = np.zeros((64, 64), int)

    def count(values, rows, columns):
        found = ramp_fit.fit(values, rows, columns, steps=False).hits
        hits[rows, columns] = found.reshape(hits[rows, columns].shape)

    blocks.over(count, 1)
    cut = np.broadcast_to(hits[classes.usable] > 0, miss.shape)
    charge = GAIN * (data[:, -1] - data[:, 0])[:, classes.usable]
    seen = charge > 5 * np.sqrt(np.maximum(7.07**2 + charge, 0))
    groups = before / step  # a slope in DN a group, times this, is taken off
    apart = groups * largest_miss_of_weights(timing, (0.0, GAIN * rate.max()))
    assert miss[~cut & ~seen].max() <= float32
    assert miss[~cut].max() <= float32 + apart
    assert miss.max() <= float32 + apart + groups * largest_miss_of_a_cut(timing)
    # As many as chance cuts, within 4 of its standard deviations.
    expected = miss.size * (NGROUPS - 1) * 0.5 * math.erfc(DarkSettings.step_sigma / 2**0.5)
    assert hits[classes.usable].sum() <= expected + 4 * expected**0.5
