"""The superbias from pedestals: group 0 minus the charge collected before it."""

import tempfile

import numpy as np
import pytest
from scipy import special

from darkroom.nircam.detector.subarrays import readout
from darkroom.nircam.ramps import blocks
from darkroom.nircam.ramps.classes import Classes
from darkroom.nircam.ramps.ramps import GroupStack, RampSet
from darkroom.nircam.superbias.measure import make_superbias
from darkroom.nircam.superbias.pedestal import PedestalStack
from darkroom.nircam.superbias.settings import SuperbiasSettings
from nircam_dark_ramps import DT, make_ramps
from nircam_darks import write_ramp

LAYOUT = readout("NRCALONG", "SUB64P")
GAIN = 2.0


def opened(folder, data, **cards):
    """Return the ramps (nramps, ngroups, ny, nx) of files of one integration each."""
    cards = {"TFRAME": DT, "TGROUP": DT} | cards
    paths = [
        write_ramp(folder / f"p{k}.fits", ramp[None].astype(np.float32), LAYOUT, mjd=59600 + k,
                   **cards)
        for k, ramp in enumerate(data)
    ]  # fmt: skip
    ramps = RampSet(paths, "superbias")
    return ramps, Classes.from_ramps(ramps)


def samples(ramps, classes, kind="reset"):
    """Return the samples of all ramps: (nramps, ny, nx)."""
    with tempfile.TemporaryFile() as file:
        return PedestalStack(ramps, classes, kind, file).read(slice(0, ramps.shape[0]))


def superbias(ramps, classes, kind="reset"):
    with tempfile.TemporaryFile() as file:
        stack = PedestalStack(ramps, classes, kind, file)
        return make_superbias(stack, classes, ramps.mjd, ramps.label, SuperbiasSettings())


def made(folder, seed, nramps=16, ngroups=30):
    """Return the bias, the rate, and ramps with hot pixels, hits, and offsets of ramps."""
    rng = np.random.default_rng(seed)
    bias = 6000 + 300 * rng.standard_normal((64, 64))
    rate = np.full((64, 64), 0.02)
    rate[10:60:5, 10:60:5] = 20.0  # 10 DN/s
    data = make_ramps(nramps, ngroups, (64, 64), seed=seed + 5, rate=rate, hits=2e-4)
    # The charge of the first frame is in group 0: make_ramps adds it before the first group.
    data += bias + 20 * rng.standard_normal((nramps, 1, 1, 1))
    return bias, rate, *opened(folder, data)


@pytest.fixture(scope="module")
def dark(tmp_path_factory):
    return made(tmp_path_factory.mktemp("pedestal"), 3)


def pulls_of(bias, ramps, classes):
    """Return the superbias, and its deviations from the bias as normal deviates."""
    found = superbias(ramps, classes)
    inner = classes.usable
    miss = (found.mean - bias)[inner]
    miss -= np.median(miss)
    freedom = found.count[inner] - 1
    return found, special.ndtri(special.stdtr(freedom, miss / found.error[inner]))


def test_the_superbias_is_the_level_at_the_reset(dark):
    bias, rate, ramps, classes = dark
    found, pull = pulls_of(bias, ramps, classes)
    assert abs(pull.std() - 1) < 0.05
    hot = (rate > 1)[classes.usable]
    assert abs(np.mean(pull[hot])) < 4 / np.sqrt(hot.sum())
    # Group 0 of these pixels is 107 DN higher.
    first = make_superbias(GroupStack(ramps), classes, ramps.mjd, ramps.label, SuperbiasSettings())
    high = (first.mean - found.mean)[classes.usable & (rate > 1)]
    low = (first.mean - found.mean)[classes.usable & (rate < 1)]
    assert np.median(high) - np.median(low) == pytest.approx(10 * DT, abs=1)


