"""Files that are only subtracted: the shift is that of the file, the score finds the better."""

import json
import subprocess
from itertools import repeat

import numpy as np
import pytest
from astropy.io import fits

from ccd_frames import run_ccd
from darkroom.counterfactual.paired import classes_of
from darkroom.counterfactual.record import record
from darkroom.counterfactual.subtracted import Consumer, Exchange, compare, compare_noise

SHAPE = (64, 96)
CONSUMER = Consumer("dark_subtraction", "1", "e")


def compared(candidate, current, frames, shape=SHAPE):
    held_out = map(Exchange, frames, repeat(candidate), repeat(current))
    return compare(held_out, classes_of(shape), CONSUMER)


def test_the_shift_is_that_of_the_file_whatever_the_frames_hold():
    rng = np.random.default_rng(4)
    current = rng.normal(10, 1, SHAPE)
    step = np.where(np.arange(96) % 2, 0.0, 0.5) + np.zeros(SHAPE)
    found = compared(current + step, current, rng.normal(500, 50, (3, *SHAPE)))
    told = {one.kind: (one.shift, one.error) for one in found.shifts}
    assert abs(told["all pixels"][0] + 0.25) < 1e-12
    assert abs(told["odd - even columns"][0] + 0.5) < 1e-12
    assert {error for _, error in told.values()} == {0.0}


def test_a_copy_changes_nothing_and_the_better_file_wins():
    rng = np.random.default_rng(5)
    truth = rng.normal(100, 5, SHAPE)
    frames = truth + rng.normal(0, 10, (8, *SHAPE))
    good, bad = truth + rng.normal(0, 1, SHAPE), truth + rng.normal(0, 4, SHAPE)
    better, worse, same = (
        compared(*pair, frames) for pair in ((good, bad), (bad, good), (bad, bad))
    )
    assert (better.score.verdict, worse.score.verdict) == ("better", "worse")
    assert abs(better.score.value - 15) < 5 * better.score.error
    assert same.copy_exact
    assert (same.score.value, same.score.verdict) == (0.0, "cannot tell")
    assert {one.shift for one in same.shifts} == {0.0}


def test_the_record_begins_with_the_copy(tmp_path):
    one, two = tmp_path / "one.fits", tmp_path / "two.fits"
    for path in (one, two):
        path.write_text(path.name)
    found = compared(np.ones(SHAPE), np.zeros(SHAPE), np.ones((3, *SHAPE)))
    made = record("dark", (one, two), found, ["a", "b", "c"])
    assert list(made)[:4] == ["format", "product", "candidate", "current"]
    assert made["rows"][0]["estimand"].startswith("copy")
    assert made["score"]["sentence"] == "It takes 1 ± 0 e² from the variance of each pixel"
    assert made["change_level"] == "MODERATE"


def test_rates_over_seeds_better_worse_and_equal():
    """Files of 20 and 10 frames on 6 held out, noise that frames and rows share included."""
    shape, verdicts = (48, 64), {"better": [], "worse": [], "equal": []}
    for seed in range(100):
        rng = np.random.default_rng([11, seed])

        def frames(count, rng=rng):
            rows = rng.normal(0, 0.3, (count, shape[0], 1))
            return rng.normal(0, 1.4, (count, 1, 1)) + rows + rng.normal(0, 10.6, (count, *shape))

        # Products are aligned: the level that a frame has is no part of them.
        good, bad, other = (
            np.mean(one - np.median(one, axis=(1, 2), keepdims=True), axis=0)
            for one in (frames(20), frames(10), frames(20))
        )
        held_out = frames(6)
        for name, pair in (
            ("better", (good, bad)), ("worse", (bad, good)), ("equal", (good, other)),
        ):  # fmt: skip
            verdicts[name].append(compared(*pair, held_out, shape).score.verdict)
    rate = {name: verdicts[name].count(name) / 100 for name in ("better", "worse")}
    assert rate["better"] >= 0.97, rate
    assert rate["worse"] >= 0.97, rate
    assert verdicts["equal"].count("cannot tell") / 100 >= 0.97


