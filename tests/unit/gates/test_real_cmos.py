"""On frames of two real cameras the gates say what a look at the frames says."""

import contextlib
import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from darkroom.gates.decide import FAIL, INSUFFICIENT, PASS, WARN, decide, worst
from darkroom.gates.gate import read_gates
from darkroom.gates.settings import JudgeSettings
from raw_injections import Programs

REAL = Path(os.environ.get("DARKROOM_REFERENCE_DATA", "/none"), "real", "cmos")
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(not REAL.is_dir(), reason="DARKROOM_REFERENCE_DATA is not set"),
]


@pytest.fixture
def run(monkeypatch):
    return Programs(monkeypatch)


def frames_of(camera, kind):
    """Return the frames of a kind that are whole: three darks of 1 s are cut off."""
    found = []
    for path in sorted((REAL / camera).glob(f"{kind}*.fit.gz")):
        with contextlib.suppress(TypeError):
            fits.getdata(path)
            found.append(path)
    return found


def judged(run, folder, biases, darks, products, *more):
    """Return the verdicts on the gates of products of frames: ``{product: rows}``."""
    frames = ["--bias", *biases, "--dark", *darks]
    file = {name: folder / f"{name}.fits" for name in products}
    inputs = {"master_bias": biases, "read_noise": biases, "dark_rate": frames}
    # The bias frames say EXPTIME = 3,2E-05; EXPOINUS holds the same time in microseconds.
    options = ["--recover", "EXPTIME=EXPOINUS*1e-6"]
    gates = {}
    for name in products:
        own = [*options, *(more if name in ("dark_rate", "hot_pixels") else ())]
        rate = ["--rate", file["dark_rate"]] if name == "hot_pixels" else []
        run(f"ccd/{name}", "--output", file[name], *own, *rate, *inputs.get(name, frames))
        run("ccd/gates", "--item", "a", "--product", name, "--file", file[name], *rate,
            *options, *more, "--output", folder / "gates.json", *frames)  # fmt: skip
        gates[name] = read_gates(folder / "gates.json")[1]
    # The products of a camera share the budget.
    rows = decide([gate for own in gates.values() for gate in own], JudgeSettings())
    found, first = {}, 0
    for name, own in gates.items():
        found[name] = rows[first : first + len(own)]
        first += len(own)
    for name, own in found.items():
        told = [f"{row['name']}: {row['verdict']}, {row['sentence']}" for row in own]
        print(name, worst(own), *told, sep="\n  ")
    return found


def test_of_five_frames_nothing_is_told_and_none_is_a_copy(run, tmp_path):
    biases, darks = frames_of("asi120", "Bias"), frames_of("asi120", "Dark")
    # What a look says: the darks are of two kinds, the bias frames of one.
    level = np.array([fits.getdata(path).mean() for path in darks])
    assert np.ptp(level[::2]) < 5 < 150 < np.ptp(level)
    found = judged(run, tmp_path, biases, darks, ("master_bias", "read_noise", "dark_rate"))
    for rows in found.values():
        assert worst(rows) == INSUFFICIENT
        repeated = [row for row in rows if row["family"] == "repeated"]
        assert [row["verdict"] for row in repeated] == [PASS]


def test_a_black_level_that_moves_with_the_exposure_time_fails_the_dark_rate_alone(run, tmp_path):
    biases, darks = frames_of("asi178", "Bias"), frames_of("asi178", "Dark")
    # What a look says: already at 0.1 s a dark lies below the bias, at 100 s much more.
    bias = np.median([np.median(fits.getdata(path)) for path in biases])
    below = {
        time: bias - np.median([np.median(fits.getdata(one)) for one in darks if time in one.name])
        for time in ("_0.1sec", "_100sec")
    }
    assert 3 < below["_0.1sec"] < 10 < 15 < below["_100sec"]
    found = judged(run, tmp_path, biases, darks,
                   ("master_bias", "read_noise", "dark_rate", "hot_pixels"),
                   "--temperature-tolerance-c", 0.7)  # fmt: skip
    for name in ("master_bias", "read_noise", "hot_pixels"):
        assert worst(found[name]) in (PASS, WARN)
    failed = [row for row in found["dark_rate"] if row["verdict"] == FAIL]
    assert failed
    assert {row["family"] for row in failed} == {"line"}
