"""With one bad frame of each kind in each stack, excluded, the quoted errors hold."""

import numpy as np
import pytest
from scipy import stats

from ccd_frames import CLIP, Simulated
from ccd_judged import subject
from darkroom.ccd.cells import cells
from darkroom.ccd.judging import checks
from darkroom.ccd.rate.cell_stacks import CellStacks
from darkroom.ccd.rate.dark_rate import dark_rate
from darkroom.ccd.rate.line_fit import estimator
from darkroom.ccd.stack.master import master
from darkroom.ccd.stack.read_noise import read_noise
from darkroom.judge.engine import judge
from darkroom.judge.judgement import REFUSED

SEEDS = range(24)
SHAPE = (32, 48)
CAMERA = {
    "shape": list(SHAPE),
    "bias": {"count": 17, "temperatures": [-5.0]},
    "darks": [{"count": 17, "exptime": 20.0, "temperatures": [-5.0]}],
    "targets": [],
    "hot_fraction": 0.004,
    "warm_fraction": 0.005,
}
X = np.linspace(-0.5, 0.5, SHAPE[1])
Y = np.linspace(0, 1, SHAPE[0])[:, None]


def noisier(image, rng):
    return image + 20 * rng.standard_normal(SHAPE)


# What is done to the last frames of a stack; the last of all becomes a copy of the first.
SPOILT = (
    lambda image, _: np.zeros_like(image),
    lambda image, _: image + 60 * X,
    lambda image, _: image + 60,
    noisier,
    lambda image, rng: image + 20_000 + 100 * rng.standard_normal(SHAPE),
    lambda image, _: np.where(Y < 0.5, image, 0),
)


def spoil(made, role, rng):
    """Spoil the last frames of a role; return their names."""
    names = [frame.name for frame in made.frames(role)]
    for change, name in zip(SPOILT, names[-7:-1], strict=True):
        made.images[name] = np.clip(np.rint(change(made.images[name].astype(float), rng)), 0, 65535)
    made.images[names[-1]] = made.images[names[0]] + 0.5
    return set(names[-7:])


def refused(made):
    frames = [(role, frame) for role in ("bias", "dark") for frame in made.frames(role)]
    subjects = [
        subject(frame.name, made.images[frame.name], role, frame.exptime) for role, frame in frames
    ]
    found = judge(subjects, checks({}))
    return {each.exposure for each in found if each.verdict == REFUSED}


@pytest.fixture(scope="module")
def experiments():
    """Simulated cameras with their kept frames; what was spoilt is what was refused."""
    found = []
    for seed in SEEDS:
        made, rng = Simulated(CAMERA | {"seed": seed}), np.random.default_rng(seed)
        bad = spoil(made, "bias", rng) | spoil(made, "dark", rng)
        assert refused(made) == bad
        kept = {
            role: [frame for frame in made.frames(role) if frame.name not in bad]
            for role in ("bias", "dark")
        }
        found.append((made, kept))
    return found


def assert_normal(pulls):
    values = np.concatenate(pulls)
    assert abs(values.mean()) < 0.1
    assert 0.95 < values.std() < 1.05


def steady(made):
    return ~made.truth["unstable"] & (made.truth["dramatic_rate"] == 0)


def normal(pull, freedom):
    return stats.norm.isf(stats.t.sf(pull, freedom))


def test_the_master_bias_of_the_kept_frames_is_right_within_its_error(experiments):
    pulls = []
    for made, kept in experiments:
        frames = kept["bias"]
        image = master(made.stack(frames), CLIP).combined
        truth = made.truth["bias"] + made.rate(-5.0) * frames[0].exptime + made.mean_offset(frames)
        pulls.append(normal((image.mean - truth) / image.error, image.count - 1)[steady(made)])
    assert_normal(pulls)


def test_the_dark_rate_of_the_kept_frames_is_right_within_its_error(experiments):
    pulls = []
    for made, kept in experiments:
        found = cells(kept["dark"], kept["bias"], tolerance=0.2)
        stacks = CellStacks(
            found, [made.stack(cell.frames) for cell in found], CLIP, saturation=65535
        )
        lines = dark_rate(stacks).lines
        solve = estimator(stacks.design, stacks.nframes)[1:]
        common = solve @ [made.mean_offset(cell.frames) for cell in stacks.cells]
        pull = (lines.rate[0] - made.rate(-5.0) - common[0]) / lines.rate_error[0]
        pulls.append(normal(pull, lines.freedom[0])[steady(made)])
    assert_normal(pulls)


def test_good_frames_of_the_camera_are_all_kept():
    """1,020 frames: at most 1 in 1,000 may be excluded."""
    excluded = sum(len(refused(Simulated(CAMERA | {"seed": 500 + seed}))) for seed in range(30))
    assert excluded <= 1


def test_the_read_noise_of_the_kept_frames_is_right_within_its_error(experiments):
    """24 cameras: the scatter of their pulls is known to 0.14; 3 of these pass."""
    pulls = []
    for made, kept in experiments:
        found = read_noise(made.stack(kept["bias"]), CLIP).pooled
        truth = (made.truth["read_noise"][steady(made)] ** 2).mean()
        pulls.append((found.variance - truth) / found.variance_error)
    assert abs(np.mean(pulls)) < 3 / np.sqrt(len(pulls))
    assert abs(np.std(pulls, ddof=1) - 1) < 3 / np.sqrt(2 * len(pulls))


@pytest.mark.heavy
def test_pulls_of_the_read_noise_of_many_cameras_scatter_by_one():
    """1,600 cameras: the scatter of their pulls is known to 0.018; 0.95 to 1.05 passes."""
    pulls = []
    for seed in range(10_000, 11_600):
        made, rng = Simulated(CAMERA | {"seed": seed}), np.random.default_rng(seed)
        bad = spoil(made, "bias", rng)
        frames = made.frames("bias")
        subjects = [subject(f.name, made.images[f.name], "bias", f.exptime) for f in frames]
        found = judge(subjects, checks({}))
        assert {each.exposure for each in found if each.verdict == REFUSED} == bad
        pooled = read_noise(made.stack([f for f in frames if f.name not in bad]), CLIP).pooled
        truth = (made.truth["read_noise"][steady(made)] ** 2).mean()
        pulls.append((pooled.variance - truth) / pooled.variance_error)
    assert abs(np.mean(pulls)) < 0.1
    assert 0.95 < np.std(pulls, ddof=1) < 1.05