def test_noise_rates_over_seeds_the_right_map_wins():
    shape, verdicts = (48, 64), {"better": [], "equal": []}
    consumer = Consumer("noise of a bias frame", "1", "adu")
    for seed in range(100):
        rng = np.random.default_rng([12, seed])
        truth = rng.uniform(8, 12, shape)

        def measured(count, rng=rng, truth=truth):
            return truth * np.sqrt(rng.chisquare(count - 1, shape) / (count - 1))

        residuals = rng.normal(0, truth, (6, *shape))
        many, few, equal = measured(40), measured(10), measured(40)
        for name, pair in (("better", (many, few)), ("equal", (many, equal))):
            frames = map(Exchange, residuals, *map(repeat, pair))
            found = compare_noise(frames, classes_of(shape), consumer)
            assert found.copy_exact
            verdicts[name].append(found.score.verdict)
    assert verdicts["better"].count("better") >= 97
    assert verdicts["equal"].count("cannot tell") >= 97


def write_frames(folder, count, exptime=0.0, pattern=0.0, rate=0.0, seed=6):
    rng = np.random.default_rng(seed)
    folder.mkdir()
    paths = []
    for number in range(count):
        image = 1000 + pattern + exptime * rate + rng.normal(0, 10, SHAPE)
        hdu = fits.PrimaryHDU(np.rint(image).astype(np.uint16))
        hdu.header["EXPTIME"] = exptime
        hdu.header["IMAGETYP"] = "Dark Frame" if exptime else "Bias Frame"
        hdu.header["DATE-OBS"] = f"2020-01-01T00:{number:02d}:{seed:02d}"
        paths.append(folder / f"frame_{exptime:g}_{number:02d}.fits")
        hdu.writeto(paths[-1])
    return paths


def both_ways(tmp_path, product, candidate, current, frames, *options):
    """Compare two files either way, and one with its copy; return the records."""
    output, copy, found = tmp_path / "found.json", tmp_path / "copy.fits", []
    copy.write_bytes(current.read_bytes())
    for new, old in ((candidate, current), (current, candidate), (copy, current)):
        pair = ("--product", product, "--candidate", new, "--current", old, *options)
        run_ccd("counterfactual", "--output", output, *pair, *frames)
        found.append(json.loads(output.read_text()))
    assert all(one["copy_exact"] for one in found)
    assert all(row["shift"] == 0 for row in found[2]["rows"] if "minus 1" not in row["estimand"])
    assert (found[2]["score"]["value"], found[2]["score"]["verdict"]) == (0, "cannot tell")
    return found


@pytest.mark.heavy
def test_master_biases_are_compared_on_frames_held_out(tmp_path):
    pattern = np.random.default_rng(7).normal(0, 16, SHAPE)
    paths = write_frames(tmp_path / "frames", 28, pattern=pattern)
    candidate, current = tmp_path / "new.fits", tmp_path / "old.fits"
    run_ccd("master_bias", "--output", candidate, *paths[:16])
    run_ccd("master_bias", "--output", current, *paths[16:20])
    found = both_ways(tmp_path, "master_bias", candidate, current, paths[20:])
    assert [one["score"]["verdict"] for one in found] == ["better", "worse", "cannot tell"]
    # 100 ADU² of a frame: a quarter of it minus a sixteenth.
    score = found[0]["score"]
    assert abs(score["value"] - 100 * (1 / 4 - 1 / 16)) < 5 * score["error"]
    # Four frames would be as good as sixteen with about twelve more.
    assert 6 <= found[1]["score"]["further_exposures"] <= 25
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_ccd(
            "counterfactual", "--output", tmp_path / "no.json", "--product", "master_bias",
            "--candidate", candidate, "--current", current, *paths[10:],
        )  # fmt: skip
    assert b"was made of frame_0_10" in refused.value.stderr


def test_read_noises_are_compared_on_frames_held_out(tmp_path):
    paths = write_frames(tmp_path / "frames", 40)
    candidate, current, bias = (tmp_path / f"{name}.fits" for name in ("new", "old", "bias"))
    run_ccd("read_noise", "--output", candidate, *paths[:24])
    run_ccd("read_noise", "--output", current, *paths[24:32])
    run_ccd("master_bias", "--output", bias, *paths[:24])
    found = both_ways(tmp_path, "read_noise", candidate, current, paths[32:], "--bias", bias)
    assert [one["score"]["verdict"] for one in found] == ["better", "worse", "cannot tell"]


