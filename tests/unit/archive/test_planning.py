"""What the archive's rules ask of a campaign."""

import pytest

from darkroom.archive.planning import Arrivals
from darkroom.workflow.programs import Programs
from plans import ROOT, a_plan

ITEMS = {"camera": {"instrument": "ccd"}}
ROWS = [("camera", "bias", "b1", {})]


def arrivals(folder, kind="local"):
    return Arrivals(a_plan(folder, ITEMS, ROWS, kind), Programs(ROOT, conda=False))


@pytest.mark.parametrize("kind", ["local", "simulated"])
def test_the_code_that_fetches_is_that_of_the_archive(tmp_path, kind):
    found = arrivals(tmp_path, kind)
    assert found.toolset == "detector"
    assert not found.remote
    assert found.code in found.together_options
    assert found.came_with_others("camera", "b1")
    assert found.fetch_settings("camera", "b1")["exposure"]["file"] == "b1.fits"


def test_simulated_bytes_follow_from_the_simulator(tmp_path):
    local, simulated = arrivals(tmp_path), arrivals(tmp_path, "simulated")
    assert local.code != simulated.code
    assert local.maker_option == ""
    assert simulated.maker_option.startswith(f"--maker {simulated.code}-")
