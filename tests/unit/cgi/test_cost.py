"""CPU time of programs on full frames."""

import resource
import subprocess
import sys

import pytest

from darkroom.cgi.simulate import exposures as cgi

pytestmark = pytest.mark.heavy


def test_a_master_dark_of_full_frames_takes_three_seconds(repository, tmp_path):
    """It took 38 CPU seconds."""
    settings = {"geometry": "sci", "stacks": [{"gain": 500, "exptime": 100, "frames": 3}]}
    paths = []
    for exposure in cgi.plan(settings):
        paths.append(tmp_path / exposure.file)
        cgi.deliver(settings, exposure.name, paths[-1])
    program = [sys.executable, repository / "scripts" / "cgi" / "master_dark.py", "--undivided"]

    def used():
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        return spent.ru_utime + spent.ru_stime

    before = used()
    subprocess.run([*program, "--output", tmp_path / "dark.fits", *paths], check=True)
    assert used() - before <= 3
