"""Which context, server and folder a campaign uses, and what is told of one that has none."""

from dataclasses import FrozenInstanceError
from types import SimpleNamespace

import pytest

from darkroom.crds.settings import CrdsSettings, ObservatorySettings, crds_settings
from darkroom.errors import DarkroomError


def campaign(kind="mast", **crds):
    settings = {"crds": crds}
    return SimpleNamespace(
        archive={"kind": "".join([*kind])}, settings=settings, name="c", path="c.yaml"
    )


def given(context="hst_1241.pmap", **more):
    return {"context": context, "path": None, "timeout_s": 30, **more}


def test_what_a_campaign_says_is_used():
    found = crds_settings(campaign(hst=given(server="http://x", path="/y")), "hst", "results")
    assert found == CrdsSettings("hst", "hst_1241.pmap", "http://x", "/y", 30)


def test_without_a_server_or_folder_there_are_those_of_the_observatory_and_of_the_results():
    found = crds_settings(campaign(hst=given()), "hst", "results")
    assert found == CrdsSettings(
        "hst", "hst_1241.pmap", "https://hst-crds.stsci.edu", "results/crds", 30
    )
    assert crds_settings(campaign(hst=given(server=None)), "hst", "results").server is None


def test_simulated_exposures_have_a_cache_of_their_own_and_no_server():
    found = crds_settings(campaign("simulated", jwst=given("jwst_1293.pmap")), "jwst", "results")
    assert found == CrdsSettings("jwst", "jwst_0001.pmap", None, "results/c/crds", 600)


def test_a_folder_may_be_named_by_a_variable(monkeypatch):
    monkeypatch.setenv("MY_CACHE", "/somewhere")
    assert (
        crds_settings(campaign(hst=given(path="$MY_CACHE/x")), "hst", "r").cache == "/somewhere/x"
    )
    monkeypatch.delenv("MY_CACHE")
    with pytest.raises(DarkroomError, match=r"c\.yaml: crds path.*set it, or write the whole path"):
        crds_settings(campaign(hst=given(path="$MY_CACHE/x")), "hst", "r")


def test_a_campaign_that_pins_no_context_is_told_how_to():
    with pytest.raises(DarkroomError) as told:
        crds_settings(campaign(jwst=given("jwst_1293.pmap")), "hst", "results")
    assert str(told.value) == (
        "c.yaml: the campaign needs references of hst; pin the context that chooses them, e.g.\n"
        "  crds:\n    hst: {context: hst_1293.pmap}"
    )


@pytest.mark.parametrize("context", ["jwst_1293.pmap", "hstx_1293.pmap", "a_1293.pmap"])
def test_a_context_of_another_observatory_is_told(context):
    with pytest.raises(
        DarkroomError, match=rf"crds\.hst\.context is '{context}', a context of ano"
    ):
        crds_settings(campaign(hst=given(context)), "hst", "results")


def test_settings_that_are_shared_are_changed_by_nobody():
    found = crds_settings(campaign(hst=given()), "hst", "results")
    for settings in (found, ObservatorySettings(context="hst_1241.pmap")):
        with pytest.raises(FrozenInstanceError):
            settings.context = "hst_1242.pmap"
