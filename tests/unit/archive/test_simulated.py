"""Exposures of a simulator: what is planned is listed, and what is delivered is asked for."""

from types import SimpleNamespace

import pytest

from darkroom.archive import simulated
from darkroom.archive.fetching import Fetching
from darkroom.campaign.lock_rows import Exposure
from darkroom.errors import DarkroomError

ITEMS = {
    "camera": {"instrument": "ccd", "simulate": {"count": 2}},
    "other": {"instrument": "cgi", "simulate": {"count": 1, "seed": 9}},
    "plain": {"instrument": "ccd"},
}


@pytest.fixture
def asked(monkeypatch):
    """Give what the simulators were asked for; they plan as many exposures as `count` says."""
    asked = []

    def plan(settings):
        asked.append(settings)
        return [
            SimpleNamespace(role="dark", name=f"d{k}", file=f"d{k}.fits", facts={"filter": str(k)})
            for k in range(settings.get("count", 1))
        ]

    def deliver(settings, name, path):
        asked.append((settings, name, path))

    one = SimpleNamespace(plan=plan, deliver=deliver)
    monkeypatch.setattr(simulated, "import_module", lambda name: asked.append(name) or one)
    return asked


def test_what_the_simulators_plan_is_listed(asked):
    rows = simulated.find({"seed": 5}, ITEMS)
    assert rows[1] == Exposure(
        "camera", "dark", "d1", "d1.fits", "simulated:ccd/d1.fits", None, {"filter": "1"}
    )
    assert [row.uri for row in rows[2:]] == ["simulated:cgi/d0.fits", "simulated:ccd/d0.fits"]
    assert asked == [
        "darkroom.ccd.simulate.exposures", {"seed": 5, "count": 2},
        "darkroom.cgi.simulate.exposures", {"seed": 9, "count": 1},
        "darkroom.ccd.simulate.exposures", {"seed": 5},
    ]  # fmt: skip


def test_an_exposure_is_made_with_the_settings_it_was_planned_with(asked, tmp_path):
    row = Exposure("camera", "dark", "d1", "d1.fits", "simulated:ccd/d1.fits", None, {})
    simulated.deliver(row, tmp_path / "x", {"seed": 5}, ITEMS["camera"])
    assert asked == [
        "darkroom.ccd.simulate.exposures", ({"seed": 5, "count": 2}, "d1", tmp_path / "x"),
    ]  # fmt: skip
    assert simulated.longest_attempt_s(row, {}) == 3600, "the largest frames take minutes"


@pytest.mark.parametrize("cores", [1, 3])
def test_as_many_are_simulated_at_once_as_there_are_cores(tmp_path, cores):
    """Each takes one: more of them would take those of other jobs."""
    campaign = SimpleNamespace(archive={"kind": "simulated", "seed": 5})
    run = Fetching(campaign, None, None, tmp_path, workers=cores)
    assert run._parallel == cores


@pytest.mark.parametrize("error", [OverflowError("x"), IndexError("x"), ValueError("x")])
def test_what_cannot_be_made_is_told_with_its_item(monkeypatch, error):
    def plan(_):
        raise error

    monkeypatch.setattr(simulated, "simulator", lambda _: SimpleNamespace(plan=plan))
    with pytest.raises(DarkroomError) as told:
        simulated.find({"seed": 5}, {"camera": {"instrument": "ccd"}})
    assert str(told.value) == (
        f"item camera: the simulator cannot make what 'simulate' asks for ({type(error).__name__}: "
        "x)"
    )
