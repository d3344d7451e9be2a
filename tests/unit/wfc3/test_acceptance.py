"""Results over many simulated exposures: detection of bad reads, background, photometry."""

import numpy as np
import pytest

from darkroom.wfc3.engine import engine
from darkroom.wfc3.reads.background import background
from darkroom.wfc3.reads.choose import choose
from darkroom.wfc3.reads.diagnose import measure
from darkroom.wfc3.reads.sky import sky_pixels
from darkroom.wfc3.reads.treat import flatten
from darkroom.wfc3.settings import Wfc3Settings
from darkroom.wfc3.truth import against_truth
from wfc3_visits import REGIONS, Visit, cube_of

GALAXY = {"big_galaxy": {"rate": 20000.0, "radius": 10.0, "x": 0.25, "y": 0.5}}
#: Settings of one exposure and of all, by kind.
KINDS = {
    "nominal": ({}, {}),
    "gradient": ({}, {"gradient": 0.1}),
    "galaxy": ({}, GALAXY),
    "start": ({"light": "start"}, {}),
    "start, right": ({"light": "start", "side": "right"}, {}),
    "end": ({"light": "end"}, {}),
    "airglow": ({"light": "airglow"}, {"airglow_scale": 0.1}),
    "start on a gradient": ({"light": "start"}, {"gradient": 0.1}),
    "start beside a galaxy": ({"light": "start"}, GALAXY),
    "end of STEP100": ({"light": "end", "duration_s": 300.0}, {"sampseq": "STEP100"}),
    "trail": ({"light": "trail"}, {}),
}
QUIET = ("nominal", "gradient", "galaxy")
# Of those that light has no part in, nothing must be found: trails included.
SUBTRACTED = (*QUIET, "trail")


def judge(folder, kind, count):
    """Return, for each exposure of a kind, the reads chosen, those surely bad and surely not."""
    one, settings = KINDS[kind]
    visit = Visit(folder, exposures=[one] * count, subarray="SQ128SUB", stars=600, **settings)
    found = []
    for number in range(count):
        treatment = "subtract" if kind in SUBTRACTED else "mask"
        choice = choose(measure(cube_of(visit.ramp(number))), Wfc3Settings(treatment=treatment))
        truth = visit.truth(number)
        side = truth["profile"][np.argsort(truth["profile"])[-26:]].mean()
        excess = truth["fading"] * side / 0.9
        n = len(excess) + 1
        surely = {int(n - j) for j in np.flatnonzero(excess > 0.3) + 1}
        innocent = {int(n - j) for j in np.flatnonzero(excess < 0.04) + 1}
        if kind == "trail":
            surely = set(truth["bad_reads"].tolist())
            innocent -= surely
        found.append((set(choice.reads), surely, innocent))
        visit.raw(number).unlink()
    return found


def check(found, kind):
    if kind in QUIET:
        # At most one of fifty.
        assert sum(bool(reads) for reads, *_ in found) <= len(found) // 50
        return
    for reads, surely, innocent in found:
        assert surely
        assert surely <= reads
        assert not reads & innocent


@pytest.mark.parametrize("kind", ["nominal", "start beside a galaxy", "trail"])
def test_bad_reads_are_found_and_quiet_exposures_left_alone(tmp_path, kind):
    check(judge(tmp_path, kind, 3), kind)


@pytest.mark.heavy
@pytest.mark.parametrize("kind", KINDS)
def test_bad_reads_of_fifty_exposures_are_found_and_quiet_ones_left_alone(tmp_path, kind):
    check(judge(tmp_path, kind, 50), kind)


def photometry(folder, treatment, light, count):
    """Return pulls of stars' light against the truth, and what became of the background."""
    visit = Visit(
        folder, exposures=[{"light": light}] * count, subarray="SQ128SUB", stars=5000, galaxies=0,
        blobs=0, airglow_scale=0.15,
    )  # fmt: skip
    ratios, weights, pulls = [], [], []
    for number in range(count):
        ramp = visit.ramp(number)
        cube = cube_of(ramp)
        sky = measure(cube)
        if treatment == "flatten":
            image = engine.reduce(flatten(ramp, sky.full.median)[0])
        else:
            image = engine.reduce(ramp, choose(sky).reads)
            ratios.append(background(image, sky_pixels(cube), *REGIONS).ratio)
        planes = {"image": (image.sci, image.err, image.dq)}
        found = against_truth(visit.truth(number), (), planes)["image"]
        weights.append(found["offset_error"] ** -2)
        pulls.append(found["offset"])
        visit.raw(number).unlink()
    total = np.sum(weights)
    return np.dot(pulls, weights) / total, total**-0.5, ratios


@pytest.mark.heavy
@pytest.mark.parametrize(("treatment", "light"), [("mask", "start"), ("flatten", "airglow")])
def test_stars_keep_their_light_and_the_background_is_even(tmp_path, treatment, light):
    offset, error, ratios = photometry(tmp_path, treatment, light, 12)
    assert abs(offset) < 3 * error
    assert all(abs(ratio - 1) < 0.01 for ratio in ratios)


@pytest.mark.heavy
def test_of_good_exposures_of_all_kinds_hardly_any_has_a_read_chosen(tmp_path):
    """Other seeds, sequences, skies, gradients, stars and rates of rays: 1 of 2,400 measured."""
    rng, chosen = np.random.default_rng(2), 0
    for number in range(40):
        settings = {
            "seed": int(rng.integers(1, 1_000_000)),
            "sampseq": str(rng.choice(["SPARS100", "SPARS50", "SPARS25", "SPARS10", "STEP100"])),
            "zodiacal": float(rng.choice([0.2, 0.5, 0.9, 1.5, 3.0, 8.0])),
            "gradient": float(rng.choice([0.0, 0.05, 0.2])),
            "stars": int(rng.choice([0, 1000, 3000, 10000])),
            "cosmic_rays": float(rng.choice([5.0, 11.0, 20.0])),
            "nsamp": int(rng.choice([16, 15, 12, 9, 6])),
        }
        visit = Visit(tmp_path / str(number), exposures=[{"light": "nominal"}] * 6, **settings)
        for exposure in range(6):
            chosen += choose(measure(cube_of(visit.ramp(exposure)))).verdict == "chosen"
            visit.raw(exposure).unlink()
    assert chosen <= 2
