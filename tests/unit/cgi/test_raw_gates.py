"""Gates of products of raw frames: the file is compared with frames prepared as for the product."""

import json
import sys

import numpy as np
import pytest
from astropy.io import fits

from darkroom.cgi.simulate import exposures as cgi
from darkroom.gates.gate import read_gates
from darkroom.provenance import sha256
from programs import load

STACK = {"gain": 500, "exptime": 100, "frames": 12}
SETTINGS = {"seed": 7, "level": "L1", "geometry": "small", "stacks": [STACK]}


@pytest.fixture
def dark(tmp_path, monkeypatch):
    """Make a dark of raw frames; give it and a function that judges it: gates by name."""

    def run(program, *arguments):
        options = ["--geometry", "small", "--nonlinearity", "none"]
        monkeypatch.setattr(sys, "argv", [program, *options, *map(str, arguments)])
        load(f"cgi/{program}").main()

    statuses = []
    for exposure in cgi.plan(SETTINGS):
        path = tmp_path / exposure.file
        cgi.deliver(SETTINGS, exposure.name, path)
        facts = {"judged": {"exptime": 100.0, "commanded_gain": 500.0, "photon_counting": 0}}
        status = {"accepted": True, "file": path.name, "size": path.stat().st_size}
        statuses.append(path.with_suffix(".json"))
        statuses[-1].write_text(json.dumps(status | {"sha256": sha256(path), "facts": facts}))
    listing = tmp_path / "statuses.list"
    listing.write_text("".join(f"{path}\n" for path in statuses))
    file = tmp_path / "dark.fits"
    run("master_dark", "--output", file, *(path.with_suffix(".fits") for path in statuses))

    def judged():
        output = tmp_path / "gates.json"
        run("gates", "--item", "a", "--product", "traditional_g500_t100", "--file", file,
            "--statuses", listing, "--output", output)  # fmt: skip
        return {gate.name: gate for gate in read_gates(output)[1]}

    return file, judged


def test_a_good_dark_of_raw_frames_is_that_of_its_frames(dark):
    """Raw headers state no conversion gain: the slope was 0, and every such dark was refused."""
    _, judged = dark
    gates = judged()
    for part in ("level", "lower half", "upper half"):
        found = gates[f"file as written: {part}"].found
        assert abs(found.d) < 3 * found.e
    assert not [gate.name for gate in gates.values() if gate.why]


def test_a_mirrored_dark_of_raw_frames_is_not(dark):
    file, judged = dark
    with fits.open(file, mode="update") as hdus:
        hdus[1].data = np.ascontiguousarray(hdus[1].data[:, ::-1])
    gates = judged()
    for half in ("lower half", "upper half"):
        found = gates[f"file as written: {half}"].found
        assert found.d == pytest.approx(-0.9, abs=0.3)
        assert abs(found.t) > 5