@pytest.mark.heavy
def test_dark_rates_are_compared_and_hot_pixels_told_apart(tmp_path):
    rng = np.random.default_rng(8)
    rate = rng.uniform(0.8, 1.2, SHAPE)
    rate[::8, ::8] = 40.0
    biases = write_frames(tmp_path / "bias", 12)
    darks = write_frames(tmp_path / "dark", 24, 20.0, rate=rate, seed=9)
    candidate, current = tmp_path / "new.fits", tmp_path / "old.fits"
    for output, chosen in ((candidate, darks[:12]), (current, darks[12:16])):
        run_ccd("dark_rate", "--output", output, "--bias", *biases, "--dark", *chosen)
    found = both_ways(tmp_path, "dark_rate", candidate, current, darks[16:])
    assert [one["score"]["verdict"] for one in found] == ["better", "worse", "cannot tell"]
    score = found[0]["score"]
    # 100 ADU² of a frame: a quarter minus a twelfth.
    assert abs(score["value"] - 100 * (1 / 4 - 1 / 12)) < 5 * score["error"]
    assert [row["class"] for row in found[0]["rows"]].count("hot pixels") == 2


@pytest.mark.heavy
def test_every_dark_is_compared_with_the_rate_that_was_made_without_it(tmp_path):
    """Five parts of twenty darks, each held out of a version of its own; the biases are in all."""
    rate = np.random.default_rng(8).uniform(0.8, 1.2, SHAPE)
    biases = write_frames(tmp_path / "bias", 12)
    darks = write_frames(tmp_path / "dark", 24, 20.0, rate=rate, seed=9)
    current, output = tmp_path / "old.fits", tmp_path / "found.json"
    versions = [tmp_path / f"rate_{k}.fits" for k in range(5)]
    for path, chosen in (
        (current, darks[20:]),
        *((path, [one for n, one in enumerate(darks[:20]) if n % 5 != k])
          for k, path in enumerate(versions)),
    ):  # fmt: skip
        run_ccd("dark_rate", "--output", path, "--bias", *biases, "--dark", *chosen)
    given = [f"--candidate={path}" for path in versions]
    run_ccd(
        "counterfactual", "--output", output, "--product", "dark_rate", "--current", current,
        *given, *darks[:20],
    )  # fmt: skip
    found = json.loads(output.read_text())
    assert found["copy_exact"]
    score = found["score"]
    assert (score["exposures"], score["verdict"]) == (20, "better")
    # 100 ADU² of a frame: a quarter of it minus a sixteenth; what the biases add is in both.
    assert abs(score["value"] - 100 * (1 / 4 - 1 / 16)) < 5 * score["error"]
    assert "Each of 5 versions" in found["notes"][-1]


@pytest.mark.heavy
@pytest.mark.parametrize("product", ["master_bias", "read_noise"])
def test_every_frame_is_compared_with_the_version_that_was_made_without_it(tmp_path, product):
    """Four parts of sixteen frames: each is held out of a version of its own."""
    paths = write_frames(tmp_path / "frames", 20)
    current, output, made = tmp_path / "old.fits", tmp_path / "found.json", {}
    run_ccd(product, "--output", current, *paths[16:])
    for kind in {product, "master_bias"}:
        made[kind] = [tmp_path / f"{kind}_{k}.fits" for k in range(4)]
        for k, path in enumerate(made[kind]):
            run_ccd(
                kind, "--output", path, *(one for n, one in enumerate(paths[:16]) if n % 4 != k)
            )
    options = ["--product", product, "--current", current]
    if product == "read_noise":
        options += [f"--bias={path}" for path in made["master_bias"]]
    versions = [f"--candidate={path}" for path in made[product]]
    run_ccd("counterfactual", "--output", output, *options, *versions, *paths[:16])
    found = json.loads(output.read_text())
    assert found["copy_exact"]
    assert (found["score"]["exposures"], found["score"]["verdict"]) == (16, "better")
    assert "Each of 4 versions" in found["notes"][-1]
    assert "squared error is 3/4" in found["notes"][-1]
    # Of a frame that is in every version nothing can be said.
    with pytest.raises(subprocess.CalledProcessError) as refused:
        run_ccd("counterfactual", "--output", output, *options, *versions[:2], *paths[:16])
    assert b"on which it would be compared" in refused.value.stderr
