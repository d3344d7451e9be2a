"""Calls into the jwst environment, and a small simulated CRDS cache, for tests."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from darkroom.crds.cache import Cache
from darkroom.nircam.simulate import exposures as nircam
from darkroom.nircam.simulate.references import PARKEYS, write_references

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venvs" / "jwst" / "bin" / "python"
CONTEXT = "jwst_0001.pmap"
#: With reference pixels, as the steps need them.
WITH_BORDER = {"detector": "NRCALONG", "subarray": "SUB160P", "exposures": 2, "ngroups": 5}
#: In the middle of the detector.
WITHOUT_BORDER = {"detector": "NRCALONG", "subarray": "SUB160", "exposures": 1, "ngroups": 3}


def need_jwst():
    """Skip the test where the environment is not there."""
    if not PYTHON.exists():
        pytest.skip("the environment .venvs/jwst is not there; build it with: make setup")


def jwst(cache, calls, context=CONTEXT):
    """Make calls of tests/jwst_cases.py in one process; return their answers."""
    need_jwst()
    done = subprocess.run(
        [PYTHON, ROOT / "tests" / "jwst_cases.py", cache, context],
        input=json.dumps(calls),
        capture_output=True,
        text=True,
        check=False,
    )
    line = next((x for x in done.stdout.splitlines() if x.startswith("ANSWERS ")), None)
    assert line, done.stderr[-3000:]
    return json.loads(line.removeprefix("ANSWERS "))


def program(name, *arguments, python=PYTHON):
    """Run a program of the workflow; return its process."""
    command = [python, ROOT / "scripts" / f"{name}.py", *arguments]
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )


def own_program(name, *arguments):
    """Run a program of the workflow with this Python."""
    return program(name, *arguments, python=sys.executable)


def small_cache(folder, *simulated):
    """Write a small CRDS cache for simulated detectors; return it."""
    cache = Cache(folder, "jwst")
    write_references(cache, CONTEXT, list(simulated), PARKEYS)
    return cache


def deliver(settings, folder, number=0):
    """Simulate one exposure into a folder; return its path."""
    exposure = nircam.plan(settings)[number]
    path = Path(folder) / exposure.file
    nircam.deliver(settings, exposure.name, path)
    return path
