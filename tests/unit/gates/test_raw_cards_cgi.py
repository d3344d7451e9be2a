"""CGI: sizes that cards state as seen in 50 %, put into raw files of fresh exposures."""

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.gating.darks import dark
from darkroom.cgi.gating.frames import reader
from darkroom.cgi.gating.gates import noise_maps
from darkroom.cgi.geometry import read_geometry
from darkroom.cgi.raw.calibration import read_calibration
from darkroom.cgi.raw.prepare import Settings
from darkroom.cgi.simulate import exposures as cgi
from raw_injections import (
    Case,
    Fault,
    Programs,
    assert_right,
    both,
    constant,
    exposures,
    noisier,
    shares,
)

CGI = {"seed": 19, "geometry": "small", "stacks": [{"gain": 500, "exptime": 100, "frames": 240}]}


@pytest.fixture
def run(monkeypatch):
    return Programs(monkeypatch)


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


#: EM gains and times of the stacks of noise maps, the first of which gets the faults; frames of a
#: stack, and how many stacks there are of each of the others.
STACKS = (
    (100, 100), (100, 10), (20, 10), (20, 100), (500, 10), (500, 100), (2000, 10), (2000, 100),
)  # fmt: skip
FRAMES, SETS = 10, 8


@pytest.mark.heavy
def test_cards_of_noise_maps(run, tmp_path):
    """Faults in one stack; the others are drawn from eight of each, as different as campaigns.

    The error of the noise of a stack is a tolerance, no scatter: there are no cases of 50 %.
    """
    (tmp_path / "raw").mkdir()
    counts = [240, *[FRAMES * SETS] * (len(STACKS) - 1)]
    stacks = [{"gain": gain, "exptime": time, "frames": count}
              for (gain, time), count in zip(STACKS, counts, strict=True)]  # fmt: skip
    paths = exposures(cgi, CGI | {"level": "L2a", "stacks": stacks}, tmp_path)
    pool, rest = paths[: counts[0]], paths[counts[0] :]
    geometry = read_geometry("small")
    here = np.zeros(geometry.shape, bool)
    here[geometry.imaging] = True

    def statistics(name, frames):
        file = tmp_path / f"{name}.fits"
        run("cgi/stack_statistics", "--geometry", "small", "--output", file, *frames)
        return file

    sets = [statistics(k, rest[FRAMES * k : FRAMES * (k + 1)])
            for k in range(len(rest) // FRAMES)]  # fmt: skip
    sets = np.array(sets, dtype=object).reshape(-1, SETS)
    rng = np.random.default_rng(19)

    def gates(used):
        mine, file = statistics("mine", used), tmp_path / "maps.fits"
        others = [one[rng.integers(SETS)] for one in sets]
        run("cgi/noise_maps", "--geometry", "small", "--output", file, mine, *others)
        return noise_maps(file, {}, None, {}, reader(geometry, lambda: None))

    gain, time = STACKS[0]
    stack = f"stack of EM gain {gain} and {time} s"
    some = np.stack([fits.getdata(path).astype(float) for path in pool[:20]])
    # The noise of a frame holds the fixed pattern.
    low, high = np.percentile(some[:, here], [15.87, 84.13], axis=1)
    noise = noisier(float(np.median(high - low)) / 2, here)
    level = both(f"level, {stack}", constant(here * float(gain)))
    groups = [
        [level[0], Fault(f"one bad exposure: noise, {stack}", noise)],
        [level[1]],
        [Fault(f"level of the {stack}", constant(here * 1.0), everywhere=True)],
    ]
    case = Case(pool, FRAMES, gates, groups, extension=1)
    assert_right("noise maps", shares(case, tmp_path / "raw"))