@pytest.mark.heavy
def test_the_superbias_is_the_level_at_the_reset_in_24_sets(tmp_path):
    """Of 8 ramps each: pulls 1 within each set's own error, hot pixels not off by their rate."""
    spread, hot_means = [], []
    for seed in range(24):
        bias, rate, ramps, classes = made(tmp_path, 100 + seed, nramps=8, ngroups=12)
        _, pull = pulls_of(bias, ramps, classes)
        assert abs(pull.std() - 1) < 0.06, seed
        spread.append(pull.std())
        hot_means.append(pull[(rate > 1)[classes.usable]].mean())
    assert np.mean(spread) == pytest.approx(1, abs=0.02)
    each = 1 / np.sqrt((rate > 1)[classes.usable].sum())
    assert abs(np.mean(hot_means)) < 4 * each / np.sqrt(24)
    assert np.std(hot_means) == pytest.approx(each, rel=0.6)


def test_its_scatter_is_that_of_one_read_and_ktc(dark):
    _, rate, ramps, classes = dark
    found = superbias(ramps, classes)
    quiet = classes.usable & (rate < 1) & (found.nclipped == 0)
    scatter = np.sqrt(np.mean(found.std[quiet] ** 2.0))
    assert scatter == pytest.approx(np.hypot(40, 10) / GAIN, rel=0.02)


def test_hot_pixels_are_flagged_by_their_rate(dark):
    _, rate, ramps, classes = dark
    found = superbias(ramps, classes)
    hot = (found.dq & 4) > 0
    active = classes.usable
    assert hot[active & (rate > 1)].all()
    assert hot[active & (rate < 1)].mean() < 1e-3
    assert found.slope[active & (rate > 1)] == pytest.approx(10, abs=0.5)


def test_blocks_of_pixels_do_not_matter(dark, monkeypatch):
    *_, ramps, classes = dark
    whole = samples(ramps, classes)
    monkeypatch.setattr(blocks, "_BYTES", 4 * 16 * 30 * 24)  # parts of rows, of 24 pixels
    assert np.array_equal(whole, samples(ramps, classes), equal_nan=True)


@pytest.mark.parametrize(
    ("pattern", "frames", "gap", "dropped", "stcal"),
    [
        ("RAPID", 1, 0, 0, 597.4),
        ("MEDIUM8", 8, 2, 0, 978.7),
        ("SHALLOW4", 4, 1, 0, 763.4),
        ("DEEP8", 8, 12, 0, 980.9),
        ("RAPID", 1, 0, 2, 0.0),
    ],
)
def test_reset_and_stcal(tmp_path, pattern, frames, gap, dropped, stcal):
    """500 DN at the reset and 10 DN/s, without noise, beside pixels that read as usual."""
    rng = np.random.default_rng(1)
    first = ((frames + 1) / 2 + dropped) * DT
    times = first + (frames + gap) * DT * np.arange(6)
    data = 500 + 300 * rng.standard_normal((64, 64)) + rng.standard_normal((4, 6, 64, 64))
    data[:, :, 30, 30] = 500 + 10 * times
    cards = {"READPATT": pattern, "NFRAMES": frames, "GROUPGAP": gap, "DRPFRMS1": dropped}
    ramps, classes = opened(tmp_path, data, TGROUP=(frames + gap) * DT, **cards)
    assert samples(ramps, classes)[:, 30, 30] == pytest.approx(500, abs=0.01)
    if not dropped:
        found = samples(ramps, classes, "stcal")[:, 30, 30]
        assert found == pytest.approx(stcal, abs=0.1)


def test_reference_pixels_are_group_0_and_saturated_ones_have_no_sample(tmp_path):
    rng = np.random.default_rng(2)
    data = 500 + rng.standard_normal((4, 6, 64, 64))
    ramps, classes = opened(tmp_path, data)
    found = samples(ramps, classes)
    reference = classes.reference
    assert reference.any()
    assert np.array_equal(found[:, reference], data[:, 0].astype(np.float32)[:, reference])
    flags = np.zeros((6, 64, 64), np.uint8)
    flags[:, 30, 30] = 2
    flags[1:, 31, 31] = 2
    path = ramps.files[0].path
    write_ramp(path, data[:1].astype(np.float32), LAYOUT, mjd=59600, groupdq=flags[None],
               TFRAME=DT, TGROUP=DT)  # fmt: skip
    ramps = RampSet([file.path for file in ramps.files], "superbias")
    found = samples(ramps, classes)
    assert np.isnan(found[0, 30, 30])
    assert np.isnan(found[0, 31, 31])  # its rate is not known
    assert np.isfinite(found[1:, 30:32, 30:32]).all()
