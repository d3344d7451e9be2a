"""Noise maps against those in use, on frames held out: truth, rates over seeds, the program."""

import json
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from cgi_stacks import tiny_geometry, truth
from darkroom.cgi.counterfactual.compare import Held, noise_maps
from darkroom.cgi.simulate import exposures as simulator
from darkroom.counterfactual.paired import change_level
from programs import SCRIPTS

STACKS = [(1.5, 2.0), (500.0, 2.0), (30.0, 100.0), (5000.0, 100.0)]
READ_NOISE = 100.0


def write_maps(path, maps, errors, nfiles):
    """Write what a reader of noise maps needs."""
    image = fits.ImageHDU(maps, name="SCI")
    image.header["DATATYPE"], image.header["DRPNFILE"] = "DetectorNoiseMaps", nfiles
    image.header["SIGNED"] = True
    err = fits.ImageHDU(errors[None], name="ERR")
    fits.HDUList(
        [fits.PrimaryHDU(), image, err, fits.ImageHDU(np.zeros(maps.shape, np.uint16), name="DQ")]
    ).writeto(path, overwrite=True)
    return path


def measured(rng, maps, frames):
    """Maps as from `frames` frames of each stack: weighted fit of F/g + C + t D to means."""
    design = np.array([[1 / gain, 1.0, time] for gain, time in STACKS])
    weight = np.array([frames * (gain / READ_NOISE) ** 2 for gain, _ in STACKS])
    covariance = np.linalg.inv(design.T @ (design * weight[:, None]))
    root = np.linalg.cholesky(covariance)
    noise = np.einsum("ij,jyx->iyx", root, rng.standard_normal(maps.shape))
    errors = np.sqrt(np.diag(covariance))[:, None, None] + np.zeros_like(maps)
    return maps + noise, errors


def frames_of(rng, maps, count):
    for gain, time in STACKS:
        for _ in range(count):
            dark = maps[0] / gain + maps[1] + time * maps[2]
            noise = READ_NOISE / gain * rng.standard_normal(dark.shape)
            # The level of a row and of a frame, which the prescan leaves.
            noise += 0.05 * READ_NOISE / gain * rng.standard_normal((dark.shape[0], 1))
            yield Held(dark + noise, gain, time, gain)


def verdicts(tmp_path, counts, seeds):
    geometry, found = tiny_geometry(tmp_path), []
    for seed in range(seeds):
        rng = np.random.default_rng([3, seed])
        maps, _ = truth(geometry, rng)
        files = tuple(
            write_maps(tmp_path / f"{name}.fits", *measured(rng, maps, count), 4 * count)
            for name, count in zip(("new", "old"), counts, strict=True)
        )
        found.append(noise_maps(files, frames_of(rng, maps, 2), geometry, "1", {}))
    assert all(one.copy_exact for one in found)
    return found


def test_rates_over_seeds_better_worse_and_equal(tmp_path):
    better, worse, equal = (
        [one.score.verdict for one in verdicts(tmp_path, counts, 60)]
        for counts in ((40, 10), (10, 40), (20, 20))
    )
    assert better.count("better") >= 57, better
    assert worse.count("worse") >= 57, worse
    assert equal.count("cannot tell") >= 57, equal


def test_the_shift_is_that_of_the_maps_and_a_copy_changes_nothing(tmp_path):
    geometry, rng = tiny_geometry(tmp_path), np.random.default_rng(4)
    maps, _ = truth(geometry, rng)
    maps, errors = measured(rng, maps, 20)
    old = write_maps(tmp_path / "old.fits", maps, errors, 80)
    # A tenth of an electron more of the fixed pattern.
    maps[0] += 0.1
    new = write_maps(tmp_path / "new.fits", maps, errors, 80)
    found = noise_maps((new, old), frames_of(rng, maps, 2), geometry, "1", {})
    told = {
        one.estimand: (one.shift, one.error) for one in found.shifts if one.kind == "all pixels"
    }
    for gain, time in STACKS:
        shift, error = told[f"level of subtracted frames, g{gain:g}_t{time:g}"]
        assert shift == pytest.approx(-0.1 / gain, rel=1e-6)
        assert error == pytest.approx(0, abs=1e-12)
    harms = {one.estimand: one.harm for one in found.shifts if one.kind == "all pixels"}
    # A tenth of the noise of a frame, whose read noise is the less the higher the EM gain is.
    for gain, time in STACKS:
        harm = harms[f"level of subtracted frames, g{gain:g}_t{time:g}"]
        assert harm == pytest.approx(0.1 * READ_NOISE / gain, rel=0.5)
    own = noise_maps((new, old), frames_of(rng, maps, 2), geometry, "1", {"subtracted": 1e-9})
    assert {one.harm for one in own.shifts if one.estimand.startswith("level")} == {1e-9}
    assert change_level(found.shifts) == "MODERATE"
    assert change_level(own.shifts) == "SEVERE"
    copy = noise_maps((old, old), frames_of(rng, maps, 2), geometry, "1", {})
    assert copy.copy_exact
    assert {one.shift for one in copy.shifts} == {0.0}
    assert (copy.score.value, copy.score.verdict) == (0.0, "cannot tell")


def test_the_program_compares_maps_of_few_frames_with_maps_of_many(tmp_path):
    stacks = [{"gain": gain, "exptime": time, "frames": 9} for gain, time in STACKS]
    settings = {"seed": 5, "geometry": "small", "stacks": stacks}
    paths = []
    for exposure in simulator.plan(settings):
        paths.append(tmp_path / exposure.file)
        simulator.deliver(settings, exposure.name, paths[-1])
    many = [path for k, path in enumerate(paths) if k % 9 < 6]
    few = [path for k, path in enumerate(paths) if k % 9 < 2]
    held_out = [path for k, path in enumerate(paths) if k % 9 >= 6]

    def run(program, *arguments):
        command = [sys.executable, SCRIPTS / f"cgi/{program}.py", "--geometry", "small"]
        subprocess.run([*command, *map(str, arguments)], check=True, capture_output=True)

    made = [tmp_path / "many.fits", tmp_path / "few.fits"]
    for output, chosen in zip(made, (many, few), strict=True):
        run("noise_maps", "--output", output, *chosen)
    scores = []
    for candidate, current in (made, made[::-1]):
        output = tmp_path / "found.json"
        pair = ("--candidate", candidate, "--current", current)
        run("counterfactual", *pair, "--output", output, *held_out)
        found = json.loads(output.read_text())
        assert found["copy_exact"]
        assert found["score"]["exposures"] == len(held_out)
        scores.append(found["score"])
    assert [one["verdict"] for one in scores] == ["better", "worse"]
    # Two frames of each stack become as good as six with about sixteen frames more in all.
    assert 4 <= scores[1]["further_exposures"] <= 64
