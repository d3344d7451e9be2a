"""What the archive's rules ask of a campaign."""

from types import SimpleNamespace

import pytest

from darkroom.archive.planning import Arrivals
from darkroom.workflow.programs import Programs
from plans import ROOT, a_plan

ITEMS = {"camera": {"instrument": "ccd"}}
ROWS = [("camera", "bias", name, {}) for name in ("b1", "b2")]


def arrivals(folder, kind="local"):
    return Arrivals(a_plan(folder, ITEMS, ROWS, kind), Programs(ROOT, conda=False))


@pytest.mark.parametrize("kind", ["local", "simulated"])
def test_the_code_that_fetches_is_that_of_the_archive(tmp_path, kind):
    found = arrivals(tmp_path, kind)
    assert found.toolset == "detector"
    assert not found.remote
    assert len(found.code) >= 12


def test_every_exposure_of_a_batch_determines_its_settings(tmp_path):
    found = arrivals(tmp_path)
    rows = found.plan.exposures("camera")
    settings = {found.fetch_settings("camera", one) for one in (rows, rows[:1], rows[1:])}
    assert len(settings) == 3
    assert found.fetch_settings("camera", rows) in settings


def test_simulated_bytes_follow_from_the_simulator(tmp_path):
    local, simulated = arrivals(tmp_path), arrivals(tmp_path, "simulated")
    assert local.code != simulated.code
    assert local.maker_option == ""
    assert simulated.maker_option.startswith(f"--maker {simulated.code}-")


@pytest.mark.parametrize(
    ("kind", "toolset", "remote", "simulator"),
    [("mast", "archive", True, []), ("local", "detector", False, []),
     ("simulated", "detector", False, ["darkroom.ccd.simulate.exposures"])],
)  # fmt: skip
def test_the_code_that_fetches_is_all_that_can_change_an_exposure(kind, toolset, remote, simulator):
    """And the network is asked only where exposures come from it."""
    plan = SimpleNamespace(
        campaign=SimpleNamespace(archive={"kind": "".join([*kind])}, query_digest=lambda: "query"),
        instruments=["ccd"],
        simulated=kind == "simulated",
    )
    programs = SimpleNamespace(digest=lambda *names: names)
    found = Arrivals(plan, programs)
    assert (found.toolset, found.remote) == (toolset, remote)
    modules = [f"darkroom.archive.{kind}", "darkroom.ccd.received", *simulator]
    assert found.code == (toolset, "archive/fetch", *modules)
    assert found.maker_option == (f"--maker {found.code}-query" if simulator else "")
